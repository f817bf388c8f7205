"""Prose names the thing, then the verb: no sentence begins with Who, What, Whoever or Nobody unless it asks.

Read are docstrings, comments, texts that begin like that (settings, metrics, help), and the pages of Markdown.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "api", "backbone", "bellwire", "gateway", "infra", "loadtests", "benchmarks", "chaos", "drill", "conformance",
    "examples", "sdk", "tests",
)  # fmt: skip
# A sentence begins at the start of a text or a paragraph, behind a full stop, in a cell or behind a list's mark.
START = re.compile(
    r"(?:\A|(?<=[.!?:] )|(?<=[.!?]\n)|(?<=\n\n)|(?<=\| )|(?<=[-*] )|(?<=\*\* )|(?<=\d\. ))[*_(\[\"“]*"
)
HEADLESS = re.compile(r"(?:Who|What|Whom|Whose|Whoever|Whatever|Nobody)(?:'s)?\b")


def headless(text: str) -> Iterator[str]:
    """The sentences of a text that begin headless and do not ask."""
    for start in START.finditer(text):
        if HEADLESS.match(text, start.end()):
            sentence = re.compile(r"[^.!?]*[.!?]?").match(text, start.end())
            assert sentence is not None
            if not sentence[0].endswith("?"):
                yield " ".join(sentence[0].split())


def texts_of(path: Path) -> Iterator[str]:
    """The prose of a file: the whole of a page, the docstrings, comments and texts of a module."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        # Without code, and without headings, which are titles.
        yield re.sub(r"^#[^\n]*$|^```.*?^```", "", source, flags=re.M | re.S)
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value
    comments: list[str] = []
    line = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("#: ")
            # Comments on consecutive lines are one text.
            if token.start[0] == line + 1 and comments:
                comments[-1] += "\n" + text
            else:
                comments.append(text)
            line = token.start[0]
    yield from comments


def pages() -> list[Path]:
    """Every page of Markdown that we write; conformance.md is a report that a program writes."""
    folders = (ROOT / "docs", ROOT / "sdk" / "python", ROOT / "sdk" / "vectors", ROOT / "sdk" / "js")
    return [
        *sorted(ROOT.glob("*.md")),
        *(page for folder in folders for page in sorted(folder.rglob("*.md"))),
    ]


def found_in(paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {sentence}"
        for path in paths
        # This file has examples of what it looks for.
        if path != Path(__file__)
        for text in texts_of(path)
        for sentence in headless(text)
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_sentence_of_the_code_begins_headless(package: str) -> None:
    assert found_in(sorted((ROOT / package).rglob("*.py"))) == []


def test_no_sentence_of_the_pages_begins_headless() -> None:
    assert found_in(pages()) == []


@pytest.mark.parametrize(
    ("text", "many"),
    [
        ("Who waits is served.", 1),
        ("Who waits?", 0),
        ("A crowd waits. Whoever\nis first goes.", 1),
        ("| a | What it is |", 1),
        ("A till knows what it has.", 0),
        ("Whatever the reason?", 0),
        ("**Nobody** knows.", 1),
    ],
)
def test_a_headless_sentence_is_found_and_a_question_is_none(text: str, many: int) -> None:
    assert len(list(headless(text))) == many
