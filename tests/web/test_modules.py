"""The modules of the pages, run by Node: what they decide needs no browser."""

import re
import subprocess
from pathlib import Path

import pytest

from api.pages import DOORS
from backbone.runtime.pages import Page, served
from benchmarks.paint import MOST_BYTES, NAMES
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


@pytest.mark.parametrize("page", NAMES)
def test_a_page_with_every_file_that_it_could_ever_ask_for_is_light(page: str) -> None:
    shared = ("common", "sdk") if page in DOORS else ("common", "sdk", "tour")
    files = [Page.of(path) for _, path in served(WEB, dict.fromkeys([*shared, page]))]
    assert len(files) > 20
    assert sum(len(file.packed or file.plain) for file in files) < MOST_BYTES
