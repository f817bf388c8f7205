"""Orders over HTTP, against a real pod and a real database."""

import re
import uuid

import pytest

from tests.conftest import OpenShop
from tests.shop import Shop, bearer


async def test_an_order_is_numbered_priced_and_has_the_offset_of_its_event(shop: Shop) -> None:
    answer = await shop.order()
    assert set(answer) == {
        "orderId",
        "orderNumber",
        "status",
        "totalAmount",
        "broadcast",
        "offset",
        "customerPhoneNumber",
    }
    assert (answer["status"], answer["totalAmount"], answer["offset"]) == ("pending", 17.05, "1-1")
    uuid.UUID(answer["orderId"])
    second = await shop.order()
    assert second["offset"] == "1-2"
    assert second["orderNumber"] != answer["orderNumber"]


async def test_the_event_of_an_order_carries_every_documented_field(shop: Shop) -> None:
    answer = await shop.order()
    [event] = await shop.events()
    assert list(event) == ["type", "tenant", "offset", "id", "timestamp", "data"]
    assert (event["type"], event["tenant"], event["offset"]) == ("new_order", shop.slug, "1-1")
    assert event["id"] == f"evt_{shop.slug}_1-1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
    assert event["data"] == {
        "orderId": answer["orderId"],
        "orderNumber": answer["orderNumber"],
        "status": "pending",
        "orderType": "pickup",
        "customerName": "Ada Lovelace",
        "customerPhone": "+49 170 1234567",
        "customerPhoneNumber": "+491701234567",
        "customerEmail": "ada@example.org",
        "items": [
            {"name": "Döner", "quantity": 2, "unitPrice": 7.5, "notes": "no onions"},
            {"name": "Ayran", "quantity": 1, "unitPrice": 2.05, "notes": None},
        ],
        "totalAmount": 17.05,
        "specialInstructions": "Ring twice",
        "orderSource": "online",
        "stations": [],
        "categories": [],
        "amountPaid": 0,
        "amountDue": 17.05,
        "dueAt": event["data"]["dueAt"],
    }


@pytest.mark.parametrize("source", ["phone", "kiosk", "pos"])
async def test_an_order_of_another_source_makes_no_event(shop: Shop, source: str) -> None:
    answer = await shop.order(orderSource=source)
    assert answer["offset"] is None
    response = await shop.step(answer["orderId"], "preparing")
    assert response.json()["offset"] is None
    assert await shop.events() == []


async def test_a_terminal_may_place_an_order_too(shop: Shop) -> None:
    response = await shop.try_order(key=shop.terminal_key, tenant=shop.slug)
    assert response.status_code == 201


async def test_an_order_for_another_tenant_in_the_body_is_not_found(shop: Shop) -> None:
    response = await shop.try_order(tenant="somebody-else")
    assert response.status_code == 404


async def test_an_order_walks_from_pending_to_completed_and_each_step_is_an_event(shop: Shop) -> None:
    order = await shop.order()
    previous, till = "pending", shop.terminals[0]
    by = {"kind": "term", "terminalId": till.terminal_id, "name": till.name}
    for seq, status in enumerate(("preparing", "ready", "completed"), start=2):
        response = await shop.step(order["orderId"], status)
        assert response.status_code == 200
        assert response.json() == {
            "orderId": order["orderId"],
            "orderNumber": order["orderNumber"],
            "status": status,
            "previousStatus": previous,
            "by": by,
            "offset": f"1-{seq}",
        }
        previous = status
    events = await shop.events()
    assert [event["type"] for event in events] == ["new_order", *["order_updated"] * 3]
    assert events[1]["data"] == {
        "orderId": order["orderId"],
        "orderNumber": order["orderNumber"],
        "status": "preparing",
        "previousStatus": "pending",
        "by": by,
    }


@pytest.mark.parametrize(
    ("walk", "step"),
    [
        ([], "ready"),
        ([], "completed"),
        ([], "pending"),
        (["preparing"], "preparing"),
        (["preparing", "ready"], "pending"),
        (["preparing", "ready", "completed"], "cancelled"),
        (["cancelled"], "preparing"),
        (["cancelled"], "cancelled"),
    ],
)
async def test_any_other_step_is_refused_and_changes_nothing(shop: Shop, walk: list[str], step: str) -> None:
    order = await shop.order()
    for status in walk:
        assert (await shop.step(order["orderId"], status)).status_code == 200
    before = await shop.events()
    response = await shop.step(order["orderId"], step)
    assert response.status_code == 409
    assert response.json()["type"] == "urn:bellwire:problem:wrong-step"
    assert await shop.events() == before


