"""Loyalty over HTTP: points are added, redeemed, never below zero."""

import asyncio

import httpx

from infra.local.pods import Pod
from tests.api.footprint import held_up
from tests.conftest import OpenShop
from tests.shop import Shop, bearer


async def account(shop: Shop, phone: str) -> httpx.Response:
    return await shop.http.get(f"/api/{shop.slug}/loyalty/{phone}", headers=bearer(shop.storefront_key))


async def test_points_are_added_and_redeemed_and_each_change_is_an_event(shop: Shop) -> None:
    added = await shop.change_points("+1 (555) 123-4567", "add", 50, reason="birthday")
    assert added.status_code == 200
    customer = added.json()["customerId"]
    assert added.json() == {"customerId": customer, "newBalance": 50, "offset": "1-1"}
    redeemed = await shop.change_points("15551234567", "redeem", 20)
    assert redeemed.json() == {"customerId": customer, "newBalance": 30, "offset": "1-2"}
    first, second = await shop.events()
    assert first["type"] == second["type"] == "loyalty_updated"
    assert first["data"] == {
        "customerId": customer,
        "customerPhone": "+1 (555) 123-4567",
        "pointsChange": 50,
        "newBalance": 50,
        "transactionType": "add",
        "reason": "birthday",
    }
    assert second["data"] == {
        "customerId": customer,
        "customerPhone": "15551234567",
        "pointsChange": -20,
        "newBalance": 30,
        "transactionType": "redeem",
        "reason": None,
    }


async def test_an_account_shows_its_balance_and_what_happened_newest_first(shop: Shop) -> None:
    await shop.change_points("5551234", "add", 5)
    await shop.change_points("555-1234", "redeem", 2, reason="coffee")
    answer = (await account(shop, "555 1234")).json()
    assert answer["newBalance"] == 3
    assert [(change["pointsChange"], change["reason"]) for change in answer["transactions"]] == [
        (-2, "coffee"),
        (5, None),
    ]


async def test_an_account_that_is_not_there_is_not_found_and_not_made(
    shop: Shop, open_shop: OpenShop
) -> None:
    other = await open_shop()
    await other.change_points("5551234", "add", 5)
    assert (await account(shop, "5551234")).status_code == 404
    assert (await shop.change_points("5551234", "redeem", 1)).status_code == 404
    assert (await account(shop, "5551234")).status_code == 404


async def test_more_points_than_there_are_is_refused_and_takes_none(shop: Shop) -> None:
    await shop.change_points("5551234", "add", 5)
    refused = await shop.change_points("5551234", "redeem", 6)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:bellwire:problem:insufficient-points"
    assert (await account(shop, "5551234")).json()["newBalance"] == 5


async def test_first_points_from_two_pods_at_once_make_one_account(
    shop: Shop, api_pods: tuple[Pod, Pod]
) -> None:
    async with httpx.AsyncClient(base_url=api_pods[1].url, timeout=30) as second:
        doors = (shop, shop.at(second))
        answers = await asyncio.gather(*(doors[n % 2].change_points("5551234", "add", 1) for n in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["customerId"] for answer in answers}) == 1
    assert (await account(shop, "5551234")).json()["newBalance"] == 20


async def test_however_many_tills_redeem_at_once_they_get_exactly_the_points_there_are(
    shop: Shop, api_pods: tuple[Pod, Pod]
) -> None:
    async with httpx.AsyncClient(base_url=api_pods[1].url, timeout=30) as second:
        doors = (shop, shop.at(second))
        for phone in (f"555000{number}" for number in range(8)):
            await shop.change_points(phone, "add", 3)
            answers = await asyncio.gather(
                *(doors[n % 2].change_points(phone, "redeem", 1) for n in range(16))
            )
            assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 13
            assert (await account(shop, phone)).json()["newBalance"] == 0


async def test_of_two_tills_that_want_the_last_point_at_the_same_moment_one_gets_it(
    shop: Shop, database_url: str
) -> None:
    await shop.change_points("5551234", "add", 1)
    async with held_up(database_url, shop.slug):
        wanting = [asyncio.create_task(shop.change_points("5551234", "redeem", 1)) for _ in range(2)]
        await asyncio.sleep(0.3)
    assert sorted([(await till).status_code for till in wanting]) == [200, 409]
