"""The adapters, before a real cluster: an order once, whatever comes twice, late or in the wrong order; sums hold."""

import asyncio
import base64
import copy
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from examples.aggregators import deliverect, woocommerce
from examples.aggregators.incoming import Incoming, Unreadable, signature
from examples.aggregators.receiver import MAX_BYTES, receiver
from examples.aggregators.shop import Shop as Adapter
from infra.local.pods import Pod
from infra.local.ports import free_port
from tests.conftest import ROOT
from tests.shop import Shop, bearer

SECRETS = {"deliverect": "a secret of Deliverect's", "woocommerce": "a secret of the web shop's"}
PLATFORMS = list(SECRETS)
CANCELLED: dict[str, dict[str, Any]] = {"deliverect": {"status": 100}, "woocommerce": {"status": "cancelled"}}
TOTALS = {"deliverect": 33.4, "woocommerce": 30.11}
LATER = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"


def message(platform: str, **changes: Any) -> dict[str, Any]:
    """A platform's order, as a new one; one for later is for a day that is still to come."""
    text = (ROOT / f"examples/aggregators/orders/{platform}.json").read_text(encoding="utf-8")
    text = text.replace("2027-01-15T", f"{LATER}T")
    found: dict[str, Any] = json.loads(text)
    name = {"deliverect": "_id", "woocommerce": "id"}[platform]
    return {**found, name: uuid4().hex if platform == "deliverect" else random.getrandbits(40), **changes}


def signed(platform: str, body: bytes, secret: str | None = None) -> dict[str, str]:
    digest = signature(secret or SECRETS[platform], body)
    if platform == "deliverect":
        return {deliverect.HEADER: digest.hex()}
    return {woocommerce.HEADER: base64.b64encode(digest).decode()}


class Town:
    """A shop that takes orders of both platforms, and the adapters' address."""

    def __init__(self, shop: Shop, platforms: httpx.AsyncClient) -> None:
        self.shop = shop
        self._platforms = platforms

    async def send(self, platform: str, document: Any, **headers: str) -> httpx.Response:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return await self._platforms.post(
            f"/{platform}", content=body, headers={**signed(platform, body), **headers}
        )

    async def outcome(self, platform: str, document: Any) -> str:
        answer = await self.send(platform, document)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["outcome"]
        return found

    async def orders(self) -> list[dict[str, Any]]:
        answer = await self.shop.http.get(self.shop.path("orders"), headers=bearer(self.shop.storefront_key))
        found: list[dict[str, Any]] = answer.json()["orders"]
        return found


def adapters(http: httpx.AsyncClient, shop: Shop) -> httpx.AsyncClient:
    app = receiver(Adapter(http, shop.slug, shop.storefront_key), SECRETS)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://adapters")


