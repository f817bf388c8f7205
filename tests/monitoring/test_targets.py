"""Prometheus is told of the demo's pods, of each under the job that the rules ask for, and of nothing else."""

import json
from pathlib import Path

import pytest

from infra.monitoring.targets import main, targets

DEMO = {
    "processes": [
        {"role": "api", "pid": 1, "url": "http://127.0.0.1:9101"},
        {"role": "gateway", "pid": 2, "url": "http://127.0.0.1:9201"},
        {"role": "gateway", "pid": 3, "url": "http://127.0.0.1:9202"},
        {"role": "valkey", "pid": 4},
        {"role": "postgres", "pid": 5},
        {"role": "loadbalancer", "pid": 6, "metricsUrl": "http://127.0.0.1:9301/metrics"},
    ]
}


def test_each_pod_and_the_load_balancer_is_scraped_under_its_job() -> None:
    assert targets(DEMO) == [
        {"targets": ["127.0.0.1:9101"], "labels": {"job": "bellwire-api"}},
        {"targets": ["127.0.0.1:9201", "127.0.0.1:9202"], "labels": {"job": "bellwire-gateway"}},
        {"targets": ["127.0.0.1:9301"], "labels": {"job": "bellwire-haproxy"}},
    ]


def test_a_demo_without_a_load_balancer_has_no_target_of_that_name() -> None:
    without = {"processes": DEMO["processes"][:-1]}
    assert {group["labels"]["job"] for group in targets(without)} == {"bellwire-api", "bellwire-gateway"}


def test_what_is_printed_is_what_prometheus_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "demo.json"
    file.write_text(json.dumps(DEMO), encoding="utf-8")
    assert main(file) == 0
    assert json.loads(capsys.readouterr().out) == targets(DEMO)


def test_without_a_demo_one_sentence_says_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(tmp_path / "demo.json") == 1
    assert "make demo" in capsys.readouterr().err
