"""A page of Markdown as a list of what its reader does: files that are saved, lines that are typed, what is then seen.

The first word behind a fence is the block's language; the words behind it, which no reader sees, say what it is:

- `file=NAME`: it is saved under this name, in the folder in which console 1 is.
- `sh`: it is typed in console 1, or in `console=2`. With `runs` it goes on by itself, until the page's own words say
  "Press Ctrl-C": that ends what was started last.
- `text output`, `json output`: this is printed by the console of the block before. `…` is anything, on one line.
- `text open`: this address is opened in a browser; `text screen`: this is on the page that it shows.

The words between the blocks are heeded as well: "Press Ctrl-C", "Type what it printed into the page", and the button in
`Press "preparing" on the page`.

A block that is none of these is an error: what is not run is not shown.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)
LANGUAGES = ("python", "javascript", "html", "sh", "json")
SEEN = ("output", "screen", "open")
DONE = re.compile(r'Press (Ctrl-C)|(Type what it printed)|Press "([^"]+)" on the page')


class NotRun(ValueError):
    """A block says nothing of how it is run."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: `kind` is `file`, `sh`, or one of `SEEN`; of words between blocks `ctrl-c`, `type` or `press`."""

    kind: str
    body: str
    line: int
    name: str = ""
    console: int = 1
    runs: bool = False


def blocks_of(path: Path) -> list[Block]:
    """All of a page's blocks, in their order.

    Raises:
        NotRun: a block is nothing that a reader does or sees.
    """
    text = path.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        for done in DONE.finditer(text, end, match.start()):
            kind = "ctrl-c" if done[1] else "type" if done[2] else "press"
            found.append(Block(kind, done[3] or "", line))
        found.append(_block(match["info"].split(), match["body"], line))
        end = match.end()
    fences = len(re.findall(r"^\s*(?:```|~~~)", text, re.M))
    if fences != 2 * sum(block.kind in ("file", "sh", *SEEN) for block in found):
        raise NotRun(f"{path.name} has a fence that ends nowhere, or is indented")
    return found


def _block(info: list[str], body: str, line: int) -> Block:
    language, words = (info[0], info[1:]) if info else ("", [])
    values = dict(word.split("=", 1) for word in words if "=" in word)
    flags = {word for word in words if "=" not in word}
    console = int(values.pop("console", "1"))
    if language in LANGUAGES and values.keys() == {"file"} and not flags:
        return Block("file", body, line, name=values["file"])
    if language == "sh" and not values and flags <= {"runs"}:
        return Block("sh", body, line, console=console, runs="runs" in flags)
    if language in ("text", "json") and not values and len(flags) == 1 and flags <= set(SEEN):
        return Block(flags.pop(), body, line, console=console)
    raise NotRun(f"line {line}: nothing runs a block of {' '.join(info) or 'no language'}")


def pattern_of(expected: str) -> re.Pattern[str]:
    """The expression that finds these lines, one behind the other.

    >>> bool(pattern_of("1-1 … ORD-1").search("1-1 new_order ORD-1"))
    True
    """
    lines = expected.rstrip("\n").split("\n")
    return re.compile(r"[ \t]*\n".join(re.escape(line).replace("…", "[^\n]*") for line in lines))
