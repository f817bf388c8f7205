"""Money of cards and points goes back the way it came: once in all, by refunds and by the order's cancel together."""

import asyncio
import os
import random
import signal
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.core.gift_cards import mask_number
from api.db.audit import audit
from api.db.operator_keys import create_operator_key
from infra.local.pods import Pod
from tests.api.footprint import footprint, held_up
from tests.api.test_limits import with_check, wrong_numbers
from tests.conftest import MakeDatabase, OpenShop, StartApiPod
from tests.shop import Operator, Shop, bearer
from tests.sizes import SIZES

NOBODY = str(uuid.UUID(int=0, version=4))
HERE = "(SELECT oid FROM pg_database WHERE datname = current_database())"
WAITING = f"""
    SELECT count(DISTINCT w.pid) FROM pg_locks w JOIN pg_locks r USING (pid) WHERE NOT w.granted AND r.database = {HERE}
"""
NEXT_FOR_AN_ORDER = f"""
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'tuple' AND granted AND relation = 'orders'::regclass AND database = {HERE}
"""


def code(response: httpx.Response) -> tuple[int, str]:
    """The status of a refusal, and its code."""
    return response.status_code, response.json()["type"].removeprefix("urn:bellwire:problem:")


async def paid(shop: Shop, amount: float = 10, **order: Any) -> tuple[str, str, str]:
    """An order that a card of 25 paid so much for: the order, the card's number, the redemption."""
    placed = (await shop.order(**order))["orderId"]
    number = (await shop.sell_card(25))["cardNumber"]
    used = await shop.redeem_card(number, amount, orderId=placed)
    assert used.status_code == 200, used.text
    return placed, number, used.json()["redemptionId"]


async def step(shop: Shop, order_id: str, status: str, key: str | None = None) -> dict[str, Any]:
    path = shop.path(f"orders/{order_id}/status")
    answer = await shop.http.patch(path, json={"status": status}, headers=bearer(key or shop.terminal_key))
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def amount_paid(shop: Shop, order_id: str) -> float:
    answer = await shop.http.get(shop.path(f"orders/{order_id}"), headers=bearer(shop.storefront_key))
    sum_: float = answer.json()["amountPaid"]
    return sum_


async def points_of(shop: Shop, phone: str) -> int:
    answer = await shop.http.get(f"/api/{shop.slug}/loyalty/{phone}", headers=bearer(shop.storefront_key))
    points: int = answer.json()["newBalance"]
    return points


def till_of(shop: Shop) -> dict[str, Any]:
    return {"kind": "term", "terminalId": shop.terminals[0].terminal_id, "name": shop.terminals[0].name}


