"""Acks and alarms while two releases run side by side: not one alarm too many, and none missing for what is unseen.

Orders that a till acked at a pod of either release are silent. Each other one has every attempt once, at whichever pod.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import MakeDatabase
from tests.gateway.till import Till, open_till
from tests.shop import Shop, bearer
from tests.upgrade.mixture import Side
from tests.upgrade.releases import Releases, both_on, run, stop

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

DEADLINE = 6
# An ack is stored half a second behind its word; a busy machine is given some more.
BEHIND = timedelta(seconds=5)
# So long a test waits for what has to come; how late it comes is a figure of `tests/receipts/test_day.py`.
PATIENCE = 60.0
# Where a till is, and where it acks: a socket, or a poll and an ack over HTTP at a pod of this release each.
WAYS = {
    "a socket at the old gateway": ("old", "socket"),
    "a socket at the new gateway": ("new", "socket"),
    "polled and acked at the old API": ("old", "old"),
    "polled and acked at the new API": ("new", "new"),
    "polled at the new API, acked at the old one": ("new", "old"),
    "polled at the old API, acked at the new one": ("old", "new"),
}
# An ack that a new pod knows to which reading it belongs gives a receipt, and ends an alarm in words.
KNOWN = ("a socket at the new gateway", "polled and acked at the new API")


@pytest.fixture
async def releases(baseline: Path, new_database: MakeDatabase, redis_url: str) -> AsyncIterator[Releases]:
    """Both releases on a prepared database, with a pod of each kind."""
    found = await both_on(await new_database(), redis_url, baseline)
    try:
        found.old.start()
        await run(found.new, "migrate")
        found.new.start()
        for side in (found.old, found.new):
            await asyncio.to_thread(side.await_ready)
        yield found
    finally:
        await stop(found.old, found.new)


@pytest.fixture
async def database(releases: Releases) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the database of both."""
    connection = await asyncpg.connect(releases.database_url)
    yield connection
    await connection.close()


@dataclass(slots=True)
class Case:
    """A shop whose till acks in one way. `seen` were acked before their deadline, `later` behind an alarm or never."""

    shop: Shop
    way: str
    till: Till | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    later: list[dict[str, Any]] = field(default_factory=list)

    async def ack(self, sides: dict[str, Side], orders: list[dict[str, Any]]) -> None:
        """Ack all orders up to the last of these, which the till has."""
        at, how = WAYS[self.way]
        last = orders[-1]["offset"]
        if how == "socket":
            assert self.till is not None
            while last not in self.till.offsets:
                await self.till.next()
            await self.till.say(type="ack", offset=last)
            return
        async with door_of(sides[at]) as here, door_of(sides[how]) as there:
            page = (await self.shop.at(here).poll(after="0", limit=500)).json()
            assert last in [event["offset"] for event in page["events"]]
            named = {"reading": page["reading"]} if at == how == "new" else {}
            answer = await self.shop.at(there).ack(offset=last, **named)
            assert answer.status_code == 204, answer.text


@contextlib.asynccontextmanager
async def door_of(side: Side) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=side.pods["api"].url, timeout=30) as http:
        yield http


async def open_shop(http: httpx.AsyncClient, operator_key: str, deadline: int = DEADLINE) -> Shop:
    """A shop with one terminal, opened at an API pod; later calls of it go there too."""
    slug = f"shop-{uuid.uuid4().hex[:8]}"
    answer = await http.post(
        "/api/tenants",
        json={"slug": slug, "name": slug, "ackDeadlineSeconds": deadline},
        headers=bearer(operator_key),
    )
    assert answer.status_code == 201, answer.text
    shop = Shop(http, slug, answer.json()["storefrontKey"], operator_key)
    await shop.add_terminal("till")
    return shop


