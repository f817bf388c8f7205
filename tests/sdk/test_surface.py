"""The two SDKs have the same names and options, one to one; what only one of them has stands here, with its reason."""

import inspect
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import bellwire_terminal
from bellwire_terminal import webhooks
from bellwire_terminal.commands import Commands
from tests.sdk.test_javascript import node

SOURCE = Path(__file__).resolve().parents[2] / "sdk" / "js" / "src"
DECLARED = re.sub(
    r"/\*\*.*?\*/",
    "",
    "".join((SOURCE / f"{name}.d.ts").read_text("utf-8") for name in ("index", "node")),
    flags=re.S,
)

# Of the package.
ONLY_PYTHON = {
    "Event": "TerminalEvent, a type: JavaScript makes plain objects",
    "Pending": "Given, a type: a promise's answer would be awaited with it",
}
ONLY_JAVASCRIPT = {
    "Board": "a till without commands, for pages that fetch less",
    "Clock": "in bellwire_terminal.clock",
    "FileLog": "an Outbox takes the file's path in Python",
    "IndexedCursor": "a browser's store",
    "IndexedLog": "a browser's store",
    "MemoryLog": "an Outbox without a path in Python",
    "StorageCursor": "a browser's store",
    "StorageLog": "a browser's store",
}
# Of a terminal's wishes, an outbox's, and what calls take by name: (Python's, JavaScript's).
ONLY_WISHES = {
    "Terminal": (
        {"parse_float": "JavaScript has one kind of number", "tls": "the platform's trust"},
        {
            "WebSocket": "Node 20 has none",
            "share": "a browser's tabs",
            "store": "a browser's store",
            "tickets": "a page sends its key as a subprotocol",
        },
    ),
    "Outbox": ({"path": "a log in JavaScript"}, {"log": "a path in Python"}),
    "DeadLetters": ({"path": "a log in JavaScript"}, {"log": "a path in Python"}),
}
# Of what an object has: (Python's, JavaScript's).
ONLY_MEMBERS = {
    "Terminal": (
        {},
        {
            "isLeading": "a browser's tabs",
            "newClaim": "`claim` is a context manager in Python",
            "next": "__anext__",
            "open": "__aenter__",
            "return": "a loop that was left: __anext__ is not called again",
        },
    ),
    "Claim": (
        {},
        {
            "finish": "__aexit__",
            "isMine": "__bool__",
            "leave": "__aexit__ after an exception",
            "open": "__aenter__",
        },
    ),
    "Outbox": ({"start": "the terminal's business", "close": "the terminal's business"}, {}),
    "FileCursor": ({"blocking": "whether `save` waits for a disk"}, {}),
    "MemoryCursor": ({"blocking": "whether `save` waits for a disk"}, {}),
}
# Names by which the modules of JavaScript speak to each other, and which owners need not know.
INTERNAL = {
    "Board": r"do_\w+",
    "Terminal": r"do_\w+",
    "Clock": r"callAt",
    "Outbox": r"start|close|connect|lead|follow|share|mirror|answer|hear|hasLog",
    "IndexedCursor": r"change|damaged",
    "IndexedLog": r"change|damaged",
    "StorageCursor": r"name|storage",
    "StorageLog": r"name|storage",
    "MemoryLog": r"values",
}


def camel(name: str) -> str:
    """A name of Python as JavaScript writes it."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def block(kind: str, name: str) -> str:
    """The declarations of a class or an interface; its bases are added."""
    head = re.search(rf"^(?:export )?{kind} {name}\b([^{{]*)\{{(.*?)(?<![ ,;\w])\}}", DECLARED, re.M | re.S)
    assert head is not None, name
    bases = re.findall(r"extends (\w+)", head[1])
    return head[2] + "".join(block("class", base) for base in bases if f"class {base} " in DECLARED)


def members(kind: str, name: str) -> set[str]:
    """The names that a class or an interface declares."""
    found = set(re.findall(r"^  (?:readonly )?(\w+)\??[(:<]", block(kind, name), re.M))
    return found - {"constructor"}


def options(call: str) -> set[str]:
    """The names in the braces of a declared call's last argument."""
    found = re.search(r"\w+\?: \{(.*?)\}", call, re.S)
    return set(re.findall(r"(\w+)\??[:(]", re.sub(r"\([^()]*\)", "", found[1]))) if found else set()


def by_name(call: Any) -> set[str]:
    """The arguments that a call of Python takes by name; those that every terminal needs are left out."""
    skipped = {"self", "url", "tenant", "key"}
    plain = inspect.Parameter.KEYWORD_ONLY
    every = call.__name__ == "__init__"
    return {
        name
        for name, each in inspect.signature(call).parameters.items()
        if name not in skipped and (every or each.kind is plain)
    }


