"""An order's money after it was placed: payments that come later, refunds, and what is paid and due in between."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest

from api.db.audit import audit
from tests.conftest import OpenShop
from tests.shop import Shop, bearer


async def findings(shop: Shop, url: str) -> list[str]:
    """The audit's rules that do not hold for this shop."""
    return [
        found.rule
        for found in await audit(url)
        if any(example.startswith(f"{shop.slug}: ") for example in found.examples)
    ]


async def test_an_order_is_paid_later_and_says_so_everywhere(shop: Shop) -> None:
    order = await shop.order()
    paid = await shop.pay_order(order["orderId"], 7.05, reference="T-1")
    assert paid.status_code == 201, paid.text
    answer = paid.json()
    assert set(answer) == {"paymentId", "amountPaid", "amountDue", "offset"}
    assert (answer["amountPaid"], answer["amountDue"]) == (7.05, 10)
    event = (await shop.events())[-1]
    terminal = shop.terminals[0]
    by = {"kind": "term", "terminalId": terminal.terminal_id, "name": terminal.name}
    assert (event["type"], event["offset"]) == ("order_paid", answer["offset"])
    assert event["data"] == {
        "orderId": order["orderId"],
        "orderNumber": order["orderNumber"],
        "paymentId": answer["paymentId"],
        "method": "card",
        "amount": 7.05,
        "status": "paid",
        "reference": "T-1",
        "amountPaid": 7.05,
        "amountDue": 10,
        "by": by,
    }
    document = await shop.get_order(order["orderId"])
    assert (document["amountPaid"], document["amountDue"]) == (7.05, 10)
    [payment] = document["payments"]
    assert payment == {
        "at": payment["at"],
        "method": "card",
        "amount": 7.05,
        "status": "paid",
        "reference": "T-1",
        "paymentId": answer["paymentId"],
        "by": by,
    }
    listed = await shop.http.get(shop.path("orders"), headers=bearer(shop.storefront_key))
    assert listed.json()["orders"][0]["payments"] == document["payments"]


async def test_what_is_authorized_counts_for_nothing_and_is_paid_by_a_payment_of_its_own(shop: Shop) -> None:
    order = await shop.order()
    first = (await shop.pay_order(order["orderId"], 17.05, "authorized", reference="A-1")).json()
    assert (first["amountPaid"], first["amountDue"]) == (0, 17.05)
    second = (await shop.pay_order(order["orderId"], 17.05, reference="A-1")).json()
    assert (second["amountPaid"], second["amountDue"]) == (17.05, 0)
    late = await shop.pay_order(order["orderId"], 0.01, "authorized")
    assert (late.status_code, late.json()["type"]) == (409, "urn:bellwire:problem:overpaid")


async def test_more_than_the_total_is_refused_and_changes_nothing(shop: Shop) -> None:
    order = await shop.order(payments=[{"method": "voucher", "amount": 10, "status": "paid"}])
    response = await shop.pay_order(order["orderId"], 7.06)
    assert response.status_code == 409
    problem = response.json()
    assert problem["type"] == "urn:bellwire:problem:overpaid"
    assert (problem["amountPaid"], problem["amountDue"]) == (10, 7.05)
    assert len(await shop.events()) == 1
    assert (await shop.pay_order(order["orderId"], 7.05)).status_code == 201
    document = await shop.get_order(order["orderId"])
    assert [payment["method"] for payment in document["payments"]] == ["voucher", "card"]
    assert set(document["payments"][0]) == {"method", "amount", "status"}
    assert document["amountDue"] == 0


