"""No unseen order stays silent: each attempt once, through the same log, and none for an order that was seen."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.background.alarms import raise_alarms_once
from api.db.alarms import due_alarms
from api.db.status import UnseenOrders, count_unseen_orders
from backbone.contract.event import Event
from backbone.eventlog.postgres import Database, open_database
from backbone.eventlog.readings import see_orders
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.pods import Pod
from tests.conftest import MakeDatabase
from tests.gateway.till import open_till
from tests.receipts.world import PLACE
from tests.shop import Operator, Shop, bearer


@pytest.fixture
async def watchers(database_url: str) -> AsyncIterator[list[Database]]:
    """Three pods' connections."""
    found = [
        await open_database(
            load_settings(PodSettings, database_url=database_url, redis_url="redis://unused"),
            size=2,
            application="test-alarms",
        )
        for _ in range(3)
    ]
    yield found
    for database in found:
        await database.close()


async def shop_with_deadline(operator: Operator, seconds: int) -> Shop:
    slug = f"shop-{uuid.uuid4().hex[:12]}"
    response = await operator.http.post(
        "/api/tenants",
        json={"slug": slug, "name": "Hasty", "ackDeadlineSeconds": seconds},
        headers=bearer(operator.key),
    )
    assert response.status_code == 201, response.text
    shop = Shop(operator.http, slug, response.json()["storefrontKey"], operator.key)
    await shop.add_terminal("counter")
    return shop


async def make_older(database: "asyncpg.Connection[asyncpg.Record]", shop: Shop, seconds: int) -> None:
    await database.execute(
        """
        UPDATE unseen_orders SET counts_from = counts_from - make_interval(secs => $2),
               alarm_at = alarm_at - make_interval(secs => $2)
        WHERE tenant = $1
        """,
        shop.slug,
        seconds,
    )


async def alarms(shop: Shop) -> list[dict[str, object]]:
    return [event["data"] for event in await shop.events() if event["type"] == "order_unacknowledged"]


async def test_an_order_that_nobody_acked_is_told_to_every_till_at_one_two_four_and_eight_deadlines(
    operator: Operator, gateway: Pod, api_pods: tuple[Pod, Pod]
) -> None:
    shop = await shop_with_deadline(operator, 1)
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        order = await shop.order()
        while not till.events or till.events[-1]["data"].get("attempt") != 4:
            await till.next()
        # Two pods look each second; neither says anything again.
        await till.silent(3)
        raised = till.events[1:]
        assert {event["type"] for event in raised} == {"order_unacknowledged"}
        said = [(event["data"].pop("attempt"), event["data"].pop("waitedSeconds")) for event in raised]
        for event in raised:
            assert event["data"] == {
                "orderId": order["orderId"],
                "orderNumber": order["orderNumber"],
                "orderOffset": order["offset"],
            }
        # On a machine that is busy, one may be left out for a later one.
        assert [attempt for attempt, _ in said] == sorted({attempt for attempt, _ in said})
        assert said[0][0] in (1, 2)
        for attempt, waited in said:
            assert waited >= 2 ** (attempt - 1)


