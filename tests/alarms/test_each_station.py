"""`alarmScope: each-station`: an order is seen when each of its stations that has a terminal has seen it.

The histories are random and the functions the database's own; the judge is the sentence above, asked of who is there
and who was given what.
"""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from infra.local.pods import Pod
from tests.alarms.conftest import hasty
from tests.alarms.shop import due
from tests.alarms.test_life import ADVANCE, DUE, LATER, PLACE, Bench
from tests.alarms.test_settings import change, said
from tests.conftest import MakeDatabase
from tests.gateway.till import Till, open_till
from tests.shop import Operator, Shop, bearer
from tests.station_orders import ITEM

DEADLINE = 15
STATIONS = ("bar", "grill", "pass")
# Each terminal's role and what it asks for: types, stations, categories.
TERMINALS: dict[str, tuple[str | None, list[str] | None, list[str] | None, list[str] | None]] = {
    "counter": ("counter", None, None, None),
    "bar": ("kitchen", None, ["bar"], None),
    "bar 2": ("counter", None, ["bar"], None),
    "grill": ("kitchen", None, ["grill"], None),
    "both": ("kitchen", None, ["bar", "grill"], None),
    "drinks": ("kitchen", None, ["bar", "pass"], ["drinks"]),
    "deaf": ("kitchen", ["order_updated"], ["grill"], None),
}
HOOK = "hook"


def passes(who: str, stations: list[str], categories: list[str]) -> bool:
    _, types, of, kinds = TERMINALS[who]
    return types is None and all(
        asked is None or not has or bool({*asked} & {*has})
        for asked, has in ((of, stations), (kinds, categories))
    )


class Order:
    """An order, what was said of it, and who has it: (who, the stations that they have it for)."""

    def __init__(self, stations: list[str], categories: list[str]) -> None:
        self.id = uuid.uuid4()
        self.stations, self.categories = stations, categories
        self.elapsed = self.attempt = 0
        self.open = True
        self.has: list[tuple[str, set[str]]] = []


