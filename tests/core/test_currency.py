"""Currencies: an amount of each survives the way out and back in, with as many decimals as it has and no more."""

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.currency import CODES, NO_CURRENCY, NO_DECIMALS, THREE_DECIMALS, Currency, parse_currency
from api.core.money import (
    cents_figure,
    cents_text,
    json_cents,
    max_amount,
    parse_cents,
    parse_positive_cents,
    parse_signed_cents,
    parse_total,
)
from api.core.order_event import new_order_forms
from api.core.order_items import Adjustment, AdjustmentKind, Item, Modifier
from api.core.orders import NewOrder, complaints, currency_complaints, reckon
from api.core.payments import Payment, PaymentStatus

DECIMALS = st.sampled_from([0, 2, 3])
CURRENCIES = st.sampled_from([NO_CURRENCY, Currency("EUR"), Currency("JPY"), Currency("KWD")])


@st.composite
def amounts(draw: st.DrawFn) -> tuple[int, int]:
    decimals = draw(DECIMALS)
    return draw(st.integers(0, max_amount(decimals))), decimals


@given(amounts())
def test_an_amount_of_every_currency_survives_the_way_out_and_back_in(amount: tuple[int, int]) -> None:
    cents, decimals = amount
    text = cents_text(cents, decimals)
    assert len(text.partition(".")[2]) == decimals
    assert orjson.dumps(json_cents(cents, decimals)) == text.encode()
    assert Decimal(text).scaleb(decimals) == cents
    for written in (orjson.loads(text), text):
        assert parse_cents(written, decimals) == parse_total(written, decimals) == cents
        assert parse_signed_cents(written, decimals) == cents
    assert parse_signed_cents(orjson.loads(f"-{text}"), decimals) == -cents
    assert Decimal(cents_figure(cents, decimals)) == Decimal(text)


@given(amounts(), st.integers(1, 9))
def test_one_decimal_more_than_the_currency_has_is_refused(amount: tuple[int, int], digit: int) -> None:
    cents, decimals = amount
    text = cents_text(cents, decimals)
    more = f"{text}{digit}" if decimals else f"{text}.{digit}"
    with pytest.raises(ValueError, match=r"decimals|between"):
        parse_cents(more, decimals)


@given(DECIMALS)
def test_no_amount_is_over_the_most_and_none_that_has_to_be_something_is_nothing(decimals: int) -> None:
    most = max_amount(decimals)
    assert parse_positive_cents(cents_text(most, decimals), decimals) == most
    with pytest.raises(ValueError, match="between"):
        parse_cents(cents_text(most + 1, decimals), decimals)
    with pytest.raises(ValueError, match="more than 0"):
        parse_positive_cents(cents_text(0, decimals), decimals)


def test_yen_have_no_decimals_euros_two_and_dinars_three() -> None:
    assert [Currency(code).decimals for code in ("JPY", "EUR", "KWD", None)] == [0, 2, 3, 2]
    assert not NO_DECIMALS & THREE_DECIMALS
    assert all(len(code) == 3 and code.isupper() and code.isascii() for code in CODES)


@pytest.mark.parametrize("code", ["XXX", "XAU", "EURO", "EU", "€", "", None, 978, "ＥＵＲ"])
def test_what_is_no_currency_of_a_shop_is_refused(code: object) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        parse_currency(code)


@given(st.sampled_from(sorted(CODES)))
def test_a_code_is_read_in_any_case(code: str) -> None:
    assert parse_currency(code.lower()) == parse_currency(code) == code


@st.composite
def orders(draw: st.DrawFn) -> NewOrder:
    currency = draw(CURRENCIES)
    cents = st.integers(0, max_amount(currency.decimals))
    items = st.builds(
        Item,
        st.just("Tea"),
        st.integers(1, 10_000_000),
        cents,
        modifiers=st.lists(st.builds(Modifier, st.just("Milk"), st.integers(1, 9), cents), max_size=2).map(
            tuple
        ),
    )
    return NewOrder(
        "online",
        "pickup",
        None,
        None,
        None,
        tuple(draw(st.lists(items, min_size=1, max_size=3))),
        None,
        adjustments=tuple(
            draw(
                st.lists(st.builds(Adjustment, st.just(AdjustmentKind.TIP), st.just("T"), cents), max_size=2)
            )
        ),
        payments=tuple(
            draw(
                st.lists(st.builds(Payment, st.just("card"), cents, st.just(PaymentStatus.PAID)), max_size=1)
            )
        ),
        currency=currency,
    )


@given(orders())
def test_every_amount_of_an_event_has_the_decimals_of_the_currency_and_the_parts_are_the_total(
    order: NewOrder,
) -> None:
    bill = reckon(order)
    decimals = order.currency.decimals
    text = new_order_forms(order, bill)[0].decode()
    data = orjson.loads(text)
    assert data.get("currency") == order.currency.code
    assert f'"totalAmount":{cents_text(bill.total_cents, decimals)},' in text
    for item, document in zip(order.items, data["items"], strict=True):
        assert f'"unitPrice":{cents_text(item.unit_price_cents, decimals)},' in text
        assert parse_cents(document["unitPrice"], decimals) == item.unit_price_cents
    assert bill.total_cents == sum(bill.lines) + sum(each.cents for each in order.adjustments)
    assert complaints(order, bill, bill.total_cents + 1) != []


@given(CURRENCIES, st.sampled_from(["EUR", "JPY", "KWD", "USD"]))
def test_an_order_names_its_shops_currency_or_none(currency: Currency, named: str) -> None:
    assert currency_complaints(None, currency) == []
    assert bool(currency_complaints(named, currency)) == (named != currency.code)
