"""The dashboards can be trusted: their queries parse, their names exist, and they are what their sources say."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.debian_tool import find_tool
from infra.monitoring.boards import BOARDS
from infra.monitoring.dashboard import ANNOTATIONS, FOLDER, GRID, dashboard, path, text
from infra.monitoring.panels import Board
from tests.monitoring import promql
from tests.monitoring.names import exported, of_load_tests

# Labels of other exporters, and those that Prometheus or a recording adds.
OTHERS_LABELS = {
    "proxy", "server", "state", "code", "cmd", "mode", "mountpoint", "slo", "name", "severity", "alertstate",
    "alertname",
}  # fmt: skip


def named(board: Board) -> str:
    return board.name


each_board = pytest.mark.parametrize("board", BOARDS, ids=named)


def figures(board: Board) -> list[dict[str, Any]]:
    return [panel for panel in dashboard(board)["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    found = [target["expr"] for board in BOARDS for panel in figures(board) for target in panel["targets"]]
    return found + [expr for _, _, expr, _ in ANNOTATIONS]


def test_there_are_five_dashboards_and_each_is_what_its_source_says() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == {path(board).name for board in BOARDS}
    assert len(BOARDS) == 5
    for board in BOARDS:
        said = path(board).read_text(encoding="utf-8")
        assert said == text(board), "run: python -m infra.monitoring.dashboard"
    assert len({dashboard(board)["uid"] for board in BOARDS}) == 5


@each_board
def test_every_panel_has_a_number_and_a_title_of_its_own(board: Board) -> None:
    panels = dashboard(board)["panels"]
    for key in ("id", "title"):
        values = [panel[key] for panel in panels]
        assert len(values) == len(set(values))


@each_board
def test_no_two_panels_share_a_place(board: Board) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(board)["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert all(x < GRID for x, _ in cells)
        assert not cells & taken, panel["title"]
        taken |= cells


@each_board
def test_every_figure_has_a_unit_and_says_what_it_answers(board: Board) -> None:
    for panel in figures(board):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]


@each_board
def test_every_query_goes_to_the_chosen_prometheus_and_asks_for_variables_that_there_are(
    board: Board,
) -> None:
    made = dashboard(board)
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    asked: set[str] = set()
    for panel in figures(board):
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            asked |= set(re.findall(r"\$(\w+)", target["expr"]))
    asked -= {"__rate_interval", "__range"}
    assert asked == variables.keys() - {"datasource"}


def test_every_metric_and_label_of_ours_in_a_panel_is_exported_by_the_code() -> None:
    found = exported() | of_load_tests()
    asked: set[str] = set()
    for expr in queries():
        used = promql.metrics(expr)
        asked |= used.keys()
        assert used.keys() <= found.keys(), expr
        known = {label for name in used for label in found[name].labels} | OTHERS_LABELS
        assert promql.labels(expr) <= known, expr
    # Each metric is looked at somewhere.
    assert found.keys() - asked == set()


@each_board
def test_every_label_in_a_legend_survives_the_query(board: Board) -> None:
    for panel in figures(board):
        for target in panel["targets"]:
            wanted = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
            groups = promql.GROUPING.findall(target["expr"])
            kept = {label.strip() for group in groups for label in group.split(",")}
            # A recording's name may have such a word in it.
            bare = re.sub(r"\w+:\w+:\w+", "", target["expr"])
            adds_up = re.search(r"\b(sum|max|min|count|histogram_quantile)\b", bare)
            assert wanted <= kept or not adds_up, panel["title"]


def test_promtool_accepts_every_query(tmp_path: Path) -> None:
    promtool = find_tool("promtool", "prometheus")
    plain = [re.sub(r"\$\w+", ".*", expr.replace("$__rate_interval", "1m")) for expr in queries()]
    rules = [{"record": f"panel:query:{number}", "expr": expr} for number, expr in enumerate(plain)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(
        [promtool.path, "check", "rules", file],
        env=promtool.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
