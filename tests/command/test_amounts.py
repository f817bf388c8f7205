"""Amounts in the commands' words: as the API wrote them, with the decimals of the shop's currency."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bellwire.amounts import Written
from bellwire.lists import orders_table
from bellwire.tail import readable

MOMENT = "2026-11-22T12:30:00.123Z"
ORDER = """{"orderNumber":"ORD-1","createdAt":"2026-11-22T12:30:00.123Z","status":"pending","orderSource":"online",
    "customerName":"Ada","totalAmount":%s,"currency":%s,"orderId":"6f1f0a4e"}"""
CARD = '{"cardNumber":"*W8D5","amount":%s,"balance":%s,"purchasedBy":"Ada"}'
EVENTS = {
    "new_order": '{"orderNumber":"ORD-1","totalAmount":%s,"customerName":"Ada","items":[{"quantity":1,"name":"%s"}]}',
    "order_paid": '{"orderNumber":"ORD-1","method":"card","status":"paid","amount":%s,"amountDue":%s}',
    "order_refunded": '{"orderNumber":"ORD-1","amount":%s,"amountPaid":%s}',
    **dict.fromkeys(
        ["gift_card_redeemed", "gift_card_refunded", "gift_card_topped_up"],
        CARD,
    ),
}


def read(text: str) -> Any:
    return json.loads(text, parse_float=Written)


@pytest.mark.parametrize(
    ("written", "currency"), [("1050", "JPY"), ("10.50", "EUR"), ("1.250", "KWD"), ("17.00", None)]
)
def test_an_order_is_listed_with_its_total_as_the_shop_counts(written: str, currency: str | None) -> None:
    table = orders_table([read(ORDER % (written, json.dumps(currency)))])
    assert f"  {written}{f' {currency}' if currency else ''}  " in table


@pytest.mark.parametrize("written", ["1050", "10.50", "1.250"])
@pytest.mark.parametrize("type_", EVENTS)
def test_each_amount_of_an_event_is_told_as_it_was_written(type_: str, written: str) -> None:
    data = EVENTS[type_] % (written, written)
    line = readable(
        {"type": type_, "offset": "1-7", "timestamp": MOMENT, "data": read(data)}, datetime.now(UTC)
    )
    assert line.count(written) == 2


def test_what_was_read_is_written_again_as_a_number() -> None:
    assert json.loads(json.dumps(read('{"amount":1.250,"count":3}'))) == {"amount": 1.25, "count": 3}
