"""Decision records: each has a date and a status, and records and the files that they explain name each other."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "decisions"
RECORDS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("0*.md"))}
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
HEAD = re.compile(
    r"# (?P<number>\d{4}) (?P<title>.+)\n\n"
    r"Date: (?P<date>20\d\d-[01]\d-[0-3]\d) · "
    r"Status: (?P<status>holds|replaced(?P<part> in part)? by \[(?P<by>\d{4})\].*)\n\n"
)
PACKAGES = ("api", "backbone", "gateway", "bellwire")
FILE = re.compile(r"`((?:api|backbone|gateway|bellwire)/[\w/]+\.(?:py|c))`")
WHY = re.compile(r"docs/decisions/(\d{4}-[a-z0-9-]+\.md)")


def reasons() -> dict[str, set[str]]:
    """Each source file with the records that its module's docstring names."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[path.relative_to(ROOT).as_posix()] = set(WHY.findall(docstring.partition("Why: ")[2]))
    return found


REASONS = reasons()


def test_every_record_has_a_date_and_a_status_and_stands_in_the_index_with_both() -> None:
    rows = []
    for name, text in RECORDS.items():
        head = HEAD.match(text)
        assert head is not None, name
        assert name.startswith(f"{head['number']}-")
        short = "holds" if head["status"] == "holds" else f"replaced{head['part'] or ''}"
        rows.append(f"| [{head['number']}]({name}) | {head['title']} | {head['date']} | {short} |")
    assert re.findall(r"^\| \[\d{4}\].*$", INDEX, re.M) == rows


def test_a_record_is_replaced_by_one_that_is_there() -> None:
    numbers = {name[:4] for name in RECORDS}
    assert len(numbers) == len(RECORDS)
    for name, text in RECORDS.items():
        head = HEAD.match(text)
        assert head is not None
        assert head["by"] is None or head["by"] in numbers - {name[:4]}


def test_every_link_to_a_record_leads_to_one_and_to_a_heading_of_it() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for number, name, anchor in re.findall(
            r"\[(\d{4})\]\((?:[\w./]*/)?(\d{4}[\w-]*\.md)(?:#([\w-]+))?\)", text
        ):
            assert name in RECORDS, f"{page.name}: {name}"
            assert name.startswith(number), f"{page.name}: {number} for {name}"
            headings = re.findall(r"^## (.+)$", RECORDS[name], re.M)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not anchor or anchor in anchors, f"{page.name}: {name}#{anchor}"


@pytest.mark.parametrize("name", RECORDS)
def test_the_files_that_a_record_names_are_there_and_one_of_them_names_the_record(name: str) -> None:
    named = set(FILE.findall(RECORDS[name]))
    assert {path for path in named if not (ROOT / path).exists()} == set()
    if named:
        assert any(name in REASONS.get(path, ()) for path in named), f"Why: docs/decisions/{name}"


def test_every_record_that_a_file_names_is_there() -> None:
    assert {path: found - RECORDS.keys() for path, found in REASONS.items() if found - RECORDS.keys()} == {}
    assert sum(bool(found) for found in REASONS.values()) > 30
