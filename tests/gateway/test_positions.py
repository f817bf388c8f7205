"""How far sessions came is written at a pace that a crowd cannot raise, and nobody is passed over for ever."""

import uuid
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from gateway.core.encoding import EVENT_STREAM, WEBSOCKET
from gateway.core.tenant_log import TenantLog
from gateway.fanout.scheduler import Busy
from gateway.fanout.send_all import choose_send_all
from gateway.rooms.room import Room, Shared
from gateway.rooms.session import Host, Identity, Session
from gateway.rooms.write_behind import PACED_POSITIONS_A_FLUSH, WriteBehind
from tests.gateway.test_hub import Socket

FLUSHES = 40


class Record:
    """Takes what a gateway stores, as PostgreSQL does, and keeps of each reading how far it came."""

    def __init__(self) -> None:
        self.sent: dict[uuid.UUID, int] = {}
        self.rows = 0

    async def fetch(self, statement: str, *columns: Any) -> list[Any]:
        if "advance_readings" in statement:
            self.rows += len(columns[0])
            self.sent.update(zip(columns[0], columns[4], strict=True))
        return []


class Crowd:
    """Rooms of so many WebSockets and event streams each, behind one write-behind."""

    def __init__(self, rooms: list[tuple[int, int]]) -> None:
        self.record = Record()
        self.write_behind = WriteBehind(cast("Any", self.record), "here")
        self.busy: list[Busy] = []
        shared = Shared(
            write_behind=self.write_behind,
            send_all=choose_send_all("auto")[1],
            paused={},
            schedule=self.busy.append,
            replay=lambda _: None,
            fill_gap=lambda _: None,
        )
        self.rooms = []
        for number, (sockets, streams) in enumerate(rooms):
            log = TenantLog(Offset(1, 0), Offset(1, 0), {1: 0}, max_events=1000)
            room = Room(f"shop{number}", log, shared)
            for encoding in [WEBSOCKET] * sockets + [EVENT_STREAM] * streams:
                socket = Socket()
                identity = Identity(uuid.uuid4(), uuid.uuid4())
                session = Session(identity, cast("Host", None), room, socket, encoding, 0)
                socket.listener = session
                room.enter(session)
            self.rooms.append(room)

    def sell(self) -> None:
        """An event in every room."""
        for room in self.rooms:
            seq = room.log.head_seq + 1
            room.receive(Event(Offset(1, seq), "new_order", 1, b"{}"))
        for busy in self.busy:
            while busy.busy:
                busy.take_turn()
        self.busy.clear()

    def behind(self, *, streams: bool) -> list[int]:
        """How many events each session is further than its row says."""
        return [
            session.sent - self.record.sent.get(session.identity.connection, 0)
            for room in self.rooms
            for session in room.sessions
            if session.encoding.acks_over_http is streams
        ]


@pytest.mark.parametrize("sockets", [1, PACED_POSITIONS_A_FLUSH, 1000])
async def test_a_busy_crowd_writes_no_more_positions_than_its_pace_and_each_in_its_turn(sockets: int) -> None:
    crowd = Crowd([(sockets, 0), (3, 0)])
    for _ in range(FLUSHES):
        crowd.sell()
        await crowd.write_behind.flush()
    assert crowd.record.rows <= FLUSHES * PACED_POSITIONS_A_FLUSH + sockets
    # Three small rounds of the large room, and everybody's position was written in each of them.
    assert max(crowd.behind(streams=False)) <= 2 + 2 * (sockets // PACED_POSITIONS_A_FLUSH + 1)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40)), min_size=1, max_size=6))
async def test_streams_are_written_at_once_and_a_crowd_at_rest_is_written_in_full(
    rooms: list[tuple[int, int]],
) -> None:
    crowd = Crowd(rooms)
    for _ in range(3):
        crowd.sell()
        await crowd.write_behind.flush()
        assert not any(crowd.behind(streams=True))
    for _ in range(sum(sockets for sockets, _ in rooms) // PACED_POSITIONS_A_FLUSH + len(rooms) + 1):
        await crowd.write_behind.flush()
    assert not any(crowd.behind(streams=False))
    rows = crowd.record.rows
    await crowd.write_behind.flush()
    assert crowd.record.rows == rows
