"""The alert rules are right: promtool reads them, drives them, and every name in them exists."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Histogram

from infra.local.debian_tool import Tool, find_tool
from tests.monitoring import promql
from tests.monitoring.names import CONTRACT, HISTOGRAMS, ROOT, exported

MONITORING = ROOT / "infra" / "monitoring"
RULES = MONITORING / "rules" / "bellwire.yml"
RULE_TESTS = MONITORING / "tests" / "bellwire_test.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"


@pytest.fixture(scope="module")
def promtool() -> Tool:
    return find_tool("promtool", "prometheus")


def run(tool: Tool, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [tool.path, *arguments]
    return subprocess.run(command, env=tool.environment(), capture_output=True, text=True, check=False)


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.strip().lower().replace(" ", "-"))


def test_promtool_accepts_the_rules(promtool: Tool) -> None:
    done = run(promtool, "check", "rules", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_example_configuration(promtool: Tool) -> None:
    done = run(promtool, "check", "config", MONITORING / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_fire_and_stay_silent_as_the_series_say(promtool: Tool) -> None:
    done = run(promtool, "test", "rules", RULE_TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_over_another_bucket_is_caught_by_the_series(promtool: Tool, tmp_path: Path) -> None:
    """The rule tests are tested: with the promise loosened to 250 ms they must fail."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    loosened = RULES.read_text(encoding="utf-8").replace('le="0.1"', 'le="0.25"')
    (tmp_path / "rules" / RULES.name).write_text(loosened, encoding="utf-8")
    copy = tmp_path / "tests" / RULE_TESTS.name
    copy.write_text(RULE_TESTS.read_text(encoding="utf-8"), encoding="utf-8")
    assert run(promtool, "test", "rules", copy).returncode != 0


def test_every_alert_is_driven_into_firing_by_some_case() -> None:
    fired = {
        case["alertname"]
        for test in yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }
    assert {alert["alert"] for alert in alerts()} == fired


def test_every_alert_has_its_section_in_the_runbook_and_no_section_is_left_over() -> None:
    headings = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    for alert in alerts():
        assert alert["annotations"]["runbook"] == f"docs/runbook.md#{anchor(alert['alert'])}"
        assert alert["annotations"]["summary"]
        assert alert["labels"]["severity"] in {"page", "ticket"}
    assert sorted(headings) == sorted(alert["alert"] for alert in alerts())


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_panel_that_the_runbook_names_is_on_the_dashboard() -> None:
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", RUNBOOK.read_text(encoding="utf-8")))
    dashboard = (MONITORING / "dashboards" / "bellwire.json").read_text(encoding="utf-8")
    assert named
    assert [title for title in named if f'"title": "{title}"' not in dashboard] == []


def test_the_code_exports_every_metric_of_the_contract_with_its_labels() -> None:
    found = exported()
    assert sorted(CONTRACT.keys() - found.keys()) == []
    assert {name: found[name].labels for name in CONTRACT} == CONTRACT
    assert {name for name in CONTRACT if found[name].kind == "Histogram"} == HISTOGRAMS


def test_no_metric_has_a_label_that_could_hold_a_shop_or_a_person() -> None:
    private = {"tenant", "terminal", "phone", "card", "customer", "order", "key", "offset"}
    assert {
        name: metric.labels & private for name, metric in exported().items() if metric.labels & private
    } == {}


def test_every_metric_and_label_in_a_rule_is_exported_by_the_code() -> None:
    found = exported()
    for rule in rules():
        used = promql.metrics(rule["expr"])
        assert used.keys() <= found.keys(), rule
        known = {label for name in used for label in found[name].labels}
        assert promql.labels(rule["expr"]) <= known, rule


def test_a_delivery_histogram_can_answer_the_question_of_100_ms() -> None:
    for name in ("bellwire_gateway_delivery_seconds", "bellwire_ack_seconds"):
        buckets = exported()[name].buckets or Histogram.DEFAULT_BUCKETS
        assert 0.1 in buckets, f"{name} has no bucket that ends at 0.1 s"


def test_every_recording_that_an_alert_reads_is_made() -> None:
    made = {rule["record"] for rule in rules() if "record" in rule}
    for alert in alerts():
        assert set(re.findall(r"\bcluster:\w+:\w+", alert["expr"])) <= made