async def test_money_goes_back_up_to_what_was_paid_and_no_further(shop: Shop, database_url: str) -> None:
    order = await shop.order()
    none = await shop.refund_order(order["orderId"], 0.01)
    assert (none.status_code, none.json()["type"]) == (409, "urn:bellwire:problem:refund-too-high")
    await shop.pay_order(order["orderId"], 17.05)
    first = await shop.refund_order(order["orderId"], 7, reason="cold", key=shop.storefront_key)
    assert first.status_code == 201
    answer = first.json()
    assert set(answer) == {"refundId", "refundedTotal", "offset"}
    assert answer["refundedTotal"] == 7
    event = (await shop.events())[-1]
    assert (event["type"], event["offset"]) == ("order_refunded", answer["offset"])
    assert event["data"] == {
        "orderId": order["orderId"],
        "orderNumber": order["orderNumber"],
        "refundId": answer["refundId"],
        "amount": 7,
        "reason": "cold",
        "refundedTotal": 7,
        "amountPaid": 10.05,
        "amountDue": 7,
        "by": {"kind": "store"},
    }
    high = await shop.refund_order(order["orderId"], 10.06)
    assert (high.status_code, high.json()["amountPaid"], high.json()["refundedTotal"]) == (409, 10.05, 7)
    assert (await shop.refund_order(order["orderId"], 10.05)).json()["refundedTotal"] == 17.05
    document = await shop.get_order(order["orderId"])
    assert (document["amountPaid"], document["amountDue"]) == (0, 17.05)
    assert [(refund["amount"], refund.get("reason")) for refund in document["refunds"]] == [
        (7, "cold"),
        (10.05, None),
    ]
    assert document["refunds"][0]["by"]["kind"] == "store"
    assert await findings(shop, database_url) == []


async def test_completed_and_cancelled_orders_are_refunded_and_a_cancelled_one_takes_no_payment(
    shop: Shop,
) -> None:
    done, off = await shop.order(), await shop.order()
    for order in (done, off):
        await shop.pay_order(order["orderId"], 5)
    for status in ("preparing", "ready", "completed"):
        await shop.step(done["orderId"], status)
    await shop.step(off["orderId"], "cancelled")
    assert (await shop.pay_order(done["orderId"], 1)).status_code == 201
    refused = await shop.pay_order(off["orderId"], 1)
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "urn:bellwire:problem:wrong-step")
    assert (problem["status"], problem["by"]["name"]) == ("cancelled", "counter")
    for order in (done, off):
        assert (await shop.refund_order(order["orderId"], 5)).status_code == 201


async def test_a_gift_card_that_pays_for_the_order_counts_as_a_payment(shop: Shop) -> None:
    order = await shop.order()
    card = await shop.sell_card(12)
    assert (await shop.redeem_card(card["cardNumber"], 12, orderId=order["orderId"])).status_code == 200
    assert (await shop.pay_order(order["orderId"], 5.06)).status_code == 409
    paid = (await shop.pay_order(order["orderId"], 5.05)).json()
    assert (paid["amountPaid"], paid["amountDue"]) == (17.05, 0)
    assert (await shop.refund_order(order["orderId"], 17.05)).status_code == 201


async def test_an_order_that_is_not_broadcast_makes_no_event(shop: Shop) -> None:
    order = await shop.order(orderSource="till")
    paid, refunded = await shop.pay_order(order["orderId"], 5), await shop.refund_order(order["orderId"], 2)
    assert (paid.json()["offset"], refunded.json()["offset"]) == (None, None)
    assert await shop.events() == []
    assert (await shop.get_order(order["orderId"]))["amountPaid"] == 3


async def test_a_retry_moves_money_once(shop: Shop) -> None:
    order = await shop.order()
    answers = await asyncio.gather(
        *(shop.pay_order(order["orderId"], 5, idempotency_key="p") for _ in range(4))
    )
    paid = {answer.text for answer in answers if answer.status_code == 201}
    again = await shop.pay_order(order["orderId"], 5, idempotency_key="p")
    assert paid == {again.text}
    assert again.headers["Idempotency-Replayed"] == "true"
    first = await shop.refund_order(order["orderId"], 2, idempotency_key="r")
    assert (await shop.refund_order(order["orderId"], 2, idempotency_key="r")).text == first.text
    other = await shop.refund_order(order["orderId"], 1, idempotency_key="r")
    assert other.status_code == 422
    assert (await shop.get_order(order["orderId"]))["amountPaid"] == 3


async def test_the_types_of_a_stream_may_name_them(shop: Shop) -> None:
    order = await shop.order()
    await shop.pay_order(order["orderId"], 5)
    await shop.refund_order(order["orderId"], 2)
    page = (await shop.poll(after="0", types="order_paid,order_refunded")).json()
    assert [event["type"] for event in page["events"]] == ["order_paid", "order_refunded"]