class Log:
    """The log as the database has it: asked for often, and of many shops at once."""

    def __init__(self, database: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._database = database

    async def told_of(self, type_: str, order: dict[str, Any]) -> list[dict[str, Any]]:
        """The events of a type about an order, in their order."""
        rows = await self._database.fetch(_TOLD, type_, order["orderId"])
        return [json.loads(row["payload"]) for row in rows]

    async def placed(self, order: dict[str, Any]) -> datetime:
        """When the order was placed, by the database's clock."""
        placed: datetime = await self._database.fetchval(_PLACED, order["orderId"])
        return placed

    async def attempts_of(self, order: dict[str, Any], deadline: int = DEADLINE) -> list[int]:
        """The attempts of an order's alarm; none comes before its time."""
        placed = await self.placed(order)
        found = await self.told_of("order_unacknowledged", order)
        for event in found:
            waited = (datetime.fromisoformat(event["timestamp"]) - placed).total_seconds()
            due = deadline * 2 ** (attempt_of(event) - 1)
            assert due - 0.1 <= waited, (event, waited)
        return [attempt_of(event) for event in found]

    async def has_attempts(
        self,
        orders: list[dict[str, Any]],
        attempts: list[int],
        deadline: int = DEADLINE,
    ) -> None:
        """Wait until each of these orders has had the last of these attempts, and of the others none twice.

        One whose moment passed while no pod looked, on a slow machine, is left out.
        """
        async with asyncio.timeout(PATIENCE):
            for order in orders:
                while attempts[-1] not in (found := await self.attempts_of(order, deadline)):
                    assert found == sorted(set(found)), found
                    assert set(found) <= set(attempts), found
                    await asyncio.sleep(0.1)


_TOLD = """
    SELECT convert_from(payload, 'UTF8') AS payload FROM pos_sync_logs
    WHERE type = $1 AND convert_from(payload, 'UTF8')::jsonb -> 'data' ->> 'orderId' = $2 ORDER BY tenant, seq
"""


_PLACED = "SELECT created_at FROM orders WHERE order_id = $1::text::uuid"


def attempt_of(event: dict[str, Any]) -> int:
    """The old release has but one, and gives it no number."""
    attempt: int = event["data"].get("attempt", 1)
    return attempt


async def test_what_was_acked_at_a_pod_of_either_release_is_silent_and_the_rest_alarms_once_an_attempt(
    releases: Releases, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    sides = {"old": releases.old, "new": releases.new}
    log = Log(database)
    async with contextlib.AsyncExitStack() as stack:
        cases = []
        for placed_at in sides.values():
            http = await stack.enter_async_context(door_of(placed_at))
            for way, (at, how) in WAYS.items():
                case = Case(await open_shop(http, releases.operator_key), way)
                if how == "socket":
                    pod = sides[at].pods["gateway"]
                    till = open_till(pod, case.shop.slug, case.shop.terminal_key, "?after=0")
                    case.till = await stack.enter_async_context(till)
                cases.append(case)

        async def live(case: Case) -> None:
            for _ in range(2):
                case.seen.append(await case.shop.order())
            await case.ack(sides, case.seen)
            case.later.append(await case.shop.order())

        await asyncio.gather(*(live(case) for case in cases))
        # In the midst of the first attempts one API pod after the other dies, and comes back.
        await asyncio.sleep(DEADLINE)
        for side in sides.values():
            side.pods["api"].kill()
            await asyncio.sleep(0.5)
        for side in sides.values():
            await asyncio.to_thread(side.await_ready)
        unseen = [order for case in cases for order in case.later]
        await log.has_attempts(unseen, [1, 2])
        await asyncio.gather(*(case.ack(sides, case.later) for case in cases))
        acked: datetime = await database.fetchval("SELECT clock_timestamp()")
        # The third would come at four deadlines.
        await asyncio.sleep(2 * DEADLINE + 2)
        for case in cases:
            for order in case.seen:
                assert await log.attempts_of(order) == [], case.way
            attempts = await log.attempts_of(case.later[0])
            # Where the machine was so slow that the third was due when the ack was stored, it may be there.
            slow = acked + BEHIND > await log.placed(case.later[0]) + timedelta(seconds=4 * DEADLINE)
            wanted = [[1, 2], [2]] + ([[1, 2, 3], [1, 3], [2, 3], [3]] if slow else [])
            assert attempts in wanted, (case.way, attempts)
            ends = await log.told_of("order_acknowledged", case.later[0])
            async with asyncio.timeout(PATIENCE):
                while case.way in KNOWN and not ends:
                    await asyncio.sleep(0.2)
                    ends = await log.told_of("order_acknowledged", case.later[0])
            assert len(ends) == (case.way in KNOWN), (case.way, ends)
            async with door_of(releases.new) as http:
                shop = case.shop.at(http)
                names = [await shop.receipts(order["orderId"]) for order in (*case.seen, *case.later)]
            assert [bool(receipts) for receipts in names] == [case.way in KNOWN] * 3, case.way


async def test_an_alarm_that_began_at_the_old_release_goes_on_at_the_new_one_without_an_attempt_twice(
    releases: Releases, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    log = Log(database)
    await asyncio.to_thread(releases.new.stop)
    # Long enough for new pods to start between two moments.
    deadline = 2 * DEADLINE
    async with door_of(releases.old) as http:
        shop = await open_shop(http, releases.operator_key, deadline)
        order = await shop.order()
        # The old release alone: one attempt, and no more.
        await log.has_attempts([order], [1], deadline)
        releases.new.start()
        await asyncio.to_thread(releases.new.await_ready)
        await log.has_attempts([order], [1, 2], deadline)
        await asyncio.sleep(2)
        assert await log.attempts_of(order, deadline) in ([1, 2], [1, 2, 3])


SHOPS, ORDERS = 50, 2_000
ACKED = """
    SELECT count(*) FROM orders o JOIN terminals t ON t.tenant = o.tenant AND o.event_seq <= t.acked_seq
    WHERE o.status = 'pending'
"""
# Long ago, so that each of them would be due at once.
AGE = "UPDATE orders SET created_at = created_at - interval '1 hour'"
NOT_ALARMED = "SELECT count(*) FROM orders WHERE order_id = ANY ($1::text[]::uuid[]) AND alarmed_at IS NULL"
PLACE = """
    SELECT count(place_order(t, NULL, NULL, gen_random_uuid(), 'online', 'pickup', 'Ada', NULL, NULL, NULL, 0, '0',
                             '{}', '{}', '{}', '{}', '{}'))
    FROM unnest($1::text[]) AS t, generate_series(1, $2)
"""


async def test_a_hundred_thousand_acked_orders_are_migrated_and_mixed_in_silence_and_the_unseen_alarm(
    baseline: Path, new_database: MakeDatabase, redis_url: str
) -> None:
    found = await both_on(await new_database(), redis_url, baseline)
    database = await asyncpg.connect(found.database_url, command_timeout=300)
    log = Log(database)
    try:
        found.old.start()
        await asyncio.to_thread(found.old.await_ready)
        async with contextlib.AsyncExitStack() as stack:
            http = await stack.enter_async_context(door_of(found.old))
            # Nothing is to alarm until it is old.
            shops = [await open_shop(http, found.operator_key, 86_400) for _ in range(SHOPS)]
            await database.execute(PLACE, [shop.slug for shop in shops], ORDERS)
            tills = [await _ack_at_old_gateway(stack, found.old, shop) for shop in shops]
            async with asyncio.timeout(60):
                while await database.fetchval(ACKED) != SHOPS * ORDERS:
                    await asyncio.sleep(0.2)
            await database.execute(AGE)
            # The search of the old release looks at all of them, and the planner is to know it.
            await database.execute("ANALYZE")
            await database.execute("UPDATE tenants SET ack_deadline_seconds = $1", DEADLINE)
            # In some shops one that nobody acks has its alarm before the migration, and one is not due yet then.
            cases = [Case(shop, "before", till) for shop, till in zip(shops[:10], tills[:10], strict=True)]
            for case in cases:
                case.later.append(await case.shop.order())
            await log.has_attempts([case.later[0] for case in cases], [1])
            for case in cases:
                case.later.append(await case.shop.order())
            await run(found.new, "migrate")
            found.new.start()
            await asyncio.to_thread(found.new.await_ready)
            late = await _until_all_are_looked_at(database, shops)
            await _no_alarm_but_of(database, cases, late)
            for case in cases:
                attempts = [await log.attempts_of(order) for order in case.later]
                # The moments that passed while nobody looked are left out; none is there twice.
                assert all(each[:1] == [1] and each == sorted(set(each)) for each in attempts), attempts
            # The mixture goes on: what is acked now, at the old gateway, ends in silence.
            for shop, till in zip(shops, tills, strict=True):
                order = await shop.order()
                while order["offset"] not in till.offsets:
                    await till.next()
                await till.say(type="ack", offset=order["offset"])
            late += await _until_all_are_looked_at(database, shops)
        await asyncio.to_thread(found.old.stop)
        await run(found.new, "migrate", "--post")
        async with door_of(found.new) as http:
            late += await _until_all_are_looked_at(database, [shop.at(http) for shop in shops])
        await _no_alarm_but_of(database, cases, late)
    finally:
        await stop(found.old, found.new)
        await database.close()


async def _ack_at_old_gateway(stack: contextlib.AsyncExitStack, old: Side, shop: Shop) -> Till:
    """A till that acks everything that there is."""
    head = f"1-{ORDERS}"
    till = await stack.enter_async_context(
        # It is left unread for minutes.
        open_till(
            old.pods["gateway"],
            shop.slug,
            shop.terminal_key,
            f"?after={head}",
            ping_interval=None,
            max_queue=None,
        )
    )
    await till.say(type="ack", offset=head)
    return till


async def _until_all_are_looked_at(
    database: "asyncpg.Connection[asyncpg.Record]", shops: list[Shop]
) -> list[dict[str, Any]]:
    """Place an order at each shop that nobody acks, and wait for its alarm: what was due before it was looked at."""
    orders = [await shop.order() for shop in shops]
    async with asyncio.timeout(PATIENCE):
        while await database.fetchval(NOT_ALARMED, [order["orderId"] for order in orders]):
            await asyncio.sleep(0.1)
    return orders


async def _no_alarm_but_of(
    database: "asyncpg.Connection[asyncpg.Record]", cases: list[Case], late: list[dict[str, Any]]
) -> None:
    """Only the orders that nobody acked have an alarm."""
    alarmed = await database.fetch("SELECT order_id::text FROM orders WHERE alarmed_at IS NOT NULL")
    events = await database.fetch(
        "SELECT DISTINCT (convert_from(payload, 'UTF8')::jsonb -> 'data' ->> 'orderId') AS order_id FROM pos_sync_logs"
        " WHERE type IN ('order_unacknowledged', 'order_acknowledged')"
    )
    wanted = {order["orderId"] for order in [*late, *(order for case in cases for order in case.later)]}
    assert {row["order_id"] for row in alarmed} == {row["order_id"] for row in events} == wanted
