"""Orders with all that real orders carry: the same at the till, in the list and by their id; sums that are checked."""

import asyncio
from typing import Any

import asyncpg
import pytest

from api.db.audit import audit
from tests.api.full_order import FULL, shown
from tests.shop import Shop, bearer


async def get(shop: Shop, order_id: str) -> dict[str, Any]:
    response = await shop.http.get(shop.path(f"orders/{order_id}"), headers=bearer(shop.terminal_key))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def listed(shop: Shop, **query: str) -> list[dict[str, Any]]:
    response = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
    assert response.status_code == 200, response.text
    orders: list[dict[str, Any]] = response.json()["orders"]
    return orders


async def place(shop: Shop, body: dict[str, Any]) -> dict[str, Any]:
    response = await shop.http.post(
        "/api/tenant/orders/create", json=body, headers=bearer(shop.storefront_key)
    )
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_full_order_is_the_same_at_the_till_in_the_list_and_by_its_id(shop: Shop) -> None:
    order = await place(shop, FULL)
    assert order["totalAmount"] == FULL["totalAmount"]
    [event] = await shop.events()
    expected = shown(FULL)
    for document in (event["data"], await get(shop, order["orderId"]), (await listed(shop))[0]):
        assert {name: document[name] for name in expected} == expected
    assert event["data"]["stations"] == ["bar", "Oven"]
    assert event["data"]["categories"] == ["Mains"]
    for document in (event["data"], await get(shop, order["orderId"])):
        assert (document["amountPaid"], document["amountDue"]) == (10, 25)


async def test_a_text_has_a_thousand_characters_and_not_one_more(shop: Shop) -> None:
    def with_texts(length: int) -> dict[str, Any]:
        text = "ß" * length
        return {
            "orderType": "delivery",
            "items": [{"name": "Pizza", "quantity": 1, "unitPrice": 1, "unit": text, "sku": text}],
            "payments": [{"method": text, "amount": 1, "status": "due", "reference": text}],
            "deliveryAddress": {"line1": text, "city": text, "country": text, "instructions": text},
            "tableNumber": text,
            "courier": {"phone": text, "company": text},
        }

    order = await place(shop, with_texts(1000))
    answer = await get(shop, order["orderId"])
    assert {name: answer[name] for name in with_texts(1000)} == with_texts(1000) | {
        "items": [with_texts(1000)["items"][0] | {"notes": None}]
    }
    response = await shop.try_order(**with_texts(1001))
    assert response.status_code == 422
    assert sorted(error["loc"] for error in response.json()["errors"]) == [
        "courier.company",
        "courier.phone",
        "deliveryAddress.city",
        "deliveryAddress.country",
        "deliveryAddress.instructions",
        "deliveryAddress.line1",
        "items.0.sku",
        "items.0.unit",
        "payments.0.method",
        "payments.0.reference",
        "tableNumber",
    ]


async def test_numbers_come_out_in_their_documented_form(shop: Shop) -> None:
    order = await place(shop, FULL)
    response = await shop.http.get(shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.terminal_key))
    page = await shop.poll(after="0")
    for text in (response.text, page.text):
        assert '"quantity":0.35,"unitPrice":18.99' in text
        assert '"quantity":2,"unitPrice":9.50' in text
        assert '"unitPrice":-0.50' in text
        assert '"amount":-3.50' in text
        assert '"totalAmount":35.00' in text


async def test_a_plain_order_has_nothing_of_it(shop: Shop) -> None:
    order = await shop.order(customerName=None)
    [event] = await shop.events()
    assert event["data"]["customerName"] is None
    assert not set(event["data"]) & {
        "adjustments",
        "payments",
        "externalId",
        "scheduledFor",
        "deliveryAddress",
        "tableNumber",
        "guests",
        "courier",
        "metadata",
    }
    document = await get(shop, order["orderId"])
    assert document["customerName"] is None
    assert (document["adjustments"], document["payments"]) == ([], [])
    assert (document["amountPaid"], document["amountDue"]) == (0, document["totalAmount"])
    for name in (
        "externalId",
        "scheduledFor",
        "deliveryAddress",
        "tableNumber",
        "guests",
        "courier",
        "metadata",
    ):
        assert document[name] is None
    assert all(set(item) == {"name", "quantity", "unitPrice", "notes"} for item in document["items"])


@pytest.mark.parametrize(
    ("quantity", "price", "total"),
    [
        (0.35, 18.99, 6.65),
        (0.5, 0.01, 0.01),
        (0.001, 4.99, 0.0),
        (1.5, 0.01, 0.02),
        (2.0, 3, 6.0),
        (0.125, 0.2, 0.03),
    ],
)
async def test_a_weighed_line_is_rounded_once_half_away_from_zero(
    shop: Shop, quantity: float, price: float, total: float
) -> None:
    items = [{"name": "Olives", "quantity": quantity, "unitPrice": price, "unit": "kg"}]
    assert (await shop.order(items=items, totalAmount=total))["totalAmount"] == total


async def test_a_total_that_is_not_the_sum_is_refused_with_both_figures_and_leaves_nothing(
    shop: Shop,
) -> None:
    response = await shop.try_order(totalAmount=17.06)
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["loc"] == "totalAmount"
    assert "17.06" in error["msg"]
    assert "17.05" in error["msg"]
    assert await shop.events() == []
    assert await listed(shop) == []
    assert (await shop.order(totalAmount="17.05"))["orderNumber"] == "ORD-1"


async def test_a_retried_full_order_is_one_order(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.try_order(idempotency_key="k", **FULL) for _ in range(4)))
    assert len({answer.json()["orderId"] for answer in answers if answer.status_code == 201}) == 1
    assert len(await listed(shop)) == 1


async def test_line_ends_are_read_one_way_in_every_text(shop: Shop) -> None:
    order = await shop.order(deliveryAddress={"line1": "one\r\ntwo\rthree"}, tableNumber="1\r2")
    document = await get(shop, order["orderId"])
    assert document["deliveryAddress"]["line1"] == "one\ntwo\nthree"
    assert document["tableNumber"] == "1\n2"


async def test_the_audit_knows_what_a_full_order_costs(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    order = await place(shop, FULL)

    async def broken() -> set[str]:
        return {
            finding.rule
            for finding in await audit(database_url)
            if any(example.startswith(shop.slug) for example in finding.examples)
        }

    assert await broken() == set()
    change = "UPDATE order_items SET line_cents = line_cents + 1 WHERE order_id = $1 AND position = 2"
    await database.execute(change, order["orderId"])
    assert await broken() == {
        "an order's items and adjustments sum to its total",
        "a line without modifiers costs its quantity times its price",
    }
    await database.execute(change.replace("+", "-"), order["orderId"])
