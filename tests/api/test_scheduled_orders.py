"""An order for later is in nobody's way before it is due: no alarm, no figure; and alarms count from then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.shop import Shop, bearer


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def settle(shop: Shop, **settings: Any) -> dict[str, Any]:
    answer = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json=settings, headers=bearer(shop.operator_key)
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def status(shop: Shop) -> dict[str, Any]:
    answer = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    found: dict[str, Any] = answer.json()
    return found


async def get(shop: Shop, **query: str) -> list[dict[str, Any]]:
    answer = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
    found: list[dict[str, Any]] = answer.json()["orders"]
    return found


async def test_an_order_is_due_as_long_before_its_time_as_the_shop_needs_and_never_before_it_was_placed(
    shop: Shop,
) -> None:
    assert (await settle(shop, preparationMinutes=45))["preparationMinutes"] == 45
    assert (await status(shop))["preparationMinutes"] == 45
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    soon = datetime.now(UTC) + timedelta(minutes=10)
    local = tomorrow.astimezone(tz=None).isoformat()
    for wanted in (local, soon.isoformat(), None, "2020-01-01T00:00:00Z"):
        await shop.order(scheduledFor=wanted)
    events = [event["data"] for event in await shop.events()]
    answers = (await get(shop))[::-1]
    for event, answer in zip(events, answers, strict=True):
        assert (event.get("scheduledFor"), event["dueAt"]) == (answer["scheduledFor"], answer["dueAt"])
    later, sooner, now, past = answers
    assert moment(later["scheduledFor"]) == tomorrow
    assert moment(later["dueAt"]) == tomorrow - timedelta(minutes=45)
    assert abs(moment(sooner["scheduledFor"]) - soon) < timedelta(milliseconds=1)
    for answer in (sooner, now, past):
        assert answer["dueAt"] == answer["createdAt"]
    # One in the past is for now.
    assert (now["scheduledFor"], past["scheduledFor"]) == (None, past["createdAt"])
    # It is fixed with the order.
    await settle(shop, preparationMinutes=0)
    assert (await get(shop))[-1]["dueAt"] == later["dueAt"]


async def test_before_it_is_due_an_order_is_in_no_figure_and_then_it_is(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await settle(shop, ackDeadlineSeconds=60)
    order = await shop.order(scheduledFor=(datetime.now(UTC) + timedelta(hours=2)).isoformat())
    assert (await status(shop))["oldestUnackedSeconds"] is None
    assert await get(shop, unacked="true") == []
    row = await database.fetchrow(
        "SELECT counts_from, alarm_at, due_at FROM unseen_orders JOIN orders USING (order_id) WHERE order_id = $1",
        order["orderId"],
    )
    assert row is not None
    assert row["counts_from"] == row["due_at"]
    assert row["alarm_at"] - row["due_at"] == timedelta(seconds=60)
    # Two hours and a minute pass.
    await database.execute(
        "UPDATE unseen_orders SET counts_from = counts_from - interval '121 minutes',"
        " alarm_at = alarm_at - interval '121 minutes' WHERE order_id = $1",
        order["orderId"],
    )
    assert 59 < (await status(shop))["oldestUnackedSeconds"] < 120
    assert [found["orderId"] for found in await get(shop, unacked="true")] == [order["orderId"]]
    event = await database.fetchrow(
        "SELECT type, payload FROM advance_alarm($1, $2, true)", shop.slug, order["orderId"]
    )
    assert event is not None
    # A pod may have been quicker than this test.
    alarms = [event for event in await shop.events() if event["type"] == "order_unacknowledged"]
    assert [(alarm["data"]["attempt"], 59 < alarm["data"]["waitedSeconds"] < 120) for alarm in alarms] == [
        (1, True)
    ]


async def test_a_change_of_who_counts_leaves_an_order_for_later_where_it_is(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = await shop.order(scheduledFor=(datetime.now(UTC) + timedelta(hours=2)).isoformat())
    await shop.take(order["offset"])
    assert (
        await database.fetchval("SELECT count(*) FROM unseen_orders WHERE order_id = $1", order["orderId"])
        == 0
    )
    await settle(shop, alarmRoles=["kitchen"])
    row = await database.fetchrow(
        "SELECT counts_from, alarm_at, due_at FROM unseen_orders JOIN orders USING (order_id) WHERE order_id = $1",
        order["orderId"],
    )
    assert row is not None
    assert row["counts_from"] == row["due_at"] < row["alarm_at"]
    assert await get(shop, unacked="true") == []


@pytest.mark.parametrize("wrong", [-1, 10_081, 1.5, "45", None])
async def test_a_wrong_time_of_preparation_is_named(shop: Shop, wrong: Any) -> None:
    answer = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json={"preparationMinutes": wrong}, headers=bearer(shop.operator_key)
    )
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == ["preparationMinutes"]
