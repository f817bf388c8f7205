"""The calls that are timed: the product's own functions, each with a target that is picked anew.

Each returns how long its call took, in seconds; what it needs beforehand is not in that.
"""

import random
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from api.core.order_event import new_order_forms
from api.core.order_items import Item
from api.core.orders import NewOrder, reckon
from api.db.alarms import due_alarms
from api.db.journeys import connections_of, journey_of
from api.db.order_search import OrderFilter, search_orders
from api.db.orders import Placing, get_order, new_order_id, place_orders
from api.db.status import tenant_status
from api.db.writes import Attempt
from backbone.contract.event_filter import EventFilter
from backbone.contract.offset import Offset
from backbone.eventlog.access import find_keys
from backbone.eventlog.head_check import KnownHeads, check_heads
from backbone.eventlog.log_reads import read_events, read_extent, read_heads
from backbone.eventlog.postgres import Database
from backbone.eventlog.readings import NewReading, Progress, advance_readings, begin_readings
from backbone.runtime.client import NOBODY
from benchmarks.growth.world import OPEN_ORDERS, World, phone

PAGE = 100
ORDERS_A_PAGE = OPEN_ORDERS
ALARMS_A_LOOK = 200
SHOPS_A_CHECK = 100


@dataclass(frozen=True, slots=True)
class Open:
    """A world, and a pool of one connection to it; `since` is a moment after its fill."""

    world: World
    database: Database
    since: datetime


async def _timed(call: Awaitable[Any]) -> float:
    began = time.perf_counter()
    found = await call
    took = time.perf_counter() - began
    assert found is not None
    return took


def _target(world: World) -> tuple[int, int]:
    """A shop, and the running number of one of its orders that is done."""
    return world.any_shop(), random.randint(1, world.orders_a_shop - OPEN_ORDERS)


async def newest_page(at: Open) -> float:
    """The last hundred events."""
    head = at.world.head()
    shop, after = at.world.shop(at.world.any_shop()), Offset(head.epoch, head.seq - PAGE)
    return await _timed(read_events(at.database, shop, after, PAGE))


async def oldest_page(at: Open) -> float:
    """The first hundred that are retained."""
    shop = at.world.shop(at.world.any_shop())
    return await _timed(read_events(at.database, shop, Offset(at.world.head().epoch, 0), PAGE))


async def extent(at: Open) -> float:
    """The part of a log that can be replayed: asked by each terminal that comes."""
    return await _timed(read_extent(at.database, at.world.shop(at.world.any_shop())))


async def by_id(at: Open) -> float:
    """An order with its items, steps and receipts."""
    shop, number = _target(at.world)
    return await _timed(get_order(at.database, at.world.shop(shop), at.world.order(shop, number)))


async def _search(at: Open, shop: int, asked: OrderFilter, least: int = 1) -> float:
    began = time.perf_counter()
    page = await search_orders(at.database, at.world.shop(shop), asked, None, ORDERS_A_PAGE)
    took = time.perf_counter() - began
    assert page is not None
    assert len(page.orders) >= least, (asked, len(page.orders))
    return took


async def by_number(at: Open) -> float:
    """By the number on its receipt."""
    shop, number = _target(at.world)
    return await _search(at, shop, OrderFilter(number=number))


async def by_external_id(at: Open) -> float:
    """By the number that a platform gave it."""
    shop, number = _target(at.world)
    return await _search(at, shop, OrderFilter(external_id=f"W-{number}"))


async def newest_orders(at: Open) -> float:
    """The first page of all orders."""
    return await _search(at, at.world.any_shop(), OrderFilter(), ORDERS_A_PAGE)


async def open_orders(at: Open) -> float:
    """The first page of the open ones."""
    asked = OrderFilter(statuses=("pending", "preparing", "ready"))
    return await _search(at, at.world.any_shop(), asked, ORDERS_A_PAGE)


async def unacked_orders(at: Open) -> float:
    """The first page of those that nobody has seen."""
    return await _search(at, at.world.any_shop(), OrderFilter(unacked=True), ORDERS_A_PAGE)


async def by_phone(at: Open) -> float:
    """A customer's five orders."""
    shop, number = _target(at.world)
    return await _search(at, shop, OrderFilter(phone=(phone(number),)))


