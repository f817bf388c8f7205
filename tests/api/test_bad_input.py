"""Bad input of each kind gets its documented error, names every wrong field, and leaves nothing behind."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from tests.api.footprint import footprint
from tests.shop import ORDER, Shop, bearer


@pytest.fixture(autouse=True)
async def nothing_left_behind(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[None]:
    """The tenant has the same after all that these tests send as before."""
    before = await footprint(database, shop.slug)
    yield
    assert await footprint(database, shop.slug) == before


def locs(response: httpx.Response) -> list[str]:
    assert response.headers["content-type"] == "application/problem+json"
    return sorted(error["loc"] for error in response.json()["errors"])


async def post_raw(shop: Shop, raw: bytes | AsyncIterator[bytes]) -> httpx.Response:
    headers = bearer(shop.storefront_key) | {"Idempotency-Key": "raw"}
    return await shop.http.post("/api/tenant/orders/create", content=raw, headers=headers)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"nope", b"{'a':1}", b'{"a":NaN}', b"\xff\xfe", b'{"a":1}x', b"[" * 5000],
)
async def test_a_body_that_is_not_json_is_400(shop: Shop, raw: bytes) -> None:
    response = await post_raw(shop, raw)
    assert response.status_code == 400
    assert response.json()["type"] == "urn:bellwire:problem:bad-json"


@pytest.mark.parametrize("raw", [b"[]", b'"order"', b"1", b"null", b"true"])
async def test_json_that_is_no_object_is_422(shop: Shop, raw: bytes) -> None:
    response = await post_raw(shop, raw)
    assert response.status_code == 422
    assert locs(response) == ["body"]


async def test_a_body_of_a_megabyte_is_413_with_and_without_a_length(shop: Shop) -> None:
    large = orjson.dumps({**ORDER, "specialInstructions": "x" * 1_000_000})

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    for raw in (large, in_chunks()):
        response = await post_raw(shop, raw)
        assert response.status_code == 413
        assert response.json()["type"] == "urn:bellwire:problem:too-large"


@pytest.mark.parametrize(("path", "most"), [("orders/create", 256), ("{tenant}/gift-cards/purchase", 64)])
async def test_a_body_of_just_over_its_routes_limit_is_413(shop: Shop, path: str, most: int) -> None:
    padding = b" " * (most * 1024 - 2)
    for body, status in ((b"{" + padding + b"}", 422), (b"{ " + padding + b"}", 413)):
        response = await shop.http.post(
            f"/api/tenant/{path.format(tenant=shop.slug)}", content=body, headers=bearer(shop.storefront_key)
        )
        assert response.status_code == status


async def test_every_wrong_field_is_named_at_once(shop: Shop) -> None:
    response = await shop.try_order(
        orderType=" ",
        customerName="",
        customerPhone=5,
        items=[
            {"name": "ok", "quantity": 0, "unitPrice": 1},
            {"name": "", "quantity": 1.2345, "unitPrice": -1, "notes": 3, "colour": "red"},
            {"quantity": "2", "unitPrice": "one"},
            "no item",
        ],
        surprise=1,
    )
    assert response.status_code == 422
    assert response.json()["type"] == "urn:bellwire:problem:invalid-fields"
    assert locs(response) == sorted(
        [
            "orderType",
            "customerName",
            "customerPhone",
            "items.0.quantity",
            "items.1.name",
            "items.1.quantity",
            "items.1.unitPrice",
            "items.1.notes",
            "items.1.colour",
            "items.2.name",
            "items.2.quantity",
            "items.2.unitPrice",
            "items.3",
            "surprise",
        ]
    )


@pytest.mark.parametrize("name", ["orderType", "items"])
async def test_a_missing_field_is_named(shop: Shop, name: str) -> None:
    body = {key: value for key, value in ORDER.items() if key != name}
    response = await post_raw(shop, orjson.dumps(body))
    assert response.status_code == 422
    assert locs(response) == [name]


ITEM: dict[str, Any] = {"name": "Döner", "quantity": 1, "unitPrice": 1}
THIRD_LEVEL = {"name": "x", "modifiers": [{"name": "y", "modifiers": []}]}


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"items": []}, "items"),
        ({"items": {}}, "items"),
        ({"items": None}, "items"),
        ({"items": [ITEM] * 501}, "items"),
        ({"items": [{**ITEM, "quantity": 0}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "quantity": -1}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "quantity": 10_001}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "quantity": 1.0005}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "quantity": 10_000.001}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "quantity": "1"}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "quantity": True}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "quantity": 10**30}]}, "items.0.quantity"),
        ({"items": [{**ITEM, "unitPrice": -0.01}]}, "items.0.unitPrice"),
        ({"items": [{**ITEM, "unitPrice": 0.001}]}, "items.0.unitPrice"),
        ({"items": [{**ITEM, "unitPrice": 1_000_000.01}]}, "items.0.unitPrice"),
        ({"items": [{**ITEM, "unitPrice": True}]}, "items.0.unitPrice"),
        ({"items": [{**ITEM, "unitPrice": "1,00"}]}, "items.0.unitPrice"),
        ({"items": [{**ITEM, "unitPrice": None}]}, "items.0.unitPrice"),
        ({"items": [{**ITEM, "name": "a\0b"}]}, "items.0.name"),
        ({"customerName": "a\0b"}, "customerName"),
        ({"customerName": "x" * 257}, "customerName"),
        ({"customerName": " "}, "customerName"),
        ({"items": [{**ITEM, "station": "bar,grill"}]}, "items.0.station"),
        ({"items": [{**ITEM, "category": "x" * 65}]}, "items.0.category"),
        ({"items": [{**ITEM, "station": "bar\ngrill"}]}, "items.0.station"),
        ({"items": [{**ITEM, "unit": "x" * 1001}]}, "items.0.unit"),
        ({"items": [{**ITEM, "modifiers": [{"name": ""}]}]}, "items.0.modifiers.0.name"),
        ({"items": [{**ITEM, "modifiers": [{"name": "x", "quantity": 0}]}]}, "items.0.modifiers.0.quantity"),
        (
            {"items": [{**ITEM, "modifiers": [{"name": "x", "quantity": 101}]}]},
            "items.0.modifiers.0.quantity",
        ),
        (
            {"items": [{**ITEM, "modifiers": [{"name": "x", "quantity": 1.5}]}]},
            "items.0.modifiers.0.quantity",
        ),
        ({"items": [{**ITEM, "modifiers": [{"name": "x"}] * 51}]}, "items.0.modifiers"),
        ({"items": [{**ITEM, "modifiers": [THIRD_LEVEL]}]}, "items.0.modifiers.0.modifiers.0.modifiers"),
        (
            {"items": [{**ITEM, "modifiers": [{"name": "x", "modifiers": [{"name": "y"}] * 21}]}]},
            "items.0.modifiers.0.modifiers",
        ),
        ({"items": [{**ITEM, "modifiers": [{"name": "x"}] * 50}] * 41}, "items"),
        ({"items": [{**ITEM, "modifiers": [{"name": "less", "unitPrice": -1.01}]}]}, "items.0"),
        ({"adjustments": [{"kind": "discount", "name": "x", "amount": 1}]}, "adjustments.0.amount"),
        ({"adjustments": [{"kind": "tax", "name": "x", "amount": -1}]}, "adjustments.0.amount"),
        ({"adjustments": [{"kind": "fee", "name": "x", "amount": -0.01}]}, "adjustments.0.amount"),
        ({"adjustments": [{"kind": "tip", "name": "x", "amount": -1}]}, "adjustments.0.amount"),
        ({"adjustments": [{"kind": "gift", "name": "x", "amount": 1}]}, "adjustments.0.kind"),
        ({"adjustments": [{"kind": "fee", "amount": 1}]}, "adjustments.0.name"),
        (
            {"adjustments": [{"kind": "fee", "name": "x", "amount": 1, "included": 1}]},
            "adjustments.0.included",
        ),
        ({"adjustments": [{"kind": "discount", "name": "x", "amount": -18}]}, "totalAmount"),
        ({"adjustments": [{"kind": "fee", "name": "x", "amount": 0}] * 51}, "adjustments"),
        ({"totalAmount": 17.06}, "totalAmount"),
        ({"totalAmount": "a lot"}, "totalAmount"),
        ({"deliveryAddress": {"city": "London"}}, "deliveryAddress.line1"),
        ({"deliveryAddress": {"line1": "x", "latitude": 90.1}}, "deliveryAddress.latitude"),
        ({"deliveryAddress": {"line1": "x", "zip": "x"}}, "deliveryAddress.zip"),
        ({"deliveryAddress": {"line1": "x\u001b"}}, "deliveryAddress.line1"),
        ({"tableNumber": 12}, "tableNumber"),
        ({"guests": 2.5}, "guests"),
        ({"guests": -1}, "guests"),
        ({"courier": {"name": "\u200b"}}, "courier.name"),
        ({"payments": [{"method": "card", "amount": 17.06, "status": "paid"}]}, "payments"),
        ({"payments": [{"method": "card", "amount": -1, "status": "due"}]}, "payments.0.amount"),
        ({"payments": [{"method": "card", "amount": 1, "status": "lost"}]}, "payments.0.status"),
        ({"payments": [{"method": "", "amount": 1, "status": "due"}]}, "payments.0.method"),
        ({"payments": [{"method": "card", "amount": 0, "status": "due"}] * 21}, "payments"),
        ({"externalId": ""}, "externalId"),
        ({"externalId": "a b"}, "externalId"),
        ({"externalId": "a\u200b"}, "externalId"),
        ({"externalId": "x" * 129}, "externalId"),
        ({"externalId": 5}, "externalId"),
        ({"scheduledFor": "2026-12-24T18:00:00"}, "scheduledFor"),
        ({"scheduledFor": "2026-12-24"}, "scheduledFor"),
        ({"scheduledFor": "2026-13-24T18:00:00Z"}, "scheduledFor"),
        ({"scheduledFor": 1800000000}, "scheduledFor"),
        ({"scheduledFor": "2990-12-24T18:00:00Z"}, "scheduledFor"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "x" * 2048}}, "metadata"),
        ({"metadata": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}}}, "metadata"),
        ({"metadata": {"a": "\0"}}, "metadata.a"),
        ({"customerEmail": "x" * 255}, "customerEmail"),
        ({"customerPhone": "5" * 33}, "customerPhone"),
        ({"orderSource": ""}, "orderSource"),
        ({"orderType": 3}, "orderType"),
        ({"specialInstructions": ["x"]}, "specialInstructions"),
        ({"order_type": "pickup"}, "order_type"),
        ({"tenant": 5}, "tenant"),
    ],
)
async def test_a_wrong_field_of_an_order_is_named(shop: Shop, changes: dict[str, Any], loc: str) -> None:
    response = await shop.try_order(idempotency_key="wrong", **changes)
    assert response.status_code == 422, response.text
    assert locs(response) == [loc]


async def test_a_text_that_is_too_long_hears_how_many_characters_it_may_have(shop: Shop) -> None:
    texts = {"orderType": "x" * 65, "customerName": "x" * 257, "tableNumber": "x" * 1001}
    response = await shop.try_order(**texts, items=[{"name": "n", "quantity": 1, "unitPrice": 1}] * 501)
    assert {error["loc"]: error["msg"] for error in response.json()["errors"]} == {
        "orderType": "must have at most 64 characters",
        "customerName": "must have at most 256 characters",
        "tableNumber": "must have at most 1,000 characters",
        "items": "List should have at most 500 items after validation, not 501",
    }


@pytest.mark.parametrize("status", ["eaten", "", None, 5, "PENDING", ["ready"]])
async def test_an_unknown_status_is_named(shop: Shop, status: Any) -> None:
    response = await shop.http.patch(
        shop.path("orders/00000000-0000-4000-8000-000000000000/status"),
        json={"status": status},
        headers=bearer(shop.terminal_key),
    )
    assert response.status_code == 422
    assert locs(response) == ["status"]


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "ä"])
async def test_an_idempotency_key_that_is_none_is_400(shop: Shop, key: str) -> None:
    headers = {**bearer(shop.storefront_key), "Idempotency-Key": key}
    response = await shop.http.post(
        "/api/tenant/orders/create",
        json=ORDER,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
    )
    assert response.status_code == 400
    assert locs(response) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["amount", "purchasedBy"]),
        ({"amount": 0, "purchasedBy": " "}, ["amount", "purchasedBy"]),
        ({"amount": -5, "purchasedBy": "x", "recipientName": 5}, ["amount", "recipientName"]),
        ({"amount": 10, "purchasedBy": "x", "expiryDate": "tomorrow"}, ["expiryDate"]),
        ({"amount": 10, "purchasedBy": "x", "expiryDate": "20301231"}, ["expiryDate"]),
        ({"amount": 10, "purchasedBy": "x", "expiryDate": "2030-02-30"}, ["expiryDate"]),
        ({"amount": 10, "purchasedBy": "x", "expiryDate": 20301231}, ["expiryDate"]),
        ({"amount": 10, "purchasedBy": "x", "recipientEmail": "\0"}, ["recipientEmail"]),
        ({"amount": True, "purchasedBy": "x"}, ["amount"]),
    ],
)
async def test_wrong_fields_of_a_gift_card_are_named(
    shop: Shop, body: dict[str, Any], wrong: list[str]
) -> None:
    response = await shop.http.post(
        shop.path("gift-cards/purchase"), json=body, headers=bearer(shop.storefront_key)
    )
    assert response.status_code == 422
    assert locs(response) == wrong


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["points"]),
        ({"points": 0}, ["points"]),
        ({"points": -5}, ["points"]),
        ({"points": 1.5}, ["points"]),
        ({"points": "5"}, ["points"]),
        ({"points": True}, ["points"]),
        ({"points": 10**10}, ["points"]),
        ({"points": 5, "reason": 1}, ["reason"]),
        ({"points": 5, "reason": "x" * 257}, ["reason"]),
    ],
)
@pytest.mark.parametrize("action", ["add", "redeem"])
async def test_wrong_fields_of_a_change_of_points_are_named(
    shop: Shop, action: str, body: dict[str, Any], wrong: list[str]
) -> None:
    response = await shop.http.post(
        f"/api/{shop.slug}/loyalty/5551234/{action}", json=body, headers=bearer(shop.terminal_key)
    )
    assert response.status_code == 422
    assert locs(response) == wrong


@pytest.mark.parametrize("phone", ["abc", "12", "1" * 20, "%00", "%F0%9F%93%9E"])
async def test_a_phone_that_is_none_is_named(shop: Shop, phone: str) -> None:
    response = await shop.change_points(phone, "add", 5)
    assert response.status_code == 422
    assert locs(response) == ["phone"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["offset"]),
        ({"offset": 5}, ["offset"]),
        ({"offset": "5"}, ["offset"]),
        ({"offset": "1-"}, ["offset"]),
        ({"offset": "0"}, ["offset"]),
        ({"offset": "1-1"}, ["offset"]),
        ({"offset": "1-999999999999999999999"}, ["offset"]),
    ],
)
async def test_an_ack_of_what_is_not_there_is_refused(
    shop: Shop, body: dict[str, Any], wrong: list[str]
) -> None:
    response = await shop.http.post(shop.path("acks"), json=body, headers=bearer(shop.terminal_key))
    assert response.status_code == 422
    assert locs(response) == wrong


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (b"{}", ["businessDate"]),
        (b'{"businessDate":"today"}', ["businessDate"]),
        (b'{"businessDate":20261122}', ["businessDate"]),
        (b'{"businessDate":"2026-11-22","note":"\\u0000"}', ["note"]),
        (b'{"businessDate":"2026-11-22","a":' + b"[" * 400 + b"]" * 400 + b"}", ["body"]),
    ],
)
async def test_a_wrong_daily_report_is_refused(shop: Shop, raw: bytes, wrong: list[str]) -> None:
    response = await shop.http.post(
        shop.path("daily-reports"), content=raw, headers=bearer(shop.terminal_key)
    )
    assert response.status_code == 422
    assert locs(response) == wrong


@pytest.mark.parametrize(
    ("query", "status", "loc"),
    [
        ({"after": "x"}, 400, "after"),
        ({"after": ""}, 400, "after"),
        ({"after": "-1"}, 400, "after"),
        ({"after": "1-1-1"}, 400, "after"),
        ({"after": "01-1"}, 400, "after"),
        ({"after": "1-99999999999999999999"}, 400, "after"),
        ({"types": "new_order,eaten"}, 400, "types"),
        ({"types": ""}, 400, "types"),
        ({"limit": "0"}, 422, "limit"),
        ({"limit": "501"}, 422, "limit"),
        ({"limit": "-1"}, 422, "limit"),
        ({"wait": "31"}, 422, "wait"),
        ({"wait": "1.5"}, 422, "wait"),
    ],
)
async def test_a_wrong_poll_is_refused(shop: Shop, query: dict[str, str], status: int, loc: str) -> None:
    response = await shop.poll(**query)
    assert response.status_code == status
    assert locs(response) == [loc]


@pytest.mark.parametrize(
    ("what", "body", "wrong"),
    [
        ("refund", {"amount": 0, "orderId": "x"}, ["amount"]),
        ("refund", {"amount": -1, "orderId": "x"}, ["amount"]),
        ("refund", {"amount": 1.001, "redemptionId": ""}, ["amount", "redemptionId"]),
        ("refund", {"amount": 1, "orderId": None, "reason": "x"}, ["redemptionId"]),
        ("refund", {"amount": 1, "orderId": "x", "reason": "\u200b", "by": "me"}, ["by", "reason"]),
        ("top-up", {"amount": "1e9"}, ["amount", "purchasedBy"]),
        (
            "top-up",
            {"amount": 1, "purchasedBy": " ", "expiryDate": "2999-12-31"},
            ["expiryDate", "purchasedBy"],
        ),
        ("void", {"reason": "x" * 1001, "amount": 1}, ["amount", "reason"]),
        ("redeem", {"amount": 1, "orderId": 7}, ["orderId"]),
    ],
)
async def test_a_wrong_move_of_a_card_names_its_fields(
    shop: Shop, what: str, body: dict[str, Any], wrong: list[str]
) -> None:
    answer = await shop.move_card("0" * 17, what, idempotency_key="wrong", **body)
    assert (answer.status_code, locs(answer)) == (422, wrong)
