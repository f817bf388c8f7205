"""A benchmark that is stopped leaves the machine as it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fanout.cpu import family

WORDS = ("--sockets", "20", "--rounds", "500", "--broadcasts", "20", "--only", "websockets")


@pytest.mark.timeout(300)
def test_a_run_that_is_stopped_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "benchmarks.fanout", *WORDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as run:
        assert run.stdout is not None
        try:
            first = run.stdout.readline()
            assert first.startswith(b"turn 1"), first
            members = family(run.pid)
            assert run.pid in members
            run.send_signal(signal.SIGTERM)
            assert run.wait(120) == 0
        finally:
            run.kill()
    assert [pid for pid in members if Path(f"/proc/{pid}").exists()] == []
    assert [path.name for path in tmp_path.rglob("*")] == []