async def test_the_default_deadline_is_thirty_seconds(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", watchers: list[Database]
) -> None:
    await shop.order()
    await make_older(database, shop, 25)
    await raise_alarms_once(watchers[0], lambda *_: None)
    assert await alarms(shop) == []
    await make_older(database, shop, 6)
    await raise_alarms_once(watchers[0], lambda *_: None)
    assert len(await alarms(shop)) == 1


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    orders=st.lists(st.sampled_from(["unseen", "preparing", "cancelled", "pos"]), min_size=1, max_size=6),
    acked=st.integers(0, 8),
)
async def test_exactly_the_pending_online_orders_behind_the_newest_ack_get_one_alarm_however_many_look(
    operator: Operator,
    database: "asyncpg.Connection[asyncpg.Record]",
    watchers: list[Database],
    orders: list[str],
    acked: int,
) -> None:
    shop = await operator.open_shop()
    placed = []
    for kind in orders:
        order = await shop.order(orderSource="pos" if kind == "pos" else "online")
        if kind in ("preparing", "cancelled"):
            assert (await shop.step(order["orderId"], kind)).status_code == 200
        placed.append((kind, order))
    head = int((await shop.poll()).json()["head"].partition("-")[2])
    acked = min(acked, head)
    if acked:
        await shop.take(f"1-{acked}")
    await make_older(database, shop, 60)
    announced: list[Event] = []

    def announce(tenant: str, event: Event) -> None:
        if tenant == shop.slug:
            announced.append(event)

    await asyncio.gather(*(raise_alarms_once(watcher, announce) for watcher in watchers * 2))
    await raise_alarms_once(watchers[0], announce)
    expected = [
        order["orderId"]
        for kind, order in placed
        if kind == "unseen" and int(order["offset"].partition("-")[2]) > acked
    ]
    assert sorted(str(alarm["orderId"]) for alarm in await alarms(shop)) == sorted(expected)
    # The pods of the run look too, and may have been first.
    assert len(announced) <= len(expected)


async def test_an_alarm_under_way_in_another_pod_is_not_waited_for_and_not_given_twice(
    shop: Shop, database_url: str, database: "asyncpg.Connection[asyncpg.Record]", watchers: list[Database]
) -> None:
    await shop.order()
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM orders WHERE tenant = $1 FOR UPDATE", shop.slug)
            await make_older(database, shop, 60)
            assert shop.slug in [tenant for tenant, _ in await due_alarms(watchers[0], 1000)]
            # Waiting for the lock would end in `Unavailable`.
            await raise_alarms_once(watchers[0], lambda *_: None)
            assert await alarms(shop) == []
    finally:
        await holder.close()
    await asyncio.gather(*(raise_alarms_once(watcher, lambda *_: None) for watcher in watchers))
    assert len(await alarms(shop)) == 1


async def test_the_figure_of_unseen_orders_follows_each_tenants_deadline(
    migrated_database: MakeDatabase,
) -> None:
    url = await migrated_database()
    settings = load_settings(PodSettings, database_url=url, redis_url="redis://unused")
    database = await open_database(settings, size=1, application="test-alarms")
    for name, deadline in (("hasty", 5), ("calm", 3600), ("awake", 5), ("test-hasty", 5)):
        await database.fetch(
            "INSERT INTO tenants (tenant, name, ack_deadline_seconds, is_test) VALUES ($1, $1, $2, $3)",
            name,
            deadline,
            name.startswith("test-"),
        )
        await database.fetch("INSERT INTO tenant_streams (tenant) VALUES ($1)", name)
        order = uuid.uuid4()
        await database.fetch(PLACE, name, order)
        await database.fetch(
            """
            UPDATE unseen_orders SET counts_from = counts_from - interval '1 minute',
                   alarm_at = alarm_at - interval '1 minute'
            WHERE order_id = $1
            """,
            order,
        )
    till = uuid.uuid4()
    await database.fetch(
        "INSERT INTO terminals (terminal_id, tenant, name) VALUES ($1, 'awake', 'till')", till
    )
    rows = await database.fetch("SELECT order_id FROM orders WHERE tenant = 'awake'")
    assert await see_orders(database, "awake", till, [row["order_id"] for row in rows]) == []
    assert await count_unseen_orders(database) == UnseenOrders(1, 0, 1)
    # A test tenant has its alarms, and is in no figure.
    assert [tenant for tenant, _ in await due_alarms(database, 10)] == ["hasty", "test-hasty"]
    await database.close()


@pytest.mark.parametrize("seconds", [0, -1, 86401, "30", 1.5, None])
async def test_a_deadline_that_is_none_is_refused(operator: Operator, seconds: object) -> None:
    answer = await operator.http.post(
        "/api/tenants",
        json={"slug": f"s-{uuid.uuid4().hex[:8]}", "name": "x", "ackDeadlineSeconds": seconds},
        headers=bearer(operator.key),
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == "ackDeadlineSeconds"
