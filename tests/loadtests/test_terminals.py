"""A terminal of the crowd comes back however its connection ended, at each door, and says so when it is of no use."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import pytest

from bellwire_terminal.fake import FakeBellwire
from loadtests.core.marker import stamp
from loadtests.core.place import Place
from loadtests.core.record import LOST, REFUSED, RESET, Record
from loadtests.core.rows import POLLING, SSE, WEBSOCKET, arrival, back, connect, late_arrival, replay
from loadtests.terminals.host import Host

SECONDS = 60.0
DOORS = (WEBSOCKET, SSE, POLLING)
PUSHED = (WEBSOCKET, SSE)


class Listener:
    """All that a process of terminals said."""

    def __init__(self) -> None:
        self.words: list[dict[str, Any]] = []
        self.record = Record()
        self.lines = asyncio.StreamReader()

    def hear(self, word: dict[str, Any]) -> None:
        self.words.append(word)
        if "delta" in word:
            self.record.add(word["delta"])

    def say(self, **word: Any) -> None:
        self.lines.feed_data(json.dumps(word).encode() + b"\n")

    async def until(self, name: str) -> dict[str, Any]:
        await eventually(lambda: any(name in word for word in self.words))
        return next(word for word in self.words if name in word)

    async def settle(self, fake: FakeBellwire) -> dict[str, Any]:
        self.say(do="settle", owed={fake.tenant: fake.head})
        return await self.until("settled")

    def count(self, row: str) -> int:
        total = self.record.totals.get(row)
        return 0 if total is None else total.count


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not is_so():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def a_terminal(
    fake: FakeBellwire, door: str, *, acks: bool = True
) -> AsyncIterator[tuple[Host, Listener]]:
    listener = Listener()
    place = Place(fake.tenant, fake.terminal_id, fake.key, door, acks)
    order = {"url": fake.url, "people": "crowd", "part": "crowd", "seats": [list(asdict(place).values())]}
    host = Host(order, listener.hear)
    running = asyncio.create_task(host.run(listener.lines))
    try:
        await listener.until("ready")
        yield host, listener
    finally:
        listener.lines.feed_eof()
        await running


def order(fake: FakeBellwire) -> str:
    return fake.place_order(specialInstructions=stamp(time.time_ns()))


async def has(host: Host, offset: str) -> None:
    await eventually(lambda: host.terminals[0].seat.has(offset))


@pytest.mark.parametrize("door", DOORS)
async def test_orders_come_live_are_measured_and_acknowledged(door: str) -> None:
    async with FakeBellwire() as fake, a_terminal(fake, door) as (host, listener):
        await eventually(lambda: host.terminals[0].seat.live)
        for _ in range(3):
            await has(host, order(fake))
        await eventually(lambda: fake.acked == fake.head)
        settled = await listener.settle(fake)
        assert settled["said"] == {fake.terminal_id: fake.head}
        assert listener.record.faults == {}
        assert listener.count(arrival(door, "crowd")) == 3


@pytest.mark.parametrize("door", DOORS)
async def test_a_cut_terminal_comes_back_behind_its_last_offset_and_its_replay_is_told_apart(
    door: str,
) -> None:
    async with FakeBellwire() as fake, a_terminal(fake, door) as (host, listener):
        await eventually(lambda: host.terminals[0].seat.live)
        await has(host, order(fake))
        seat = host.terminals[0].seat
        listener.say(do="cut", share=1.0)
        await eventually(lambda: not seat.open)
        missed = order(fake)
        await has(host, missed)
        await eventually(lambda: seat.live)
        await listener.settle(fake)
        assert listener.record.faults == {}
        assert (listener.count(late_arrival(door, "crowd")), listener.count(replay(door, "crowd"))) == (1, 1)
        assert listener.count(back(door, "crowd")) == 1


@pytest.mark.parametrize("door", PUSHED)
@pytest.mark.parametrize(
    ("code", "reason"), [(1012, "retry_ms=10"), (1001, ""), (4408, "too slow"), (None, "")]
)
async def test_whatever_the_server_ends_it_with_it_comes_back(
    door: str, code: int | None, reason: str
) -> None:
    async with FakeBellwire() as fake, a_terminal(fake, door) as (host, listener):
        await has(host, order(fake))
        fake.cut(code, reason)
        await eventually(lambda: listener.count(connect(door, "crowd")) == 2)
        await has(host, order(fake))
        await listener.settle(fake)
        assert listener.record.faults == {}
        assert any(row.startswith("DOOR closed by the server") for row in listener.record.totals)


@pytest.mark.parametrize("door", PUSHED)
async def test_one_that_is_sent_away_for_good_is_a_fault_and_stays_away(door: str) -> None:
    async with FakeBellwire() as fake, a_terminal(fake, door) as (host, listener):
        await has(host, order(fake))
        fake.cut(4403, "forbidden")
        await eventually(lambda: host.terminals[0].seat.over)
        await listener.settle(fake)
        assert listener.record.faults == {REFUSED: 1}


@pytest.mark.parametrize("door", DOORS)
async def test_a_refusal_that_says_later_is_tried_again(door: str) -> None:
    async with FakeBellwire() as fake, a_terminal(fake, door) as (host, listener):
        await eventually(lambda: host.terminals[0].seat.live)
        await has(host, order(fake))
        fake.refuse_next(503, "unavailable", 0)
        listener.say(do="cut", share=1.0)
        await eventually(lambda: listener.count(connect(door, "crowd")) == 2)
        await has(host, order(fake))
        await listener.settle(fake)
        assert listener.record.faults == {}


async def test_one_that_vanished_leaves_its_old_socket_open_and_comes_back() -> None:
    async with FakeBellwire() as fake, a_terminal(fake, WEBSOCKET) as (host, listener):
        await has(host, order(fake))
        listener.say(do="vanish", share=1.0)
        await eventually(lambda: listener.count(connect(WEBSOCKET, "crowd")) == 2)
        await has(host, order(fake))
        await listener.settle(fake)
        assert listener.record.faults == {}


@pytest.mark.parametrize("door", DOORS)
async def test_a_reset_is_a_fault(door: str) -> None:
    async with FakeBellwire() as fake, a_terminal(fake, door) as (host, listener):
        await eventually(lambda: host.terminals[0].seat.live)
        await has(host, order(fake))
        fake.fork()
        if door == POLLING:
            # Its poll waits for an event that will never be.
            listener.say(do="cut", share=1.0)
        await has(host, order(fake))
        await listener.settle(fake)
        assert listener.record.faults == {RESET: 1}


async def test_what_was_promised_and_did_not_come_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtests.terminals.host.SETTLE_SECONDS", 0.2)
    async with FakeBellwire() as fake, a_terminal(fake, WEBSOCKET) as (host, listener):
        await has(host, order(fake))
        listener.say(do="settle", owed={fake.tenant: "1-3"})
        await listener.until("settled")
        assert listener.record.faults == {LOST: 2}


async def test_a_terminal_that_dies_of_our_own_fault_is_told_as_one() -> None:
    async with FakeBellwire() as fake, a_terminal(fake, WEBSOCKET) as (host, listener):
        await has(host, order(fake))
        host.terminals[0]._pauses = None  # type: ignore[assignment]
        fake.cut(1012, "retry_ms=10")
        word = await listener.until("failed")
        assert "a terminal died of a fault of the load test: AttributeError" in word["failed"]


async def test_a_witness_never_acks() -> None:
    async with FakeBellwire() as fake, a_terminal(fake, WEBSOCKET, acks=False) as (host, listener):
        await has(host, order(fake))
        settled = await listener.settle(fake)
        assert settled["said"] == {fake.terminal_id: None}
        assert fake.acked is None
