"""A terminal's messages, the answers in between, and the ends of a connection."""

import asyncio
import time

import asyncpg
import httpx
import pytest

from infra.local.pods import Pod
from infra.local.valkey import Valkey
from tests.conftest import OpenShop, StartGateway
from tests.gateway.raw import close_code, raw_socket
from tests.gateway.till import open_till, refusal
from tests.shop import Shop, bearer


async def test_an_ack_is_stored_and_shown_as_a_receipt(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        order = await shop.order()
        await till.has(1)
        await till.say(type="ack", offset=order["offset"])
        for _ in range(50):
            answer = await shop.http.get(
                shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.storefront_key)
            )
            if answer.json()["receipts"]:
                break
            await asyncio.sleep(0.1)
        assert [receipt["terminalId"] for receipt in answer.json()["receipts"]] == [
            shop.terminals[0].terminal_id
        ]
        # Acks and arrivals are written behind, each in its own time.
        async with asyncio.timeout(5):
            while True:
                listed = await shop.http.get(shop.path("terminals"), headers=bearer(shop.storefront_key))
                terminal = listed.json()["terminals"][0]
                if terminal["online"]:
                    break
                await asyncio.sleep(0.1)
        assert (terminal["ackedOffset"], terminal["lag"]) == (order["offset"], 0)


async def test_a_terminal_that_left_is_offline(gateway: Pod, shop: Shop) -> None:
    async def online() -> bool:
        listed = await shop.http.get(shop.path("terminals"), headers=bearer(shop.storefront_key))
        return bool(listed.json()["terminals"][0]["online"])

    async with open_till(gateway, shop.slug, shop.terminal_key):
        while not await online():
            await asyncio.sleep(0.1)
    while await online():
        await asyncio.sleep(0.1)


