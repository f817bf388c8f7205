"""A row is kept as it went, and the table says it in words."""

from pathlib import Path

import pytest

from drill.record import Line, NoPlace, Record, Row, put, table

LINE = Line("BellwireRedisDown", "ticket", 6.0, 126.4, 141.0, [], 12.0, 1, "")
HELD = Line(
    "BellwireDeliverySlow", "page", 20.0, 140.0, None, ["BellwireRedisDown"], None, 2, "for half an hour"
)
PENDED = Line("BellwireGapsFrequent", "ticket", 30.0, None, None, [], None, 0, "")
ROW = Row("redis-frozen", "Redis is frozen", 1.0, 150.0, [LINE, HELD, PENDED], ["X did not fire"])


def test_a_row_of_the_same_name_is_taken_anew_and_what_was_kept_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "drill.json"
    record = Record(file)
    record.add(Row("redis-frozen", "as it was", 1.0, 1.0))
    record.add(Row("another", "something", 1.0, 1.0))
    record.add(ROW)
    assert Record(file).rows == [Row("another", "something", 1.0, 1.0), ROW]


def test_the_table_says_when_an_alert_came_who_was_told_what_explained_it_and_what_was_wrong() -> None:
    text = table([ROW])
    assert "| `BellwireRedisDown` | ticket | 6 s | 2 min 06 s | 2 min 21 s | 12 s |  |" in text
    assert "| kept back by `BellwireRedisDown` | goes on, came 2 times | for half an hour |" in text
    assert "`BellwireGapsFrequent` | | pending | never |" in text
    assert "**wrong**: X did not fire" in text
    assert text.count("Redis is frozen") == 1


def test_a_row_with_shorter_times_says_so(tmp_path: Path) -> None:
    record = Record(tmp_path / "drill.json")
    record.add(Row("release", "pods are replaced", 1.0, 240.0))
    assert "÷" not in record.table(["release"])
    record.add(Row("release", "pods are replaced", 10.0, 24.0))
    assert "(24 s, ÷ 10)" in record.table(["release"])
    assert "their order counts" in record.table(["release"])


def test_a_fault_that_brings_no_alert_says_so() -> None:
    assert "| none |" in table([Row("release", "pods are replaced", 1.0, 240.0)])


def test_the_table_goes_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Before\n\n<!-- drill alerts: begin -->\nold\n<!-- drill alerts: end -->\n\nafter\n")
    put(page, "alerts", "new\n")
    assert (
        page.read_text()
        == "# Before\n\n<!-- drill alerts: begin -->\nnew\n<!-- drill alerts: end -->\n\nafter\n"
    )
    with pytest.raises(NoPlace):
        put(page, "restore", "new\n")
