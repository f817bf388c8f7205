"""A till of the load test does what the SDK's does, and hides nothing from whoever judges the server."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from bellwire_terminal.fake import FakeBellwire
from loadtests.till import Till

SECONDS = 60.0


class Notes:
    """All that a till lets its watcher know."""

    def __init__(self) -> None:
        self.greeted = 0
        self.in_vain: list[str] = []
        self.drops: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.handled: list[tuple[str, str]] = []
        self.orders: list[dict[str, Any]] = []
        self.end: list[str] = []

    def connected(self, milliseconds: float) -> None:
        assert milliseconds > 0
        self.greeted += 1

    def not_connected(self, why: str) -> None:
        self.in_vain.append(why)

    def dropped(self, why: str) -> None:
        self.drops.append(why)

    def received(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def delivered(self, kind: str, event: dict[str, Any], arrived_ns: int, size: int) -> None:
        assert arrived_ns > 0
        assert size > 0
        self.handled.append((kind, event["offset"]))
        self.orders.append(event)

    def stopped(self, reason: str) -> None:
        self.end.append(reason)

    @property
    def offsets(self) -> list[str]:
        return [offset for _, offset in self.handled]


def a_till(fake: FakeBellwire) -> tuple[Till, Notes]:
    notes = Notes()
    return Till(fake.url, fake.tenant, fake.key, notes), notes


async def read_until(till: Till, is_so: Callable[[], bool]) -> None:
    """Let it read in a thread, as it does in a greenlet under locust."""

    def read() -> None:
        give_up = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < give_up
            till.read(0.05)

    await asyncio.to_thread(read)


async def test_orders_come_over_cuts_of_both_sides_once_in_order_and_are_acknowledged() -> None:
    async with FakeBellwire() as fake:
        till, notes = a_till(fake)
        placed = [fake.place_order() for _ in range(3)]
        await asyncio.to_thread(till.start)
        await read_until(till, lambda: notes.offsets == placed)
        await asyncio.to_thread(till.cut)
        placed += [fake.place_order() for _ in range(2)]
        await read_until(till, lambda: notes.offsets == placed)
        fake.cut(1012, "retry_ms=10")
        await read_until(till, lambda: notes.drops == ["1012"])
        placed += [fake.place_order() for _ in range(2)]
        await read_until(till, lambda: notes.offsets == placed)
        fake.cut()
        await read_until(till, lambda: len(notes.drops) == 2)
        placed.append(fake.place_order())
        await read_until(till, lambda: notes.offsets == placed and fake.acked == placed[-1])
        await asyncio.to_thread(till.stop)
        assert (notes.greeted, notes.in_vain, notes.end) == (4, [], [])
        assert till.offset == placed[-1]


async def test_a_till_without_a_cursor_goes_on_from_its_terminal_s_last_ack() -> None:
    async with FakeBellwire() as fake:
        till, notes = a_till(fake)
        before = fake.place_order()
        await asyncio.to_thread(till.start)
        await read_until(till, lambda: fake.acked == before)
        await asyncio.to_thread(till.stop)
        behind = fake.place_order()
        till, notes = a_till(fake)
        await asyncio.to_thread(till.start)
        await read_until(till, lambda: notes.offsets == [behind])
        await asyncio.to_thread(till.stop)


async def test_a_repeat_of_the_server_is_shown_to_the_watcher_and_handled_once() -> None:
    async with FakeBellwire() as fake:
        till, notes = a_till(fake)
        await asyncio.to_thread(till.start)
        first = fake.place_order()
        for send, _ in fake._streams.values():
            send(fake.events[-1])
        second = fake.place_order()
        await read_until(till, lambda: notes.offsets == [first, second])
        assert [m["offset"] for m in notes.sent if m["type"] == "new_order"] == [first, first, second]
        await asyncio.to_thread(till.stop)


async def test_a_thin_order_is_fetched_before_it_is_handled() -> None:
    async with FakeBellwire() as fake:
        till, notes = a_till(fake)
        fake.place_order(orderId="big")
        thin = {**fake.events[-1]["data"], "itemsOmitted": True}
        fake.events[-1]["data"] = {name: value for name, value in thin.items() if name != "items"}
        await asyncio.to_thread(till.start)
        await read_until(till, lambda: bool(notes.orders))
        assert notes.orders[0]["data"]["items"] == fake.orders["big"]["items"]
        await asyncio.to_thread(till.stop)


async def test_a_reset_is_handed_on_as_one_and_is_no_event() -> None:
    async with FakeBellwire() as fake:
        till, notes = a_till(fake)
        fake.place_order()
        await asyncio.to_thread(till.start)
        await read_until(till, lambda: len(notes.handled) == 1)
        fake.fork()
        behind = fake.place_order()
        await read_until(till, lambda: till.offset == behind)
        assert [kind for kind, _ in notes.handled] == ["event", "reset", "event"]
        await asyncio.to_thread(till.stop)


async def test_a_connection_that_came_to_nothing_is_told_and_tried_again() -> None:
    async with FakeBellwire() as fake:
        till, notes = a_till(fake)
        fake.refuse_next(503, "unavailable")
        await asyncio.to_thread(till.start)
        assert notes.in_vain == ["503 unavailable"]
        placed = fake.place_order()
        await read_until(till, lambda: notes.offsets == [placed])
        await asyncio.to_thread(till.stop)
        assert (notes.greeted, notes.drops) == (1, [])


@pytest.mark.parametrize(
    ("code", "reason"), [(4401, "unauthorized"), (4403, "forbidden"), (4409, "replaced")]
)
async def test_a_till_that_is_sent_away_for_good_says_so_once_and_stays_away(code: int, reason: str) -> None:
    async with FakeBellwire() as fake:
        till, notes = a_till(fake)
        fake.place_order()
        await asyncio.to_thread(till.start)
        await read_until(till, lambda: len(notes.handled) == 1)
        fake.cut(code)
        await read_until(till, lambda: till.over)
        await asyncio.to_thread(till.read, 0.01)
        await asyncio.to_thread(till.stop)
        assert notes.end == [reason]
        assert notes.greeted == 1
