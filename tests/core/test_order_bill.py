"""The price of an order: exact sums, one rounding a line, and an event that fits or says what it leaves out."""

import json
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.metadata import MAX_BYTES, check_metadata
from api.core.moment import MOST_AHEAD, is_too_far, parse_moment
from api.core.money import MAX_CENTS, MAX_TOTAL, cents_text, parse_signed_cents, parse_total
from api.core.order_event import ENVELOPE_BYTES, LEFT_OUT, new_order_forms
from api.core.order_items import Adjustment, AdjustmentKind, Item, Modifier, round_half_away
from api.core.orders import MAX_MODIFIERS, NewOrder, complaints, number_of, phone_members, reckon
from api.core.payments import Payment, PaymentStatus, due_cents
from api.core.quantity import parse_quantity, quantity_text
from api.core.text import external_id, route_name
from backbone.contract.event import MAX_EVENT_BYTES

QUANTITIES = st.integers(1, 10_000_000)
SIGNED = st.integers(-MAX_CENTS, MAX_CENTS)
UNDER = st.builds(Modifier, st.just("u"), st.integers(1, 100), SIGNED)
MODIFIERS = st.builds(
    Modifier, st.just("m"), st.integers(1, 100), SIGNED, st.none(), st.lists(UNDER, max_size=3).map(tuple)
)
ITEMS = st.builds(
    Item,
    st.just("n"),
    QUANTITIES,
    st.integers(0, MAX_CENTS),
    modifiers=st.lists(MODIFIERS, max_size=3).map(tuple),
)
ADJUSTMENTS = st.builds(Adjustment, st.sampled_from(AdjustmentKind), st.just("a"), SIGNED, st.booleans())


def order_of(*items: Item, **more: Any) -> NewOrder:
    return NewOrder(
        "online", "pickup", "Ada", None, None, items, more.pop("special_instructions", None), **more
    )


ORDERS = st.builds(
    lambda items, adjustments: order_of(*items, adjustments=tuple(adjustments)),
    st.lists(ITEMS, min_size=1, max_size=5),
    st.lists(ADJUSTMENTS, max_size=5),
)


def exact_line(item: Item) -> int:
    """The line reckoned a second time, with decimals."""
    one = Decimal(item.unit_price_cents)
    for modifier in item.modifiers:
        under = sum((Decimal(u.quantity) * u.unit_price_cents for u in modifier.modifiers), Decimal())
        one += modifier.quantity * (modifier.unit_price_cents + under)
    return int((one * item.quantity / 1000).quantize(Decimal(1), ROUND_HALF_UP))


@given(ORDERS)
def test_the_parts_of_an_order_sum_to_its_total(order: NewOrder) -> None:
    bill = reckon(order)
    assert list(bill.lines) == [exact_line(item) for item in order.items]
    counted = [adjustment.cents for adjustment in order.adjustments if not adjustment.included]
    assert bill.total_cents == sum(bill.lines) + sum(counted)
    data = json.loads(new_order_forms(order, bill)[0], parse_float=Decimal)
    assert data["totalAmount"] * 100 == bill.total_cents


@given(ORDERS, st.none() | st.integers(0, MAX_TOTAL))
def test_an_order_is_taken_exactly_if_each_part_and_the_sum_are_in_bounds_and_the_sum_is_what_was_said(
    order: NewOrder, said: int | None
) -> None:
    bill = reckon(order)
    wrong_signs = any(
        (a.kind is AdjustmentKind.DISCOUNT and a.cents > 0)
        or (a.kind not in (AdjustmentKind.DISCOUNT, AdjustmentKind.ROUNDING) and a.cents < 0)
        for a in order.adjustments
    )
    whole = min(bill.lines) >= 0 and not wrong_signs and 0 <= bill.total_cents <= MAX_TOTAL
    assert (complaints(order, bill, None) == []) is whole
    assert (complaints(order, bill, bill.total_cents) == []) is whole
    if whole and said not in (None, bill.total_cents):
        assert said is not None
        [error] = complaints(order, bill, said)
        assert error.loc == "totalAmount"
        assert cents_text(said) in error.msg
        assert cents_text(bill.total_cents) in error.msg


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**6))
def test_a_half_goes_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / denominator if numerator % denominator == 0 else None
    found = round_half_away(numerator, denominator)
    assert abs(found * denominator - numerator) * 2 <= denominator
    if abs(found * denominator - numerator) * 2 == denominator:
        assert abs(found) * denominator > abs(numerator)
    assert exact is None or found == exact


