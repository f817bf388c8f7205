"""Sessions come in and go out through the hub, and where each one stands is kept in one place.

The hub, its rooms and its upkeep are the real ones. Connections pause when they are told to; PostgreSQL is away but for
the extent of an empty log.
"""

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backbone.contract.errors import Unavailable
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.log_reads import Extent
from backbone.eventlog.stream import Stream
from backbone.runtime.health import Health
from gateway.core.encoding import WEBSOCKET
from gateway.hub import Hub
from gateway.replay import page_reader
from gateway.rooms.place import Place
from gateway.rooms.room import Room
from gateway.rooms.session import Identity, Session
from gateway.settings import GatewaySettings
from gateway.transport.connection import ABNORMAL
from gateway.upkeep import IDLE_SECONDS

TERMINALS = [uuid.UUID(int=number) for number in range(3)]
SETTINGS = GatewaySettings.model_validate(
    {
        "database_url": "postgresql://nobody@127.0.0.1/none",
        "redis_url": "redis://127.0.0.1/0",
        "pod_name": "here",
    }
)


class Away:
    """A database that does not answer."""

    async def fetch(self, *_: object) -> None:
        raise Unavailable("the event log")


class Socket:
    """A connection that is paused, written to and ended as the tests say; it tells its listener as a real one does."""

    descriptor: int | None = None
    peer: str | None = None

    def __init__(self) -> None:
        self.paused = False
        self.closing = False
        self.code: int | None = None
        self.written = 0
        self.listener = cast("Session", None)

    def write(self, _: bytes | memoryview) -> None:
        self.written += not self.closing

    def close(self, code: int, reason: str = "") -> None:
        if not self.closing:
            self.closing, self.code = True, code
            self.listener.on_closing(code)

    def abort(self) -> None:
        self.close(ABNORMAL)

    def pause(self, paused: bool) -> None:
        if not self.closing and self.paused != paused:
            self.paused = paused
            (self.listener.on_paused if paused else self.listener.on_writable)()


class Play:
    """A hub, and the sessions that were let in."""

    def __init__(self) -> None:
        self.hub = Hub(SETTINGS, cast("Any", Away()), Stream(SETTINGS), Health("nothing"))
        self.open: list[Session] = []
        self.rooms: dict[str, Room] = {}

    async def enter(self, tenant: str, terminal: uuid.UUID) -> Session:
        room = self.rooms[tenant] = await self.hub.room(tenant)
        socket = Socket()
        identity = Identity(terminal, uuid.uuid4())
        session = Session(identity, self.hub, room, socket, WEBSOCKET, room.log.head_seq)
        socket.listener = session
        self.hub.enter(session)
        self.open.append(session)
        return session

    def publish(self, tenant: str) -> None:
        room = self.rooms[tenant]
        room.receive(Event(Offset(1, room.log.head_seq + 1), "new_order", 0, b"{}"))

    def check(self) -> None:
        self.open = [session for session in self.open if not session.socket.closing]
        assert self.hub.sockets == len(self.open)
        assert set(self.hub.upkeep.paused) == {one for one in self.open if one.socket.paused}
        assert {one for room in self.rooms.values() for one in room.sessions} == set(self.open)
        for session in self.open:
            room = cast("Room", session.room)
            place = room.place_of(session)
            assert place is not Place.GONE
            assert (place is Place.PAUSED) == session.socket.paused
            assert (place is Place.LAGGING) == (session in room.lagging)
            assert (place is Place.LIVE) == (session in set(room.live))


@pytest.fixture(scope="module")
def play() -> Iterator[type[Play]]:
    """The makings of a play whose log of record is empty."""

    async def extent(*_: object) -> Extent:
        return Extent(Offset(1, 0), Offset(1, 0), {1: 0})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_reader, "read_extent", extent)
        yield Play


STEPS = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from("ab"), st.sampled_from(TERMINALS)),
    st.tuples(st.sampled_from(["close", "pause", "resume"]), st.integers(0, 20)),
    st.tuples(st.just("publish"), st.sampled_from("ab")),
    st.tuples(st.sampled_from(["breathe", "tick"])),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
@example(
    steps=[("enter", "a", TERMINALS[0]), ("pause", 0), ("publish", "a"), ("resume", 0), ("pause", 0)],
)
def test_each_session_stands_in_one_place_and_a_room_is_closed_when_it_was_left_and_only_then(
    play: type[Play], steps: list[tuple[Any, ...]]
) -> None:
    async def run() -> None:
        stage = play()
        for step in steps:
            match step:
                case ("enter", tenant, terminal):
                    await stage.enter(tenant, terminal)
                case ("publish", tenant) if tenant in stage.rooms:
                    stage.publish(tenant)
                case ("breathe",):
                    await asyncio.sleep(0)
                case ("tick",):
                    stage.hub.upkeep.tick(time.monotonic())
                case ("close" | "pause" | "resume" as what, number) if stage.open:
                    socket = cast("Socket", stage.open[number % len(stage.open)].socket)
                    if what == "close":
                        socket.close(1000)
                    else:
                        socket.pause(what == "pause")
            stage.check()
        # Long after: what took nothing is closed as too slow, and every room that nobody is in is given back.
        slow = list(stage.hub.upkeep.paused)
        stage.hub.upkeep.tick(time.monotonic() + IDLE_SECONDS + 1)
        assert all(cast("Socket", one.socket).code in (4408, ABNORMAL) for one in slow)
        stage.check()
        assert not stage.hub.upkeep.paused
        for tenant, room in stage.rooms.items():
            assert (await stage.hub.room(tenant) is room) != room.empty
        await stage.hub.close()

    asyncio.run(run())


async def test_a_terminal_that_comes_back_before_its_older_connection_went_keeps_its_room(
    play: type[Play],
) -> None:
    stage = play()
    older = await stage.enter("a", TERMINALS[0])
    newer = await stage.enter("a", TERMINALS[0])
    assert cast("Socket", older.socket).code == 4409
    stage.hub.upkeep.tick(time.monotonic() + IDLE_SECONDS + 1)
    assert await stage.hub.room("a") is newer.room
    stage.publish("a")
    await asyncio.sleep(0.01)
    # `caught_up`, the heartbeat if it was due, and the event.
    assert cast("Socket", newer.socket).written >= 2
    await stage.hub.close()


async def test_an_empty_room_that_somebody_is_about_to_come_into_has_its_whole_time_again(
    play: type[Play], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = play()
    room = await stage.hub.room("a")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + IDLE_SECONDS - 1)
    assert await stage.hub.room("a") is room
    stage.hub.upkeep.tick(now + IDLE_SECONDS + 1)
    assert await stage.hub.room("a") is room
    await stage.hub.close()
