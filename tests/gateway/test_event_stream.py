"""Server-sent events: the sockets' stream by another door, with the same cursor, rooms, limits and ends."""

import asyncio
import socket
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.event import Event
from backbone.contract.frames import payload_of, text_frame
from backbone.contract.offset import Offset
from gateway.core.tenant_log import entry_of
from infra.local.counters import read_total
from infra.local.pods import Pod
from tests.conftest import OpenShop, StartGateway
from tests.gateway.stream_till import open_stream, stream_path
from tests.gateway.test_stream import append_events, orders
from tests.gateway.till import open_till
from tests.shop import Operator, Shop, bearer


@given(st.binary(max_size=300) | st.integers(0, 70_000).map(bytes))
def test_a_frame_gives_back_the_payload_that_it_was_built_around(payload: bytes) -> None:
    assert payload_of(text_frame(payload)) == payload


@given(st.integers(1, 9), st.integers(1, 10**9), st.text(st.characters(codec="utf-8"), max_size=200))
def test_an_events_chunk_carries_the_very_bytes_of_its_payload_on_one_line(
    epoch: int, seq: int, text: str
) -> None:
    payload = orjson.dumps({"data": text})
    chunk = entry_of(Event(Offset(epoch, seq), "new_order", 0, payload)).chunk()
    size, _, body = chunk.partition(b"\r\n")
    assert len(body) == int(size, 16) + 2
    assert body == b"id: %d-%d\nevent: new_order\ndata: %b\n\n\r\n" % (epoch, seq, payload)


async def refused(
    pod: Pod, tenant: str, query: str = "", **headers: str
) -> tuple[int, dict[str, Any], httpx.Headers]:
    async with httpx.AsyncClient(base_url=pod.url, trust_env=False) as client:
        answer = await client.get(stream_path(tenant, query), headers=headers)
    return answer.status_code, answer.json(), answer.headers