async def by_day(at: Open) -> float:
    """The first page of a quarter of an hour, as of a day."""
    shop = at.world.any_shop()
    age = timedelta(seconds=10 * random.randint(OPEN_ORDERS, at.world.orders_a_shop - 1))
    moment = at.since - age
    return await _search(at, shop, OrderFilter(since=moment - timedelta(minutes=15), until=moment))


async def old_journey(at: Open) -> float:
    """The journey of one of the first orders."""
    shop = at.world.any_shop()
    return await _timed(journey_of(at.database, at.world.shop(shop), at.world.order(shop, 1)))


async def new_journey(at: Open) -> float:
    """The journey of the last order."""
    shop = at.world.any_shop()
    order = at.world.order(shop, at.world.orders_a_shop)
    return await _timed(journey_of(at.database, at.world.shop(shop), order))


async def connections(at: Open) -> float:
    """A terminal's last fifty connections."""
    shop = at.world.any_shop()
    return await _timed(
        connections_of(at.database, at.world.shop(shop), at.world.terminal(shop, 1), without_addresses=True)
    )


async def status(at: Open) -> float:
    """Whether a shop accepts orders: asked at each checkout."""
    return await _timed(tenant_status(at.database, at.world.shop(at.world.any_shop())))


async def alarms(at: Open) -> float:
    """The search for alarms that are due."""
    return await _timed(due_alarms(at.database, ALARMS_A_LOOK))


async def head_check(at: Open) -> float:
    """A gateway's check of a hundred shops (of all, where there are fewer) in which nothing changed."""
    numbers = random.sample(range(1, at.world.shops + 1), min(SHOPS_A_CHECK, at.world.shops))
    known = await read_heads(at.database, [at.world.shop(number) for number in numbers])
    return await _timed(check_heads(at.database, KnownHeads(known), at.since, "nowhere"))


async def key(at: Open) -> float:
    """A key's holder."""
    hashed = at.world.key_hash(at.world.any_shop(), 1)
    return await _timed(find_keys(at.database, [hashed]))


async def _place(at: Open, shop: int) -> tuple[float, Offset]:
    order = NewOrder("online", "pickup", "Ada", None, None, (Item("Ayran", 1000, 205),), None)
    bill = reckon(order)
    forms = new_order_forms(order, bill)
    placing = Placing(Attempt(at.world.shop(shop), None, None), new_order_id(), order, bill, forms)
    began = time.perf_counter()
    [written] = await place_orders(at.database, [placing])
    took = time.perf_counter() - began
    return took, written.events[0].offset


async def place(at: Open) -> float:
    """An order placed."""
    return (await _place(at, at.world.any_shop()))[0]


async def _begin(at: Open, shop: int) -> tuple[float, uuid.UUID, Offset]:
    name = at.world.shop(shop)
    start = (await read_heads(at.database, [name]))[name]
    reading = uuid.uuid4()
    new = NewReading(
        reading, at.world.terminal(shop, 1), name, "websocket", NOBODY, EventFilter(), start, named=False
    )
    return await _timed(begin_readings(at.database, "nowhere", [new])), reading, start


async def begin(at: Open) -> float:
    """A terminal comes: the row of its connection, and its last ack."""
    return (await _begin(at, at.world.any_shop()))[0]


async def ack(at: Open) -> float:
    """The ack of an order, of a terminal that has just come."""
    shop = at.world.any_shop()
    _, reading, start = await _begin(at, shop)
    _, offset = await _place(at, shop)
    began = time.perf_counter()
    news = Progress(reading, 0, offset.epoch, start.seq, offset.seq, offset.seq, 0.0)
    await advance_readings(at.database, [news])
    return time.perf_counter() - began


Call = Callable[[Open], Coroutine[Any, Any, float]]
CALLS: dict[str, Call] = {
    "page of the log, newest": newest_page,
    "page of the log, oldest": oldest_page,
    "extent of the log": extent,
    "order by id": by_id,
    "order by number": by_number,
    "order by externalId": by_external_id,
    "orders, newest": newest_orders,
    "orders, open": open_orders,
    "orders, unseen": unacked_orders,
    "orders of a phone": by_phone,
    "orders of a time": by_day,
    "journey, old order": old_journey,
    "journey, new order": new_journey,
    "connections of a terminal": connections,
    "status of a shop": status,
    "search for due alarms": alarms,
    "head check, 100 shops": head_check,
    "look-up of a key": key,
    "place an order": place,
    "a terminal comes": begin,
    "ack of an order": ack,
}
