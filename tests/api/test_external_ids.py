"""An id of the sender's own names one order of its source for ever, whoever asks at the same time."""

import asyncio
from typing import Any

import httpx

from tests.api.full_order import FULL
from tests.conftest import OpenShop
from tests.shop import ORDER, Shop, bearer


def first_of(answer: httpx.Response) -> tuple[int, str, str, str, str]:
    """A refusal: the status, the problem, and the order that has the id."""
    body = answer.json()
    return answer.status_code, body["type"], body["orderId"], body["orderNumber"], body["status"]


TAKEN = "urn:bellwire:problem:external-id-taken"


async def test_a_second_order_with_an_id_is_told_which_one_has_it_and_how_that_stands(shop: Shop) -> None:
    order = await shop.order(externalId="A-1")
    named = (order["orderId"], order["orderNumber"])
    assert first_of(await shop.try_order(externalId="A-1")) == (409, TAKEN, *named, "pending")
    assert first_of(await shop.try_order(externalId="A-1", key=shop.terminal_key)) == (
        409,
        TAKEN,
        *named,
        "pending",
    )
    await shop.step(order["orderId"], "cancelled")
    assert first_of(await shop.try_order(externalId="A-1")) == (409, TAKEN, *named, "cancelled")
    # Nothing was numbered, nothing told.
    assert (await shop.order(externalId="A-2"))["orderNumber"] == "ORD-2"
    assert [event["type"] for event in await shop.events()] == ["new_order", "order_updated", "new_order"]


async def test_it_is_compared_as_bytes_and_within_its_source_and_its_shop(
    shop: Shop, open_shop: OpenShop
) -> None:
    other = await open_shop()
    for where, source, text in (
        (shop, "online", "ä-1"),
        (shop, "online", "Ä-1"),
        (shop, "online", "a\u0308-1".replace("\u0308", "")),
        (shop, "phone", "ä-1"),
        (other, "online", "ä-1"),
    ):
        assert (await where.try_order(externalId=text, orderSource=source)).status_code == 201
    assert (await shop.try_order(externalId="ä-1", orderSource="PHONE")).status_code == 409


async def test_a_retry_is_the_order_again_and_the_refusal_is_not_kept(shop: Shop) -> None:
    first = await shop.try_order(idempotency_key="first", externalId="A-1")
    again = await shop.try_order(idempotency_key="first", externalId="A-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    late = await shop.try_order(idempotency_key="late", externalId="A-1")
    assert first_of(late)[-1] == "pending"
    await shop.step(first.json()["orderId"], "preparing")
    late = await shop.try_order(idempotency_key="late", externalId="A-1")
    assert first_of(late)[-1] == "preparing"
    assert "Idempotency-Replayed" not in late.headers


async def test_of_many_at_once_one_is_taken_and_no_other_order_fails_with_them(shop: Shop) -> None:
    same = [shop.try_order(externalId="A-1", customerName=f"same {number}") for number in range(12)]
    others = [shop.try_order(externalId=f"B-{number}") for number in range(12)]
    plain = [shop.try_order() for _ in range(12)]
    answers = await asyncio.gather(*(one for trio in zip(same, others, plain, strict=True) for one in trio))
    assert sorted(answer.status_code for answer in answers[::3]) == [201] + [409] * 11
    assert {answer.status_code for answer in (*answers[1::3], *answers[2::3])} == {201}
    [taken] = [answer.json() for answer in answers[::3] if answer.status_code == 201]
    assert {answer.json()["orderId"] for answer in answers[::3]} == {taken["orderId"]}
    events = await shop.events()
    assert len(events) == 25
    assert [event["data"]["orderNumber"] for event in events] == [f"ORD-{number}" for number in range(1, 26)]


async def found(shop: Shop, **query: str) -> list[str]:
    answer = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
    assert answer.status_code == 200, answer.text
    return [order["orderNumber"] for order in answer.json()["orders"]]


async def test_orders_are_found_by_the_id_and_by_the_station(shop: Shop) -> None:
    def at(*stations: str | None) -> list[dict[str, Any]]:
        return [{**ORDER["items"][0], "station": station} for station in stations]

    await shop.order(externalId="A-1", items=at("Grill", "bar"))
    await shop.order(externalId="A-1", orderSource="phone", items=at("bar", None))
    await shop.order(externalId="A-2")
    await shop.order(items=at("oven"))
    assert await found(shop, externalId="A-1") == ["ORD-2", "ORD-1"]
    assert await found(shop, externalId="A-1", source="phone") == ["ORD-2"]
    assert await found(shop, externalId="a-1") == []
    # As a stream's filter has it: an order without a station is everybody's.
    assert await found(shop, station="GRILL") == ["ORD-3", "ORD-1"]
    assert await found(shop, station="bar") == ["ORD-3", "ORD-2", "ORD-1"]
    assert await found(shop, station="bar", externalId="A-1", status="pending") == ["ORD-2", "ORD-1"]
    refused = await shop.http.get(
        shop.path("orders"), params={"externalId": "a b", "station": ""}, headers=bearer(shop.storefront_key)
    )
    assert sorted(error["loc"] for error in refused.json()["errors"]) == ["externalId", "station"]


async def test_a_full_order_is_refused_a_second_time(shop: Shop) -> None:
    body = {**FULL, "customerName": "Ada"}
    assert (await shop.try_order(**body)).status_code == 201
    assert (await shop.try_order(**body)).status_code == 409