def test_more_modifiers_than_an_order_may_have_are_named() -> None:
    modifier = Modifier("m", modifiers=(Modifier("u"),) * 19)
    item = Item("n", 1000, 1, modifiers=(modifier,) * 50)
    assert complaints(order_of(item, item), reckon(order_of(item, item)), None) == []
    many = order_of(item, item, Item("n", 1000, 1, modifiers=(Modifier("one too many"),)))
    assert [error.loc for error in complaints(many, reckon(many), None)] == ["items"]
    assert sum(m.count for i in many.items for m in i.modifiers) == MAX_MODIFIERS + 1


@given(QUANTITIES)
def test_a_quantity_comes_out_in_its_shortest_form_and_in_again(thousandths: int) -> None:
    text = quantity_text(thousandths)
    assert Decimal(text) * 1000 == thousandths
    assert not text.endswith((".", "0")) or "." not in text
    assert parse_quantity(orjson.loads(text)) == thousandths
    assert parse_quantity(orjson.loads(f"{Decimal(thousandths) / 1000:.3f}")) == thousandths


@pytest.mark.parametrize("noise", [0.30000000000000004, 0.1 + 0.2, 3 * 0.1])
def test_a_quantity_that_another_program_reckoned_is_what_it_meant(noise: float) -> None:
    assert parse_quantity(noise) == 300


@pytest.mark.parametrize(
    "wrong",
    [
        0,
        -1,
        10_001,
        0.0,
        -0.5,
        0.0001,
        1.0005,
        10_000.001,
        1e300,
        float("inf"),
        float("nan"),
        True,
        "1",
        None,
        [],
    ],
)
def test_what_is_no_quantity_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_quantity(wrong)


@given(SIGNED)
def test_an_amount_may_be_less_than_nothing_where_that_makes_sense(cents: int) -> None:
    assert parse_signed_cents(orjson.loads(cents_text(cents))) == cents
    assert parse_signed_cents(cents_text(cents)) == cents


@given(st.integers(0, MAX_TOTAL))
def test_a_total_is_read_to_its_last_digit(cents: int) -> None:
    assert parse_total(orjson.loads(cents_text(cents))) == cents


def test_stations_and_categories_are_named_once_whatever_their_case_and_sorted() -> None:
    items = [
        Item("n", 1000, 1, station=station, category=category)
        for station, category in (("Grill", "Hot"), ("bar", None), ("GRILL", "cold"), (None, "hot"))
    ]
    assert order_of(*items).stations == ["bar", "Grill"]
    assert order_of(*items).categories == ["cold", "Hot"]


@pytest.mark.parametrize("wrong", ["a,b", "a\nb", "a\tb", "a\u202eb"])
def test_a_station_is_one_printed_name(wrong: str) -> None:
    assert route_name("Pizza oven 2") == "Pizza oven 2"
    with pytest.raises(ValueError, match="without a comma"):
        route_name(wrong)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def depth_of(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)
    return 0


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_metadata_is_taken_as_it_is_or_refused_for_its_size_or_depth(value: dict[str, Any]) -> None:
    if depth_of(value) <= 8 and len(orjson.dumps(value)) <= MAX_BYTES:
        assert check_metadata(value) is value
    else:
        with pytest.raises(ValueError, match="at most"):
            check_metadata(value)


def test_a_number_that_json_cannot_say_is_no_metadata() -> None:
    with pytest.raises(ValueError, match="too big"):
        check_metadata({"a": [1e400]})
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="deep"):
        check_metadata(deep)


