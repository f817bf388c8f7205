"""docs/security.md promises nothing that no test holds, and names what there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for package in ("api", "backbone", "gateway")
    for path in (ROOT / package).rglob("*.py")
}
ROW = re.compile(r"^\| (API\d+|\d+\.\d+\.\d+)[^|]*\| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall(TEXT)


def test_the_page_has_its_parts() -> None:
    parts = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    assert {"Trust boundaries", "Keys", "Life times", "Logs"} <= set(parts)
    numbers = [number for number, _, _ in rows()]
    assert [n for n in numbers if n.startswith("API")] == [f"API{n}" for n in range(1, 11)]
    assert len(numbers) == len(set(numbers)) >= 50


def test_each_answer_that_is_a_yes_names_a_test_that_exists() -> None:
    for number, answer, held in rows():
        names = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", held)
        assert names or answer.startswith("no"), f"{number}: nothing holds {answer!r}"
        for file, test in names:
            path = ROOT / file
            assert path.exists(), f"{number}: {file}"
            if test:
                code = path.read_text(encoding="utf-8")
                assert re.search(rf"^(?:async )?def {test}\(", code, re.MULTILINE), (
                    f"{number}: {file}::{test}"
                )


def test_every_event_of_the_log_that_is_named_is_written_by_the_code() -> None:
    section = TEXT.partition("## Logs")[2].partition("\n## ")[0]
    events = set(re.findall(r"`([a-z]+\.[a-z_]+)`", section))
    assert len(events) >= 10
    for event in events:
        assert any(f'"{event}"' in code for code in SOURCES.values()), event
    # And the other way round: refusals and forgeries are not left out.
    told = {name for code in SOURCES.values() for name in re.findall(r'"((?:access|http)\.[a-z_]+)"', code)}
    assert told - events <= {
        "http.disconnect",
        "http.route",
        "http.response",
        "http.request",
        "http.status_code",
    }


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md", "docs/operations.md"])
def test_the_page_is_found_from_the_others(page: str) -> None:
    assert re.search(r"\]\((docs/)?security\.md(#[\w-]+)?\)", (ROOT / page).read_text(encoding="utf-8"))


def test_every_link_and_setting_of_the_page_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert {name for name in re.findall(r"BELLWIRE_\w+", TEXT) if name not in settings} == set()
