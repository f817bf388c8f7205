"""A request sent again has its effect once, and gets the same answer; whichever pod it reaches."""

import asyncio
import uuid
from typing import Any

import asyncpg
import httpx
import pytest

from infra.local.pods import Pod
from tests.api.footprint import footprint, held_up
from tests.conftest import OpenShop
from tests.shop import Shop, bearer

REPLAYED = "idempotency-replayed"


async def test_the_same_order_again_is_the_same_order(
    shop: Shop, api_pods: tuple[Pod, Pod], database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first = await shop.try_order(idempotency_key="one")
    before = await footprint(database, shop.slug)
    async with httpx.AsyncClient(base_url=api_pods[1].url) as second:
        for door in (shop, shop.at(second)):
            again = await door.try_order(idempotency_key="one")
            assert (again.status_code, again.content) == (201, first.content)
            assert again.headers[REPLAYED] == "true"
    assert REPLAYED not in first.headers
    assert await footprint(database, shop.slug) == before


async def test_a_body_with_its_members_in_another_order_is_the_same_request(shop: Shop) -> None:
    headers = {**bearer(shop.terminal_key), "Idempotency-Key": "points"}
    path = f"/api/{shop.slug}/loyalty/5551234/add"
    first = await shop.http.post(path, content=b'{"points":5,"reason":"x"}', headers=headers)
    again = await shop.http.post(path, content=b'{ "reason": "x", "points": 5 }', headers=headers)
    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")


async def test_the_same_key_with_another_body_is_refused(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await shop.try_order(idempotency_key="one")
    before = await footprint(database, shop.slug)
    other = await shop.try_order(idempotency_key="one", customerName="Grace")
    assert other.status_code == 422
    assert other.json()["type"] == "urn:bellwire:problem:idempotency-key-reused"
    elsewhere = await shop.http.post(
        f"/api/{shop.slug}/loyalty/5551234/add",
        json={"points": 5},
        headers={**bearer(shop.storefront_key), "Idempotency-Key": "one"},
    )
    assert elsewhere.status_code == 422
    assert await footprint(database, shop.slug) == before


async def test_the_same_key_on_another_card_is_another_request(shop: Shop) -> None:
    one, other = (await shop.sell_card(10))["cardNumber"], (await shop.sell_card(10))["cardNumber"]
    assert (await shop.redeem_card(one, 1, idempotency_key="k")).status_code == 200
    assert (await shop.redeem_card(other, 1, idempotency_key="k")).status_code == 422


async def test_two_tenants_may_use_the_same_key(shop: Shop, open_shop: OpenShop) -> None:
    other = await open_shop()
    first = await shop.try_order(idempotency_key="one")
    second = await other.try_order(idempotency_key="one", customerName="Grace")
    assert (first.status_code, second.status_code) == (201, 201)


async def test_while_the_first_is_running_the_second_is_told_so(shop: Shop, database_url: str) -> None:
    async with held_up(database_url, shop.slug):
        first = asyncio.create_task(shop.try_order(idempotency_key="one"))
        await asyncio.sleep(0.3)
        second = await shop.try_order(idempotency_key="one")
        assert second.status_code == 409
        assert second.json()["type"] == "urn:bellwire:problem:still-running"
    assert (await first).status_code == 201
    assert (await shop.try_order(idempotency_key="one")).headers[REPLAYED] == "true"


async def test_one_key_at_two_pods_at_once_is_one_order(
    shop: Shop, api_pods: tuple[Pod, Pod], database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    keys = [uuid.uuid4().hex for _ in range(10)]
    async with httpx.AsyncClient(base_url=api_pods[1].url, timeout=30) as second:
        doors = (shop, shop.at(second))
        answers = await asyncio.gather(
            *(doors[n % 2].try_order(idempotency_key=key) for key in keys for n in range(4))
        )
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201 and REPLAYED not in answer.headers]
    assert len(made) == len(keys)
    assert len({answer.json()["orderId"] for answer in answers if answer.status_code == 201}) == len(keys)
    assert (await footprint(database, shop.slug))["orders"] == len(keys)
    assert [event["offset"] for event in await shop.events()] == [f"1-{n}" for n in range(1, len(keys) + 1)]


async def test_a_sold_cards_number_is_given_again_to_the_one_who_sold_it(shop: Shop) -> None:
    headers = {**bearer(shop.storefront_key), "Idempotency-Key": "sale"}
    body = {"amount": 25, "purchasedBy": "Grace"}
    first = await shop.http.post(shop.path("gift-cards/purchase"), json=body, headers=headers)
    again = await shop.http.post(shop.path("gift-cards/purchase"), json=body, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.headers[REPLAYED] == "true"
    assert (await shop.redeem_card(first.json()["cardNumber"], 25)).status_code == 200
    assert len(await shop.events()) == 2


async def test_a_retried_redemption_spends_once(shop: Shop) -> None:
    number = (await shop.sell_card(10))["cardNumber"]
    answers = [await shop.redeem_card(number, 4, idempotency_key="till-1") for _ in range(3)]
    assert [answer.json()["balance"] for answer in answers] == [6, 6, 6]
    assert (await shop.redeem_card(number, 6)).json()["balance"] == 0


@pytest.mark.parametrize("amount", [11, 5])
async def test_a_refusal_is_replayed_too_even_when_it_would_be_granted_now(shop: Shop, amount: Any) -> None:
    await shop.change_points("5551234", "add", 4)
    headers = {**bearer(shop.terminal_key), "Idempotency-Key": "late"}
    path = f"/api/{shop.slug}/loyalty/5551234/redeem"
    first = await shop.http.post(path, json={"points": amount}, headers=headers)
    await shop.change_points("5551234", "add", 100)
    again = await shop.http.post(path, json={"points": amount}, headers=headers)
    assert (first.status_code, again.status_code) == (409, 409)
    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")


async def test_a_step_of_an_order_sent_again_is_one_step(shop: Shop) -> None:
    order = await shop.order()
    headers = {**bearer(shop.terminal_key), "Idempotency-Key": "accept"}
    answers = [
        await shop.http.patch(
            shop.path(f"orders/{order['orderId']}/status"), json={"status": "preparing"}, headers=headers
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert len(await shop.events()) == 2


async def test_a_bad_request_does_not_use_its_key_up(shop: Shop) -> None:
    assert (await shop.try_order(idempotency_key="one", items=[])).status_code == 422
    assert (await shop.try_order(idempotency_key="one")).status_code == 201


async def test_after_seven_days_a_key_is_as_good_as_new_whether_or_not_it_was_swept_away(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first = (await shop.try_order(idempotency_key="old")).json()
    for age, expected in (("6 days 23 hours", True), ("7 days 1 minute", False)):
        await database.execute(
            "UPDATE idempotency_keys SET created_at = now() - $2::text::interval WHERE tenant = $1",
            shop.slug,
            age,
        )
        again = await shop.try_order(idempotency_key="old")
        assert again.status_code == 201
        assert (again.headers.get(REPLAYED) == "true") is expected
        assert (again.json()["orderId"] == first["orderId"]) is expected
    # The new answer is the one that is kept from now on.
    assert (await shop.try_order(idempotency_key="old")).headers[REPLAYED] == "true"
    assert (await footprint(database, shop.slug))["orders"] == 2
