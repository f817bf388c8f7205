"""A link from one page to another leads to a file that is there, and to a heading of it."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "examples", "infra", "sdk", "web")
# Folders of packages that somebody installed beside ours.
THEIRS = {"node_modules", ".venv"}
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
    if THEIRS.isdisjoint(page.parts)
)
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]*))?\)")


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to a page's headings: small letters, and a number where one comes again."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#{1,6} (.+)$", FENCED.sub("", text), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w -]", "", shown.strip().lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def lost(page: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    wrong = []
    for file, anchor in LINK.findall(text):
        target = page.parent / file if file else page
        if not target.exists():
            wrong.append(file)
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            wrong.append(f"{file}#{anchor}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_what_is_there(page: Path) -> None:
    assert lost(page) == []


def test_a_heading_has_the_name_that_a_browser_is_sent_to() -> None:
    text = "# A shop's `POST` (now)\n\n```sh\n# none\n```\n\n## Twice\n\n## Twice\n"
    assert anchors(text) == {"a-shops-post-now", "twice", "twice-1"}


def test_a_link_to_a_heading_that_is_gone_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n\n[here](#here) [gone](#gone) [none](none.md) [far](https://example.com/#x) `[a](b)`\n"
    )
    assert lost(page) == ["#gone", "none.md"]
