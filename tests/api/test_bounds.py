"""An API pod is bounded in what a client may keep of it: time to send, time to read, bytes, requests at once."""

import asyncio
import functools
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from infra.local.pods import Pod
from infra.local.waiting import wait_until
from tests.conftest import OpenShop, StartApiPod
from tests.shop import Shop, bearer


@contextmanager
def dialled(pod: Pod, receive_bytes: int | None = None) -> Iterator[socket.socket]:
    link = socket.socket()
    with link:
        if receive_bytes is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        link.settimeout(20)
        link.connect(("127.0.0.1", pod.port))
        yield link


def get(path: str, key: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: pod\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def heard(link: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    said = b""
    try:
        while piece := link.recv(65536):
            said += piece
    except ConnectionError:
        pass
    return said


def counted(pod: Pod, name: str) -> float:
    text = httpx.get(f"{pod.url}/metrics").text
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)} (\S+)$", text, re.M))


def is_zero(pod: Pod, name: str) -> bool:
    return counted(pod, name) == 0


async def fill(pod: Pod, shop: Shop, orders: int) -> None:
    """Place orders whose list makes a long answer."""
    item = {"name": "M", "quantity": 1, "unitPrice": 1, "notes": "n" * 30_000}
    order = {"orderType": "pickup", "customerName": "Ada", "orderSource": "till", "items": [item, item]}
    async with httpx.AsyncClient(base_url=pod.url, headers=bearer(shop.storefront_key), timeout=30) as http:
        for _ in range(orders):
            assert (await http.post("/api/tenant/orders/create", json=order)).status_code == 201


POST = b"POST /api/tenant/orders/create HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
BEGUN = {
    "body": POST + b"Content-Length: 50\r\n\r\n{",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
    "head": POST + b"X-Half: ",
    "line": b"GET /",
}


@pytest.mark.parametrize("began", BEGUN.values(), ids=BEGUN)
async def test_a_request_that_does_not_come_to_its_end_is_answered_with_408_in_time_however_steadily_it_comes(
    start_api_pod: StartApiPod, shop: Shop, began: bytes
) -> None:
    pod = start_api_pod({"BELLWIRE_REQUEST_SECONDS": "1"})

    def drip() -> tuple[bytes, float]:
        with dialled(pod) as link:
            since = time.monotonic()
            link.sendall(began.replace(b"%s", shop.storefront_key.encode()))
            link.settimeout(0.2)
            while time.monotonic() - since < 10:
                try:
                    if piece := link.recv(65536):
                        link.settimeout(10)
                        return piece + heard(link), time.monotonic() - since
                    return b"", time.monotonic() - since
                except TimeoutError:
                    link.sendall(b"1")
            return b"", 99.0

    said, took = await asyncio.to_thread(drip)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["type"] == "urn:bellwire:problem:request-timeout"
    assert 0.9 < took < 8


async def test_a_long_poll_and_an_idle_connection_are_not_late(
    start_api_pod: StartApiPod, shop: Shop
) -> None:
    pod = start_api_pod({"BELLWIRE_REQUEST_SECONDS": "0.5"})

    def ask() -> list[int]:
        with httpx.Client(base_url=pod.url, headers=bearer(shop.terminal_key)) as http:
            poll = http.get(f"/api/tenant/{shop.slug}/events?wait=2")
            time.sleep(1)
            return [poll.status_code, http.get("/api/whoami").status_code]

    assert await asyncio.to_thread(ask) == [200, 200]


async def test_a_reader_that_takes_nothing_is_cut_and_one_that_is_slow_gets_all(
    start_api_pod: StartApiPod, shop: Shop
) -> None:
    pod = start_api_pod({"BELLWIRE_READER_SECONDS": "2"})
    await fill(pod, shop, 40)
    path = f"/api/tenant/{shop.slug}/orders?limit=40"

    def read_slowly() -> int:
        with dialled(pod, 4096) as link:
            link.sendall(get(path, shop.storefront_key).replace(b"Host:", b"Connection: close\r\nHost:"))
            took, since = 0, time.monotonic()
            while piece := link.recv(65536):
                took += len(piece)
                if time.monotonic() - since < 6:
                    time.sleep(0.05)
            return took

    def read_nothing() -> float:
        with dialled(pod, 4096) as link:
            link.sendall(get(path, shop.storefront_key))
            since = time.monotonic()
            assert wait_until(lambda: counted(pod, 'bellwire_readers_cut_total{reason="slow"}') >= 1, 15)
            return time.monotonic() - since

    whole = len(
        (await asyncio.to_thread(httpx.get, f"{pod.url}{path}", headers=bearer(shop.storefront_key))).content
    )
    slow, cut_after = await asyncio.gather(asyncio.to_thread(read_slowly), asyncio.to_thread(read_nothing))
    assert slow > whole > 1 << 20
    assert cut_after > 1.9
    assert counted(pod, 'bellwire_readers_cut_total{reason="slow"}') == 1
    for name in ("bellwire_unsent_bytes", "bellwire_api_requests_under_way"):
        assert wait_until(functools.partial(is_zero, pod, name), 5), name


