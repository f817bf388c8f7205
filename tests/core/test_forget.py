"""Forgetting: the event stays the same fact, about nobody; every amount keeps its digits."""

import json
from decimal import Decimal
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from api.core.currency import NO_CURRENCY
from api.core.forget import anonymous_event
from api.core.gift_cards import purchased_data, redeemed_data
from api.core.loyalty import loyalty_data
from api.core.money import MAX_CENTS
from api.core.order_event import new_order_forms
from api.core.order_items import Adjustment, AdjustmentKind, Item, Modifier
from api.core.orders import NewOrder, OrderStatus, reckon, steps_into
from api.http.order_body import OrderBody
from backbone.contract.event import EventType, encode_event
from backbone.contract.offset import Offset

CENTS = st.integers(1, MAX_CENTS)
PERSONAL = st.text(alphabet="ÅÄÖåäö", min_size=3, max_size=9)
MODIFIERS = st.builds(Modifier, st.just("Milk"), st.integers(1, 9), CENTS)
ITEMS = st.builds(
    Item,
    st.just("Tea"),
    st.integers(1, 9999),
    CENTS,
    PERSONAL,
    modifiers=st.lists(MODIFIERS, max_size=2).map(tuple),
)
ORDERS = st.builds(
    NewOrder,
    st.just("online"),
    st.just("pickup"),
    PERSONAL,
    PERSONAL,
    PERSONAL,
    st.lists(ITEMS, min_size=1, max_size=3).map(tuple),
    PERSONAL,
    adjustments=st.just((Adjustment(AdjustmentKind.TIP, "Tip", 250),)),
    delivery_address=st.none() | st.fixed_dictionaries({"line1": PERSONAL}),
    courier=st.none() | st.fixed_dictionaries({"name": PERSONAL}),
    metadata=st.none() | st.fixed_dictionaries({"customer": st.fixed_dictionaries({"since": PERSONAL})}),
)


def new_order_data(order: NewOrder) -> bytes:
    return new_order_forms(order, reckon(order))[0]


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
    if type_.value not in ("gift_card_redeemed", "order_unacknowledged", "order_acknowledged"):
        return
    payload = encode_event("kitchen", OFFSET, type_.value, 0, redeemed_data("1" * 17, cents, None))
    assert anonymous_event(type_.value, payload) is payload


@given(ORDERS)
def test_an_order_says_what_its_items_cost_and_begins_pending(order: NewOrder) -> None:
    data = json.loads(new_order_data(order), parse_float=Decimal)
    assert data["totalAmount"] * 100 == reckon(order).total_cents
    assert data["status"] == "pending"


def test_the_reason_of_a_step_is_nobodys_once_its_customer_is_forgotten() -> None:
    data = b'{"orderId":"1","status":"cancelled","by":{"kind":"store"},"reason":"Ada called"}'
    event = encode_event("kitchen", OFFSET, "order_updated", 0, data)
    assert anonymous_event("order_updated", event) == event.replace(b'"Ada called"', b"null")


@given(st.sampled_from(["gift_card_refunded", "gift_card_topped_up", "gift_card_voided"]), CENTS)
def test_the_note_of_a_card_is_nobodys_once_its_customer_is_forgotten(type_: str, cents: int) -> None:
    data = redeemed_data("1" * 17, cents, None)[:-1]
    said, left = (b'"purchasedBy":"Ada"', b'"purchasedBy":"(erased)"')
    if type_ != "gift_card_topped_up":
        said, left = (b'"reason":"Ada called"', b'"reason":null')
    event = encode_event("kitchen", OFFSET, type_, 0, data + b"," + said + b"}")
    assert anonymous_event(type_, event) == event.replace(said, left)
    silent = encode_event("kitchen", OFFSET, type_, 0, data + b"}")
    assert anonymous_event(type_, silent) == silent


@pytest.mark.parametrize(("type_", "member"), [("order_paid", "reference"), ("order_refunded", "reason")])
def test_the_words_of_a_payment_and_a_refund_are_nobodys_likewise(type_: str, member: str) -> None:
    data = b'{"orderId":"1","amount":1.250,"%s":"Ada Lovelace","by":{"kind":"store"}}' % member.encode()
    event = encode_event("kitchen", OFFSET, type_, 0, data)
    assert anonymous_event(type_, event) == event.replace(b'"Ada Lovelace"', b"null")


def test_an_order_comes_back_to_pending_by_a_mistake_undone_alone() -> None:
    assert steps_into(OrderStatus.PENDING) == (OrderStatus.PREPARING,)


# Texts of an order that say nothing about who ordered. Any other one has to be gone from an event once its customer is
# forgotten: a new field of the body goes here, or into `api/core/forget.py`.
NOT_PERSONAL = {
    "tenant", "orderSource", "orderType", "tableNumber", "adjustments.name", "items.name", "items.unit", "items.sku",
    "items.category", "items.station", "items.modifiers.name", "items.modifiers.sku", "items.modifiers.modifiers.name",
    "items.modifiers.modifiers.sku", "externalId", "payments.method",
}  # fmt: skip
NOT_IN_EVENTS = {"tenant", "orderSource"}


def filled(model: type[BaseModel], place: str = "") -> tuple[dict[str, Any], set[str]]:
    """A body in which each text is `~` and the path of its field, and those paths."""
    body: dict[str, Any] = {}
    paths: set[str] = set()
    for name, field in model.model_fields.items():
        alias = field.alias or name
        path = f"{place}{alias}"
        under = [
            kind
            for kind in kinds_in(field.annotation)
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if under:
            value, inner = filled(under[0], f"{path}.")
            body[alias] = [value] if "list[" in str(field.annotation) else value
            paths |= inner
        elif dict in [get_origin(kind) for kind in kinds_in(field.annotation)]:
            body[alias], paths = {"note": f"~{path}"}, paths | {path}
        elif alias == "currency":
            body[alias] = "EUR"
        elif str in kinds_in(field.annotation):
            body[alias], paths = f"~{path}", paths | {path}
        elif field.is_required():
            body[alias] = {"kind": "fee", "quantity": 1, "unitPrice": 1, "amount": 0, "status": "paid"}[alias]
    return body, paths


def kinds_in(annotation: Any) -> list[Any]:
    """The types that an annotation is put together from."""
    return [annotation, *(kind for part in get_args(annotation) for kind in kinds_in(part))]


def test_every_text_of_an_order_is_either_said_to_be_nobodys_or_gone_once_its_customer_is_forgotten() -> None:
    body, paths = filled(OrderBody)
    assert {"items.notes", "courier.phone", "deliveryAddress.instructions", "metadata"} <= paths
    data = new_order_data(OrderBody.model_validate(body).order(None, NO_CURRENCY))
    event = encode_event("kitchen", OFFSET, "new_order", 0, data)
    texts = {path for path in paths if f'"~{path}"'.encode() in event}
    assert texts == paths - NOT_IN_EVENTS
    erased = anonymous_event("new_order", event)
    assert {path for path in paths if f'"~{path}"'.encode() in erased} == NOT_PERSONAL - NOT_IN_EVENTS
