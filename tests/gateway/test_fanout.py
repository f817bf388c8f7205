"""Writing past the transports: to the right socket, in order, never twice, nothing after a Close frame."""

import asyncio
import contextlib
import random
import shutil
import socket
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fanout.cohort import SIZE
from gateway.fanout.scheduler import Scheduler
from gateway.fanout.send_all import SendAll, Shorts, choose_send_all, load_compiled, send_all_python
from hatch_build import compile_fanout
from tests.conftest import ROOT
from tests.gateway.stage import Client, Stage, reset_by_peer

COMPILER = shutil.which("cc")
SEEDS = (1, 2, 3)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> SendAll:
    """The loop in C, compiled as an installation compiles it."""
    root = tmp_path_factory.mktemp("compiled")
    (root / "gateway" / "fanout").mkdir(parents=True)
    shutil.copy(ROOT / "gateway" / "fanout" / "send_all.c", root / "gateway" / "fanout")
    assert compile_fanout(root) is None
    loaded = load_compiled(root / "gateway" / "fanout" / "libfanout.so")
    assert loaded is not None
    return loaded


# Where there is no compiler there is no second way that could be wrong.
@pytest.fixture(scope="session", params=["python", "compiled"] if COMPILER else ["python"])
def send_all(request: pytest.FixtureRequest) -> SendAll:
    """Each way of sending in turn."""
    if request.param == "python":
        return send_all_python
    way: SendAll = request.getfixturevalue("compiled")
    return way


# -- one call ----------------------------------------------------------------------------------------------------


def drain(peer: socket.socket) -> bytes:
    """Everything that has arrived."""
    peer.setblocking(False)
    taken = bytearray()
    try:
        while chunk := peer.recv(1 << 16):
            taken += chunk
    except BlockingIOError:
        pass
    return bytes(taken)


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 200_000), min_size=1, max_size=4), count=st.integers(0, 6))
def test_what_is_not_reported_as_short_was_taken_whole_and_a_short_one_took_what_is_reported(
    send_all: SendAll, sizes: list[int], count: int
) -> None:
    pairs = [socket.socketpair() for _ in range(count)]
    for ours, _ in pairs:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    try:
        expected = [b""] * count
        for number, size in enumerate(sizes):
            data = bytes([65 + number]) * size
            shorts = dict(send_all(array("i", [ours.fileno() for ours, _ in pairs]), data))
            for place in range(count):
                expected[place] += data[: shorts.get(place, size)]
        assert [drain(theirs) for _, theirs in pairs] == expected
    finally:
        for pair in pairs:
            for end in pair:
                end.close()


def test_a_full_or_broken_socket_takes_nothing_and_does_not_stand_in_the_way_of_others(
    send_all: SendAll,
) -> None:
    pairs = [socket.socketpair() for _ in range(4)]
    for ours, _ in pairs:
        ours.setblocking(False)
    full, broken = pairs[1], pairs[2]
    try:
        while full[0].send(b"x" * 4096, socket.MSG_DONTWAIT) == 4096:
            pass
    except BlockingIOError:
        pass
    broken[1].close()
    shorts = send_all(array("i", [ours.fileno() for ours, _ in pairs]), b"order")
    assert shorts == [(1, 0), (2, 0)]
    assert [drain(theirs) for _, theirs in (pairs[0], pairs[3])] == [b"order", b"order"]
    for pair in pairs:
        for end in pair:
            end.close()


def test_nobody_is_nobody(send_all: SendAll) -> None:
    assert send_all(array("i"), b"order") == []


def test_without_the_library_python_does_the_work(tmp_path: Path) -> None:
    assert load_compiled(tmp_path / "libfanout.so") is None
    (tmp_path / "libfanout.so").write_bytes(b"for another machine")
    assert load_compiled(tmp_path / "libfanout.so") is None
    assert choose_send_all("python") == ("python", send_all_python)


def test_a_machine_without_a_working_compiler_builds_nothing_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway" / "fanout").mkdir(parents=True)
    (tmp_path / "gateway" / "fanout" / "libfanout.so").write_bytes(b"an old one")
    monkeypatch.setenv("CC", "no-such-compiler")
    assert compile_fanout(tmp_path) == "there is no C compiler"
    monkeypatch.setenv("CC", "false")
    assert "false" in str(compile_fanout(tmp_path))
    assert not (tmp_path / "gateway" / "fanout" / "libfanout.so").exists()


# -- a stage full of sockets -------------------------------------------------------------------------------------