async def test_answers_that_wait_take_bounded_room_in_all(start_api_pod: StartApiPod, shop: Shop) -> None:
    pod = start_api_pod({"BELLWIRE_UNSENT_BYTES": str(6 << 20)})
    await fill(pod, shop, 40)
    ask = get(f"/api/tenant/{shop.slug}/orders?limit=40", shop.storefront_key)

    def hold() -> tuple[float, int]:
        with ExitStack() as stack:
            for _ in range(12):
                stack.enter_context(dialled(pod, 4096)).sendall(ask)
            assert wait_until(lambda: counted(pod, 'bellwire_readers_cut_total{reason="room"}') >= 3, 15)
            waiting = counted(pod, "bellwire_unsent_bytes")
            answer = httpx.get(f"{pod.url}/api/whoami", headers=bearer(shop.terminal_key))
            return waiting, answer.status_code

    waiting, status = await asyncio.to_thread(hold)
    assert waiting <= 6 << 20
    assert status == 200


async def test_a_key_has_so_many_requests_under_way_and_another_one_does_not_notice(
    start_api_pod: StartApiPod, shop: Shop
) -> None:
    other = await shop.add_terminal("other")
    pod = start_api_pod({"BELLWIRE_KEY_IN_FLIGHT": "5"})
    async with httpx.AsyncClient(base_url=pod.url, timeout=30) as http:

        async def poll() -> httpx.Response:
            return await http.get(f"/api/tenant/{shop.slug}/events?wait=3", headers=bearer(shop.terminal_key))

        polls = [asyncio.create_task(poll()) for _ in range(9)]
        while counted(pod, "bellwire_api_requests_under_way") < 5:
            await asyncio.sleep(0.05)
        assert (await http.get("/api/whoami", headers=bearer(other.key))).status_code == 200
        answers = await asyncio.gather(*polls)
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] * 5 + [429] * 4
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1"
        assert "5 at once" in refused.json()["detail"]
        # All of them were given back, whatever the answer was.
        for path in (
            "/api/whoami",
            "/api/nothing",
            f"/api/tenant/{shop.slug}/events?after=x",
            "/api/tenant/x/events",
        ):
            for _ in range(8):
                assert (await http.get(path, headers=bearer(shop.terminal_key))).status_code != 429
    assert counted(pod, "bellwire_api_requests_under_way") == 0
    assert counted(pod, 'bellwire_api_limited_total{limit="at_once"}') == 4


async def test_a_reader_that_takes_nothing_keeps_its_keys_place(
    start_api_pod: StartApiPod, shop: Shop
) -> None:
    pod = start_api_pod({"BELLWIRE_KEY_IN_FLIGHT": "3", "BELLWIRE_READER_SECONDS": "3"})
    await fill(pod, shop, 40)
    ask = get(f"/api/tenant/{shop.slug}/orders?limit=40", shop.storefront_key)

    def hold() -> list[int]:
        def status() -> int:
            return httpx.get(f"{pod.url}/api/whoami", headers=bearer(shop.storefront_key)).status_code

        with ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(dialled(pod, 4096)).sendall(ask)
            assert wait_until(lambda: counted(pod, "bellwire_unsent_bytes") > 0, 15)
            first = status()
            assert wait_until(lambda: status() == 200, 15)
            return [first, status()]

    assert await asyncio.to_thread(hold) == [429, 200]


async def test_a_shop_goes_on_behind_the_address_of_a_flood_of_wrong_keys(
    start_api_pod: StartApiPod, shop: Shop
) -> None:
    second = await shop.add_terminal("second")
    pod = start_api_pod({"BELLWIRE_STRANGER_RATE": "1", "BELLWIRE_STRANGER_LOOKUPS": "5"})
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def ask(key: str | None) -> int:
            headers = {} if key is None else bearer(key)
            return (await http.get("/api/whoami", headers=headers)).status_code

        assert await ask(shop.terminal_key) == 200
        flood = [await ask(f"bw_term_{number:043}") for number in range(30)]
        assert flood[:10] == [401] * 10
        assert 429 in flood
        assert await ask(None) == 429
        # A key that this pod has not met: it is looked up, as long as the address has look-ups left.
        assert await ask(second.key) == 200
        flood = [await ask(f"bw_term_{number:043}") for number in range(30, 130)]
        assert flood.count(401) < 20
        # Not remembered any more, and looked up all the same: it was good before.
        await asyncio.sleep(2.1)
        assert [await ask(shop.terminal_key), await ask(second.key)] == [200, 200]


async def test_strangers_look_ups_are_bounded_beside_a_flood(start_api_pod: StartApiPod) -> None:
    pod = start_api_pod({"BELLWIRE_STRANGER_RATE": "1", "BELLWIRE_STRANGER_LOOKUPS": "2"})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        for number in range(300):
            await http.get("/api/whoami", headers=bearer(f"bw_term_{number:043}"))
    took = counted(pod, "bellwire_key_lookups_total")
    assert 30 <= took < 200


async def test_every_answer_of_a_pod_forbids_guessing_its_type_and_those_with_data_to_be_kept(
    start_api_pod: StartApiPod, open_shop: OpenShop
) -> None:
    shop = await open_shop()
    pod = start_api_pod({})
    async with httpx.AsyncClient(base_url=pod.url, headers=bearer(shop.storefront_key)) as http:
        for path in (
            "/api/whoami",
            f"/api/tenant/{shop.slug}/orders",
            "/api/nothing",
            "/api/tenant/x/orders",
        ):
            headers = (await http.get(path)).headers
            assert headers.get_list("cache-control") == ["no-store"], path
            assert headers.get_list("x-content-type-options") == ["nosniff"], path
        for path in ("/readyz", "/metrics", "/openapi.json", "/nothing"):
            assert (await http.get(path)).headers["x-content-type-options"] == "nosniff"
    with dialled(pod) as link:
        link.sendall(b"\x16\x03\x01 no http\r\n\r\n")
        said = heard(link)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in said
    assert b"nosniff" in said
