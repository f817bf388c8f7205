"""Nothing outlives its supervisor, however the supervisor ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

from infra.local.child import Child
from infra.local.waiting import wait_until
from infra.local.workdir import sweep
from tests.local.processes import all_gone, children, is_running

ROOT = Path(__file__).resolve().parents[2]

SUPERVISOR = """
import time
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey
valkey, postgres = Valkey(), Postgres()
valkey.start()
postgres.start()
print(valkey.pid, postgres.pid, valkey._workdir.path, postgres._workdir.path, flush=True)
time.sleep(100)
"""


def test_a_killed_parent_leaves_no_server_behind_and_the_next_run_sweeps_its_directories() -> None:
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR], cwd=ROOT, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        words = supervisor.stdout.readline().decode().split()
        servers, folders = [int(word) for word in words[:2]], [Path(word) for word in words[2:]]
        family = [*servers, *children(servers[1])]
        assert all(is_running(pid) for pid in family)
        supervisor.send_signal(signal.SIGKILL)
    assert all_gone(family, 5.0)
    assert all(folder.is_dir() for folder in folders)
    sweep()
    assert not any(folder.exists() for folder in folders)


def test_a_child_started_from_a_thread_that_ended_lives_on() -> None:
    child = Child("sleeper", ["sleep", "100"])
    thread = Thread(target=child.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert child.alive
    child.stop()
    assert not is_running(child.pid)


def test_ctrl_c_at_the_console_does_not_reach_a_child() -> None:
    child = Child("sleeper", ["sleep", "100"])
    child.start()
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
    finally:
        child.kill()


def test_a_child_that_ignores_the_polite_signal_is_killed_within_the_bound() -> None:
    stubborn = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(100)"
    )
    child = Child("stubborn", [sys.executable, "-c", stubborn])
    child.start()
    assert wait_until(lambda: child.lines == ["ready"], 10.0)
    began = time.monotonic()
    child.stop(seconds=0.3)
    assert time.monotonic() - began < 2.0
    assert child.wait(0) == -signal.SIGKILL


def test_every_line_of_a_child_reaches_the_sink_under_its_name() -> None:
    seen: list[tuple[str, str]] = []
    child = Child("counter", ["seq", "1", "500"], sink=lambda name, line: seen.append((name, line)))
    child.start()
    assert child.wait(10.0) == 0
    assert seen == [("counter", str(number)) for number in range(1, 501)]


def test_a_program_that_is_not_there_is_said_by_name() -> None:
    child = Child("ghost", ["/no/such/program"])
    child.start()
    assert child.wait(10.0) == 127
    assert "/no/such/program" in child.tail