@pytest.mark.parametrize("walk", [[], ["preparing"], ["preparing", "ready"]])
async def test_an_order_can_be_cancelled_until_it_is_completed(shop: Shop, walk: list[str]) -> None:
    order = await shop.order()
    for status in walk:
        await shop.step(order["orderId"], status)
    assert (await shop.step(order["orderId"], "cancelled")).status_code == 200


async def test_an_order_is_shown_with_its_history_and_the_receipts_of_the_tills_that_have_it(
    shop: Shop,
) -> None:
    bar = await shop.add_terminal("bar")
    order = await shop.order()
    await shop.step(order["orderId"], "preparing")
    await shop.take(order["offset"])
    response = await shop.http.get(
        shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.storefront_key)
    )
    document = response.json()
    assert response.status_code == 200
    assert document["items"] == [
        {"name": "Döner", "quantity": 2, "unitPrice": 7.5, "notes": "no onions"},
        {"name": "Ayran", "quantity": 1, "unitPrice": 2.05, "notes": None},
    ]
    assert (document["status"], document["totalAmount"]) == ("preparing", 17.05)
    assert [step["status"] for step in document["history"]] == ["pending", "preparing"]
    assert [receipt["terminalId"] for receipt in document["receipts"]] == [shop.terminals[0].terminal_id]
    assert bar.terminal_id not in response.text


@pytest.mark.parametrize("order_id", ["6e6f2d73-7563-4820-af72-646572203131", "not-a-uuid", "1", "%00"])
async def test_an_unknown_order_is_not_found(shop: Shop, order_id: str) -> None:
    response = await shop.http.get(shop.path(f"orders/{order_id}"), headers=bearer(shop.storefront_key))
    assert response.status_code == 404
    response = await shop.http.patch(
        shop.path(f"orders/{order_id}/status"), json={"status": "ready"}, headers=bearer(shop.terminal_key)
    )
    assert response.status_code == 404


async def test_an_order_of_another_tenant_is_not_found(shop: Shop, open_shop: OpenShop) -> None:
    other = await open_shop()
    order = await other.order()
    assert (await shop.step(order["orderId"], "preparing")).status_code == 404


async def test_orders_are_listed_newest_first_page_by_page_without_gap_or_repeat(shop: Shop) -> None:
    placed = [(await shop.order())["orderId"] for _ in range(7)]
    seen: list[str] = []
    query: dict[str, str] = {"limit": "3"}
    for _ in range(5):
        response = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
        answer = response.json()
        seen += [order["orderId"] for order in answer["orders"]]
        if answer["next"] is None:
            break
        query["after"] = answer["next"]
    assert seen == placed[::-1]


async def test_orders_are_listed_by_status(shop: Shop) -> None:
    first = await shop.order()
    await shop.order()
    await shop.step(first["orderId"], "preparing")
    response = await shop.http.get(
        shop.path("orders"), params={"status": "preparing"}, headers=bearer(shop.storefront_key)
    )
    assert [order["orderId"] for order in response.json()["orders"]] == [first["orderId"]]


@pytest.mark.parametrize(
    ("query", "status", "loc"),
    [
        ({"status": "eaten"}, 422, "status"),
        ({"limit": "0"}, 422, "limit"),
        ({"limit": "201"}, 422, "limit"),
        ({"limit": "ten"}, 422, "limit"),
        ({"limit": "²"}, 422, "limit"),
        ({"after": "zzz"}, 400, "after"),
        ({"after": "ÿ"}, 400, "after"),
        ({"after": ""}, 400, "after"),
    ],
)
async def test_a_wrong_filter_is_named(shop: Shop, query: dict[str, str], status: int, loc: str) -> None:
    response = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
    assert response.status_code == status
    assert [error["loc"] for error in response.json()["errors"]] == [loc]


async def test_prices_come_back_to_the_cent(shop: Shop) -> None:
    items = [
        {"name": "n", "quantity": 3, "unitPrice": price} for price in (0.1, 0.2, 0.29, 1.15, 999999.99, 1e6)
    ]
    response = await shop.try_order(items=items)
    assert response.status_code == 201
    assert '"totalAmount":6000005.19,' in response.text
    order = response.json()
    shown = await shop.http.get(shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.terminal_key))
    assert [item["unitPrice"] for item in shown.json()["items"]] == [0.1, 0.2, 0.29, 1.15, 999999.99, 1000000]


async def test_spaces_around_names_go_and_notes_stay_as_they_are(shop: Shop) -> None:
    await shop.order(customerName="  Ada  ", specialInstructions="  two lines\n  kept  ")
    [event] = await shop.events()
    assert event["data"]["customerName"] == "Ada"
    assert event["data"]["specialInstructions"] == "  two lines\n  kept  "