@pytest.fixture
async def town(shop: Shop, api_pod: Pod) -> AsyncIterator[Town]:
    sources = [{"name": name, "broadcast": True} for name in PLATFORMS]
    settings = {"orderSources": sources, "ackDeadlineSeconds": 86_400}
    answer = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json=settings, headers=bearer(shop.operator_key)
    )
    assert answer.status_code == 200, answer.text
    async with httpx.AsyncClient(base_url=api_pod.url, timeout=35) as http, adapters(http, shop) as client:
        yield Town(shop, client)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_an_order_is_on_the_till_once_with_its_total_however_often_it_is_delivered(
    town: Town, platform: str
) -> None:
    order = message(platform)
    assert [await town.outcome(platform, order) for _ in range(3)] == ["placed", "known", "known"]
    [event] = await town.shop.events()
    data = event["data"]
    assert data["totalAmount"] == TOTALS[platform] == data["amountPaid"]
    assert (data["orderSource"], data["externalId"]) == (platform, str(order.get("_id") or order["id"]))


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_many_deliveries_at_once_are_one_order(town: Town, platform: str) -> None:
    order = message(platform)
    answers = await asyncio.gather(*(town.send(platform, order) for _ in range(12)))
    # One that is under way elsewhere is to be sent again.
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert await town.outcome(platform, order) == "known"
    assert len(await town.orders()) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_changed_order_under_the_same_id_is_known_and_makes_no_second_one(
    town: Town, platform: str
) -> None:
    order = message(platform)
    assert await town.outcome(platform, order) == "placed"
    note = {"deliverect": "note", "woocommerce": "customer_note"}[platform]
    assert await town.outcome(platform, {**order, note: "Ring once"}) == "known"
    assert len(await town.orders()) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_cancel_finds_its_order_by_the_platforms_id_and_says_why(town: Town, platform: str) -> None:
    order, other = message(platform), message(platform)
    for each in (order, other):
        await town.outcome(platform, each)
    cancel = order | CANCELLED[platform]
    assert [await town.outcome(platform, cancel) for _ in range(2)] == ["cancelled", "known"]
    statuses = {one["externalId"]: one["status"] for one in await town.orders()}
    name = {"deliverect": "_id", "woocommerce": "id"}[platform]
    assert statuses == {str(order[name]): "cancelled", str(other[name]): "pending"}
    updated = (await town.shop.events())[-1]["data"]
    assert (updated["status"], "cancelled" in updated["reason"]) == ("cancelled", True)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_cancel_that_overtakes_its_order_leaves_nothing_to_be_made(town: Town, platform: str) -> None:
    order = message(platform)
    assert await town.outcome(platform, order | CANCELLED[platform]) == "cancelled"
    assert await town.outcome(platform, order) == "known"
    assert [one["status"] for one in await town.orders()] == ["cancelled"]


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_any_order_of_deliveries_with_a_cancel_among_them_ends_in_one_cancelled_order(
    town: Town, platform: str
) -> None:
    order = message(platform)
    deliveries = [order] * 4 + [order | CANCELLED[platform]] * 4
    random.Random(platform).shuffle(deliveries)
    waiting = deliveries
    async with asyncio.timeout(60):
        while waiting:
            answers = await asyncio.gather(*(town.send(platform, each) for each in waiting))
            assert {answer.status_code for answer in answers} <= {200, 503}
            waiting = [
                each for each, answer in zip(waiting, answers, strict=True) if answer.status_code == 503
            ]
    assert [one["status"] for one in await town.orders()] == ["cancelled"]


async def test_an_order_that_waits_for_its_payment_is_placed_when_it_is_paid(town: Town) -> None:
    paid = message("woocommerce")
    unpaid = paid | {"status": "pending", "date_paid_gmt": None}
    assert await town.outcome("woocommerce", unpaid) == "passed"
    assert await town.outcome("woocommerce", unpaid | {"status": "cancelled"}) == "passed"
    assert await town.orders() == []
    assert await town.outcome("woocommerce", paid) == "placed"
    assert await town.outcome("woocommerce", {"webhook_id": 3}) == "passed"


async def test_every_field_of_deliverects_order_has_its_place(town: Town) -> None:
    order = message("deliverect")
    await town.outcome("deliverect", order)
    [found] = await town.orders()
    pizza, lemonade = found["items"]
    assert pizza == {
        "name": "Pizza", "quantity": 2, "unitPrice": 9.5, "notes": "well done", "sku": "PIZ-1",
        "modifiers": [
            {"name": "Extra cheese", "quantity": 2, "unitPrice": 1.25, "sku": "X-CH"},
            {"name": "Dip", "quantity": 1, "unitPrice": 0.8, "sku": "DIP",
             "modifiers": [{"name": "Hot", "quantity": 2, "unitPrice": 0.1, "sku": "HOT"}]},
        ],
    }  # fmt: skip
    assert (lemonade["quantity"], lemonade["unitPrice"]) == (2, 3.25)
    assert [(one["kind"], one["amount"], one["included"]) for one in found["adjustments"]] == [
        ("fee", 2.9, False), ("fee", 1, False), ("tip", 2, False), ("discount", -5, False), ("tax", 2.19, True)
    ]  # fmt: skip
    assert found["payments"] == [{"method": "online", "amount": 33.4, "status": "paid"}]
    assert found["scheduledFor"] == f"{LATER}T12:00:00.000Z"
    assert found["deliveryAddress"]["line1"] == "St James's Square 12"
    assert (found["guests"], found["orderType"], found["specialInstructions"]) == (
        2,
        "delivery",
        "Ring twice",
    )
    assert found["metadata"]["deliverect"]["channelOrderDisplayId"] == "417"


