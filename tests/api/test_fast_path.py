"""The short way of a request through a pod, and the long one: whoever asks cannot tell which it went."""

import asyncio
import re
import socket

import httpx
import orjson
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from api.fast_path import FastPath
from api.request_metrics import RequestMetrics
from backbone.contract.errors import FieldError, Problem, Refused, TooMany, Unavailable, Violation
from backbone.runtime.problems import HANDLERS
from backbone.runtime.routes import ANYBODY, DescribedRoute, RouteDoc
from infra.local.pods import Pod
from tests.conftest import OpenShop, StartApiPod
from tests.shop import Shop, bearer

ABOUT = RouteDoc("Test", "A test.", ANYBODY, None)
VOICES = {
    "refused": Refused(Problem.WRONG_STEP, "no", status="ready"),
    "violation": Violation(Problem.INVALID_FIELDS, "wrong", (FieldError("a.b", "must be"),)),
    "unauthorized": Violation(Problem.UNAUTHORIZED, "who?"),
    "unavailable": Unavailable("PostgreSQL"),
    "too-many": TooMany(3, 10.0, 4),
    "bug": ZeroDivisionError("a bug"),
}


async def speak(request: Request) -> Response:
    """Answer, or fail in the voice that is asked for."""
    said = (await request.body()).decode()
    if said in VOICES:
        raise VOICES[said]
    return Response(said.encode(), 201, {"X-Said": "yes"}, "application/json")


def applications() -> tuple[FastPath, Starlette]:
    """The same route behind the front, and behind Starlette alone."""
    routes = [DescribedRoute("POST", "/speak", speak, ABOUT)]
    starlette = Starlette(routes=routes, exception_handlers=HANDLERS)
    return FastPath(RequestMetrics(starlette), routes), starlette


@pytest.mark.parametrize("said", [*VOICES, "", "{}"])
async def test_both_ways_through_the_application_answer_the_same(said: str) -> None:
    answers = []
    for application in applications():
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(base_url="http://pod", transport=transport) as http:
            response = await http.post("/speak", content=said)
            answers.append((response.status_code, sorted(response.headers.items()), response.content))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("said", ["unavailable", "bug", "{}"])
async def test_the_short_way_is_counted_with_its_template_and_status(said: str) -> None:
    labels = {"method": "POST", "route": "/speak", "test": "false"}
    statuses = {"unavailable": "503", "bug": "500", "{}": "201"}

    def counted() -> float:
        name = "bellwire_api_requests_total"
        return REGISTRY.get_sample_value(name, {**labels, "status": statuses[said]}) or 0.0

    def timed() -> float:
        name = "bellwire_api_request_seconds_count"
        return REGISTRY.get_sample_value(name, {"route": "/speak", "test": "false"}) or 0.0

    front, _ = applications()
    before = counted(), timed()
    async with httpx.AsyncClient(base_url="http://pod", transport=httpx.ASGITransport(front)) as http:
        await http.post("/speak", content=said)
        assert (await http.get("/speak")).status_code == 405
    # The 405 took the long way, and is counted there, once, in the same histogram.
    assert (counted(), timed()) == (before[0] + 1, before[1] + 2)