async def test_the_same_events_in_the_same_bytes_as_on_a_socket(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    second = await shop.add_terminal("second")
    async with (
        open_stream(gateway, shop.slug, shop.terminal_key) as stream,
        open_till(gateway, shop.slug, second.key) as till,
    ):
        own = {"terminal": "", "reading": ""}
        assert {**stream.hello, **own} == {**till.hello, **own}
        assert await stream.next() == {"type": "caught_up", "offset": "1-0"}
        placed = await orders(shop, 20)
        assert await stream.has(20) == await till.has(20)
        assert stream.offsets == placed
        logged = await database.fetch(
            "SELECT payload FROM pos_sync_logs WHERE tenant = $1 ORDER BY seq", shop.slug
        )
        sent = [sse.data.encode() for sse in stream.raw if sse.event == "new_order"]
        assert sent == [row["payload"] for row in logged]
        assert stream.response.headers["content-type"] == "text/event-stream"
        assert "no-transform" in stream.response.headers["cache-control"]


async def test_only_events_carry_an_id(gateway: Pod, shop: Shop) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as client:
        await shop.order()
        text = ""
        async with client.stream(
            "GET", stream_path(shop.slug, "?after=0"), headers=bearer(shop.terminal_key)
        ) as response:
            async for part in response.aiter_text():
                text += part
                if "event: heartbeat" in text:
                    break
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    kinds = {
        line.removeprefix("event: "): block[0]
        for block in blocks
        for line in block
        if line.startswith("event: ")
    }
    assert set(kinds) == {"hello", "new_order", "caught_up", "heartbeat"}
    assert kinds["heartbeat"] == ": heartbeat"
    assert [block[0] for block in blocks if block[0].startswith("id:")] == ["id: 1-1"]


async def test_last_event_id_resumes_and_is_newer_than_after(gateway: Pod, shop: Shop) -> None:
    placed = await orders(shop, 5)
    async with open_stream(
        gateway, shop.slug, shop.terminal_key, "?after=1-1", Last_Event_ID="1-3"
    ) as stream:
        assert (stream.hello["after"], stream.hello["resumed"]) == ("1-3", True)
        await stream.until("caught_up")
        assert stream.offsets == placed[3:]
    async with open_stream(gateway, shop.slug, shop.terminal_key, "?after=1-1") as stream:
        await stream.until("caught_up")
        assert stream.offsets == placed[1:]
    async with open_stream(gateway, shop.slug, shop.terminal_key, Last_Event_ID="") as stream:
        assert await stream.next() == {"type": "caught_up", "offset": placed[-1]}


async def test_types_filter_and_the_head_comes_by_heartbeat(gateway: Pod, shop: Shop) -> None:
    async with open_stream(gateway, shop.slug, shop.terminal_key, "?after=0&types=order_updated") as stream:
        order = await shop.order()
        await shop.step(order["orderId"], "preparing")
        while (await stream.until("heartbeat"))["head"] != "1-2":
            pass
        assert [event["type"] for event in stream.events] == ["order_updated"]


async def test_a_long_history_is_replayed_from_the_log_of_record_and_goes_on_live(
    start_gateway: StartGateway, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = start_gateway({"BELLWIRE_RING_EVENTS": "10"})
    await append_events(database, shop.slug, 1300)
    async with open_stream(pod, shop.slug, shop.terminal_key, "?after=0") as stream:
        await stream.has(1300)
        await shop.order()
        await stream.has(1301)
        assert stream.offsets == [f"1-{seq}" for seq in range(1, 1302)]
    assert read_total([pod.url], "bellwire_gateway_deliveries_total", transport="sse") == 1301
    assert read_total([pod.url], "bellwire_gateway_deliveries_total", transport="websocket") == 0


async def test_what_cannot_be_replayed_is_said_by_a_reset(gateway: Pod, shop: Shop) -> None:
    placed = await orders(shop, 2)
    async with open_stream(gateway, shop.slug, shop.terminal_key, "?after=1-99") as stream:
        assert await stream.next() == {"type": "reset", "to": placed[-1], "reason": "unknown_offset"}


async def test_no_key_a_foreign_one_and_the_wrong_kind_are_refused_as_at_the_socket(
    gateway: Pod, shop: Shop, open_shop: OpenShop, operator: Operator
) -> None:
    other = await open_shop()
    status, problem, headers = await refused(gateway, shop.slug)
    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert headers["www-authenticate"] == "Bearer"
    assert (await refused(gateway, shop.slug, **bearer("bw_term_" + "A" * 43)))[0] == 401
    foreign = (await refused(gateway, other.slug, **bearer(shop.terminal_key)))[:2]
    nobody = (await refused(gateway, "no-such-tenant", **bearer(shop.terminal_key)))[:2]
    assert foreign == nobody
    assert foreign[0] == 404
    for key in (shop.storefront_key, operator.key):
        assert (await refused(gateway, shop.slug, **bearer(key)))[0] == 403
    status, problem, _ = await refused(gateway, shop.slug, f"?key={shop.terminal_key}")
    assert (status, problem["type"]) == (400, "urn:bellwire:problem:key-in-query")
    status, _, _ = await refused(
        gateway, shop.slug, Origin="https://evil.example", **bearer(shop.terminal_key)
    )
    assert status == 403


@pytest.mark.parametrize(
    ("query", "headers", "loc"),
    [
        ("?after=x", {}, "after"),
        ("?types=nonsense", {}, "types"),
        ("", {"Last-Event-ID": "x-1"}, "Last-Event-ID"),
    ],
)
async def test_a_bad_field_gets_400_and_is_named(
    gateway: Pod, shop: Shop, query: str, headers: dict[str, str], loc: str
) -> None:
    status, problem, _ = await refused(gateway, shop.slug, query, **headers, **bearer(shop.terminal_key))
    assert status == 400
    assert problem["errors"][0]["loc"] == loc


async def test_a_full_gateway_refuses_with_503_and_other_methods_with_405(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_MAX_SOCKETS": "1"})
    second = await shop.add_terminal("second")
    async with open_stream(pod, shop.slug, shop.terminal_key):
        status, _, headers = await refused(pod, shop.slug, **bearer(second.key))
        assert (status, headers["retry-after"]) == (503, "2")
    async with httpx.AsyncClient(base_url=pod.url, trust_env=False) as client:
        for method in ("POST", "HEAD"):
            answer = await client.request(method, stream_path(shop.slug), headers=bearer(shop.terminal_key))
            assert answer.status_code == 405


async def test_a_terminal_has_one_connection_whatever_the_doors(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    async with open_stream(gateways[0], shop.slug, shop.terminal_key) as first:
        async with open_till(gateways[0], shop.slug, shop.terminal_key) as second:
            last = await first.ended()
            assert last == {"type": "close", "code": 4409, "reason": "a newer connection of this terminal"}
            assert first.clean_end
            # Recorded by then, or nobody could tell at the other gateway which one is newer.
            await asyncio.sleep(1.5)
            async with open_stream(gateways[1], shop.slug, shop.terminal_key) as third:
                assert (await second.closed())[0] == 4409
                await shop.order()
                await third.has(1)


async def test_a_revoked_terminals_stream_ends_with_4403(gateway: Pod, shop: Shop) -> None:
    async with open_stream(gateway, shop.slug, shop.terminal_key) as stream:
        await shop.http.delete(
            shop.path(f"terminals/{shop.terminals[0].terminal_id}"), headers=bearer(shop.operator_key)
        )
        last = await stream.ended()
        assert last is not None
        assert (last["type"], last["code"]) == ("close", 4403)


async def test_a_stopping_gateway_ends_streams_with_the_moment_to_come_back(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_DRAIN_SECONDS": "1"})
    async with open_stream(pod, shop.slug, shop.terminal_key) as stream:
        stopping = asyncio.create_task(asyncio.to_thread(pod.stop, 15))
        last = await stream.ended()
        await stopping
    assert last is not None
    assert (last["code"], last["reason"].startswith("retry_ms=")) == (1012, True)
    assert stream.raw[-1].retry == int(last["reason"][9:])
    assert stream.clean_end
    assert pod._child is not None
    assert pod._child.wait(0) == 0


def raw_stream(pod: Pod, tenant: str, key: str, receive_buffer: int | None = None) -> socket.socket:
    """A connected stream without any library in the way."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", pod.port))
    lines = [f"GET /sse/pos/{tenant}?after=0 HTTP/1.1", "Host: till", f"Authorization: Bearer {key}"]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 200")
    return connection


async def awaited(pod: Pod, sample: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(150):
            page = (await client.get(f"{pod.url}/metrics")).text
            if sample in page:
                return
            await asyncio.sleep(0.1)
    raise AssertionError(f"never saw {sample}")


async def test_a_reader_that_takes_nothing_is_cut_and_delays_nobody(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_SLOW_SECONDS": "1", "BELLWIRE_SEND_BUFFER_BYTES": "8192"})
    good = await shop.add_terminal("good")
    stuck = await asyncio.to_thread(raw_stream, pod, shop.slug, shop.terminal_key, 4096)
    with stuck:
        async with open_stream(pod, shop.slug, good.key) as stream:
            for _ in range(40):
                await shop.order(specialInstructions="n" * 20_000)
            await stream.has(40)
            await awaited(pod, "bellwire_gateway_slow_closed_total 1.0")
            await awaited(pod, 'bellwire_gateway_connections{transport="sse"} 1.0')
            await shop.order()
            await stream.has(41)


async def test_a_peer_that_goes_is_forgotten_and_what_it_still_says_is_passed_over(
    gateway: Pod, shop: Shop
) -> None:
    connection = await asyncio.to_thread(raw_stream, gateway, shop.slug, shop.terminal_key)
    await awaited(gateway, 'bellwire_gateway_connections{transport="sse"} 1.0')
    # A second request in the same connection gets no answer in the midst of the first one's.
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: till\r\n\r\n\0garbage")
    await shop.order()
    answer = b""
    while b"new_order" not in answer:
        part = await asyncio.to_thread(connection.recv, 4096)
        assert part, f"the stream ended behind {answer!r}"
        answer += part
    assert b"HTTP/1.1" not in answer
    connection.close()
    await awaited(gateway, 'bellwire_gateway_connections{transport="sse"} 0.0')
