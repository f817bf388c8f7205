"""The modules of the pages, run by Node: what they decide needs no browser."""

import re
import subprocess
from pathlib import Path

from tests.sdk.test_javascript import count, node

WEB = Path(__file__).resolve().parents[2] / "web"
SECONDS = 120


def test_every_module_that_decides_says_what_its_tests_say() -> None:
    files = sorted(str(path) for path in WEB.glob("*/*.test.js"))
    run = subprocess.run(
        [node(), "--test", "--test-reporter=tap", *files],
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    failed = re.findall(r"^ *not ok .*(?:\n(?! *ok ).*){0,40}", run.stdout, re.MULTILINE)
    assert run.returncode == 0, "\n".join(failed) or run.stdout[-3000:] + run.stderr[-3000:]
    assert count(run.stdout, "pass") >= len(files)
    assert [count(run.stdout, word) for word in ("fail", "skipped", "todo", "cancelled")] == [0] * 4
