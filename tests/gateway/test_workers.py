"""A pod of several processes on one port is one pod: to terminals, to probes, to Prometheus and to signals."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.runtime.backoff import FIRST_SECONDS, LONG_LIFE_SECONDS, LONGEST_SECONDS, Backoff
from backbone.runtime.process_metrics import PodProcesses
from infra.local.pods import Pod
from infra.local.ports import free_port
from tests.conftest import ROOT, StartGateway
from tests.gateway.till import Till, open_till
from tests.shop import Shop, bearer


def workers_of(pod: Pod) -> list[int]:
    """The processes that the parent has started and that are still there."""
    return [int(pid) for pid in Path(f"/proc/{pod.pid}/task/{pod.pid}/children").read_text().split()]


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def sockets_of(pid: int) -> set[int]:
    """The remote ports of a process's connections."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry)):
                inodes.add(found[1])
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    return {int(line.split()[2].split(":")[1], 16) for line in lines if line.split()[9] in inodes}


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def worker_of(pod: Pod, till: Till) -> int:
    """The process that holds a terminal."""
    own = till.socket.transport.get_extra_info("sockname")[1]
    (found,) = [pid for pid in workers_of(pod) if own in sockets_of(pid)]
    return found


async def page_of(pod: Pod) -> dict[str, float]:
    """Every series of `/metrics` with its value."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{pod.url}/metrics")).text
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


CONNECTIONS = 'bellwire_gateway_connections{transport="websocket"}'
DELIVERIES = 'bellwire_gateway_deliveries_total{transport="websocket"}'


@pytest.fixture(scope="module")
def pod(share_gateway: StartGateway) -> Pod:
    """A pod whose workers may be killed: they come back. Its parent may not."""
    return share_gateway({"BELLWIRE_WORKERS": "2"})


@pytest.fixture
def own_pod(start_gateway: StartGateway) -> Pod:
    """A pod that the test may end."""
    return start_gateway({"BELLWIRE_WORKERS": "2"})


@contextlib.asynccontextmanager
async def tills_on_both(pod: Pod, shop: Shop) -> AsyncIterator[dict[int, tuple[Till, str]]]:
    """A connected terminal on each worker, by the worker's process, with its key."""
    async with contextlib.AsyncExitStack() as stack:
        held: dict[int, tuple[Till, str]] = {}
        for number in range(40):
            terminal = await shop.add_terminal(f"till {number}")
            till = await stack.enter_async_context(open_till(pod, shop.slug, terminal.key))
            held.setdefault(worker_of(pod, till), (till, terminal.key))
            if len(held) == 2:
                break
        assert len(held) == 2, "the kernel did not spread forty connections"
        yield held


async def test_terminals_on_both_workers_see_every_order_and_metrics_are_sums(pod: Pod, shop: Shop) -> None:
    async with tills_on_both(pod, shop) as held:
        before = (await page_of(pod)).get(DELIVERIES, 0)
        order = await shop.order()
        for till, _ in held.values():
            assert [event["offset"] for event in await till.has(1)] == [order["offset"]]
        # Whichever worker is asked.
        for _ in range(6):
            page = await page_of(pod)
            assert page[CONNECTIONS] >= 2
            assert page[DELIVERIES] - before == page[CONNECTIONS]
            assert page["bellwire_postgres_up"] == 1
            assert not [name for name in page if "pid=" in name]


async def test_a_killed_worker_comes_back_its_terminals_resume_and_no_counter_falls(
    pod: Pod, shop: Shop
) -> None:
    async with tills_on_both(pod, shop) as held:
        await shop.order()
        for till, _ in held.values():
            await till.has(1)
        before = await page_of(pod)
        victim = next(iter(held))
        os.kill(victim, signal.SIGKILL)
        order = await shop.order()
        async with asyncio.timeout(30):
            while (
                len(workers_of(pod)) < 2
                or victim in workers_of(pod)
                or not await asyncio.to_thread(pod.is_ready)
            ):
                await asyncio.sleep(0.05)
        async with open_till(pod, shop.slug, held[victim][1], "?after=1-1") as back:
            assert [event["offset"] for event in await back.has(1)] == [order["offset"]]
        ((survivor, _),) = [found for pid, found in held.items() if pid != victim]
        await survivor.has(2)
        after = await page_of(pod)
        falling = [
            name for name, value in before.items()
            if name.partition("{")[0].endswith(("_total", "_count", "_sum", "_bucket")) and after.get(name, 0) < value
        ]  # fmt: skip
        assert falling == []
        assert after[DELIVERIES] > before[DELIVERIES]
        # Connections of the killed one are no longer counted.
        assert after[CONNECTIONS] < before[CONNECTIONS]


