"""The kernel's settings of a gateway's sockets, read from the very sockets of a running pod."""

import ctypes
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from infra.local.pods import Pod
from infra.local.ports import free_port
from tests.conftest import QUICK, ROOT, StartGateway
from tests.gateway.till import open_till, refusal
from tests.shop import Shop, bearer

PIDFD_GETFD = 438
BACKLOG = 4096


@contextmanager
def sockets_of(pid: int) -> Iterator[list[socket.socket]]:
    """Duplicates of a process's TCP sockets (pidfd_getfd, Linux 5.6)."""
    process = os.pidfd_open(pid)
    found = []
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if not os.readlink(entry).startswith("socket:"):
                    continue
                copy = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, int(entry.name), 0)
                assert copy >= 0, os.strerror(ctypes.get_errno())
                found.append(socket.socket(fileno=copy))
        yield [own for own in found if own.family == socket.AF_INET and own.type == socket.SOCK_STREAM]
    finally:
        for own in found:
            own.close()
        os.close(process)


def of_terminals(sockets: list[socket.socket], port: int) -> list[socket.socket]:
    connected = []
    for own in sockets:
        with suppress(OSError):
            own.getpeername()
            if own.getsockname()[1] == port:
                connected.append(own)
    return connected


async def test_a_terminals_socket_is_bounded_undelayed_and_given_up_when_nothing_is_acknowledged(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_SEND_BUFFER_BYTES": "20000", "BELLWIRE_HEARTBEAT_SECONDS": "7"})
    async with open_till(pod, shop.slug, shop.terminal_key):
        with sockets_of(pod.pid) as sockets:
            (own,) = of_terminals(sockets, pod.port)
            # The kernel doubles what it is told, for its own bookkeeping.
            assert own.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40000
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            slow = float(QUICK["BELLWIRE_SLOW_SECONDS"])
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == (2 * 7 + slow) * 1000


def listening(pid: int, port: int) -> socket.socket:
    with sockets_of(pid) as sockets:
        (own,) = [
            own for own in sockets
            if own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and own.getsockname()[1] == port
        ]  # fmt: skip
        return own.dup()


def backlog_of(listener: socket.socket) -> int:
    # tcpi_sacked of a listener is the length of its queue (Linux, tcp_get_info); a byte array keeps this readable.
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[28:32], sys.byteorder)


def test_the_listener_has_room_for_a_crowd_and_shares_its_port_only_among_workers(
    start_gateway: StartGateway,
) -> None:
    allowed = int(Path("/proc/sys/net/core/somaxconn").read_text())
    alone, team = start_gateway({}), start_gateway({"BELLWIRE_WORKERS": "2"})
    listener = listening(alone.pid, alone.port)
    assert backlog_of(listener) == min(BACKLOG, allowed)
    assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
    listener.close()
    children = Path(f"/proc/{team.pid}/task/{team.pid}/children").read_text().split()
    assert len(children) == 2
    for child in children:
        listener = listening(int(child), team.port)
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 1
        assert backlog_of(listener) == min(BACKLOG, allowed)
        listener.close()


@pytest.fixture
def tight_pod(pod_env: dict[str, str]) -> Iterator[tuple[Pod, list[str]]]:
    """A gateway whose hard limit of descriptors leaves room for four sockets."""
    lines: list[str] = []
    code = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 260));"
    code += "sys.argv = ['bellwire', *sys.argv[1:]]; runpy.run_module('bellwire', run_name='__main__')"
    pod = Pod("gateway", "tight", [sys.executable, "-c", code, "gateway"], free_port(),
              env={**QUICK, **pod_env, "BELLWIRE_POD_NAME": "tight"}, cwd=ROOT,
              sink=lambda _, line: lines.append(line))  # fmt: skip
    pod.start()
    pod.await_ready()
    yield pod, lines
    pod.stop(10)


async def test_too_few_descriptors_are_told_at_the_start_and_what_does_not_fit_gets_503(
    tight_pod: tuple[Pod, list[str]], shop: Shop
) -> None:
    pod, lines = tight_pod
    limits = Path(f"/proc/{pod.pid}/limits").read_text()  # noqa: ASYNC240
    assert re.search(r"Max open files\s+260\s+260\s", limits), "the soft limit was not raised to the hard one"
    (warning,) = [line for line in lines if "server.few_descriptors" in line]
    said = json.loads(warning)
    assert (said["limit"], said["wanted"]) == (260, 50_256)
    assert "ulimit -Hn" in said["hint"]
    assert "BELLWIRE_MAX_SOCKETS" in said["hint"]
    keys = [(await shop.add_terminal(f"till {number}")).key for number in range(5)]
    async with open_till(pod, shop.slug, keys[0]), open_till(pod, shop.slug, keys[1]):
        async with open_till(pod, shop.slug, keys[2]), open_till(pod, shop.slug, keys[3]):
            response = await refusal(pod, shop.slug, additional_headers=bearer(keys[4]))
            assert response[0] == 503