def test_an_event_that_is_too_big_leaves_the_items_out_and_then_what_it_has_to_in_order() -> None:
    long = "x" * 12_000
    order = order_of(
        Item("n", 1000, 1, notes=long * 2),
        special_instructions=long,
        adjustments=(Adjustment(AdjustmentKind.FEE, long, 1),),
        delivery_address={"line1": long},
        metadata={"a": long},
        payments=(Payment(long, 1, PaymentStatus.PAID),),
    )
    forms = [json.loads(form) for form in new_order_forms(order, reckon(order))]
    assert all(form["itemsOmitted"] and form["itemCount"] == 1 and "items" not in form for form in forms)
    assert [form["omitted"] for form in forms] == [list(LEFT_OUT[:count]) for count in range(3, 6)]
    for form in forms:
        assert not set(form["omitted"]) & set(form)
        assert {"totalAmount", "customerName", "stations", "categories"} <= set(form)
    small = order_of(Item("n", 1000, 1))
    [only] = new_order_forms(small, reckon(small))
    assert b"itemsOmitted" not in only
    assert len(only) < MAX_EVENT_BYTES - ENVELOPE_BYTES
    hopeless = order_of(
        *(Item("n", 1000, 1, station="ß" * 60 + str(n), category="ß" * 60 + str(n)) for n in range(500))
    )
    [shortest] = new_order_forms(hopeless, reckon(hopeless))
    assert len(shortest) > MAX_EVENT_BYTES
    assert b"itemsOmitted" in shortest


@given(
    st.integers(0, MAX_TOTAL),
    st.lists(st.tuples(st.integers(0, MAX_CENTS), st.sampled_from(PaymentStatus)), max_size=5),
)
def test_payments_that_are_made_are_paid_and_the_rest_is_due(
    total: int, made: list[tuple[int, PaymentStatus]]
) -> None:
    payments = tuple(Payment("card", cents, status) for cents, status in made)
    order = order_of(Item("n", 1000, total), payments=payments)
    assert order.paid_cents == sum(cents for cents, status in made if status is PaymentStatus.PAID)
    assert due_cents(total, order.paid_cents) == max(0, total - order.paid_cents)
    taken = sum(cents for cents, status in made if status is not PaymentStatus.DUE)
    assert [error.loc for error in complaints(order, reckon(order), None)] == ["payments"] * (taken > total)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "now",
        "2026-02-30T00:00:00Z",
        "2026-02-03T00:00:00",
        "9999-12-31T23:59:59-01:00",
        "1969-12-31T00:00:00Z",
        5,
    ],
)
def test_what_is_no_moment_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="must be a moment"):
        parse_moment(wrong)


def test_a_moment_is_read_with_its_offset_and_nobody_wants_an_order_in_more_than_a_year() -> None:
    now = parse_moment("2026-11-28t00:00:00.5+01:00")
    assert now.isoformat() == "2026-11-27T23:00:00.500000+00:00"
    assert not is_too_far(now + MOST_AHEAD, now)
    assert is_too_far(now + MOST_AHEAD + timedelta(seconds=1), now)


def test_an_id_of_somebody_elses_is_visible_characters_alone() -> None:
    assert external_id("UE#4F-12/ß") == "UE#4F-12/ß"
    for wrong in ("a b", "a\n", "a\u200b"):
        with pytest.raises(ValueError, match="visible"):
            external_id(wrong)


def test_a_total_beyond_fifteen_digits_and_metadata_beyond_two_kibibytes_are_refused() -> None:
    order = order_of(*(Item("n", 10_000_000, MAX_CENTS, modifiers=(Modifier("m", 100, MAX_CENTS),)),) * 10)
    assert [error.loc for error in complaints(order, reckon(order), None)] == ["totalAmount"]
    with pytest.raises(ValueError, match="2048 bytes"):
        check_metadata({"a": "x" * 2048})


@pytest.mark.parametrize(
    ("phone", "country", "number", "warned"),
    [
        ("+49 170 1234567", None, "+491701234567", False),
        ("0170 1234567", "DE", "+491701234567", False),
        (None, "DE", None, False),
        ("ask Ada", "DE", None, True),
    ],
)
def test_an_answer_says_the_number_of_a_customer_or_warns_that_there_is_none(
    phone: str | None, country: str | None, number: str | None, warned: bool
) -> None:
    order = NewOrder(
        "online", "pickup", "Ada", phone, None, (Item("n", 1000, 1),), None, number=number_of(phone, country)
    )
    said = phone_members(order)
    assert said["customerPhoneNumber"] == number
    assert ("warnings" in said) is warned