async def test_process_metrics_are_those_of_all_processes_of_the_pod(pod: Pod) -> None:
    pids = [pod.pid, *workers_of(pod)]
    assert len(pids) == 3
    page = await page_of(pod)
    assert page["process_resident_memory_bytes"] == pytest.approx(sum(map(resident_bytes, pids)), rel=0.05)
    assert page["process_open_fds"] >= sum(map(descriptors, pids)) - 5
    # Two interpreters have started at least, and the second was not there before the first.
    assert page["process_cpu_seconds_total"] > 0.1
    assert time.time() - 300 < page["process_start_time_seconds"] <= time.time()


def test_what_an_ended_process_had_used_still_counts() -> None:
    def seconds() -> float:
        (found,) = [
            each for each in PodProcesses(os.getpid()).collect() if each.name == "process_cpu_seconds"
        ]
        return found.samples[0].value

    before = seconds()
    subprocess.run(
        [sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"], check=True, timeout=60
    )
    assert seconds() - before >= 0.45


async def test_a_newer_connection_on_the_other_worker_replaces_the_older(pod: Pod, shop: Shop) -> None:
    async with open_till(pod, shop.slug, shop.terminal_key) as older:
        mine = worker_of(pod, older)
        # Recorded before the newer one comes, or there would be nothing that it is newer than.
        await asyncio.sleep(1.5)
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(40):
                other = await stack.enter_async_context(open_till(pod, shop.slug, shop.terminal_key))
                if worker_of(pod, other) != mine:
                    break
                older = other
                await asyncio.sleep(1.5)
            async with asyncio.timeout(10):
                assert (await older.closed())[0] == 4409
            await other.say(type="ping")
            await other.until("pong")


async def test_sigterm_drains_every_worker_and_the_pod_ends_with_0(own_pod: Pod, shop: Shop) -> None:
    async with tills_on_both(own_pod, shop) as held:
        parent, workers = own_pod.pid, workers_of(own_pod)
        ended = asyncio.create_task(asyncio.to_thread(own_pod.stop, 20))
        for till, _ in held.values():
            code, reason = await till.closed()
            assert code == 1012
            assert reason.startswith("retry_ms=")
        await ended
        assert own_pod._child is not None
        assert own_pod._child.wait(5) == 0
        assert not [pid for pid in [parent, *workers] if is_there(pid)]


async def test_a_killed_parent_takes_its_workers_with_it(own_pod: Pod) -> None:
    workers = workers_of(own_pod)
    assert len(workers) == 2
    with contextlib.suppress(AssertionError):
        own_pod.kill()
    async with asyncio.timeout(20):
        while any(is_there(pid) for pid in workers):
            await asyncio.sleep(0.05)


async def test_a_pod_is_ready_only_when_all_its_workers_are(pod: Pod) -> None:
    os.kill(workers_of(pod)[0], signal.SIGKILL)
    seen = set()
    async with asyncio.timeout(30):
        async with httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    response = await client.get(f"{pod.url}/readyz", headers={"Connection": "close"})
                    seen.add(response.status_code)
                    if response.status_code == 503:
                        missing = response.json()["missing"]
                        # Told by the other one, or by the new one of itself.
                        assert [name for name in missing if re.fullmatch("worker [01]|PostgreSQL", name)]
                    elif 503 in seen:
                        break
    assert seen == {200, 503} or seen == {503, 200}


async def test_a_worker_has_its_own_name_and_lease(
    pod: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with tills_on_both(pod, shop):
        async with asyncio.timeout(10):
            while True:
                listed = await shop.http.get(shop.path("terminals"), headers=bearer(shop.storefront_key))
                names = {terminal["gateway"] for terminal in listed.json()["terminals"] if terminal["online"]}
                if len(names) == 2:
                    break
                await asyncio.sleep(0.1)
    assert names == {f"{pod.name}/0", f"{pod.name}/1"}


def test_a_port_that_somebody_listens_on_is_told_in_one_sentence(pod_env: dict[str, str]) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        command = [sys.executable, "-m", "bellwire", "gateway", "--workers", "2"]
        command += ["--port", str(listener.getsockname()[1])]
        ended = subprocess.run(
            command, env=pod_env, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
    assert ended.returncode == 1
    assert "Address already in use" in ended.stderr.strip().splitlines()[-1]


def test_a_wrong_number_of_workers_is_told_in_one_sentence(pod_env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "bellwire", "gateway", "--port", str(free_port())]
    env = pod_env | {"BELLWIRE_WORKERS": "0"}
    ended = subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "BELLWIRE_WORKERS" in ended.stderr
    assert "Traceback" not in ended.stderr


@given(lives=st.lists(st.floats(0, 2 * LONG_LIFE_SECONDS), max_size=50))
def test_a_process_that_keeps_dying_is_started_ever_later_and_one_that_lived_long_at_once(
    lives: list[float],
) -> None:
    pace, expected = Backoff(), FIRST_SECONDS
    for lived in lives:
        if lived >= LONG_LIFE_SECONDS:
            expected = FIRST_SECONDS
        assert pace.after(lived) == expected
        expected = min(LONGEST_SECONDS, 2 * expected)
