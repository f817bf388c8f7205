"""A pod is awaited, brought back when it dies, and given up when it only ever dies."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from infra.local.failure import CannotStart
from infra.local.pods import SHORT_LIVES, Pod
from infra.local.ports import free_port
from infra.local.waiting import wait_until
from tests.local.processes import all_gone, is_running

# A program that is ready, in the sense of the supervisor: /readyz answers 200.
READY = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def changes() -> list[int]:
    return []


@pytest.fixture
def pod(changes: list[int]) -> Iterator[Pod]:
    running = Pod(
        "gateway",
        "gateway-1",
        [sys.executable, "-c", READY],
        free_port(),
        on_change=lambda pod: changes.append(pod.pid),
    )
    running.start()
    running.await_ready()
    yield running
    running.stop(2.0)


def test_a_killed_pod_is_started_again_on_its_port_within_a_second(pod: Pod, changes: list[int]) -> None:
    first = pod.pid
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: pod.restarts == 1 and pod.pid != first and is_running(pod.pid), 1.0)
    assert wait_until(pod.is_ready, 5.0)
    assert wait_until(lambda: changes == [pod.pid], 1.0)


def test_a_pod_that_was_told_to_stop_stays_away(pod: Pod) -> None:
    pid = pod.pid
    pod.stop(2.0)
    time.sleep(0.4)
    assert all_gone([pid], 1.0)
    assert not pod.alive
    assert pod.restarts == 0


def test_a_pod_that_dies_before_it_is_ready_is_reported_with_its_last_words() -> None:
    pod = Pod("api", "api-1", [sys.executable, "-c", "raise SystemExit('no database')"], free_port())
    pod.start()
    with pytest.raises(CannotStart, match=r"api-1 ended with exit code 1\.\nno database"):
        pod.await_ready()
    pod.stop(1.0)


def test_a_pod_that_is_not_ready_in_time_is_reported() -> None:
    pod = Pod("api", "api-1", ["sh", "-c", "sleep 100"], free_port())
    pod.start()
    with pytest.raises(CannotStart, match=r"api-1 was not ready after 0\.5 s"):
        pod.await_ready(0.5)
    pod.stop(1.0)


def test_a_pod_that_dies_again_and_again_is_given_up(pod: Pod) -> None:
    for _ in range(SHORT_LIVES):
        if wait_until(lambda: pod.alive or pod.given_up, 2.0):
            pod.kill()
    assert wait_until(lambda: pod.given_up, 3.0)
    assert pod.restarts < SHORT_LIVES
    assert not pod.alive


def test_a_pod_that_is_told_to_die_is_never_given_up(pod: Pod) -> None:
    pod.configure(BELLWIRE_FAULT="after_commit:kill:0.1")
    for deaths in range(SHORT_LIVES + 2):
        assert wait_until(lambda: pod.alive, 3.0)
        assert pod.pid_if_alive == pod.pid
        pod.kill()
        assert wait_until(lambda before=deaths: pod.restarts > before, 3.0)  # type: ignore[misc]
    assert not pod.given_up
