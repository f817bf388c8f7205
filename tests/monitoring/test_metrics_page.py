"""The page of metrics is the code's: each metric with its type, its labels, and the panels and alerts that use it."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from bellwire.metric_users import USED_BY
from infra.monitoring.boards import BOARDS
from tests.monitoring import promql
from tests.monitoring.names import CONTRACT, ROOT, exported

MONITORING = ROOT / "infra" / "monitoring"
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(bellwire_\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*?) \|$", re.M)
ROWS = {name: (kind, labels, meaning, used_by) for name, kind, labels, meaning, used_by in ROW.findall(PAGE)}


def test_the_page_of_metrics_in_the_docs_is_what_the_command_prints() -> None:
    # In a process of its own: a metric that a test made would be on it.
    command = [sys.executable, "-m", "bellwire", "metrics"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == PAGE, "bellwire metrics > docs/metrics.md"


def test_every_metric_of_the_code_is_on_the_page_with_its_type_and_its_labels() -> None:
    found = exported()
    assert ROWS.keys() == found.keys()
    for name, metric in found.items():
        kind, labels, meaning, _ = ROWS[name]
        assert kind == metric.kind.lower(), name
        named = {label.partition(":")[0].strip("`") for label in labels.split("; ")} - {"–"}
        assert named == metric.labels, name
        assert meaning[-1] == ".", f"{name}: a meaning is a sentence"


def test_every_metric_that_the_contract_fixes_is_on_the_page() -> None:
    assert CONTRACT.keys() <= ROWS.keys()


def test_used_by_names_exactly_the_panels_and_alerts_whose_queries_ask_for_the_metric(
    pytestconfig: pytest.Config,
) -> None:
    users: dict[str, set[str]] = {}
    for panel in (panel for board in BOARDS for row in board.rows for panel in row.panels):
        for query in panel.queries:
            for name in promql.metrics(query.expr).keys() & ROWS.keys():
                users.setdefault(name, set()).add(panel.title)
    files = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in (MONITORING / "rules").glob("*.yml")
    ]
    rules: list[dict[str, Any]] = [
        rule for file in files for group in file["groups"] for rule in group["rules"]
    ]
    recorded = [rule for rule in rules if "record" in rule]
    for rule in rules:
        if "alert" in rule:
            for name in asked(rule, recorded):
                users.setdefault(name, set()).add(rule["alert"])
    ordered = {name: tuple(sorted(users[name], key=is_alert)) for name in sorted(users)}
    if pytestconfig.getoption("--write-examples"):
        write(ordered)
    else:
        assert ordered == USED_BY, "it changed: run this test with --write-examples"


def is_alert(name: str) -> tuple[bool, str]:
    return name.startswith("Bellwire"), name


def write(users: dict[str, tuple[str, ...]]) -> None:
    """The list in the command's package, which knows neither rules nor panels."""
    head = (
        '"""The panels and alerts that use a metric. Written by tests/monitoring/test_metrics_page.py."""\n\n'
    )
    lines = "".join(
        f"    {json.dumps(name)}: (\n"
        + "".join(f"        {json.dumps(user)},\n" for user in used_by)
        + "    ),\n"
        for name, used_by in users.items()
    )
    text = f"{head}USED_BY: dict[str, tuple[str, ...]] = {{\n{lines}}}\n"
    (ROOT / "bellwire" / "metric_users.py").write_text(text, encoding="utf-8")


def asked(rule: dict[str, Any], recorded: list[dict[str, Any]]) -> set[str]:
    """The metrics that a rule asks for, by itself and through what it reads of recordings; of its own service level."""
    names = set(promql.metrics(rule["expr"]))
    for other in recorded:
        same = other.get("labels", {}).get("slo") == rule["labels"].get("slo")
        if other["record"] in rule["expr"] and same:
            names |= asked({"labels": {}, **other}, recorded)
    return names
