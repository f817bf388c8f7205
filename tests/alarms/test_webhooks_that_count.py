"""A webhook endpoint that counts: its 2xx for an order is that order's receipt, and nothing else is."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from tests.alarms.conftest import hasty
from tests.api.sink import Answer, Sink
from tests.shop import Operator, Shop, bearer

RECEIPTS = """
    SELECT o.event_seq, r.webhook_id, r.terminal_id, r.by FROM orders o CROSS JOIN LATERAL receipts_of(o) r
    WHERE o.tenant = $1 ORDER BY o.event_seq
"""


async def register(shop: Shop, sink: Sink, **more: Any) -> dict[str, Any]:
    answer = await shop.http.post(
        shop.path("webhooks"), json={"url": sink.url, **more}, headers=bearer(shop.storefront_key)
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def unseen(database: "asyncpg.Connection[asyncpg.Record]", shop: Shop) -> list[int]:
    rows = await database.fetch(
        "SELECT event_seq FROM unseen_orders WHERE tenant = $1 ORDER BY event_seq", shop.slug
    )
    return [row["event_seq"] for row in rows]


async def comes_to(database: "asyncpg.Connection[asyncpg.Record]", shop: Shop, seq: int) -> None:
    """Until every endpoint of the shop was taken through the log up to there."""
    async with asyncio.timeout(30):
        while (
            await database.fetchval("SELECT min(seq) FROM webhook_endpoints WHERE tenant = $1", shop.slug)
            < seq
        ):
            await asyncio.sleep(0.05)


async def test_its_2xx_is_the_receipt_and_forestalls_the_alarm(
    operator: Operator, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shop, other = await hasty(operator, 2), await hasty(operator, 2)
    made = await register(shop, sink, counts=True)
    assert made["counts"] is True
    assert (await register(other, sink))["counts"] is False
    shown = await shop.http.get(shop.path("webhooks"), headers=bearer(shop.storefront_key))
    assert [each["counts"] for each in shown.json()["webhooks"]] == [True]
    await shop.order()
    await other.order()
    async with asyncio.timeout(30):
        while not any(event["type"] == "order_unacknowledged" for event in await other.events()):
            await asyncio.sleep(0.2)
    assert [event["type"] for event in await shop.events()] == ["new_order"]
    [receipt] = await database.fetch(RECEIPTS, shop.slug)
    assert (receipt["by"], receipt["webhook_id"]) == ("webhook", uuid.UUID(made["id"]))
    assert await database.fetch(RECEIPTS, other.slug) == []


async def test_only_what_was_delivered_has_a_receipt_and_a_message_that_history_is_missing_is_none(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await register(shop, sink, counts=True)
    await database.execute("UPDATE webhook_endpoints SET disabled_at = now() WHERE tenant = $1", shop.slug)
    for _ in range(5):
        await shop.order()
    await database.execute("DELETE FROM pos_sync_logs WHERE tenant = $1 AND seq <= 3", shop.slug)
    await shop.http.post(shop.path(f"webhooks/{made['id']}/enable"), headers=bearer(shop.storefront_key))
    await comes_to(database, shop, 5)
    assert sink.ids == ["reset-1-3", "1-4", "1-5"]
    assert [row["event_seq"] for row in await database.fetch(RECEIPTS, shop.slug)] == [4, 5]
    assert await unseen(database, shop) == [1, 2, 3]


async def test_an_event_of_another_type_and_an_answer_that_is_no_2xx_are_no_receipt(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await register(shop, sink, counts=True, types=["order_updated", "loyalty_updated"])
    failing = await register(shop, sink, counts=True)
    sink.answer = lambda delivery: Answer(500 if delivery.event["type"] == "new_order" else 200)
    await shop.order()
    await shop.change_points("5551234", "add", 1)
    async with asyncio.timeout(30):
        while "1-2" not in sink.ids or not [d for d in sink.deliveries if d.id == "1-1"]:
            await asyncio.sleep(0.05)
    assert await unseen(database, shop) == [1]
    assert await database.fetch(RECEIPTS, shop.slug) == []
    sink.answer = lambda _: Answer()
    await shop.http.post(shop.path(f"webhooks/{failing['id']}/enable"), headers=bearer(shop.storefront_key))
    await comes_to(database, shop, 2)
    assert await unseen(database, shop) == []


async def test_where_the_roles_do_not_hold_webhook_its_receipt_stands_and_the_alarm_comes(
    operator: Operator, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shop = await hasty(operator, 2)
    await register(shop, sink, counts=True)
    assert await database.fetchval("SELECT set_alarm_roles($1, $2)", shop.slug, ["kitchen"])
    await shop.order()
    async with asyncio.timeout(30):
        while not (said := [e for e in await shop.events() if e["type"] == "order_unacknowledged"]):
            await asyncio.sleep(0.2)
    assert said[0]["data"]["attempt"] >= 1
    assert len(await database.fetch(RECEIPTS, shop.slug)) == 1
    # It counts from now on; what was raised ends.
    assert await database.fetchval("SELECT set_alarm_roles($1, $2)", shop.slug, ["kitchen", "webhook"])
    async with asyncio.timeout(30):
        while not (ended := [e for e in await shop.events() if e["type"] == "order_acknowledged"]):
            await asyncio.sleep(0.1)
    assert "webhookId" in ended[0]["data"]


@pytest.mark.parametrize("counts", [None, "true", 1, [], {}])
async def test_whether_an_endpoint_counts_is_a_yes_or_a_no(shop: Shop, counts: object) -> None:
    answer = await shop.http.post(
        shop.path("webhooks"),
        json={"url": "https://example.org/hook", "counts": counts},
        headers=bearer(shop.storefront_key),
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == "counts"
