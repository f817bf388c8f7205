"""A request's trace context goes with its event to every door, and a malformed one changes nothing."""

import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.event import encode_event
from backbone.contract.offset import Offset
from backbone.contract.trace import parse_traceparent, traceparent_of
from infra.local.pods import Pod
from tests.api.endpoints import register, until
from tests.api.sink import open_sink
from tests.gateway.stream_till import open_stream
from tests.gateway.till import open_till
from tests.shop import ORDER, Shop, bearer

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MALFORMED = [
    "", "00", TRACE + "0", TRACE[:-1], TRACE.upper(), "01" + TRACE[2:], "ff" + TRACE[2:], TRACE.replace("-", "_"),
    f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", TRACE + ',"x":1',
    TRACE[:-3] + '"-1', "é" + TRACE[1:],
]  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_not_of_the_form_is_no_trace(text: str) -> None:
    assert parse_traceparent([text]) is None


def test_one_is_taken_and_two_are_none() -> None:
    assert parse_traceparent([TRACE]) == TRACE
    assert parse_traceparent([TRACE, TRACE]) is None
    assert parse_traceparent([]) is None


@given(st.dictionaries(st.text(), st.just(f'","traceparent":"{TRACE}","data":')))
def test_what_an_events_data_says_is_never_taken_for_its_trace(data: dict[str, str]) -> None:
    encoded = orjson.dumps(data)
    assert traceparent_of(encode_event("t", Offset(1, 1), "new_order", 0, encoded)) is None
    other = TRACE.replace("4bf9", "0000")
    assert traceparent_of(encode_event("t", Offset(1, 1), "new_order", 0, encoded, other)) == other


async def order(shop: Shop, trace: str | None, **headers: str) -> dict[str, Any]:
    sent = bearer(shop.storefront_key) | headers | ({} if trace is None else {"traceparent": trace})
    response = await shop.http.post("/api/tenant/orders/create", json=ORDER, headers=sent)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_it_reaches_every_door(gateway: Pod, shop: Shop) -> None:
    second = await shop.add_terminal("second")
    with open_sink() as sink:
        await register(shop, sink.url)
        async with (
            open_till(gateway, shop.slug, shop.terminal_key) as till,
            open_stream(gateway, shop.slug, second.key) as stream,
        ):
            await order(shop, TRACE)
            await order(shop, None)
            for events in (await till.has(2), await stream.has(2), await shop.events()):
                assert events[0]["traceparent"] == TRACE
                assert "traceparent" not in events[1]
            assert list(till.events[0])[-2:] == ["traceparent", "data"]
        await until(lambda: len(sink.accepted) == 2)
        assert sink.accepted[0].headers["traceparent"] == TRACE
        assert "traceparent" not in sink.accepted[1].headers


async def test_every_kind_of_write_hands_it_on(shop: Shop) -> None:
    shop.http.headers["traceparent"] = TRACE
    try:
        placed = await shop.order()
        assert (await shop.step(placed["orderId"], "preparing")).status_code == 200
        card = await shop.sell_card()
        assert (await shop.redeem_card(card["cardNumber"], 1)).status_code == 200
        assert (await shop.change_points("5551234", "add", 3)).status_code == 200
    finally:
        del shop.http.headers["traceparent"]
    events = await shop.events()
    assert [event["traceparent"] for event in events] == [TRACE] * 5


async def test_a_malformed_one_changes_no_answer_and_is_dropped(shop: Shop) -> None:
    for text in ("nonsense", TRACE.upper(), TRACE + "0"):
        await order(shop, text)
    assert all("traceparent" not in event for event in await shop.events())


async def test_a_retry_under_another_trace_is_the_same_request(shop: Shop) -> None:
    key = uuid.uuid4().hex
    first = await order(shop, TRACE, **{"Idempotency-Key": key})
    again = await order(shop, TRACE.replace("4bf9", "1111"), **{"Idempotency-Key": key})
    assert first == again
    assert [event["traceparent"] for event in await shop.events()] == [TRACE]
