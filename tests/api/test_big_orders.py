"""Orders whose event would not fit: taken in full, told in short, and everything is there to be fetched."""

from typing import Any

import asyncpg
import pytest

from api.db.order_search import MOST_BYTES
from tests.shop import ORDER, Shop, bearer

NOTE = "No mayo, gluten free bread, label with name: Person {}; cut in half, pack separately please"
CATERING = [
    {
        "name": f"Sandwich {number}",
        "quantity": 2,
        "unitPrice": 7.25,
        "notes": NOTE.format(number),
        "station": f"Line {number % 3}",
        "modifiers": [{"name": f"Extra {extra}", "unitPrice": 0.5} for extra in range(3)],
    }
    for number in range(500)
]


async def get(shop: Shop, order_id: str) -> dict[str, Any]:
    response = await shop.http.get(shop.path(f"orders/{order_id}"), headers=bearer(shop.terminal_key))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_500_lines_with_notes_and_modifiers_are_one_order(shop: Shop) -> None:
    order = await shop.order(items=CATERING, metadata={"for": "the conference"})
    assert order["totalAmount"] == 500 * 2 * 8.75
    [event] = await shop.events()
    data = event["data"]
    assert (data["itemsOmitted"], data["itemCount"]) == (True, 500)
    assert not {"items", "omitted"} & set(data)
    assert (data["totalAmount"], data["stations"]) == (8750, ["Line 0", "Line 1", "Line 2"])
    assert data["metadata"] == {"for": "the conference"}
    document = await get(shop, order["orderId"])
    assert [(item["name"], item["notes"]) for item in document["items"]] == [
        (item["name"], item["notes"]) for item in CATERING
    ]
    assert document["items"][499]["modifiers"][2] == {"name": "Extra 2", "quantity": 1, "unitPrice": 0.5}


async def test_an_event_of_exactly_32_kib_is_whole_and_one_byte_more_makes_it_thin(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def newest() -> tuple[int, dict[str, Any]]:
        size = await database.fetchval(
            "SELECT octet_length(payload) FROM pos_sync_logs WHERE tenant = $1 ORDER BY seq DESC LIMIT 1",
            shop.slug,
        )
        return size, (await shop.events())[-1]["data"]

    await shop.order(specialInstructions="")
    base, _ = await newest()
    fitting = "x" * (32768 - base)
    await shop.order(specialInstructions=fitting)
    size, data = await newest()
    assert (size, "items" in data) == (32768, True)
    await shop.order(specialInstructions=fitting + "x")
    size, data = await newest()
    assert size <= 32768
    assert (data["itemsOmitted"], data["itemCount"], data["specialInstructions"]) == (True, 2, fitting + "x")
    await shop.order(specialInstructions=fitting + "x" * 200, metadata={"a": "x" * 1900})
    size, data = await newest()
    assert data["omitted"] == ["metadata", "specialInstructions"]
    assert not {"items", "metadata", "specialInstructions"} & set(data)
    assert data["customerName"] == ORDER["customerName"]


async def test_an_order_that_no_event_can_tell_of_is_refused_by_name_and_leaves_nothing(shop: Shop) -> None:
    items = [
        {
            "name": "n",
            "quantity": 1,
            "unitPrice": 1,
            "station": "ß" * 60 + str(n),
            "category": "ß" * 60 + str(n),
        }
        for n in range(500)
    ]
    response = await shop.try_order(items=items)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:bellwire:problem:event-too-large"
    assert [error["loc"] for error in response.json()["errors"]] == ["items"]
    assert await shop.events() == []
    # One that is told to nobody has no event that could be too large.
    assert (await shop.order(items=items, orderSource="phone"))["offset"] is None


async def test_a_list_of_big_orders_ends_its_pages_early_and_is_whole_all_the_same(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    placed = [(await shop.order(items=CATERING[:20]))["orderId"] for _ in range(5)]
    # As if they were that big; so much need not be sent for a test.
    await database.execute("UPDATE orders SET weight = $2 WHERE tenant = $1", shop.slug, MOST_BYTES // 2)
    seen: list[list[str]] = []
    query = {"limit": "4"}
    while True:
        response = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
        seen.append([order["orderId"] for order in response.json()["orders"]])
        if response.json()["next"] is None:
            break
        query["after"] = response.json()["next"]
    assert [len(page) for page in seen] == [2, 2, 1]
    assert [order for page in seen for order in page] == placed[::-1]


@pytest.mark.parametrize("lines", [200, 400])
async def test_only_an_order_bigger_than_an_event_weighs_something(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", lines: int
) -> None:
    await shop.order()
    await shop.order(items=CATERING[:lines])
    small, big = await database.fetch(
        "SELECT weight FROM orders WHERE tenant = $1 ORDER BY order_seq", shop.slug
    )
    assert small["weight"] is None
    assert (big["weight"] or 0) > 32 * 1024