def order_request(shop: Shop, version: str = "1.1", *more: str, name: str = "Ada") -> bytes:
    """An order as bytes of HTTP."""
    body = orjson.dumps(
        {
            "orderType": "pickup",
            "customerName": name,
            "items": [{"name": "Ayran", "quantity": 1, "unitPrice": 2.05}],
        }
    )
    key = bearer(shop.storefront_key)["Authorization"]
    head = [
        f"POST /api/tenant/orders/create HTTP/{version}",
        "Host: pod",
        f"Authorization: {key}",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def whole(seen: bytes) -> list[tuple[int, bytes, bytes]]:
    """The answers that are complete: status, head and body; `100 Continue` is none."""
    found = []
    while b"\r\n\r\n" in seen:
        head, _, seen = seen.partition(b"\r\n\r\n")
        if (status := int(head[9:12])) != 100:
            length = int(re.findall(rb"content-length: (\d+)", head)[0])
            if len(seen) < length:
                break
            found.append((status, head, seen[:length]))
            seen = seen[length:]
    return found


async def exchange(pod: Pod, request: bytes, wanted: int) -> tuple[list[tuple[int, bytes, bytes]], bool]:
    """Send bytes; return so many answers, and whether the pod closed the connection then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    try:
        writer.write(request)
        seen = b""
        while len(whole(seen)) < wanted:
            chunk = await asyncio.wait_for(reader.read(65536), 20)
            assert chunk
            seen += chunk
        try:
            return whole(seen), await asyncio.wait_for(reader.read(1), 0.5) == b""
        except TimeoutError:
            return whole(seen), False
    finally:
        writer.close()


async def test_requests_sent_without_waiting_are_answered_in_their_order(api_pod: Pod, shop: Shop) -> None:
    wanted = [order_request(shop), b"GET /healthz HTTP/1.1\r\nHost: pod\r\n\r\n", order_request(shop)] * 7
    answers, closed = await exchange(api_pod, b"".join(wanted), len(wanted))
    assert [status for status, _, _ in answers] == [201, 200, 201] * 7
    placed = [orjson.loads(body) for status, _, body in answers if status == 201]
    assert [order["orderNumber"] for order in placed] == [f"ORD-{number}" for number in range(1, 15)]
    assert not closed


@pytest.mark.parametrize(
    ("version", "more", "closes"),
    [
        ("1.1", (), False),
        ("1.1", ("Connection: close",), True),
        ("1.0", (), True),
        ("1.1", ("Expect: 100-continue",), False),
    ],
)
async def test_a_connection_is_kept_or_closed_as_was_asked(
    api_pod: Pod, shop: Shop, version: str, more: tuple[str, ...], closes: bool
) -> None:
    [(status, head, body)], closed = await exchange(api_pod, order_request(shop, version, *more), 1)
    assert status == 201
    assert b"content-type: application/json" in head
    assert re.search(rb"\r\ndate: [^\r]+ GMT", head)
    assert orjson.loads(body)["orderNumber"] == "ORD-1"
    assert closed == closes


async def test_a_bug_is_said_and_its_connection_closed(start_api_pod: StartApiPod, shop: Shop) -> None:
    pod = start_api_pod({"BELLWIRE_FAULT": "before_write:raise:1"})
    [(status, head, body)], closed = await exchange(pod, order_request(shop), 1)
    assert (status, orjson.loads(body)["type"]) == (500, "urn:bellwire:problem:internal")
    assert b"connection: close" in head
    assert closed


async def test_an_answer_before_the_body_has_come_leaves_the_connection_usable(
    api_pod: Pod, shop: Shop
) -> None:
    refused = order_request(shop).replace(shop.storefront_key.encode(), b"x" * len(shop.storefront_key))
    reader, writer = await asyncio.open_connection("127.0.0.1", api_pod.port)
    head, _, body = refused.partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    assert b"401" in await asyncio.wait_for(reader.readline(), 20)
    writer.write(body + order_request(shop))
    rest = b""
    while b"ORD-1" not in rest:
        chunk = await asyncio.wait_for(reader.read(65536), 20)
        assert chunk
        rest += chunk
    assert b"HTTP/1.1 201 Created" in rest
    writer.close()


async def test_a_peer_that_does_not_read_gets_every_answer_when_it_does(
    api_pod: Pod, open_shop: OpenShop
) -> None:
    # Answers pile up behind a small window until the pod may not write: from there they go the long way.
    shop = await open_shop()
    loop = asyncio.get_running_loop()
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    peer.setblocking(False)
    await loop.sock_connect(peer, ("127.0.0.1", api_pod.port))
    wanted = 15
    page = b"GET /openapi.json HTTP/1.1\r\nHost: pod\r\n\r\n"
    await loop.sock_sendall(peer, (page + order_request(shop)) * wanted)
    await asyncio.sleep(0.5)
    seen = b""
    while seen.count(b"HTTP/1.1 201") < wanted or len(whole(seen)) < 2 * wanted:
        chunk = await asyncio.wait_for(loop.sock_recv(peer, 65536), 20)
        assert chunk
        seen += chunk
    peer.close()
    assert [status for status, _, _ in whole(seen)] == [200, 201] * wanted
