"""Rules with shorter times are the same rules: nothing but times has changed, and Prometheus takes them."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from drill.scale import scaled
from infra.local.alertmanager import CONFIGURATION
from infra.local.debian_tool import find_tool
from infra.local.prometheus import RULES


def test_waits_windows_offsets_and_the_seconds_of_a_window_are_divided_and_other_figures_are_not() -> None:
    text = "rate(x_total[5m] offset 1h) * 300 > 20 and y:rate5m > 60\nfor: 2m\ngroup_wait: 15s"
    shorter = (
        "rate(x_total[30000ms] offset 360000ms) * 30 > 20 and y:rate5m > 60\nfor: 12000ms\ngroup_wait: 1500ms"
    )
    assert scaled(text, 10) == shorter


def test_a_factor_of_one_changes_nothing() -> None:
    for path in RULES.glob("*.yml"):
        assert scaled(path.read_text(encoding="utf-8"), 1) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yml")), ids=lambda path: path.name)
def test_no_time_of_the_rules_is_forgotten_and_promtool_takes_them(path: Path, tmp_path: Path) -> None:
    text = scaled(path.read_text(encoding="utf-8"), 10)
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            assert re.findall(r"\[\d+[smhdw]\]", rule["expr"]) == []
            assert str(rule.get("for", "1ms")).endswith("ms")
    copy = tmp_path / path.name
    copy.write_text(text, encoding="utf-8")
    promtool = find_tool("promtool", "prometheus")
    done = subprocess.run(
        [promtool.path, "check", "rules", copy], env=promtool.environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_configuration_of_alertmanager_keeps_its_routes() -> None:
    before = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    after = yaml.safe_load(scaled(CONFIGURATION.read_text(encoding="utf-8"), 10))
    assert after["inhibit_rules"] == before["inhibit_rules"]
    assert after["route"]["group_wait"] == "1500ms"
