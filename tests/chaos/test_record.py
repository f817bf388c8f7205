"""A run that is interrupted loses nothing, and its table finds its place."""

import dataclasses
from pathlib import Path

import pytest

from chaos.measure import Result
from chaos.record import BEGIN, END, NoPlace, Record

RESULT = Result("api-kill", 1, 0, (), 10, 50, 0, 2, 0.5, 0.1, 0.2, None, 12.0, 0)


def test_what_was_done_is_known_to_the_next_run_of_the_same_load_only(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "chaos.json"
    Record(file, "some load").add(RESULT)
    again = Record(file, "some load")
    assert again.results == [RESULT]
    assert again.has("api-kill", 1)
    assert not again.has("api-kill", 2)
    assert not Record(file, "another load").results


def test_the_table_replaces_what_stood_between_the_markers_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    record = Record(tmp_path / "chaos.json", "some load")
    record.add(dataclasses.replace(RESULT, row="second"))
    record.add(RESULT)
    for _ in range(2):
        record.write_to(page, ["api-kill", "second"])
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    assert text.count("| `api-kill` | 1 | 12 s | 0 | 0 | 2 |") == 1
    assert text.index("`api-kill`") < text.index("`second`")


def test_a_page_without_a_place_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Nothing here\n")
    with pytest.raises(NoPlace):
        Record(tmp_path / "chaos.json", "some load").write_to(page, [])
    assert page.read_text() == "# Nothing here\n"
