"""Laggards of all shops have their turns in one line, and the loop has its own in between."""

import asyncio
import uuid
from typing import Any, cast

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from gateway.core.encoding import WEBSOCKET
from gateway.core.tenant_log import TenantLog
from gateway.fanout.send_all import send_all_python
from gateway.replay.page_reader import PageReader
from gateway.replay.replayer import SESSIONS_A_TURN, Replayer
from gateway.rooms.room import Room, Shared
from gateway.rooms.session import Identity, Session
from gateway.rooms.write_behind import WriteBehind

EVENTS = 300


class Noted:
    """A connection that writes into notes which many share."""

    paused = False
    closing = False
    descriptor = None
    peer = None

    def __init__(self, tenant: str, notes: list[tuple[str, int]]) -> None:
        self._tenant = tenant
        self._notes = notes
        self.broken = False

    def write(self, frames: bytes) -> None:
        if self.broken:
            raise RuntimeError("a bug")
        self._notes.append((self._tenant, len(frames)))


def room_of(tenant: str, replayer: Replayer, notes: list[tuple[str, int]], sessions: int) -> Room:
    """A room whose sessions all lag behind everything."""
    log = TenantLog(Offset(1, 0), Offset(1, 0))
    shared = Shared(
        write_behind=WriteBehind(cast("Any", None), "g"),
        send_all=send_all_python,
        paused={},
        schedule=lambda _: None,
        replay=replayer.start,
        fill_gap=lambda _: None,
    )
    room = Room(tenant, log, shared)
    for seq in range(1, EVENTS + 1):
        log.receive(Event(Offset(1, seq), "new_order", 0, b"x" * 300))
    for _ in range(sessions):
        identity = Identity(uuid.uuid4(), uuid.uuid4())
        nobody, socket = cast("Any", None), cast("Any", Noted(tenant, notes))
        room.enter(Session(identity, nobody, room, socket, WEBSOCKET, 0))
    return room


async def all_at_head(*rooms: Room) -> None:
    async with asyncio.timeout(30):
        while any(room.lagging for room in rooms):
            await asyncio.sleep(0)


async def test_a_shop_of_two_waits_for_a_turn_of_a_shop_of_a_thousand_and_not_for_its_end() -> None:
    replayer, notes = Replayer(cast("PageReader", None)), cast("list[tuple[str, int]]", [])
    large = room_of("large", replayer, notes, 1000)
    small = room_of("small", replayer, notes, 2)
    await all_at_head(large, small)
    assert [tenant for tenant, _ in notes].index("small") <= SESSIONS_A_TURN
    # Three writes a session: two of events and one `caught_up`, each in a round of its own.
    of_small = [index for index, (tenant, _) in enumerate(notes) if tenant == "small"]
    assert len(of_small) == 2 * len({size for tenant, size in notes if tenant == "small"})
    assert of_small[-1] < 1000
    await replayer.stop()


async def test_the_loop_has_its_turns_while_a_thousand_rooms_are_brought_forward() -> None:
    replayer, notes = Replayer(cast("PageReader", None)), cast("list[tuple[str, int]]", [])
    rooms = [room_of(f"shop-{number}", replayer, notes, 3) for number in range(1000)]
    turns = 0

    async def breathe() -> None:
        nonlocal turns
        while any(room.lagging for room in rooms):
            turns += 1
            await asyncio.sleep(0)

    await asyncio.wait_for(breathe(), 60)
    assert turns >= 3
    assert all(len(list(room.live)) == 3 for room in rooms)
    await replayer.stop()


async def test_a_bug_in_one_room_leaves_the_others_alone() -> None:
    replayer, notes = Replayer(cast("PageReader", None)), cast("list[tuple[str, int]]", [])
    broken = room_of("broken", replayer, notes, 1)
    for session in broken.sessions:
        cast("Any", session.socket).broken = True
    well = room_of("well", replayer, notes, 40)
    await all_at_head(well)
    assert len(list(well.live)) == 40
    assert len(broken.lagging) == 1
    await replayer.stop()
