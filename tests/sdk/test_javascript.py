"""The JavaScript SDK's own tests, run by Node: the scripts that every SDK passes, and what only its language has."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sdk.test_vectors import scripts

ROOT = Path(__file__).resolve().parents[2] / "sdk" / "js"
OLDEST_NODE = 20
SECONDS = 240


def node() -> str:
    """Node's program; a machine without it cannot say that the JavaScript SDK is whole."""
    found = shutil.which("node")
    if found is None:
        pytest.fail(f"node is not on the PATH: install Node {OLDEST_NODE} or later to test sdk/js")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        pytest.fail(f"node is {version}, and sdk/js is for Node {OLDEST_NODE} or later")
    return found


def count(report: str, word: str) -> int:
    """One of the sums at the end of Node's report."""
    return int(re.findall(rf"^# {word} (\d+)$", report, re.MULTILINE)[-1])


def test_every_script_passes_in_javascript_and_so_does_all_that_its_own_tests_say() -> None:
    run = subprocess.run(
        [node(), "--test", "--test-reporter=tap", *sorted(str(path) for path in ROOT.glob("test/*.test.js"))],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    failed = re.findall(r"^ *not ok .*(?:\n(?! *ok ).*){0,40}", run.stdout, re.MULTILINE)
    assert run.returncode == 0, "\n".join(failed) or run.stdout[-3000:] + run.stderr[-3000:]
    assert count(run.stdout, "pass") > len(scripts())
    assert [count(run.stdout, word) for word in ("fail", "skipped", "todo", "cancelled")] == [0] * 4