async def test_a_ping_is_answered_with_the_head(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        await till.say(type="ping")
        assert await till.until("pong") == {"type": "pong", "head": "1-0"}


async def test_five_messages_in_a_row_that_cannot_be_understood_end_the_connection(
    gateway: Pod, shop: Shop
) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        bad = ("nonsense", "[]", "{}", '{"type":1}', '{"type":"ack","offset":"1-99"}')
        for good in ({"type": "ping"}, {"type": "ack", "offset": "1-0"}):
            for message in bad[:4]:
                await till.socket.send(message)
                assert {"type", "code", "detail"} == set(await till.until("error"))
            await till.say(**good)
        for message in bad:
            await till.socket.send(message)
        assert await till.closed() == (4400, "five messages in a row were not understood")


async def test_a_type_that_is_not_known_is_said_and_neither_counts_nor_starts_the_count_anew(
    gateway: Pod, shop: Shop
) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        for _ in range(20):
            await till.say(type="of a newer contract", more=[1, {"a": None}])
            assert "ack or ping" in (await till.until("error"))["detail"]
        for _ in range(4):
            await till.socket.send("nonsense")
            await till.say(type="unknown")
        await till.socket.send("nonsense")
        assert (await till.closed())[0] == 4400


async def test_a_message_over_four_kibibytes_ends_the_connection(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        await till.socket.send("x" * 4097)
        assert (await till.closed())[0] == 1009
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        await till.socket.send(["x" * 2000, "x" * 2000, "x" * 2000])
        assert (await till.closed())[0] == 1009


async def test_a_message_in_fragments_is_one_message(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        await till.socket.send(['{"type":', '"ping"', "}"])
        await till.until("pong")


async def test_heartbeats_carry_the_head(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        assert await till.until("heartbeat") == {"type": "heartbeat", "head": "1-0"}
        await shop.order()
        await till.has(1)
        assert await till.until("heartbeat") == {"type": "heartbeat", "head": "1-1"}


async def test_a_newer_connection_of_a_terminal_replaces_the_older(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    async with open_till(gateways[0], shop.slug, shop.terminal_key) as first:
        async with open_till(gateways[0], shop.slug, shop.terminal_key) as second:
            assert (await first.closed())[0] == 4409
            # Recorded by then, or nobody could tell at the other gateway which one is newer.
            await asyncio.sleep(1.5)
            async with open_till(gateways[1], shop.slug, shop.terminal_key) as third:
                assert (await second.closed())[0] == 4409
                await shop.order()
                await third.has(1)
                await third.silent(2.5)


async def test_a_revoked_terminal_is_cut_within_two_seconds_redis_or_no_redis(
    start_gateway: StartGateway, open_shop: OpenShop
) -> None:
    shop = await open_shop()
    valkey = Valkey()
    valkey.start()
    try:
        pod = start_gateway({"BELLWIRE_REDIS_URL": valkey.url})
        valkey.kill()
        second = await shop.add_terminal("second")
        async with (
            open_till(pod, shop.slug, shop.terminal_key) as till,
            open_till(pod, shop.slug, second.key) as other,
        ):
            response = await shop.http.delete(
                shop.path(f"terminals/{shop.terminals[0].terminal_id}"), headers=bearer(shop.operator_key)
            )
            assert response.status_code == 204
            revoked_at = time.monotonic()
            assert (await till.closed())[0] == 4403
            assert time.monotonic() - revoked_at < 10  # two seconds are promised; this machine may be busy
            await shop.order()
            await other.has(1)
        await asyncio.sleep(2.1)
        assert (await refusal(pod, shop.slug, additional_headers=bearer(shop.terminal_key)))[0] == 401
    finally:
        valkey.stop()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"\x81\x02{}", 1002, id="unmasked"),
        pytest.param(b"\x83\x80\0\0\0\0", 1002, id="reserved opcode"),
        pytest.param(b"\xc1\x80\0\0\0\0", 1002, id="reserved bit"),
        pytest.param(b"\x81\x82\0\0\0\0\xff\xff", 1007, id="invalid UTF-8"),
        pytest.param(b"\x81\xfe\x20\x00\0\0\0\0", 1009, id="too big by its header alone"),
        pytest.param(b"\x80\x80\0\0\0\0", 1002, id="continuation of nothing"),
        pytest.param(b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126, 1002, id="ping too long"),
    ],
)
async def test_a_frame_against_the_book_is_closed_with_its_code(
    gateway: Pod, shop: Shop, frame: bytes, code: int
) -> None:
    def speak() -> int | None:
        connection = raw_socket(gateway, shop.slug, shop.terminal_key)
        connection.sendall(frame)
        return close_code(connection)

    assert await asyncio.to_thread(speak) == code


async def test_a_reader_that_takes_nothing_is_cut_and_delays_nobody(
    start_gateway: StartGateway, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = start_gateway({"BELLWIRE_SLOW_SECONDS": "1", "BELLWIRE_SEND_BUFFER_BYTES": "8192"})
    good = await shop.add_terminal("good")
    note = "n" * 20_000
    stuck = await asyncio.to_thread(
        lambda: raw_socket(pod, shop.slug, shop.terminal_key, receive_buffer=4096)
    )
    async with open_till(pod, shop.slug, good.key) as till:
        for _ in range(40):
            await shop.order(specialInstructions=note)
        await till.has(40)
        async with httpx.AsyncClient() as client:
            for _ in range(100):
                page = (await client.get(f"{pod.url}/metrics")).text
                if "bellwire_gateway_slow_closed_total 1.0" in page:
                    break
                await asyncio.sleep(0.1)
        assert "bellwire_gateway_slow_closed_total 1.0" in page
        await shop.order()
        await till.has(41)
    assert await asyncio.to_thread(close_code, stuck) in (4408, None)


async def test_a_reader_that_pauses_gets_everything_in_the_end(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_SLOW_SECONDS": "60", "BELLWIRE_SEND_BUFFER_BYTES": "8192"})
    async with open_till(pod, shop.slug, shop.terminal_key, max_queue=1) as till:
        placed = [(await shop.order(specialInstructions="n" * 20_000))["offset"] for _ in range(60)]
        await till.has(60)
        assert till.offsets == placed
        await shop.order()
        await till.has(61)


async def test_a_peer_that_answers_no_ping_is_forgotten(start_gateway: StartGateway, shop: Shop) -> None:
    pod = start_gateway({})
    silent = await asyncio.to_thread(lambda: raw_socket(pod, shop.slug, shop.terminal_key))
    with silent:
        async with httpx.AsyncClient() as client:
            for _ in range(150):
                page = (await client.get(f"{pod.url}/metrics")).text
                if 'bellwire_gateway_connections{transport="websocket"} 0.0' in page:
                    return
                await asyncio.sleep(0.1)
    raise AssertionError("a dead peer is still counted as connected")


async def test_a_stopping_gateway_gives_each_socket_its_moment_to_come_back_and_ends_with_0(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_DRAIN_SECONDS": "1"})
    second = await shop.add_terminal("second")
    async with (
        open_till(pod, shop.slug, shop.terminal_key) as one,
        open_till(pod, shop.slug, second.key) as other,
    ):
        stopping = asyncio.create_task(asyncio.to_thread(pod.stop, 15))
        closes = await asyncio.gather(one.closed(), other.closed())
        await stopping
    assert [code for code, _ in closes] == [1012, 1012]
    assert all(reason.startswith("retry_ms=") and reason[9:].isdigit() for _, reason in closes)
    assert pod._child is not None
    assert pod._child.wait(0) == 0
