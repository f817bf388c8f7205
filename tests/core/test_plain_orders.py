"""The short ways of a plain order say what the long ones say, word for word."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.core.currency import NO_CURRENCY, Currency
from api.core.money import MAX_CENTS, parse_cents, plain_cents
from api.core.order_event import new_order_forms
from api.core.order_items import Adjustment, AdjustmentKind, Item, Modifier
from api.core.orders import Bill, NewOrder, complaints, number_of, reckon
from api.core.payments import Payment, PaymentStatus
from api.core.text import clean_text, is_plain_name, require_visible
from api.http.order_body import OrderBody
from api.http.plain_order import read_plain_order

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        "",
        " ",
        "Ada",
        " Ada",
        "Ada ",
        "\u3164",
        "Ä",
        "a\nb",
        "a\r\nb",
        "\u200b",
        "é",
        "\U0001f355",
        "x" * 65,
        "x" * 257,
    ]
)
NUMBERS = (
    st.integers(-2, 1_000_002)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(0, MAX_CENTS).map(lambda cents: cents / 100)
    | st.sampled_from([True, False, None, "1.50", 14.309999999999999, -0.0, 1e-300, 10_000, 10_001, 1.0])
)
LINES = st.fixed_dictionaries(
    {"name": TEXTS, "quantity": st.integers(1, 5) | NUMBERS, "unitPrice": NUMBERS},
    optional={"notes": st.none() | TEXTS, "sku": TEXTS, "extra": TEXTS},
)
EASY_LINES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Ayran", "Ärger"]),
        "quantity": st.integers(1, 3),
        "unitPrice": st.integers(0, 9999).map(lambda cents: cents / 100),
    },
    optional={"notes": st.none() | st.just('"two" \\ spoons')},
)
BODIES = st.fixed_dictionaries(
    {
        "orderType": TEXTS | st.just("pickup"),
        "items": st.lists(EASY_LINES, max_size=3) | st.lists(LINES, max_size=2),
    },
    optional={
        "tenant": st.none() | TEXTS,
        "orderSource": TEXTS | st.none() | st.just("phone"),
        "customerName": st.none() | TEXTS,
        "customerPhone": st.none() | TEXTS | st.just("+49 170 1234567"),
        "customerEmail": st.none() | TEXTS,
        "specialInstructions": st.none() | TEXTS,
        "totalAmount": NUMBERS,
        "externalId": TEXTS,
        "currency": st.just("EUR"),
        "guests": st.none() | st.integers(-1, 9),
    },
)
COUNTRIES = st.sampled_from([None, "DE", "GB"])


@given(BODIES, COUNTRIES)
def test_what_is_read_in_one_go_is_what_the_model_reads(body: dict[str, Any], country: str | None) -> None:
    quick = read_plain_order(body)
    if quick is None:
        return
    model = OrderBody.model_validate(body, context=2)
    assert (quick.tenant, quick.total_amount) == (model.tenant, model.total_amount)
    assert quick.order(country, NO_CURRENCY) == model.order(country, NO_CURRENCY)


ODD: list[Any] = [
    "",
    " ",
    " Ada",
    "Ada ",
    "\u3164",
    "a\nb",
    "a\r\nb",
    "\x00",
    "\x1b[2J",
    "\u200b",
    "x" * 33_000,
    None,
    7,
    [],
    {},
]
PLACES = [
    ("tenant",), ("orderSource",), ("orderType",), ("customerName",), ("customerPhone",), ("customerEmail",),
    ("specialInstructions",), ("totalAmount",), ("items",), ("items", 0), ("items", 0, "name"),
    ("items", 0, "quantity"), ("items", 0, "unitPrice"), ("items", 0, "notes"), ("more",), ("items", 0, "more"),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd)[:12])
def test_one_odd_value_anywhere_is_read_as_the_model_reads_it(place: tuple[str | int, ...], odd: Any) -> None:
    body: Any = {
        "tenant": None, "orderSource": "online", "orderType": "pickup", "customerName": "Ada",
        "customerPhone": "1234567", "customerEmail": "a@b.c", "specialInstructions": "ring", "totalAmount": 1.5,
        "items": [{"name": "Ayran", "quantity": 1, "unitPrice": 1.5, "notes": "cold"}],
    }  # fmt: skip
    assert read_plain_order(body) is not None
    inner = body
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = odd
    quick = read_plain_order(body)
    if quick is not None:
        model = OrderBody.model_validate(body, context=2)
        assert (quick.tenant, quick.total_amount) == (model.tenant, model.total_amount)
        assert quick.order(None, NO_CURRENCY) == model.order(None, NO_CURRENCY)


@given(st.lists(EASY_LINES, min_size=1, max_size=5), st.sampled_from(["pickup", "delivery"]))
def test_an_order_without_anything_special_is_read_in_one_go(lines: list[Any], kind: str) -> None:
    body = {
        "orderType": kind,
        "items": lines,
        "customerName": "Ada Łovelace",
        "customerPhone": "+49 170 1234567",
    }
    quick = read_plain_order(orjson.loads(orjson.dumps(body)))
    assert quick is not None
    assert reckon(quick.order(None, NO_CURRENCY)).plain


@given(BODIES)
def test_what_the_model_refuses_is_not_read_in_one_go(body: dict[str, Any]) -> None:
    try:
        OrderBody.model_validate(body, context=2)
    except ValidationError:
        assert read_plain_order(body) is None


@given(NUMBERS.filter(lambda number: type(number) in (int, float)))
def test_cents_that_are_found_at_once_are_those_that_were_written(value: float) -> None:
    cents = plain_cents(value)
    assert cents is None or cents == parse_cents(value)


@given(st.integers(0, MAX_CENTS))
def test_every_price_of_two_decimals_is_found_at_once(cents: int) -> None:
    assert plain_cents(cents / 100) == cents


@given(TEXTS.filter(bool))
def test_a_plain_name_is_one_that_nothing_is_done_to(text: str) -> None:
    if is_plain_name(text):
        assert require_visible(clean_text(text)) == text == text.strip()


ITEMS = st.builds(
    Item, TEXTS, st.integers(1, 5).map(lambda whole: whole * 1000) | st.integers(1, 5000), st.integers(-5, 9999),
    st.none() | TEXTS, *(st.none() | st.just("said") for _ in range(4)),
    st.just(()) | st.just((Modifier("m", 1, 5),)),
)  # fmt: skip
PLAIN_ITEMS = st.builds(
    Item, TEXTS, st.integers(1, 5).map(lambda n: n * 1000), st.integers(0, 9999), st.none() | TEXTS
)
ORDERS = st.builds(
    lambda items, phone, more: NewOrder(
        "online", "pickup", "Ada", phone, None, tuple(items), None, number=number_of(phone, None), **more
    ),
    st.lists(PLAIN_ITEMS, min_size=1, max_size=4) | st.lists(ITEMS, min_size=1, max_size=3),
    st.none() | st.just("+49 170 1234567") | st.just("no number"),
    st.fixed_dictionaries(
        {},
        optional={
            "guests": st.just(0),
            "currency": st.sampled_from([Currency("EUR"), Currency("JPY"), Currency("KWD")]),
            "table_number": st.just("4"),
            "metadata": st.just({}),
            "courier": st.just({}),
            "external_id": st.just("x"),
            "payments": st.just((Payment("card", 5, PaymentStatus.PAID, None),)),
            "adjustments": st.just((Adjustment(AdjustmentKind.TIP, "tip", 5),)),
        },
    ),
)


@given(ORDERS, st.none() | st.integers(0, 100_000))
def test_what_is_said_of_a_plain_order_shortly_is_what_is_said_at_length(
    order: NewOrder, total: int | None
) -> None:
    bill = reckon(order)
    at_length: Bill = replace(bill, plain=False)
    assert new_order_forms(order, bill) == new_order_forms(order, at_length)
    for said in (total, bill.total_cents):
        assert complaints(order, bill, said) == complaints(order, at_length, said)
