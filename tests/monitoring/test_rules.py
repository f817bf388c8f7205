"""The alert rules are right: promtool reads them, drives them, and every name in them exists."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Histogram

from infra.local.debian_tool import Tool, find_tool
from infra.monitoring import service_levels
from infra.monitoring.boards import BOARDS
from tests.monitoring import promql
from tests.monitoring.names import CONTRACT, HISTOGRAMS, ROOT, exported

MONITORING = ROOT / "infra" / "monitoring"
RULES = sorted((MONITORING / "rules").glob("*.yml"))
RULE_TESTS = sorted((MONITORING / "tests").glob("*_test.yml"))
RUNBOOK = ROOT / "docs" / "runbook.md"
# Of HAProxy's own exporter and others', which are held to nothing here but in `make drill`.
EXPORTERS_LABELS = {"proxy", "server", "state", "code", "namespace", "mountpoint", "alertname", "alertstate"}


@pytest.fixture(scope="module")
def promtool() -> Tool:
    return find_tool("promtool", "prometheus")


def run(tool: Tool, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [tool.path, *arguments]
    return subprocess.run(command, env=tool.environment(), capture_output=True, text=True, check=False)


def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.strip().lower().replace(" ", "-"))


def test_promtool_accepts_the_rules(promtool: Tool) -> None:
    done = run(promtool, "check", "rules", *RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_example_configuration(promtool: Tool) -> None:
    done = run(promtool, "check", "config", MONITORING / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_amtool_accepts_the_configuration_of_alertmanager() -> None:
    amtool = find_tool("amtool", "prometheus-alertmanager")
    done = run(amtool, "check-config", MONITORING / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.name)
def test_the_rules_fire_and_stay_silent_as_the_series_say(promtool: Tool, file: Path) -> None:
    done = run(promtool, "test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_over_another_bucket_is_caught_by_the_series(promtool: Tool, tmp_path: Path) -> None:
    """The rule tests are tested: with the promise loosened to 250 ms they must fail."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    for path in RULES:
        loosened = path.read_text(encoding="utf-8").replace('le="0.1"', 'le="0.25"')
        (tmp_path / "rules" / path.name).write_text(loosened, encoding="utf-8")
    text = (MONITORING / "tests" / "service_levels_test.yml").read_text(encoding="utf-8")
    first = yaml.safe_load(text)
    first["tests"] = first["tests"][:1]
    copy = tmp_path / "tests" / "first_test.yml"
    copy.write_text(yaml.safe_dump(first), encoding="utf-8")
    assert run(promtool, "test", "rules", copy).returncode != 0


def test_the_service_levels_are_what_their_source_says() -> None:
    assert service_levels.TARGET.read_text(encoding="utf-8") == service_levels.rules(), (
        "run: python -m infra.monitoring.service_levels"
    )


def verdicts() -> dict[str, set[str]]:
    """Return, for each alert, the proofs that the rules' tests have of it: that it `fires`, `ends`, and is `silent`."""
    held: dict[str, set[str]] = {}
    for path in RULE_TESTS:
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            courses: dict[str, list[tuple[float, bool]]] = {}
            for check in case.get("alert_rule_test", []):
                moment = (seconds(check["eval_time"]), bool(check["exp_alerts"]))
                courses.setdefault(check["alertname"], []).append(moment)
            for name, course in courses.items():
                fired = [firing for _, firing in sorted(course)]
                found = held.setdefault(name, set())
                if True not in fired:
                    found.add("silent")
                    continue
                found.add("fires")
                if not fired[-1]:
                    found.add("ends")
                if not fired[0]:
                    found.add("silent")
    return held


def seconds(duration: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))


def test_every_alert_is_held_to_fire_and_to_be_silent_and_to_end() -> None:
    assert verdicts() == {alert["alert"]: {"fires", "silent", "ends"} for alert in alerts()}


def test_alertmanager_speaks_only_of_alerts_that_there_are() -> None:
    text = (MONITORING / "alertmanager.yml").read_text(encoding="utf-8")
    named = {
        prefix + name
        for prefix, names in re.findall(r'alertname=~?"(Bellwire)\(?([\w|]+)\)?"', text)
        for name in names.split("|")
    }
    assert len(named) > 20
    assert named <= {alert["alert"] for alert in alerts()}