def has(found: type) -> set[str]:
    """The members of an object of a class of Python, as far as they are this package's own."""
    names: set[str] = set()
    for base in found.__mro__:
        if not base.__module__.startswith("bellwire_terminal"):
            continue
        names |= {name for name in vars(base) if not name.startswith("_")}
        names |= set(re.findall(r"self\.([a-z]\w*)(?:, self\.\w+)*(?:: [^=\n]+)? =", inspect.getsource(base)))
        for line in re.findall(r"^ +(self\.[a-z]\w*(?:, self\.[a-z]\w*)+) =", inspect.getsource(base), re.M):
            names |= set(re.findall(r"self\.(\w+)", line))
    return names


def same(python: set[str], javascript: set[str], only: tuple[dict[str, str], dict[str, str]]) -> None:
    """Both have the same, but for what only one has; and a reason that is no longer needed is not kept."""
    ours, theirs = only
    assert {camel(name) for name in python - set(ours)} == javascript - set(theirs)
    assert set(ours) <= python
    assert set(theirs) <= javascript


def test_both_packages_have_the_same_names() -> None:
    declared = set(re.findall(r"^export (?:class|function) (\w+)", DECLARED, re.M))
    same({*bellwire_terminal.__all__, "verify"}, declared, (ONLY_PYTHON, ONLY_JAVASCRIPT))


def test_both_terminals_have_the_same_wishes() -> None:
    python = by_name(bellwire_terminal.Terminal.__init__)
    same(python, members("interface", "Wishes"), ONLY_WISHES["Terminal"])


@pytest.mark.parametrize("name", ["Outbox", "DeadLetters"])
def test_what_else_is_made_with_wishes_is_made_with_the_same(name: str) -> None:
    call = re.search(r"^  constructor\((.*?)\);", block("class", name), re.M | re.S)
    assert call is not None
    declared = options(call[1]) or set(re.findall(r"(\w+)\?:", call[1]))
    same(by_name(getattr(bellwire_terminal, name).__init__), declared, ONLY_WISHES[name])


@pytest.mark.parametrize("name", [name for name in vars(Commands) if not name.startswith("_")])
def test_each_command_takes_the_same_in_both(name: str) -> None:
    call = re.search(
        rf"^  {camel(name)}\((.*?)\): Promise<Given>;", block("interface", "Commands"), re.M | re.S
    )
    assert call is not None, camel(name)
    same(by_name(getattr(Commands, name)), options(call[1]), ({}, {}))
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    python = [
        each for each in inspect.signature(getattr(Commands, name)).parameters.values() if each.kind is plain
    ]
    before = re.sub(r"\w+\?: \{.*\}", "", call[1], flags=re.S)
    assert [camel(each.name) for each in python[1:]] == re.findall(r"(\w+):", before)


def test_a_claim_and_a_webhook_take_the_same_in_both() -> None:
    claim = re.search(r"^  claim\((.*?)\): Promise", DECLARED, re.M | re.S)
    verify = re.search(r"^export function verify\((.*?)\): Promise", DECLARED, re.M | re.S)
    assert claim is not None
    assert verify is not None
    same(by_name(bellwire_terminal.Terminal.claim), options(claim[1]), ({}, {}))
    same(by_name(webhooks.verify), options(verify[1]), ({}, {}))


@pytest.mark.parametrize("name", sorted(set(bellwire_terminal.__all__) - set(ONLY_PYTHON)))
def test_an_object_has_the_same_in_both(name: str) -> None:
    declared = members("class", name)
    if name == "Terminal":
        declared |= members("interface", "Commands")
    python = has(getattr(bellwire_terminal, name))
    same(python, declared, ONLY_MEMBERS.get(name, ({}, {})))


SHOW = """
const found = {};
for (const module of ["index", "node"]) {
  for (const [name, made] of Object.entries(await import(`${process.argv[1]}/${module}.js`))) {
    const names = new Set();
    for (let each = made; each?.prototype && each !== Error && each !== Object; each = Object.getPrototypeOf(each)) {
      for (const key of Object.getOwnPropertyNames(each.prototype)) names.add(key);
      for (const [, key] of each.toString().matchAll(/^  (?:  )?([a-z]\\w*)(?: = [^]*?)?;$/gm)) names.add(key);
      for (const [, key] of each.toString().matchAll(/this\\.(\\w+) = /g)) names.add(key);
      for (const [, keys] of each.toString().matchAll(/Object\\.assign\\(this, \\{ (.*) \\}\\)/g)) {
        for (const key of keys.split(", ")) names.add(key.split(":")[0]);
      }
    }
    found[name] = [...names];
  }
}
console.log(JSON.stringify(found));
"""


def test_what_is_declared_is_there_and_what_is_there_is_declared_or_internal() -> None:
    run = subprocess.run(
        [node(), "--input-type=module", "--eval", SHOW, SOURCE.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    words = {"constructor", "name", "const", "let", "return", "throw", "await", "super", "break", "continue"}
    for name, found in json.loads(run.stdout).items():
        if f"class {name} " not in DECLARED:
            continue
        declared = members("class", name)
        if name == "Terminal":
            declared |= members("interface", "Commands")
        internal = re.compile(INTERNAL.get(name, r"(?!)"))
        there = {each for each in found if not internal.fullmatch(each)} - (words - declared)
        assert there - declared == set(), name
        assert declared - there == set(), name