@pytest.mark.parametrize(
    ("kind", "body", "loc"),
    [
        ("payments", {"method": "card", "amount": 0, "status": "paid"}, "amount"),
        ("payments", {"method": "card", "amount": -1, "status": "paid"}, "amount"),
        ("payments", {"method": "card", "amount": 1.005, "status": "paid"}, "amount"),
        ("payments", {"method": "card", "amount": 1, "status": "due"}, "status"),
        ("payments", {"amount": 1, "status": "paid"}, "method"),
        ("payments", {"method": "m" * 1001, "amount": 1, "status": "paid"}, "method"),
        ("payments", {"method": " ", "amount": 1, "status": "paid"}, "method"),
        ("refunds", {"amount": 0}, "amount"),
        ("refunds", {"amount": 1, "reason": ""}, "reason"),
        ("refunds", {"amount": 1, "orderId": "x"}, "orderId"),
    ],
)
async def test_a_wrong_field_is_named(shop: Shop, kind: str, body: dict[str, Any], loc: str) -> None:
    order = await shop.order()
    response = await shop.http.post(
        shop.path(f"orders/{order['orderId']}/{kind}"), json=body, headers=bearer(shop.terminal_key)
    )
    assert (response.status_code, [error["loc"] for error in response.json()["errors"]]) == (422, [loc])


async def test_an_order_of_another_shop_is_not_there(shop: Shop, open_shop: OpenShop) -> None:
    order = await (await open_shop()).order()
    assert (await shop.pay_order(order["orderId"], 1)).status_code == 404
    assert (await shop.refund_order(order["orderId"], 1)).status_code == 404
    assert (await shop.pay_order("ORD-1", 1)).status_code == 404


async def test_an_order_has_a_hundred_payments_at_most(shop: Shop) -> None:
    order = await shop.order()
    for _ in range(100):
        assert (await shop.pay_order(order["orderId"], 0.01)).status_code == 201
    response = await shop.pay_order(order["orderId"], 0.01)
    assert (response.status_code, response.json()["type"]) == (409, "urn:bellwire:problem:too-many-payments")


async def test_whoever_pays_and_refunds_at_once_the_sums_hold(
    shop: Shop, database_url: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """No more is paid than the total, and no more goes back than was paid."""
    orders = [(await shop.order())["orderId"] for _ in range(3)]
    cards = [(await shop.sell_card(9))["cardNumber"] for _ in range(3)]
    dice = random.Random(5)

    async def act() -> int:
        order = dice.choice(orders)
        match dice.randrange(8):
            case 0:
                answer = await shop.redeem_card(dice.choice(cards), 1.5, orderId=order)
            case 1 | 2 | 3:
                answer = await shop.refund_order(order, dice.choice([0.5, 3, 9]))
            case _:
                answer = await shop.pay_order(order, dice.choice([1, 2.05, 8]))
        return answer.status_code

    codes = await asyncio.gather(*(act() for _ in range(120)))
    assert set(codes) <= {200, 201, 409, 503}
    assert codes.count(201) > 20
    assert await findings(shop, database_url) == []
    for order in orders:
        document = await shop.get_order(order)
        payments = sum(round(p["amount"] * 100) for p in document["payments"])
        refunds = sum(round(r["amount"] * 100) for r in document["refunds"])
        redeemed = await database.fetchval(
            "SELECT coalesce(-sum(amount_cents), 0) FROM pos_gift_card_transactions WHERE order_id = $1",
            order,
        )
        assert round(document["amountPaid"] * 100) == payments + redeemed - refunds


async def test_what_was_paid_and_refunded_is_never_changed_but_for_words_that_are_taken_away(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = await shop.order()
    await shop.pay_order(order["orderId"], 5, reference="Ada's card")
    await shop.refund_order(order["orderId"], 2, reason="Ada called")
    for table, word in (("order_payments", "reference"), ("order_refunds", "reason")):
        for change in (
            f"UPDATE {table} SET amount_cents = 1",
            f"UPDATE {table} SET {word} = 'another'",
            f"UPDATE {table} SET made_by = NULL",
            f"DELETE FROM {table}",
        ):
            with pytest.raises(asyncpg.RaiseError, match="is a ledger"):
                await database.execute(f"{change} WHERE order_id = $1", order["orderId"])
        await database.execute(f"UPDATE {table} SET {word} = NULL WHERE order_id = $1", order["orderId"])