def test_every_cause_that_goes_on_explaining_is_one_that_explains_while_it_fires() -> None:
    text = (MONITORING / "alertmanager.yml").read_text(encoding="utf-8")
    causes = set(re.findall(r'cause="(\w+)"', text))
    (rule,) = [alert for alert in alerts() if alert["alert"] == "BellwireExplained"]
    names = re.search(r'alertname=~"(Bellwire\([\w|]+\))"', rule["expr"])
    assert names is not None
    assert causes == {alert["alert"] for alert in alerts() if re.fullmatch(names[1], alert["alert"])}
    for cause in causes:
        assert f'source_matchers: [alertname="{cause}"]' in text, cause


def test_no_page_is_explained_away_by_a_ticket_but_for_redis() -> None:
    """Without Redis deliveries are slow: that is meant, and the one ticket that explains a page."""
    severity = {alert["alert"]: alert["labels"]["severity"] for alert in alerts()}
    explained = severity.pop("BellwireExplained")
    assert explained == "none"
    for rule in yaml.safe_load((MONITORING / "alertmanager.yml").read_text(encoding="utf-8"))[
        "inhibit_rules"
    ]:
        (source, *causes), (target, *_) = rule["source_matchers"], rule["target_matchers"]
        if source == 'alertname="BellwireExplained"':
            # It stands for a cause that has just ended.
            source = causes[0].replace("cause=", "alertname=")
        sources = [name for name in severity if matches(source, name)]
        targets = [name for name in severity if matches(target, name)]
        if sources != ["BellwireRedisDown"] and "page" in {severity[name] for name in targets}:
            assert {severity[name] for name in sources} == {"page"}, source


def matches(matcher: str, name: str) -> bool:
    found = re.fullmatch(r'alertname=(~?)"(.*)"', matcher)
    return found is not None and re.fullmatch(found[2], name) is not None


def test_every_alert_has_its_section_in_the_runbook_and_no_section_is_left_over() -> None:
    headings = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    for alert in alerts():
        assert alert["annotations"]["runbook_url"] == f"{service_levels.RUNBOOK}#{anchor(alert['alert'])}"
        assert alert["annotations"]["summary"]
        severities = {"none"} if alert["alert"] == "BellwireExplained" else {"page", "ticket"}
        assert alert["labels"]["severity"] in severities
    assert sorted(headings) == sorted(alert["alert"] for alert in alerts())


def test_every_section_of_the_runbook_says_what_it_means_where_to_look_and_what_to_do() -> None:
    _, *sections = re.split(r"^## ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for section in sections:
        said = re.findall(r"^\*\*(Meaning|Look at|Do)\.\*\*", section, re.MULTILINE)
        assert said == ["Meaning", "Look at", "Do"], section.split("\n")[0]


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_panel_that_the_runbook_names_is_on_a_dashboard() -> None:
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", RUNBOOK.read_text(encoding="utf-8")))
    titles = {panel.title for board in BOARDS for row in board.rows for panel in row.panels}
    assert named
    assert sorted(named - titles) == []


def test_every_panel_links_to_alerts_that_there_are_and_every_alert_to_look_at_has_a_panel() -> None:
    panels = [panel for board in BOARDS for row in board.rows for panel in row.panels]
    linked = {name for panel in panels for name in panel.alerts}
    assert linked == {alert["alert"] for alert in alerts()} - {"BellwireExplained"}


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
        known = {label for name in used for label in found[name].labels} | EXPORTERS_LABELS
        assert promql.labels(rule["expr"]) <= known, rule


def test_a_delivery_histogram_can_answer_the_question_of_100_ms() -> None:
    for name in ("bellwire_gateway_delivery_seconds", "bellwire_ack_seconds"):
        buckets = exported()[name].buckets or Histogram.DEFAULT_BUCKETS
        assert 0.1 in buckets, f"{name} has no bucket that ends at 0.1 s"


def test_every_recording_that_an_alert_reads_is_made() -> None:
    made = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        assert (
            set(re.findall(r"\b(?:cluster|bellwire|job|route|proxy|instance):\w+:\w+", rule["expr"])) <= made
        )