async def test_every_field_of_woocommerces_order_has_its_place(town: Town) -> None:
    await town.outcome("woocommerce", message("woocommerce"))
    [found] = await town.orders()
    pizza, _ = found["items"]
    assert pizza == {
        "name": "Margherita", "quantity": 3, "unitPrice": 3.33, "notes": None, "sku": "PIZ-M",
        "modifiers": [{"name": "Size: large", "quantity": 1, "unitPrice": 0}],
    }  # fmt: skip
    # Three for 10.00 leave a cent.
    assert [(one["kind"], one["amount"]) for one in found["adjustments"]] == [
        ("discount", -2), ("fee", 4.5), ("fee", 1), ("tax", 4.81), ("rounding", 0.01)
    ]  # fmt: skip
    assert found["payments"] == [
        {"method": "Credit card", "amount": 30.11, "status": "paid", "reference": "pi_3P2x"}
    ]
    assert found["deliveryAddress"]["line2"] == "3rd floor"
    assert found["metadata"]["woocommerce"]["coupons"] == ["lunch"]


async def test_taxes_beside_the_prices_are_told_from_those_within_by_the_total(town: Town) -> None:
    order = message("deliverect")
    order["payment"] = {**order["payment"], "amount": 3340 + 219}
    assert await town.outcome("deliverect", order) == "placed"
    [found] = await town.orders()
    assert (found["totalAmount"], found["adjustments"][-1]["included"]) == (35.59, False)


@pytest.mark.parametrize(
    ("platform", "wrong", "figures"),
    [
        ("deliverect", {"payment": {"amount": 3000, "type": 3}}, ("30.00", "33.40")),
        ("woocommerce", {"total": "20.00"}, ("20.00", "30.10")),
    ],
)
async def test_a_total_that_does_not_add_up_is_refused_with_both_figures_and_leaves_nothing(
    town: Town, platform: str, wrong: dict[str, Any], figures: tuple[str, str]
) -> None:
    answer = await town.send(platform, message(platform, **wrong))
    assert answer.status_code == 422
    assert "totalAmount" in answer.text
    assert all(figure in answer.text for figure in figures)
    assert await town.orders() == []


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_message_that_the_platform_did_not_sign_does_nothing(town: Town, platform: str) -> None:
    order = message(platform)
    body = json.dumps(order).encode()
    ((name, right),) = signed(platform, body).items()
    ((_, other),) = signed(platform, body, "another secret").items()
    for sent in (other, "", right[:-1]):
        assert (await town.send(platform, order, **{name: sent})).status_code == 401
    changed = await town._platforms.post(f"/{platform}", content=body + b" ", headers={name: right})
    assert changed.status_code == 401
    assert await town.orders() == []


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_message_of_another_shape_is_400_and_never_a_fault(town: Town, platform: str) -> None:
    order = message(platform)
    chance = random.Random(7)
    broken: list[Any] = [b"{", [], "x", None, 7]
    others: list[Any] = [None, "x", 7, [], {}, [None]]
    broken += [
        {**copy.deepcopy(order), name: value} for name in order for value in others if chance.random() < 0.4
    ]
    for document in broken:
        assert (await town.send(platform, document)).status_code in (200, 400, 422)
    assert (await town.send(platform, b" " * (MAX_BYTES + 1))).status_code == 413


def test_a_member_that_is_missing_is_named() -> None:
    with pytest.raises(Unreadable, match="items"):
        deliverect.incoming({"_id": "1", "status": 20, "orderType": 1}, {})
    order = message("woocommerce")
    del order["line_items"][0]["subtotal"]
    with pytest.raises(Unreadable, match="subtotal"):
        woocommerce.incoming(order, {})


async def test_while_bellwire_is_away_the_platform_is_asked_to_send_it_again(shop: Shop) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port()}") as nobody:
        async with adapters(nobody, shop) as client:
            town = Town(shop, client)
            for platform in PLATFORMS:
                assert (await town.send(platform, message(platform))).status_code == 503


async def test_a_cancel_of_an_order_that_is_served_already_is_told_to_a_person(town: Town) -> None:
    order = message("deliverect")
    await town.outcome("deliverect", order)
    [found] = await town.orders()
    for status in ("preparing", "ready", "completed"):
        assert (await town.shop.step(found["orderId"], status)).status_code == 200
    answer = await town.send("deliverect", order | CANCELLED["deliverect"])
    assert answer.status_code == 422
    assert [one["status"] for one in await town.orders()] == ["completed"]


def test_an_order_has_one_body_whatever_became_of_it() -> None:
    for platform, adapter in (("deliverect", deliverect), ("woocommerce", woocommerce)):
        order = message(platform)
        placed, cancelled = adapter.incoming(order, {}), adapter.incoming(order | CANCELLED[platform], {})
        assert isinstance(placed, Incoming)
        assert isinstance(cancelled, Incoming)
        assert (placed.order, placed.event_id) == (cancelled.order, cancelled.event_id)
