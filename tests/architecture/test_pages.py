"""The pages for contributors name what there is: files, make targets, settings and tasks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("CONTRIBUTING.md", "docs/architecture.md")
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
# A word in backticks is a path when it has a slash or a known ending, and no blank.
PATH = re.compile(r"`(\.?[\w.-]+(?:/[\w.-]+)*/?)`")
ENDINGS = (".py", ".md", ".toml", ".json", ".yml", ".txt")


def named_paths(text: str) -> set[str]:
    return {name for name in PATH.findall(text) if ("/" in name or name.endswith(ENDINGS)) and name[0] != "."}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    paths = named_paths(TEXTS[page])
    assert len(paths) > 15
    assert {path for path in paths if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXTS[page]):
        assert ((ROOT / page).parent / target).exists(), target


def test_every_make_target_that_is_named_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for text in TEXTS.values():
        assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets


def started_tasks() -> Iterator[str]:
    """The names that tasks are given in the pods' code; of a made-up name what stands before its first value."""
    for package in ("api", "backbone", "gateway"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RoomTasks":
                    yield from (f"{kind}:" for kind in _text(node.args[0]))
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                if node.func.attr == "start" and len(node.args) == 2:
                    yield from _text(node.args[0])
                if node.func.attr == "create_task":
                    for keyword in node.keywords:
                        if keyword.arg == "name":
                            yield from _text(keyword.value)


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        node = node.values[0] if isinstance(node.values[0], ast.Constant) else node
    if isinstance(node, ast.Constant):
        yield str(node.value)


def test_every_task_of_the_pods_is_on_the_page_and_no_other_is() -> None:
    table = TEXTS["docs/architecture.md"].partition("## Where concurrency lives")[2]
    named = set(re.findall(r"^\| `([a-z:-]+)`", table, re.M))
    inside = set(re.findall(r"`(live-[a-z]+)`", table))
    assert named | inside == set(started_tasks())