async def test_a_refund_waits_for_the_order_that_it_names_while_its_redemption_is_under_way(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = (await shop.order())["orderId"]
    number = (await shop.sell_card(25))["cardNumber"]

    async def waiting(count: int) -> None:
        while await database.fetchval(WAITING) < count:
            await asyncio.sleep(0.02)

    async with database.transaction():
        await database.fetch("SELECT FROM gift_cards WHERE tenant = $1 FOR UPDATE", shop.slug)
        redeeming = asyncio.create_task(shop.redeem_card(number, 10, orderId=order))
        await waiting(1)
        refunding = asyncio.create_task(shop.move_card(number, "refund", amount=4, orderId=order))
        await waiting(2)
        # The next one to have the order's row.
        assert await database.fetchval(NEXT_FOR_AN_ORDER) == 1
    assert [(await each).status_code for each in (redeeming, refunding)] == [200, 200]
    assert await shop.balance(number) == 19


async def test_a_cancel_gives_back_what_is_left_of_each_redemption_and_says_so_right_behind_its_event(
    shop: Shop,
) -> None:
    order, number, first = await paid(shop, 10)
    second = (await shop.redeem_card(number, 4, orderId=order.upper())).json()["redemptionId"]
    alone = await shop.redeem_card(number, 1)
    assert alone.status_code == 200
    assert (await shop.move_card(number, "refund", amount=2.5, redemptionId=first)).status_code == 200
    assert await amount_paid(shop, order) == 11.5
    before = len(await shop.events())
    said = await step(shop, order, "cancelled")
    assert "giftCardsNotReturned" not in said
    assert await shop.balance(number) == 24
    assert await amount_paid(shop, order) == 0
    cancelled, *returned = (await shop.events())[before:]
    assert (cancelled["type"], cancelled["offset"]) == ("order_updated", said["offset"])
    assert [(event["type"], event["data"]) for event in returned] == [
        ("gift_card_refunded", {
            "cardNumber": mask_number(number), "amount": amount, "balance": balance, "orderId": order,
            "redemptionId": redemption, "by": till_of(shop),
        })
        for amount, balance, redemption in ((7.5, 20, first), (4, 24, second))
    ]  # fmt: skip
    refused = await shop.move_card(number, "refund", amount=0.01, orderId=order)
    assert (code(refused), refused.json()["left"]) == ((409, "not-redeemed"), 0)


async def test_a_redemption_is_given_back_in_parts_and_never_more_than_it_was(shop: Shop) -> None:
    order, number, redemption = await paid(shop, 10)
    for amount, left in ((4, 19), (5.99, 24.99)):
        back = await shop.move_card(
            number, "refund", shop.terminal_key, amount=amount, redemptionId=redemption.upper()
        )
        assert (back.status_code, back.json()["balance"]) == (200, left)
        assert back.json()["offset"] == (await shop.events())[-1]["offset"]
    assert await amount_paid(shop, order) == 0.01
    refused = await shop.move_card(number, "refund", amount=0.02, redemptionId=redemption)
    assert (code(refused), refused.json()["left"]) == ((409, "not-redeemed"), 0.01)
    assert (await shop.move_card(number, "refund", amount=0.01, redemptionId=redemption)).status_code == 200
    assert await shop.balance(number) == 25


async def test_what_a_card_paid_for_an_order_is_given_back_the_oldest_redemption_first(shop: Shop) -> None:
    order, number, first = await paid(shop, 3)
    second = (await shop.redeem_card(number, 4, orderId=order)).json()["redemptionId"]
    before = len(await shop.events())
    back = await shop.move_card(number, "refund", amount=5, orderId=order, reason="cold")
    assert back.json()["balance"] == 23
    told = (await shop.events())[before:]
    assert [(event["data"]["redemptionId"], event["data"]["amount"]) for event in told] == [
        (first, 3),
        (second, 2),
    ]
    assert {event["data"]["reason"] for event in told} == {"cold"}
    assert back.json()["offset"] == told[-1]["offset"]
    # Both said: it has to be that redemption, and of that order.
    other = (await shop.order())["orderId"]
    assert code(
        await shop.move_card(number, "refund", amount=1, orderId=other, redemptionId=second)
    ) == (409, "not-redeemed")  # fmt: skip
    both = await shop.move_card(number, "refund", amount=1, orderId=order, redemptionId=second)
    assert both.json()["balance"] == 24


async def test_a_refund_names_a_redemption_of_this_card_or_an_order_that_it_paid_for(shop: Shop) -> None:
    order, number, redemption = await paid(shop)
    other = (await shop.sell_card(25))["cardNumber"]
    for body in (
        {"redemptionId": redemption},
        {"orderId": order},
        {"redemptionId": NOBODY},
        {"redemptionId": "7"},
    ):
        assert code(await shop.move_card(other, "refund", amount=1, **body)) == (409, "not-redeemed")
    neither = await shop.move_card(number, "refund", amount=1)
    assert (code(neither), neither.json()["errors"][0]["loc"]) == ((422, "invalid-fields"), "redemptionId")
    assert (await shop.move_card("0" * 17, "refund", amount=1, orderId=order)).status_code == 404


async def test_an_order_that_is_paid_for_is_one_of_the_shop_that_is_not_cancelled(
    shop: Shop, open_shop: OpenShop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    other = await open_shop()
    number = (await shop.sell_card(25))["cardNumber"]
    await shop.change_points("5551234", "add", 9)
    foreign, gone = (await other.order())["orderId"], (await shop.order())["orderId"]
    await step(shop, gone, "cancelled")
    before = await footprint(database, shop.slug)
    for asked in (foreign, NOBODY, "ORD-1"):
        for answer in (
            await shop.redeem_card(number, 1, orderId=asked),
            await shop.change_points("5551234", "redeem", 1, orderId=asked),
        ):
            assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such order")
    for answer in (
        await shop.redeem_card(number, 1, orderId=gone),
        await shop.change_points("5551234", "redeem", 1, orderId=gone),
    ):
        assert answer.status_code == 409
        said = answer.json()
        assert said["type"] == "urn:bellwire:problem:wrong-step"
        assert (said["status"], said["by"]) == ("cancelled", till_of(shop))
        assert datetime.fromisoformat(said["at"]) <= datetime.now(UTC)
    assert await footprint(database, shop.slug) == before
    # A completed one may be paid for.
    done = (await shop.order())["orderId"]
    for status in ("preparing", "ready", "completed"):
        await step(shop, done, status)
    assert (await shop.redeem_card(number, 1, orderId=done)).status_code == 200


async def test_points_that_paid_for_an_order_come_back_when_it_is_cancelled(shop: Shop) -> None:
    await shop.change_points("5551234", "add", 50)
    order = (await shop.order())["orderId"]
    for points in (20, 5):
        assert (await shop.change_points("5551234", "redeem", points, orderId=order)).status_code == 200
    assert (await shop.change_points("5551234", "redeem", 1)).status_code == 200
    assert await points_of(shop, "5551234") == 24
    number = (await shop.http.get(shop.path(f"orders/{order}"), headers=bearer(shop.terminal_key))).json()
    await step(shop, order, "cancelled")
    assert await points_of(shop, "5551234") == 49
    back = (await shop.events())[-2:]
    assert [
        (event["type"], event["data"]["pointsChange"], event["data"]["newBalance"]) for event in back
    ] == [
        ("loyalty_updated", 20, 44),
        ("loyalty_updated", 5, 49),
    ]
    assert back[0]["data"]["reason"] == f"order {number['orderNumber']} cancelled"
    assert (back[0]["data"]["transactionType"], back[0]["data"]["customerPhone"]) == ("add", "5551234")
    # Points are added for no order.
    answer = await shop.change_points("5551234", "add", 1, orderId=order)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, "orderId")


async def test_points_of_an_account_that_was_joined_with_another_come_back_to_that_one(shop: Shop) -> None:
    """A national number and the international one are two accounts until the shop has a country."""
    await shop.change_points("+447700900123", "add", 7)
    await shop.change_points("07700900123", "add", 10)
    order = (await shop.order())["orderId"]
    assert (await shop.change_points("07700900123", "redeem", 4, orderId=order)).status_code == 200
    path = f"/api/tenant/{shop.slug}"
    changed = await shop.http.patch(path, json={"country": "GB"}, headers=bearer(shop.operator_key))
    assert changed.status_code == 200
    assert await points_of(shop, "07700900123") == 13
    await step(shop, order, "cancelled")
    assert await points_of(shop, "+447700900123") == 17
    assert (await shop.events())[-1]["data"]["customerPhone"] == "+447700900123"


async def test_a_top_up_adds_to_what_is_there_and_names_who_paid(shop: Shop) -> None:
    number = (await shop.sell_card(10, expiryDate="2999-12-31"))["cardNumber"]
    assert (await shop.redeem_card(number, 4)).status_code == 200
    more = await shop.move_card(number, "top-up", amount=30.5, purchasedBy="Ada")
    assert more.json() == {"balance": 36.5, "expiryDate": "2999-12-31", "offset": "1-3"}
    event = (await shop.events())[-1]
    assert event["type"] == "gift_card_topped_up"
    assert event["data"] == {
        "cardNumber": mask_number(number), "amount": 30.5, "balance": 36.5, "orderId": None, "redemptionId": None,
        "by": {"kind": "store"}, "purchasedBy": "Ada",
    }  # fmt: skip
    assert (await shop.redeem_card(number, 36.5)).json()["balance"] == 0
    endless = (await shop.sell_card(10))["cardNumber"]
    assert (await shop.move_card(endless, "top-up", amount=1, purchasedBy="Ada")).json()["expiryDate"] is None


async def test_a_voided_card_holds_nothing_takes_nothing_and_gives_nothing(shop: Shop) -> None:
    order, number, redemption = await paid(shop, 10)
    ended = await shop.move_card(number, "void", shop.operator_key, reason="stolen")
    assert ended.json() == {"balance": 0, "offset": (await shop.events())[-1]["offset"]}
    event = (await shop.events())[-1]
    assert event["type"] == "gift_card_voided"
    assert event["data"] == {
        "cardNumber": mask_number(number), "amount": 15, "balance": 0, "orderId": None, "redemptionId": None,
        "by": {"kind": "op"}, "reason": "stolen",
    }  # fmt: skip
    assert await shop.balance(number) == 0
    for answer in (
        await shop.redeem_card(number, 1),
        await shop.move_card(number, "refund", amount=1, redemptionId=redemption),
        await shop.move_card(number, "top-up", amount=1, purchasedBy="Ada"),
        await shop.move_card(number, "void"),
    ):
        assert code(answer) == (409, "card-voided")
    other = (await shop.sell_card(9))["cardNumber"]
    assert (await shop.redeem_card(other, 9, orderId=order)).status_code == 200
    said = await step(shop, order, "cancelled")
    assert said["giftCardsNotReturned"] == [
        {"cardNumber": mask_number(number), "redemptionId": redemption, "amount": 10}
    ]
    assert (await shop.balance(number), await shop.balance(other)) == (0, 9)
    assert await amount_paid(shop, order) == 10
    # An empty one can be voided, and without a body.
    empty = (await shop.sell_card(1))["cardNumber"]
    await shop.redeem_card(empty, 1)
    answer = await shop.http.post(shop.path(f"gift-cards/{empty}/void"), headers=bearer(shop.storefront_key))
    assert answer.status_code == 200, answer.text


async def refund_outside(
    database: "asyncpg.Connection[asyncpg.Record]", shop: Shop, order: str, cents: int
) -> None:
    await database.execute(
        """
        INSERT INTO order_refunds (refund_id, tenant, order_id, position, amount_cents, total_after_cents)
        VALUES (gen_random_uuid(), $1, $2, 1, $3, $3)
        """,
        shop.slug,
        uuid.UUID(order),
        cents,
    )


async def test_money_that_was_given_back_outside_is_not_given_back_again(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order, number, redemption = await paid(shop, 10)
    ended = (await shop.sell_card(25))["cardNumber"]
    await shop.redeem_card(ended, 2, orderId=order)
    await shop.move_card(ended, "void")
    await refund_outside(database, shop, order, 900)
    refused = await shop.move_card(number, "refund", amount=3.01, redemptionId=redemption)
    assert (code(refused), refused.json()["left"]) == ((409, "not-redeemed"), 3)
    assert (await shop.move_card(number, "refund", amount=1, redemptionId=redemption)).status_code == 200
    # Of 12.00 that were paid 2.00 are there: the card that is good gets them, and nothing is lost.
    assert "giftCardsNotReturned" not in await step(shop, order, "cancelled")
    assert (await shop.balance(number), await amount_paid(shop, order)) == (18, 0)


async def test_a_card_that_has_expired_gets_what_it_paid_and_stays_expired(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = (await shop.order())["orderId"]
    today = datetime.now(UTC).date()
    number = (await shop.sell_card(25, expiryDate=str(today + timedelta(days=1))))["cardNumber"]
    redemption = (await shop.redeem_card(number, 10, orderId=order)).json()["redemptionId"]
    await database.execute("UPDATE gift_cards SET expiry_date = expiry_date - 3 WHERE tenant = $1", shop.slug)
    back = await shop.move_card(number, "refund", amount=4, redemptionId=redemption)
    assert back.json()["balance"] == 19
    await step(shop, order, "cancelled")
    assert await shop.balance(number) == 25
    assert code(await shop.redeem_card(number, 1)) == (409, "card-expired")
    more = await shop.move_card(number, "top-up", idempotency_key="k", amount=1, purchasedBy="Ada")
    assert (code(more), more.json()["errors"][0]["loc"]) == ((422, "invalid-fields"), "expiryDate")
    assert await shop.balance(number) == 25
    # That refusal is not kept: the card may be good again by the next time.
    await database.execute("UPDATE gift_cards SET expiry_date = NULL WHERE tenant = $1", shop.slug)
    more = await shop.move_card(number, "top-up", idempotency_key="k", amount=1, purchasedBy="Ada")
    assert more.json()["balance"] == 26


async def test_the_same_idempotency_key_moves_a_card_once(shop: Shop) -> None:
    order, number, redemption = await paid(shop, 10)
    before = len(await shop.events())
    moves: tuple[tuple[str, dict[str, Any]], ...] = (
        ("refund", {"amount": 4, "redemptionId": redemption}),
        ("refund", {"amount": 7, "orderId": order}),
        ("top-up", {"amount": 4, "purchasedBy": "Ada"}),
        ("void", {"reason": "lost"}),
        ("top-up", {"amount": 5, "purchasedBy": "Ada"}),
    )
    for number_of_move, (what, body) in enumerate(moves):
        asked = [
            await shop.move_card(number, what, idempotency_key=f"k{number_of_move}", **body) for _ in range(3)
        ]
        assert len({answer.text for answer in asked}) == 1
        assert ["Idempotency-Replayed" in answer.headers for answer in asked] == [False, True, True]
    assert [event["type"] for event in (await shop.events())[before:]] == [
        "gift_card_refunded", "gift_card_topped_up", "gift_card_voided"
    ]  # fmt: skip


async def test_what_no_order_allows_is_not_kept_under_the_key_of_a_redemption(shop: Shop) -> None:
    number = (await shop.sell_card(10))["cardNumber"]
    order = (await shop.order())["orderId"]
    await step(shop, order, "cancelled")
    for asked, status in ((NOBODY, 404), (order, 409)):
        answers = [await shop.redeem_card(number, 1, "k" + asked, orderId=asked) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [status] * 2
        assert not any("Idempotency-Replayed" in answer.headers for answer in answers)
    # They say nothing about the card's number, and are no guesses.
    assert (await shop.redeem_card(number, 1)).status_code == 200


async def test_storefronts_look_up_and_redeem(shop: Shop) -> None:
    number = (await shop.sell_card(10))["cardNumber"]
    headers = bearer(shop.storefront_key)
    seen = await shop.http.get(shop.path(f"gift-cards/{number}"), headers=headers)
    assert seen.json()["balance"] == 10
    used = await shop.http.post(shop.path(f"gift-cards/{number}/redeem"), json={"amount": 3}, headers=headers)
    assert used.json()["balance"] == 7
    assert (await shop.events())[-1]["data"]["by"] == {"kind": "store"}


async def test_wrong_numbers_of_a_storefront_slow_its_key_alone(
    start_api_pod: StartApiPod, shop: Shop
) -> None:
    pod = start_api_pod({"BELLWIRE_TERMINAL_GUESSES": "2", "BELLWIRE_TENANT_GUESSES": "3"})
    number = (await shop.sell_card(10))["cardNumber"]
    made = await shop.http.post(shop.path("keys"), json={"name": "b"}, headers=bearer(shop.operator_key))
    second = made.json()["key"]
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def ask(number: str, key: str) -> int:
            return (await http.get(shop.path(f"gift-cards/{number}"), headers=bearer(key))).status_code

        could_be = [found for found in map(with_check, wrong_numbers(60)) if found is not None]
        wrong = [await ask(none, shop.storefront_key) for none in could_be[:21]]
        assert wrong == [404] * 20 + [429]
        assert await ask(number, shop.storefront_key) == 429
        assert [await ask(number, key) for key in (second, shop.terminal_key)] == [200, 200]
        # Nor is it the tenant's bucket that they took from.
        assert [await ask(none, shop.terminal_key) for none in could_be[:3]] == [404, 404, 429]


async def test_of_a_cancel_and_a_redemption_at_the_same_moment_nothing_is_lost(
    shop: Shop, database_url: str
) -> None:
    for _ in range(4):
        order = (await shop.order())["orderId"]
        number = (await shop.sell_card(10))["cardNumber"]
        async with held_up(database_url, shop.slug):
            both = [
                asyncio.create_task(shop.redeem_card(number, 4, orderId=order)),
                asyncio.create_task(shop.step(order, "cancelled")),
            ]
            await asyncio.sleep(0.1)
        used, cancelled = [await one for one in both]
        assert cancelled.status_code == 200
        assert used.status_code in (200, 409), used.text
        assert await shop.balance(number) == 10


@dataclass(slots=True)
class Model:
    """A card and its redemptions, in cents, if all is right."""

    balance: int = 2500
    voided: bool = False
    left: list[tuple[int, int]] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)


MOVES = st.one_of(
    st.tuples(st.just("redeem"), st.integers(1, 1200), st.integers(0, 2)),
    st.tuples(st.just("refund"), st.integers(1, 900), st.integers(0, 4)),
    st.tuples(st.just("by order"), st.integers(1, 900), st.integers(0, 1)),
    st.tuples(st.just("top-up"), st.integers(1, 900), st.just(0)),
    st.tuples(st.just("cancel"), st.just(0), st.integers(0, 1)),
    st.tuples(st.just("void"), st.just(0), st.just(0)),
)


@settings(suppress_health_check=list(HealthCheck), max_examples=15, deadline=None)
@given(moves=st.lists(MOVES, min_size=1, max_size=14))
async def test_whatever_is_done_with_a_card_it_holds_what_was_paid_less_what_was_used_and_not_given_back(
    shop: Shop, moves: list[tuple[str, int, int]]
) -> None:
    number = (await shop.sell_card(25))["cardNumber"]
    orders = [(await shop.order())["orderId"] for _ in range(2)]
    model, names = Model(), list[str]()

    def give(of: int, cents: int) -> None:
        order, left = model.left[of]
        model.left[of] = (order, left - cents)
        model.balance += cents

    for what, cents, which in moves:
        amount, status = cents / 100, 200
        if what == "redeem":
            more = {"orderId": orders[which]} if which < 2 else {}
            answer = await shop.redeem_card(number, amount, **more)
            if which in model.cancelled or model.voided or model.balance < cents:
                status = 409
            else:
                model.balance -= cents
                model.left.append((which, cents))
                names.append(answer.json()["redemptionId"])
        elif what == "refund":
            name = names[which] if which < len(names) else NOBODY
            answer = await shop.move_card(number, "refund", amount=amount, redemptionId=name)
            if model.voided or which >= len(names) or model.left[which][1] < cents:
                status = 409
            else:
                give(which, cents)
        elif what == "by order":
            answer = await shop.move_card(number, "refund", amount=amount, orderId=orders[which])
            if model.voided or sum(left for order, left in model.left if order == which) < cents:
                status = 409
            else:
                for of, (order, left) in enumerate(model.left):
                    part = min(left, cents) if order == which else 0
                    give(of, part)
                    cents -= part
        elif what == "top-up":
            answer = await shop.move_card(number, "top-up", amount=amount, purchasedBy="Ada")
            status = 409 if model.voided else 200
            model.balance += 0 if model.voided else cents
        elif what == "void":
            answer = await shop.move_card(number, "void")
            status = 409 if model.voided else 200
            model.voided, model.balance = True, 0
        else:
            answer = await shop.step(orders[which], "cancelled")
            if which in model.cancelled:
                status = 409
            else:
                lost = [left for order, left in model.left if order == which and left and model.voided]
                said = answer.json().get("giftCardsNotReturned", [])
                assert [round(one["amount"] * 100) for one in said] == lost
                model.cancelled.add(which)
                if not model.voided:
                    for of, (order, left) in enumerate(model.left):
                        if order == which:
                            give(of, left)
        assert answer.status_code == status, (what, answer.text)
        assert round(await shop.balance(number) * 100) == model.balance


# -- a hundred at once, over two pods, one of which is killed -------------------------------------------------------


async def insist(ask: Any, doors: list[Shop], chance: random.Random) -> httpx.Response:
    """Ask with one key until there is an answer, at any pod."""
    for attempt in range(100):
        try:
            response: httpx.Response = await ask(chance.choice(doors))
        except httpx.TransportError:
            await asyncio.sleep(0.02 * (attempt % 5))
            continue
        busy = response.status_code == 409 and code(response)[1] == "still-running"
        if response.status_code not in (429, 503) and not busy:
            return response
        await asyncio.sleep(0.05)
    raise AssertionError("no answer")


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """How many cards, and how many moves of each kind."""
    return (50, 100) if request.param else (12, 36)


@pytest.mark.timeout(400)
async def test_redemptions_refunds_and_cancels_at_once_over_two_pods_one_of_them_killed_are_exact(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, size: tuple[int, int]
) -> None:
    cards, many = size
    url = await migrated_database()
    env = {
        "BELLWIRE_DATABASE_URL": url, "BELLWIRE_TENANT_WAIT_SECONDS": "10", "BELLWIRE_KEY_RATE": "5000",
        "BELLWIRE_TENANT_RATE": "5000",
    }  # fmt: skip
    pods: list[Pod] = [start_api_pod(env, ready=False) for _ in range(2)]
    for pod in pods:
        pod.await_ready()
    chance = random.Random(many)
    limits = httpx.Limits(max_connections=64)
    async with (
        httpx.AsyncClient(base_url=pods[0].url, timeout=30, limits=limits) as first,
        httpx.AsyncClient(base_url=pods[1].url, timeout=30, limits=limits) as second,
    ):
        shop = await Operator(first, await create_operator_key(url)).open_shop()
        await shop.change_points("5551234", "add", 10_000)
        numbers = [(await shop.sell_card(20))["cardNumber"] for _ in range(cards)]
        # A redemption each that can be given back, and orders that several cards pay for.
        orders = [(await shop.order())["orderId"] for _ in range(cards // 2)]
        begun = [
            (await shop.redeem_card(number, 5, orderId=chance.choice(orders))).json() for number in numbers
        ]
        devices = [await shop.add_terminal(f"till {n}") for n in range(10)]
        done = 0

        def doors_of(number: int) -> list[Shop]:
            device = devices[number % len(devices)]
            return [
                Shop(http, shop.slug, shop.storefront_key, shop.operator_key, [device])
                for http in (first, second)
            ]

        async def one(number: int, ask: Any) -> httpx.Response:
            nonlocal done
            answer = await insist(ask, doors_of(number), chance)
            done += 1
            return answer

        def redeem(key: str, card: str, order: str) -> Any:
            return lambda door: door.redeem_card(card, 3.5, key, orderId=order)

        def refund(key: str, card: str, body: dict[str, Any]) -> Any:
            return lambda door: door.move_card(card, "refund", door.terminal_key, key, amount=1.5, **body)

        def cancel(order: str) -> Any:
            return lambda door: door.step(order, "cancelled")

        def points(order: str) -> Any:
            return lambda door: door.change_points("5551234", "redeem", 7, orderId=order)

        asks = []
        for number in range(many):
            which = chance.randrange(cards)
            order = chance.choice(orders)
            named = chance.choice(
                ({"redemptionId": begun[which]["redemptionId"]}, {"orderId": chance.choice(orders)})
            )
            asks += [redeem(f"u{number}", numbers[which], order), refund(f"b{number}", numbers[which], named)]
            asks += [points(order)] if number % 5 == 0 else []
        ending = orders[: len(orders) * 2 // 3]
        asks += [cancel(order) for order in ending]
        chance.shuffle(asks)

        async def killer() -> None:
            while done < len(asks) // 3:
                await asyncio.sleep(0.002)
            os.kill(pods[1].pid, signal.SIGKILL)

        ended = asyncio.create_task(killer())
        answers = await asyncio.gather(*(one(n, ask) for n, ask in enumerate(asks)))
        await ended
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {200, 409}, statuses
        balances = {number: round(await shop.balance(number) * 100) for number in numbers}
        events = await shop.events()
        left = await points_of(shop, "5551234")
    moved: dict[str, int] = defaultdict(lambda: 2000)
    per_redemption: dict[str, int] = defaultdict(int)
    for event in of_types(events, ("gift_card_redeemed", "gift_card_refunded")):
        data = event["data"]
        sign = -1 if event["type"] == "gift_card_redeemed" else 1
        moved[data["cardNumber"]] += sign * round(data["amount"] * 100)
        per_redemption[data["redemptionId"]] += sign * round(data["amount"] * 100)
        assert round(data["balance"] * 100) == moved[data["cardNumber"]] >= 0
    assert all(net <= 0 for net in per_redemption.values())
    assert {mask_number(number): cents for number, cents in balances.items()} == {
        mask_number(number): moved[mask_number(number)] for number in numbers
    }
    assert left == 10_000 + sum(
        event["data"]["pointsChange"] for event in of_types(events, ("loyalty_updated",))[1:]
    )
    connection = await asyncpg.connect(url)
    still_held = await connection.fetchval(
        """
        SELECT coalesce(sum(t.amount_cents), 0) FROM pos_gift_card_transactions t
        JOIN orders o ON o.order_id::text = t.order_id WHERE o.status = 'cancelled'
        """
    )
    cancelled = await connection.fetchval("SELECT count(*) FROM orders WHERE status = 'cancelled'")
    await connection.close()
    assert (still_held, cancelled) == (0, len(ending))
    assert [event["offset"] for event in events] == [f"1-{n}" for n in range(1, len(events) + 1)]
    assert not [finding for finding in await audit(url) if finding.broken]


def of_types(events: Iterable[dict[str, Any]], types: tuple[str, ...]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] in types]
