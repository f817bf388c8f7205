"""The query of a stream: words that resume it are read as the header is, and any other one is refused by its name."""

import re

import pytest

from gateway.app import _SOCKET, _STREAM
from gateway.routes import event_stream, websocket
from infra.local.pods import Pod
from tests.gateway.stream_till import open_stream, stream_path
from tests.gateway.till import refusal
from tests.shop import Shop, bearer


def test_what_a_door_takes_is_what_its_description_names() -> None:
    assert {query.name for query in _SOCKET.query} == websocket.PARAMETERS
    assert {query.name for query in _STREAM.query} == event_stream.PARAMETERS


@pytest.mark.parametrize(
    ("query", "header", "after"),
    [
        ("?lastEventId=1-1", None, "1-1"),
        ("?Last-Event-ID=1-1", None, "1-1"),
        ("?after=0&lastEventId=1-2", None, "1-2"),
        ("?after=1-2&lastEventId=1-1", None, "1-1"),
        ("?lastEventId=1-1&Last-Event-ID=1-2", None, "1-2"),
        ("?lastEventId=1-2&Last-Event-ID=1-1", None, "1-2"),
        ("?lastEventId=1-2&after=0", "1-1", "1-1"),
        ("?lastEventId=0", None, "1-0"),
        ("?lastEventId=&after=1-1", "", "1-1"),
        ("?lastEventId=", None, "1-3"),
    ],
)
async def test_the_header_goes_before_the_querys_last_id_which_goes_before_after(
    gateway: Pod, shop: Shop, query: str, header: str | None, after: str
) -> None:
    for _ in range(3):
        await shop.order()
    headers = {} if header is None else {"Last_Event_ID": header}
    async with open_stream(gateway, shop.slug, shop.terminal_key, query, **headers) as till:
        assert till.hello["after"] == after
        await till.has(3 - int(after.partition("-")[2]))


@pytest.mark.parametrize(
    "query",
    [
        "?since=1-1", "?After=0", "?after=0&after=0", "?types=new_order&types=order_updated", "?lastEventID=1-1",
        "?last-event-id=1-1", "?offset=0", "?after=0&=x", "?after=0&a%20b=", "?after=0&wait=1", "?after=0&limit=1",
    ],
)  # fmt: skip
async def test_an_unknown_or_doubled_parameter_gets_400_by_its_name_at_both_doors(
    gateway: Pod, shop: Shop, query: str
) -> None:
    wrong = (
        {"?after=0&=x": "", "?after=0&a%20b=": "a b"}.get(query) if "&a" in query or "&=" in query else None
    )
    named = re.findall(r"[?&]([^=&]*)=", query)[-1] if wrong is None else wrong
    if query == "?after=0&after=0":
        named = "after"
    status, problem = await refusal(gateway, shop.slug, query, additional_headers=bearer(shop.terminal_key))
    streamed = await shop.http.get(
        gateway.url + stream_path(shop.slug, query), headers=bearer(shop.terminal_key)
    )
    assert (status, streamed.status_code) == (400, 400)
    for found in (problem, streamed.json()):
        assert found["type"] == "urn:bellwire:problem:bad-request"
        assert [error["loc"] for error in found["errors"]] == [named]


async def test_a_socket_has_no_last_id_in_its_query(gateway: Pod, shop: Shop) -> None:
    status, _ = await refusal(
        gateway, shop.slug, "?lastEventId=1-1", additional_headers=bearer(shop.terminal_key)
    )
    assert status == 400


@pytest.mark.parametrize(
    "query", ["?lastEventId=x", "?Last-Event-ID=1-", "?lastEventId=1-1&after=x", "?after=x&lastEventId=1-1"]
)
async def test_a_bad_offset_is_named_whichever_word_would_win(gateway: Pod, shop: Shop, query: str) -> None:
    answer = await shop.http.get(
        gateway.url + stream_path(shop.slug, query),
        headers=bearer(shop.terminal_key) | {"Last-Event-ID": "1-0"},
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] in query


async def test_a_key_in_the_query_is_said_before_anything_else_about_it(gateway: Pod, shop: Shop) -> None:
    query = f"?since=1&after=x&key={shop.terminal_key}"
    _, problem = await refusal(gateway, shop.slug, query)
    assert problem["type"] == "urn:bellwire:problem:key-in-query"


async def test_two_keys_are_refused_whichever_is_right(gateway: Pod, shop: Shop) -> None:
    for second in (shop.terminal_key, "nonsense"):
        headers = [("Authorization", f"Bearer {key}") for key in (shop.terminal_key, second)]
        status, problem = await refusal(gateway, shop.slug, additional_headers=headers)
        streamed = await shop.http.get(gateway.url + stream_path(shop.slug), headers=headers)
        offered = ["bellwire.v1", f"bearer.{shop.terminal_key}", f"bearer.{second}x"]
        by_subprotocol, _ = await refusal(gateway, shop.slug, subprotocols=offered)
        assert (status, streamed.status_code, by_subprotocol) == (400, 400, 400)
        assert problem["errors"][0]["loc"] == "Authorization"
