"""Every event type that there is, really sent: the same at all four doors, and by its schema to the last member."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from api.db.forget import forget_customer
from backbone.contract.event import EventType
from infra.local.pods import Pod
from tests.api.full_order import FULL
from tests.api.sink import Sink, open_sink
from tests.api.test_big_orders import CATERING
from tests.gateway.stream_till import open_stream
from tests.gateway.till import open_till
from tests.schemas import all_faults, faults
from tests.shop import Shop, bearer
from tests.waiting import eventually

TYPES = {type_.value for type_ in EventType}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PHONE = FULL["customerPhone"]


async def say(shop: Shop, method: str, path: str, key: str, body: Any, **headers: str) -> Any:
    response = await shop.http.request(method, shop.path(path), json=body, headers={**bearer(key), **headers})
    assert response.is_success, response.text
    return response.json() if response.content else None


async def settings(shop: Shop, **changes: Any) -> None:
    response = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json=changes, headers=bearer(shop.operator_key)
    )
    assert response.status_code == 200, response.text


async def live(shop: Shop) -> list[str]:
    """Do everything that makes an event, but for what takes a deadline; the ids of the orders that wait."""
    full = await shop.order(**FULL)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    later = await shop.order(scheduledFor=tomorrow, customerPhone=None, customerName=None, customerEmail=None)
    large = {**FULL, "externalId": None, "totalAmount": None, "payments": None, "items": CATERING}
    thin = await shop.order(**large)
    adjustments = [{"kind": "fee", "name": f"{n} {'x' * 240}", "amount": 1} for n in range(50)]
    long = {"adjustments": adjustments, "specialInstructions": "y" * 20_000}
    thinner = await shop.order(**{**large, **long})
    term, store = shop.terminal_key, shop.storefront_key
    steps = f"orders/{full['orderId']}/status"
    ready_at = "2027-01-01T12:00:00+01:00"
    await say(shop, "PATCH", steps, term, {"status": "preparing", "readyAt": ready_at}, traceparent=TRACE)
    await say(shop, "PATCH", steps, store, {"status": "ready"})
    await say(shop, "PATCH", steps, term, {"status": "completed"})
    for status, more in (("authorized", {}), ("paid", {"reference": f"{PHONE}, by telephone"})):
        assert (await shop.pay_order(full["orderId"], 5, status, **more)).status_code == 201
    for more in ({}, {"reason": f"{PHONE} called"}):
        assert (await shop.refund_order(full["orderId"], 2, **more)).status_code == 201
    card = (await shop.sell_card(25))["cardNumber"]
    for more in ({}, {"orderId": thin["orderId"]}, {"orderId": later["orderId"]}):
        assert (await shop.redeem_card(card, 5, **more)).status_code == 200
    for action, more in (("add", {"reason": f"for {PHONE}"}), ("redeem", {"orderId": later["orderId"]})):
        assert (await shop.change_points(PHONE, action, 3, **more)).status_code == 200
    # The card and the account get back what they paid.
    cancelled = {"status": "cancelled", "reason": f"{PHONE} called"}
    await say(shop, "PATCH", f"orders/{later['orderId']}/status", store, cancelled)
    named = {"recipientName": "Ada", "recipientEmail": "ada@example.org", "expiryDate": "2100-01-01"}
    await shop.sell_card(12.5, **named)
    back = {"amount": 2, "orderId": thin["orderId"], "reason": f"{PHONE} called"}
    await say(shop, "POST", f"gift-cards/{card}/refund", term, back)
    await say(shop, "POST", f"gift-cards/{card}/top-up", store, {"amount": 3, "purchasedBy": PHONE})
    await say(shop, "POST", f"gift-cards/{card}/void", shop.operator_key, {"reason": f"{PHONE} lost it"})
    money = {"method": "card", "amount": 9, "reference": f"{PHONE}'s"}
    for status in ("authorized", "paid"):
        await say(shop, "POST", f"orders/{thinner['orderId']}/payments", term, {**money, "status": status})
    refund = {"amount": 4, "reason": f"{PHONE} called"}
    await say(shop, "POST", f"orders/{thinner['orderId']}/refunds", store, refund)
    return [thin["orderId"], thinner["orderId"]]


async def raise_an_alarm(shop: Shop, waiting: list[str]) -> None:
    """Let one order wait too long, and be seen then."""
    assert (await shop.ack(orderIds=waiting)).status_code == 204
    unseen = await shop.order()
    await settings(shop, ackDeadlineSeconds=1)
    await eventually(
        shop.events, lambda events: any(event["type"] == "order_unacknowledged" for event in events)
    )
    assert (await shop.ack(orderIds=[unseen["orderId"]])).status_code == 204
    await eventually(shop.events, lambda events: events[-1]["type"] == "order_acknowledged")


@contextlib.asynccontextmanager
async def endpoint(shop: Shop, sink: Sink) -> AsyncIterator[str]:
    """A webhook endpoint, by its id."""
    made = await say(shop, "POST", "webhooks", shop.storefront_key, {"url": sink.url})
    yield made["id"]


async def by_offset(sink: Sink) -> dict[str, dict[str, Any]]:
    """The events that an endpoint has accepted, each once."""
    return {delivery.id: delivery.event for delivery in sink.accepted}


async def test_every_event_type_is_the_same_at_all_four_doors_and_has_no_member_that_no_schema_names(
    shop: Shop, gateway: Pod, database_url: str
) -> None:
    streaming = await shop.add_terminal("stream")
    await settings(shop, ackDeadlineSeconds=86_400, pointsPerUnit=1, preparationMinutes=5, currency="GBP")
    with open_sink() as sink:
        async with (
            open_till(gateway, shop.slug, shop.terminal_key) as till,
            open_stream(gateway, shop.slug, streaming.key) as stream,
            endpoint(shop, sink),
        ):
            # It reads all the while: a till that leaves its messages lying does not answer pings.
            reading = asyncio.create_task(till.until("order_acknowledged"))
            await raise_an_alarm(shop, await live(shop))
            await reading
            events = await shop.events()
            assert till.events == events
            assert await stream.has(len(events)) == events
            # A webhook may come twice.
            delivered = await eventually(
                lambda: by_offset(sink), lambda found: len(found) >= len(events), seconds=30
            )
            assert list(delivered.values()) == events
    assert {event["type"] for event in events} == TYPES
    for door in ("socket", "stream", "webhook"):
        assert all_faults(door, events) == []
    thinned = [event["data"] for event in events if "itemsOmitted" in event["data"]]
    assert ["omitted" in data for data in thinned] == [False, True]
    assert any("traceparent" in event for event in events)
    # A customer who was forgotten leaves events that fit all the same.
    await forget_customer(database_url, shop.slug, PHONE)
    forgotten = await shop.events()
    assert forgotten != events
    assert all_faults("socket", forgotten) == []


async def test_every_message_of_a_socket_has_no_member_that_no_schema_names(shop: Shop, gateway: Pod) -> None:
    await shop.order()
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=7-1") as till:
        await till.say(type="ping")
        await till.say(type="ack", offset="nonsense")
        for type_ in ("pong", "error", "heartbeat"):
            await till.until(type_)
    assert {said["type"] for said in till.said} >= {
        "hello",
        "reset",
        "caught_up",
        "pong",
        "error",
        "heartbeat",
    }
    assert all_faults("socket", till.said) == []


async def test_every_message_of_a_stream_has_no_member_that_no_schema_names(shop: Shop, gateway: Pod) -> None:
    said: list[dict[str, Any]] = []
    async with open_stream(gateway, shop.slug, shop.terminal_key, "?after=7-1") as stream:
        said.append(stream.hello)
        said.append(await stream.until("reset"))
        said.append(await stream.until("caught_up"))
        said.append(await stream.until("heartbeat"))
        async with open_stream(gateway, shop.slug, shop.terminal_key):
            last = await stream.ended()
    assert last is not None
    assert (last["type"], last["code"]) == ("close", 4409)
    assert all_faults("stream", [*said, last]) == []


async def test_a_test_of_an_endpoint_has_no_member_that_no_schema_names(shop: Shop) -> None:
    with open_sink() as sink:
        async with endpoint(shop, sink) as webhook_id:
            await say(shop, "POST", f"webhooks/{webhook_id}/test", shop.storefront_key, None)
        [delivery] = sink.accepted
    assert faults("webhook", delivery.event, "webhook_ping") == []
