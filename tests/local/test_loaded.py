"""`make load OWN=1`: a cluster, a load test against it, its exit code, and nothing of either afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEYOND_REACH = "failures = 1.0\noffered = 0.1\n[[limit]]\nrow = 'POST orders/create'\np99_ms = 0.001\n"


def loaded(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.local.loaded", *words]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=170
    )


def test_a_cluster_of_its_own_is_loaded_judged_and_gone(tmp_path: Path) -> None:
    limits, results = tmp_path / "limits.toml", tmp_path / "results"
    limits.write_text(BEYOND_REACH, encoding="utf-8")
    size = ("--shops", "3", "--seconds", "5", "--warm-up", "1", "--clients", "0", "--webhooks", "0")
    done = loaded("smoke", "--quiet", "--thresholds", str(limits), "--results", str(results), *size)
    # The load test's own exit code: it measured, and a limit was crossed.
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((results / "report.json").read_text(encoding="utf-8"))
    assert report["measured"], report["complaints"]
    assert not any(report["faults"].values()), report["complaints"]
    # Two of each, and the servers, are looked at without being named.
    assert {"cpu api-2", "cpu gateway-2", "cpu postgres", "memory gateway-1"} <= set(report["values"])
    assert report["settings"]["receiptsSeen"] > 0
    assert "the test tenants are deleted" in done.stdout
    assert list(results.glob("left-*")) == []


def test_a_wrong_setting_of_the_cluster_is_one_sentence() -> None:
    done = loaded("smoke", BELLWIRE_GATEWAY_PODS="many")
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == "BELLWIRE_GATEWAY_PODS must be a whole number from 1 to 8, not 'many'.\n"