def on_stage(send_all: SendAll, play: Callable[[Stage], Awaitable[None]]) -> None:
    """Play on the loop that pods run on."""

    async def run() -> None:
        stage = Stage(send_all)
        await stage.start()
        try:
            await play(stage)
        finally:
            await stage.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def everybody_is_here(stage: Stage, count: int) -> None:
    async with asyncio.timeout(60):
        while len(stage.sessions) < count:
            await asyncio.sleep(0.01)


async def has_all(stage: Stage, client: Client) -> None:
    async with asyncio.timeout(60):
        while client.position != stage.rooms[client.tenant].log.head_seq:
            assert client.wrong is None, client.wrong
            assert not client.gone
            await asyncio.sleep(0.01)


class Churn:
    """Clients of two shops that come, go, stall and are thrown out while both shops' events go out."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self.stage = stage
        self.chance = chance
        self.clients: list[Client] = []

    async def step(self) -> None:
        """Something happens; events come in between, in the same turn of the loop or in the next ones."""
        chance, stage = self.chance, self.stage
        if len(self.clients) < 40 or chance.random() < 0.2:
            self.clients.append(await stage.connect(chance.choice("ab"), slow=chance.random() < 0.4))
        self.clients = [client for client in self.clients if not client.gone]
        self._publish()
        if self.clients and chance.random() < 0.5:
            self._client_acts(chance.choice(self.clients))
        if stage.sessions and chance.random() < 0.3:
            self._server_acts()
        self._publish()
        stage.check()
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)

    def _publish(self) -> None:
        for _ in range(self.chance.randrange(3)):
            self.stage.publish(self.chance.choice("ab"), self.chance.choice((50, 400, 3000, 30_000)))

    def _client_acts(self, client: Client) -> None:
        match self.chance.randrange(6):
            case 0:
                reset_by_peer(client)
            case 1:
                client.transport.close()
            case 2:
                client.transport.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
            case 3:
                client.transport.write(b"\x8f\x80\x00\x00\x00\x00")
            case 4:
                client.transport.pause_reading()
                return
            case _:
                client.transport.resume_reading()
                return
        self.clients.remove(client)

    def _server_acts(self) -> None:
        terminal = self.chance.choice(sorted(self.stage.sessions, key=lambda one: str(one.identity.terminal)))
        if self.chance.random() < 0.5:
            terminal.socket.close(4403, "thrown out")
        else:
            terminal.socket.abort()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes_and_goes_every_byte_is_on_its_own_shops_sockets_once_in_order_and_before_the_close(
    send_all: SendAll, seed: int
) -> None:
    async def play(stage: Stage) -> None:
        churn = Churn(stage, random.Random(seed))
        for _ in range(1200):
            await churn.step()
        for client in churn.clients:
            if not client.gone:
                client.transport.resume_reading()
        await asyncio.sleep(0.2)
        for client in stage.clients:
            assert client.wrong is None, client.wrong
        staying = [client for client in churn.clients if not client.gone and not client.closed]
        for client in staying:
            await has_all(stage, client)
        assert sum(client.received for client in stage.clients) > 1000
        assert staying

    on_stage(send_all, play)


def test_a_socket_that_turns_slow_in_mid_broadcast_gets_the_rest_once_when_it_reads_again(
    send_all: SendAll,
) -> None:
    async def play(stage: Stage) -> None:
        quick = [await stage.connect("a") for _ in range(3)]
        slow = [await stage.connect("a", slow=True) for _ in range(3)]
        await everybody_is_here(stage, 6)
        for client in slow:
            client.transport.pause_reading()
        for _ in range(40):
            stage.publish("a", 30_000)
            await asyncio.sleep(0.005)
        assert len(tuple(stage.rooms["a"].live)) == 3
        assert len(stage.paused) == 3
        for client in slow:
            client.transport.resume_reading()
        for client in quick + slow:
            await has_all(stage, client)
        assert {client.received for client in quick + slow} == {40}

    on_stage(send_all, play)


# -- slices ------------------------------------------------------------------------------------------------------


class Recorder:
    """A way of sending that notes how many sockets each call had, and whose bytes they got."""

    def __init__(self, way: SendAll) -> None:
        self.way = way
        self.calls: list[tuple[bytes, int, int]] = []

    def __call__(self, descriptors: "array[int]", data: bytes) -> Shorts:
        self.calls.append(
            (data[2:3] if data[1] < 126 else data[4:5], len(descriptors), data.count(b"|") // 3)
        )
        return self.way(descriptors, data)


def test_a_crowd_under_a_flood_holds_a_small_shop_by_no_more_than_a_slice(send_all: SendAll) -> None:
    recorder = Recorder(send_all)

    async def play(stage: Stage) -> None:
        crowd = [await stage.connect("a") for _ in range(3 * SIZE + 10)]
        few = [await stage.connect("b") for _ in range(5)]
        await everybody_is_here(stage, len(crowd) + len(few))
        recorder.calls.clear()
        waited = []
        for _ in range(30):
            stage.publish("a", 60)
            began = len(recorder.calls)
            stage.publish("b", 60)
            while not any(shop == b"b" for shop, _, _ in recorder.calls[began:]):
                stage.publish("a", 60)
                await asyncio.sleep(0)
            waited.append([shop for shop, _, _ in recorder.calls[began:]].index(b"b"))
        # The slice that was due before, and no other one of the crowd's.
        assert max(waited) <= 1
        assert max(count for _, count, _ in recorder.calls) <= SIZE
        for client in crowd + few:
            await has_all(stage, client)

    on_stage(recorder, play)


def test_events_that_come_together_leave_in_one_write_a_socket(send_all: SendAll) -> None:
    recorder = Recorder(send_all)

    async def play(stage: Stage) -> None:
        clients = [await stage.connect("a") for _ in range(3)]
        await everybody_is_here(stage, 3)
        recorder.calls.clear()
        for _ in range(7):
            stage.publish("a", 60)
        for client in clients:
            await has_all(stage, client)
        assert recorder.calls == [(b"a", 3, 7)]

    on_stage(recorder, play)


def test_more_than_a_turns_worth_goes_on_by_itself(send_all: SendAll) -> None:
    async def play(stage: Stage) -> None:
        clients = [await stage.connect("a") for _ in range(3)]
        await everybody_is_here(stage, 3)
        for _ in range(5):
            stage.publish("a", 30_000)
        for client in clients:
            await has_all(stage, client)

    on_stage(send_all, play)


class Slices:
    """A broadcast as far as turns go: so many slices of so many sockets."""

    def __init__(self, tenant: str, slices: list[int], log: list[str]) -> None:
        self.tenant = tenant
        self.slices = slices
        self.log = log

    @property
    def busy(self) -> bool:
        return bool(self.slices)

    def take_turn(self) -> int:
        self.log.append(self.tenant)
        return self.slices.pop(0)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.integers(0, SIZE), min_size=1, max_size=6), min_size=1
    )
)
def test_every_room_gets_all_its_turns_and_none_gets_two_while_another_waits(
    plan: dict[str, list[int]],
) -> None:
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler()
        for tenant, slices in plan.items():
            scheduler.add(Slices(tenant, list(slices), log))
        while len(log) < sum(map(len, plan.values())):
            await asyncio.sleep(0)

    asyncio.run(run())
    for lap in range(max(map(len, plan.values()))):
        waiting = [tenant for tenant, slices in plan.items() if len(slices) > lap]
        assert log[: len(waiting)] == waiting
        del log[: len(waiting)]


def test_the_loop_looks_around_after_every_slice() -> None:
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler()
        for tenant in "ab":
            scheduler.add(Slices(tenant, [SIZE] * 3, log))
        while log.count("a") + log.count("b") < 6:
            log.append(".")
            await asyncio.sleep(0)

    asyncio.run(run())
    assert "".join(log).strip(".") == "a.b.a.b.a.b"


def test_of_what_arrived_together_the_first_slice_leaves_without_a_round_of_the_loop() -> None:
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler()
        with scheduler:
            scheduler.add(Slices("a", [SIZE, SIZE], log))
            scheduler.add(Slices("b", [1], log))
            assert log == []
        assert log == ["a"]
        while len(log) < 3:
            await asyncio.sleep(0)

    asyncio.run(run())
    assert log == ["a", "b", "a"]


def test_whatever_arrives_while_turns_are_under_way_waits_for_them() -> None:
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler()
        scheduler.add(Slices("a", [SIZE] * 3, log))
        for tenant in "bcd":
            with scheduler:
                scheduler.add(Slices(tenant, [SIZE], log))
            log.append(".")
            await asyncio.sleep(0)
        while log.count("a") < 3:
            log.append(".")
            await asyncio.sleep(0)

    asyncio.run(run())
    assert "".join(log).strip(".") == "a.b.a.c.d.a"


def test_a_fault_in_what_arrived_keeps_nobody_from_a_turn() -> None:
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler()
        with contextlib.suppress(ZeroDivisionError), scheduler:
            scheduler.add(Slices("a", [1], log))
            raise ZeroDivisionError
        scheduler.add(Slices("b", [1], log))
        while len(log) < 2:
            await asyncio.sleep(0)

    asyncio.run(run())
    assert log == ["a", "b"]