class Floor:
    """A shop in the database, and beside it what is so."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.db = connection
        self.tenant = f"shop-{uuid.uuid4().hex[:12]}"
        self.ids = {name: uuid.uuid4() for name in (*TERMINALS, HOOK)}
        self.scope, self.roles = "each-station", None
        self.there: dict[str, uuid.UUID] = {}
        self.orders: list[Order] = []
        self.expected: list[tuple[object, ...]] = []
        self.told: list[tuple[object, ...]] = []

    async def open(self) -> None:
        run, tenant = self.db.execute, self.tenant
        await run(
            "INSERT INTO tenants (tenant, name, ack_deadline_seconds, alarm_scope) VALUES ($1, $1, $2, $3)",
            tenant, DEADLINE, self.scope,
        )  # fmt: skip
        await run("INSERT INTO tenant_streams (tenant) VALUES ($1)", tenant)
        for name, (role, *_) in TERMINALS.items():
            await run("INSERT INTO terminals (terminal_id, tenant, name, role) VALUES ($1, $2, $3, $4)",
                      self.ids[name], tenant, name, role)  # fmt: skip
        await run(
            "INSERT INTO webhook_endpoints (endpoint_id, tenant, url, epoch, seq, counts, lease, stations)"
            " VALUES ($1, $2, 'https://example.org', 1, 0, true, $1, '{pass}')", self.ids[HOOK], tenant,
        )  # fmt: skip

    # -- the steps -----------------------------------------------------------------------------------------------

    async def place(self, stations: list[str], categories: list[str]) -> None:
        order = Order(stations, categories)
        self.orders.append(order)
        await self.db.fetchval(PLACE, self.tenant, order.id)
        for table in ("orders", "unseen_orders"):
            await self.db.execute(
                f"UPDATE {table} SET stations = $2, categories = $3 WHERE order_id = $1",
                order.id, stations, categories,
            )  # fmt: skip

    async def come(self, who: str) -> None:
        """A terminal begins to poll at the head."""
        if who not in self.there:
            self.there[who] = uuid.uuid4()
            await self._poll(who, await self._head(), self.there[who])

    async def _head(self) -> int:
        """The end of the log, in which alarms have their places as well as orders."""
        head: int = await self.db.fetchval("SELECT seq FROM tenant_streams WHERE tenant = $1", self.tenant)
        return head

    async def _poll(self, who: str, start: int, new: uuid.UUID) -> uuid.UUID:
        _, types, stations, categories = TERMINALS[who]
        found: uuid.UUID = await self.db.fetchval(
            "SELECT poll_reading($1, $2, $3, NULL, NULL, $4, $5, $6, 1, $7, false, $8)",
            self.tenant, self.ids[who], new, types, stations, categories, start, await self._head(),
        )  # fmt: skip
        return found

    async def leave(self, who: str) -> None:
        if self.there.pop(who, None):
            await self.db.execute(
                "UPDATE readings SET ended_at = clock_timestamp() WHERE terminal_id = $1", self.ids[who]
            )

    async def vanish(self, who: str) -> None:
        """It has not polled for a minute; its row does not know that it is gone."""
        if self.there.pop(who, None):
            await self.db.execute(
                "UPDATE readings SET polled_at = polled_at - interval '1 minute' WHERE terminal_id = $1",
                self.ids[who],
            )

    async def ack(self, who: str) -> None:
        """A terminal reads from the beginning, and acks all of it."""
        self.there.setdefault(who, uuid.uuid4())
        self.there[who] = await self._poll(who, 0, uuid.uuid4())
        await self.db.execute(
            "UPDATE readings SET polled_at = clock_timestamp() WHERE reading_id = $1", self.there[who]
        )
        await self.db.fetch(
            "SELECT * FROM ack_reading($1, $2, $3, 1, $4)", self.tenant, self.ids[who], self.there[who],
            await self._head(),
        )  # fmt: skip
        for order in self.orders:
            if passes(who, order.stations, order.categories):
                self._has(order, who, TERMINALS[who][2])

    async def show(self, who: str, at: int) -> None:
        """A terminal is shown an order by a list: it has it for the stations of its open stream."""
        if at < len(self.orders):
            await self.db.fetch("SELECT * FROM see_orders($1, $2, $3)", self.tenant, self.ids[who],
                                [self.orders[at].id])  # fmt: skip
            self._has(self.orders[at], who, TERMINALS[who][2] if who in self.there else None)

    async def hook(self, at: int) -> None:
        if at < len(self.orders):
            order = self.orders[at].id
            seq = await self.db.fetchval("SELECT event_seq FROM orders WHERE order_id = $1", order)
            await self.db.fetch("SELECT * FROM advance_endpoint($1, $1, 1, $2, 5, 'delivered', true)",
                                self.ids[HOOK], seq)  # fmt: skip
            self._has(self.orders[at], HOOK, ["pass"])

    async def later(self, seconds: int) -> None:
        await self.db.execute(LATER, self.tenant, float(seconds))
        for order in self.orders:
            order.elapsed += seconds

    async def look(self) -> None:
        for row in await self.db.fetch(DUE, self.tenant):
            event = await self.db.fetchrow(ADVANCE, self.tenant, row["order_id"])
            assert event is not None
            if event["type"] is not None:
                data = orjson.loads(event["payload"])["data"]
                at = next(n for n, order in enumerate(self.orders) if str(order.id) == data["orderId"])
                self.told.append((at, event["type"], data.get("attempt", data.get("attempts"))))
        for at, order in enumerate(self.orders):
            if order.open:
                self._judge(at, order)
        assert sorted(self.told) == sorted(self.expected)

    # -- what is so ----------------------------------------------------------------------------------------------

    def _has(self, order: Order, who: str, of: list[str] | None) -> None:
        order.has.append((who, {*(of or ())} & {*order.stations}))
        if order.attempt == 0 and {*order.stations} <= set().union(*(of for _, of in order.has)):
            # All that there is to be seen is seen: nothing is looked at any more.
            order.open = False

    def seen(self, order: Order) -> bool:
        """Somebody has it; and each of its stations has it that has a terminal which gets it."""
        waiting = {
            station
            for who in self.there
            if passes(who, order.stations, order.categories)
            for station in {*(TERMINALS[who][2] or ())} & {*order.stations}
        }
        return bool(order.has) and waiting <= set().union(*(of for _, of in order.has))

    def _judge(self, at: int, order: Order) -> None:
        now, _ = due(order.elapsed, DEADLINE, 3, order.attempt)
        if now is None and not (order.attempt and order.has):
            return
        if self.seen(order) and (now is not None or order.has[-1] != getattr(order, "judged", None)):
            order.open = False
            if order.attempt:
                self.expected.append((at, "order_acknowledged", order.attempt))
        elif now is not None:
            order.attempt = now
            self.expected.append((at, "order_unacknowledged", now))
        if order.has:
            order.judged = order.has[-1]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def bench(migrated_database: MakeDatabase) -> Iterator[Bench]:
    found = Bench(migrated_database)
    yield found
    found.close()


WHO = st.sampled_from(list(TERMINALS))
AT = st.integers(0, 2)
STEP = st.one_of(
    st.tuples(
        st.just("place"), st.lists(st.sampled_from(STATIONS), unique=True),
        st.sampled_from([[], ["drinks"], ["food"]]),
    ),
    st.tuples(st.sampled_from(["come", "come", "leave", "vanish"]), WHO),
    st.tuples(st.just("ack"), WHO),
    st.tuples(st.just("show"), WHO, AT),
    st.tuples(st.just("hook"), AT),
    st.tuples(st.just("later"), st.sampled_from([10, 20, 50, 100, 1000])),
    st.just(("look",)),
    st.just(("look",)),
)  # fmt: skip


quiet: dict[str, Any] = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


async def play(bench: Bench, steps: list[tuple[Any, ...]]) -> None:
    """Play a history on a floor of its own, and look once more when every deadline has passed."""
    floor = Floor(bench.db)
    await floor.open()
    await floor.place(["bar", "grill"], [])
    for name, *rest in steps:
        await getattr(floor, name)(*rest)
    await floor.later(10**6)
    await floor.look()


@settings(max_examples=100, **quiet)
@given(steps=st.lists(STEP, max_size=25))
def test_an_alarm_comes_exactly_while_a_station_that_has_a_terminal_has_not_seen_its_order(
    bench: Bench, steps: list[tuple[Any, ...]]
) -> None:
    bench.run(play(bench, steps))


# A screen goes away without a word, and a list shows it an order that the other screen of its station has not seen.
GONE: list[tuple[Any, ...]] = [
    ("come", "bar"), ("vanish", "bar"), ("come", "grill"), ("come", "bar 2"), ("show", "bar", 0),
    ("show", "grill", 0), ("later", 20), ("look",),
]  # fmt: skip


# The order alarmed, one screen of two has it now, and the other one's goes: that is the alarm's end.
PARTLY: list[tuple[Any, ...]] = [
    ("come", "grill"), ("later", 20), ("look",), ("ack", "counter"), ("leave", "grill"), ("look",),
]  # fmt: skip


def test_a_screen_that_left_a_station_speaks_for_it_no_more_when_a_list_shows_it_an_order(
    bench: Bench,
) -> None:
    bench.run(play(bench, GONE))


@settings(max_examples=500, derandomize=True, phases=[Phase.explicit, Phase.generate], **quiet)
@given(steps=st.lists(STEP, max_size=25))
@example(steps=GONE)
@example(steps=[("come", "bar"), ("leave", "bar"), ("ack", "counter"), ("later", 20), ("look",)])
@example(steps=[("come", "bar"), ("vanish", "bar"), ("ack", "counter"), ("later", 20), ("look",)])
@example(steps=[("come", "grill"), ("hook", 0), ("later", 20), ("look",)])
@example(steps=PARTLY)
def find(bench: Bench, steps: list[tuple[Any, ...]]) -> None:
    bench.run(play(bench, steps))


# Each by the function, what is right there, and what is wrong.
FAULTS: dict[str, tuple[str, str, str]] = {
    "one receipt is enough": ("advance_readings", "NOT s.each OR s.stations <@ a.stations", "true"),
    "a list is the word of a screen that is gone": ("see_orders", "reading_is_there(r)", "r.ended_at IS NULL"),
    "a list is everybody's word": ("see_orders", "OR u.stations <@ a.stations", "OR true"),
    "a webhook is of every station": ("advance_endpoint", "u.seen_stations, moved.stations", "u.stations, u.stations"),
    "a station waits though nobody is there": ("station_waits", "r.ended_at IS NULL", "true"),
    "a terminal that has gone silent is there": ("station_waits", "interval '45 seconds'", "interval '1 hour'"),
    "nobody waits": ("station_waits", "x <> ALL (p_seen)", "false"),
    "who gets no orders is waited for": ("station_waits", "AND reading_passes(", "AND true OR reading_passes("),
    "what was seen before is forgotten": ("stations_seen", "x = ANY (p_before) OR ", ""),
    "an end is not told": ("advance_alarm", "unseen.seen_at := unseen.partly_at", "NULL"),
    "an order that was seen in time alarms": ("advance_alarm", "NOT still_unseen(unseen)", "false"),
    "a receipt behind an alarm is looked at late": (
        "advance_readings", "CASE WHEN j.attempt > 0 THEN clock_timestamp()", "CASE WHEN false THEN clock_timestamp()",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_planted_into_the_database_is_found(bench: Bench, fault: str) -> None:
    function, right, wrong = FAULTS[fault]

    async def planted() -> str:
        text: str = await bench.db.fetchval("SELECT pg_get_functiondef($1::regproc)", function)
        assert right in text, f"{function} has changed"
        await bench.db.execute(text.replace(right, wrong))
        return text

    sound = bench.run(planted())
    try:
        with pytest.raises(AssertionError):
            find(bench)
    finally:
        bench.run(bench.db.execute(sound))


# -- through real pods -------------------------------------------------------------------------------------------------


async def shop_of_stations(operator: Operator) -> Shop:
    shop = await hasty(operator, 2)
    await change(shop, alarmScope="each-station")
    await shop.add_terminal("bar")
    await shop.add_terminal("grill")
    return shop


async def acked(till: Till, order: dict[str, Any]) -> None:
    while order["offset"] not in till.offsets:
        await till.next()
    await till.say(type="ack", offset=order["offset"])


async def test_a_screen_that_is_there_and_does_not_ack_is_an_alarm_until_it_does(
    operator: Operator, gateway: Pod
) -> None:
    shop = await shop_of_stations(operator)
    counter, bar, grill = shop.terminals
    async with (
        open_till(gateway, shop.slug, counter.key) as all_,
        open_till(gateway, shop.slug, bar.key, "?stations=bar&types=new_order") as one,
        open_till(gateway, shop.slug, grill.key, "?stations=Grill&types=new_order") as other,
    ):
        order = await shop.order(items=[{**ITEM, "station": "Bar"}, {**ITEM, "station": "GRILL"}])
        alone = await shop.order(items=[{**ITEM, "station": "bar"}])
        for till in (all_, one):
            await acked(till, alone)
        alarm = await said(shop, "order_unacknowledged")
        assert alarm["orderId"] == order["orderId"]
        asked: dict[str, Any] = {"params": {"unacked": "true"}, "headers": bearer(shop.storefront_key)}
        unacked = (await shop.http.get(shop.path("orders"), **asked)).json()["orders"]
        assert [one["orderId"] for one in unacked] == [order["orderId"]]
        await acked(other, order)
        end = await said(shop, "order_acknowledged")
        assert (end["orderId"], end["terminalId"]) == (order["orderId"], grill.terminal_id)
        assert (await shop.http.get(shop.path("orders"), **asked)).json()["orders"] == []
    told = [event["data"]["orderId"] for event in await shop.events() if "unack" in event["type"]]
    assert set(told) == {order["orderId"]}


async def test_a_station_without_a_terminal_is_not_waited_for(
    operator: Operator, gateway: Pod, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shop = await shop_of_stations(operator)
    async with open_till(gateway, shop.slug, shop.terminals[1].key, "?stations=bar") as till:
        order = await shop.order(items=[{**ITEM, "station": "bar"}, {**ITEM, "station": "grill"}])
        await acked(till, order)
        left = "SELECT count(*) FROM unseen_orders WHERE tenant = $1"
        async with asyncio.timeout(20):
            while await database.fetchval(left, shop.slug):
                await asyncio.sleep(0.1)
    assert [event["type"] for event in await shop.events()] == ["new_order"]


async def test_a_change_of_the_scope_looks_anew_at_what_waits(operator: Operator, gateway: Pod) -> None:
    shop = await shop_of_stations(operator)
    await change(shop, alarmScope="any")
    async with (
        open_till(gateway, shop.slug, shop.terminals[0].key) as counter,
        open_till(gateway, shop.slug, shop.terminals[2].key, "?stations=grill"),
    ):
        order = await shop.order(items=[{**ITEM, "station": "grill"}])
        await acked(counter, order)
        async with asyncio.timeout(20):
            while not await shop.receipts(order["orderId"]):
                await asyncio.sleep(0.1)
        await change(shop, alarmScope="each-station")
        assert (await said(shop, "order_unacknowledged"))["orderId"] == order["orderId"]
        await change(shop, alarmScope="any")
        assert (await said(shop, "order_acknowledged"))["terminalId"] == shop.terminals[0].terminal_id
