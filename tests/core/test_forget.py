"""Forgetting: the event stays the same fact, about nobody; every amount keeps its digits."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from api.core.forget import anonymous_event
from api.core.gift_cards import purchased_data, redeemed_data
from api.core.loyalty import loyalty_data
from api.core.money import MAX_CENTS
from api.core.orders import Item, NewOrder, OrderStatus, new_order_data, steps_into
from backbone.contract.event import EventType, encode_event
from backbone.contract.offset import Offset

CENTS = st.integers(1, MAX_CENTS)
PERSONAL = st.text(alphabet="ÅÄÖåäö", min_size=3, max_size=9)
ITEMS = st.builds(Item, st.just("Tea"), st.integers(1, 9), CENTS, PERSONAL)
ORDERS = st.builds(
    NewOrder,
    st.just("online"),
    st.just("pickup"),
    PERSONAL,
    PERSONAL,
    PERSONAL,
    st.lists(ITEMS, min_size=1, max_size=3).map(tuple),
    PERSONAL,
)
DATA = st.one_of(
    st.tuples(st.just("new_order"), st.builds(new_order_data, ORDERS)),
    st.tuples(
        st.just("gift_card_purchased"),
        st.builds(purchased_data, st.just("0" * 17), CENTS, PERSONAL, PERSONAL, PERSONAL, st.none()),
    ),
    st.tuples(
        st.just("loyalty_updated"),
        st.builds(loyalty_data, PERSONAL, st.integers(-99, 99), st.just("add"), PERSONAL),
    ),
)
OFFSET = Offset(1, 7)


def numbers(event: object) -> list[Decimal]:
    if isinstance(event, Decimal):
        return [event]
    parts = event.values() if isinstance(event, dict) else event if isinstance(event, list) else ()
    return [number for part in parts for number in numbers(part)]


@given(DATA)
def test_nothing_personal_stays_and_every_amount_keeps_its_digits(made: tuple[str, bytes]) -> None:
    payload = encode_event("kitchen", OFFSET, made[0], 1_700_000_000_000, made[1])
    erased = anonymous_event(made[0], payload)
    assert not set(erased.decode()) & set("ÅÄÖåäö")
    before, after = (json.loads(text, parse_float=Decimal) for text in (payload, erased))
    assert numbers(before) == numbers(after)
    assert [str(number) for number in numbers(after)] == [str(number) for number in numbers(before)]
    assert {name: value for name, value in before.items() if name != "data"} == {
        name: value for name, value in after.items() if name != "data"
    }
    assert before["data"].keys() == after["data"].keys()
    assert anonymous_event(made[0], erased) == erased


@given(st.sampled_from(list(EventType)), CENTS)
def test_an_event_about_nobody_stays_as_it_is(type_: EventType, cents: int) -> None:
    if type_.value in ("new_order", "gift_card_purchased", "loyalty_updated"):
        return
    payload = encode_event("kitchen", OFFSET, type_.value, 0, redeemed_data("1" * 17, cents, None))
    assert anonymous_event(type_.value, payload) is payload


@given(ORDERS)
def test_an_order_says_what_its_items_cost_and_begins_pending(order: NewOrder) -> None:
    data = json.loads(new_order_data(order), parse_float=Decimal)
    assert data["totalAmount"] * 100 == order.total_cents
    assert data["status"] == "pending"


def test_no_order_comes_into_being_by_a_step() -> None:
    assert steps_into(OrderStatus.PENDING) == ()
