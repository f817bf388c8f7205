"""The dashboard can be trusted: its queries parse, its names exist, and it is what its source says."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from infra.local.debian_tool import find_tool
from infra.monitoring.dashboard import GRID, TARGET, text
from tests.monitoring import promql
from tests.monitoring.names import exported

DASHBOARD: dict[str, Any] = json.loads(TARGET.read_text(encoding="utf-8"))


def figures() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in figures() for target in panel["targets"]]


def test_the_dashboard_is_what_its_source_says() -> None:
    assert TARGET.read_text(encoding="utf-8") == text(), "run: python -m infra.monitoring.dashboard"


def test_every_panel_has_a_number_of_its_own() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))


def test_no_two_panels_share_a_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert all(x < GRID for x, _ in cells)
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_figure_has_a_unit_and_says_what_it_answers() -> None:
    for panel in figures():
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"], panel["title"]
        assert panel["targets"], panel["title"]


def test_every_query_goes_to_the_chosen_prometheus() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in figures():
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        assert panel["datasource"]["uid"] == "${datasource}"


def test_every_metric_and_label_in_a_panel_is_exported_by_the_code() -> None:
    found = exported()
    for expr in queries():
        used = promql.metrics(expr)
        assert used, expr
        assert used.keys() <= found.keys(), expr
        assert promql.labels(expr) <= {label for name in used for label in found[name].labels}, expr


def test_every_label_in_a_legend_survives_the_query() -> None:
    for panel in figures():
        for target in panel["targets"]:
            wanted = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
            kept = {
                label.strip()
                for group in promql.GROUPING.findall(target["expr"])
                for label in group.split(",")
            }
            assert wanted <= kept, panel["title"]


def test_promtool_accepts_every_query(tmp_path: Path) -> None:
    promtool = find_tool("promtool", "prometheus")
    plain = [expr.replace("$__rate_interval", "1m").replace("$__range", "1h") for expr in queries()]
    assert not [expr for expr in plain if "$" in expr]
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
