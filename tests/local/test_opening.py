"""The offer to open the tour: nothing opens by itself, and the address is no word of a command."""

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.pages.opening import is_desktop
from infra.local.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "http://127.0.0.1:8080/#the-token"
# The demo in short: it looks until Enter was pressed, and stays a little, since the browser is started by the way.
DEMO = """
import time
from pathlib import Path
from infra.local.pages.opening import Opening
opening = Opening(Path("demo.html"), "{}")
print("offered", flush=True)
while not opening.look():
    time.sleep(0.02)
time.sleep(1)
"""


def test_enter_opens_a_file_that_leads_there_and_nothing_opens_before(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$@" > opened.new && mv opened.new opened\n')
    browser.chmod(0o755)
    child, console = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": f"{browser} %s"}
        os.execve(sys.executable, [sys.executable, "-c", DEMO.format(ADDRESS)], env)
    try:
        assert b"offered" in os.read(console, 1024)
        assert not wait_until((tmp_path / "opened").exists, 0.3)
        os.write(console, b"\n")
        assert wait_until((tmp_path / "opened").exists, 10)
    finally:
        os.waitpid(child, 0)
        os.close(console)
    page = tmp_path / "demo.html"
    assert (tmp_path / "opened").read_text().split() == [page.as_uri()]
    assert ADDRESS in page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


@pytest.mark.parametrize("env", [{}, {"DISPLAY": ":0"}, {"DISPLAY": ":0", "CI": "true"}])
def test_where_nobody_sits_nothing_is_offered(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"from infra.local.pages.opening import is_desktop; print(is_desktop({env}))"],
        cwd=ROOT, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
    assert not is_desktop({})
