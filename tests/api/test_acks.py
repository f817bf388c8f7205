"""Acks over HTTP: each belongs to a reading, counts for what that one was to carry, and leaves a receipt."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from tests.api.footprint import acked
from tests.conftest import OpenShop
from tests.shop import Shop, bearer


async def names(shop: Shop, order: dict[str, Any]) -> list[tuple[str, str]]:
    return [(receipt["name"], receipt["by"]) for receipt in await shop.receipts(order["orderId"])]


async def test_an_ack_is_stored_and_never_goes_back(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    orders = [await shop.order() for _ in range(3)]
    page = (await shop.poll(after="0")).json()
    terminal = shop.terminals[0].terminal_id
    for offset, stored in (("1-2", (1, 2)), ("1-1", (1, 2)), ("1-2", (1, 2)), ("1-3", (1, 3))):
        response = await shop.ack(offset=offset, reading=page["reading"])
        assert (response.status_code, response.content) == (204, b"")
        assert await acked(database, terminal) == stored
    assert [await names(shop, order) for order in orders] == [[("counter", "stream")]] * 3


async def test_what_a_filter_kept_back_is_not_acked_with_what_it_let_through(shop: Shop) -> None:
    order = await shop.order()
    await shop.sell_card()
    page = (await shop.poll(after="0", types="gift_card_purchased")).json()
    assert [event["type"] for event in page["events"]] == ["gift_card_purchased"]
    for body in ({"reading": page["reading"]}, {}):
        assert (await shop.ack(offset=page["offset"], **body)).status_code == 204
    assert await names(shop, order) == []


async def test_who_joins_from_the_head_has_acked_nothing_before_it(shop: Shop) -> None:
    missed = await shop.order()
    live = (await shop.poll()).json()
    seen = await shop.order()
    page = (await shop.poll(after=live["offset"])).json()
    assert page["reading"] == live["reading"]
    assert (await shop.ack(offset=page["offset"], reading=page["reading"])).status_code == 204
    assert await names(shop, missed) == []
    assert await names(shop, seen) == [("counter", "stream")]


async def test_sparse_acks_cover_the_pages_before_that_were_gone_on_from(shop: Shop) -> None:
    orders = [await shop.order() for _ in range(3)]
    after, reading = "0", None
    for _ in orders:
        page = (await shop.poll(after=after, limit=1)).json()
        assert reading in (None, page["reading"])
        after, reading = page["offset"], page["reading"]
    assert (await shop.ack(offset=after, reading=reading)).status_code == 204
    assert [await names(shop, order) for order in orders] == [[("counter", "stream")]] * 3


async def test_an_ack_without_a_reading_is_the_only_readings(shop: Shop) -> None:
    order = await shop.order()
    page = (await shop.poll(after="0")).json()
    assert (await shop.ack(offset=page["offset"])).status_code == 204
    assert await names(shop, order) == [("counter", "stream")]


async def test_an_ack_beyond_a_page_counts_for_no_more_than_the_page(shop: Shop) -> None:
    orders = [await shop.order() for _ in range(2)]
    page = (await shop.poll(after="0", limit=1)).json()
    assert (await shop.ack(offset="1-2", reading=page["reading"])).status_code == 204
    assert [await names(shop, order) for order in orders] == [[("counter", "stream")], []]


async def test_orders_that_a_list_showed_have_their_receipts_and_no_others(shop: Shop) -> None:
    shown, other = await shop.order(), await shop.order()
    assert (await shop.ack(orderIds=[shown["orderId"], shown["orderId"]])).status_code == 204
    assert await names(shop, shown) == [("counter", "list")]
    assert await names(shop, other) == []
    status = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    assert status.json()["oldestUnackedSeconds"] is not None
    assert (await shop.ack(orderIds=[other["orderId"]])).status_code == 204
    status = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    assert status.json()["oldestUnackedSeconds"] is None


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, "offset"),
        ({"offset": "1-2"}, "offset"),
        ({"offset": "1-x"}, "offset"),
        ({"orderIds": []}, "orderIds"),
        ({"orderIds": ["ORD-1"]}, "orderIds.0"),
        ({"orderIds": [str(uuid.uuid4())]}, "orderIds.0"),
        ({"offset": "1-1", "reading": "x"}, "reading"),
        ({"offset": "1-1", "reading": str(uuid.uuid4())}, "reading"),
        ({"reading": str(uuid.uuid4()), "orderIds": [str(uuid.uuid4())]}, "reading"),
        ({"offset": "1-1", "readings": "x"}, "readings"),
    ],
)
async def test_what_an_ack_says_wrongly_is_named_and_nothing_is_written(
    shop: Shop, body: dict[str, Any], loc: str
) -> None:
    order = await shop.order()
    answer = await shop.ack(**body)
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]
    assert await names(shop, order) == []


async def test_nobody_acks_for_another_terminal_or_another_shop(shop: Shop, open_shop: OpenShop) -> None:
    other = await open_shop()
    order, foreign = await shop.order(), await other.order()
    second = await shop.add_terminal("bar")
    page = (await shop.poll(after="0")).json()
    for key, at in ((second.key, shop), (other.terminal_key, other)):
        answer = await at.ack(key, offset="1-1", reading=page["reading"])
        assert [error["loc"] for error in answer.json()["errors"]] == ["reading"]
    answer = await shop.ack(orderIds=[order["orderId"], foreign["orderId"]])
    assert [error["loc"] for error in answer.json()["errors"]] == ["orderIds.1"]
    assert await names(shop, order) == []
    assert await names(other, foreign) == []


async def test_after_acked_goes_on_behind_the_last_ack_of_a_reading_that_let_as_much_through(
    shop: Shop,
) -> None:
    for _ in range(3):
        await shop.order()
    whoami = await shop.http.get("/api/whoami", headers=bearer(shop.terminal_key))
    assert whoami.json()["ackedOffset"] is None
    # Without an ack it is all that is retained.
    assert len((await shop.poll(after="acked")).json()["events"]) == 3
    page = (await shop.poll(after="0", types="new_order")).json()
    assert (await shop.ack(offset="1-2", reading=page["reading"])).status_code == 204
    assert len((await shop.poll(after="acked", types="new_order")).json()["events"]) == 1
    # The rest was kept back from that reading.
    assert len((await shop.poll(after="acked")).json()["events"]) == 3
    whoami = await shop.http.get("/api/whoami", headers=bearer(shop.terminal_key))
    assert whoami.json()["ackedOffset"] == "1-2"


async def test_after_acked_claims_nothing_that_was_not_acked(shop: Shop) -> None:
    first, second = await shop.order(), await shop.order()
    page = (await shop.poll(after="0")).json()
    assert (await shop.ack(offset="1-1", reading=page["reading"])).status_code == 204
    again = (await shop.poll(after="acked")).json()
    assert [event["data"]["orderId"] for event in again["events"]] == [second["orderId"]]
    assert (await shop.ack(offset="1-2", reading=again["reading"])).status_code == 204
    assert await names(shop, first) == [("counter", "stream")]
    assert await names(shop, second) == [("counter", "stream")]


async def test_acks_of_many_terminals_at_once_leave_a_receipt_each(shop: Shop) -> None:
    order = await shop.order()
    terminals = [shop.terminals[0], *[await shop.add_terminal(f"till {n}") for n in range(7)]]
    await asyncio.gather(*(shop.take("1-1", terminal.key) for terminal in terminals))
    assert sorted(await names(shop, order)) == sorted((terminal.name, "stream") for terminal in terminals)


@pytest.mark.parametrize(
    ("types", "accepting"), [(None, True), ("new_order,order_updated", True), ("loyalty_updated", False)]
)
async def test_a_shop_accepts_orders_while_somebody_polls_who_would_be_given_them(
    shop: Shop, types: str | None, accepting: bool
) -> None:
    await shop.poll(**({} if types is None else {"types": types}))
    status = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    assert status.json()["acceptingOrders"] is accepting
