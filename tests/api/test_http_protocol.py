"""HTTP by the book at a pod's own port: an offer that is not taken and a trailer change nothing of a request."""

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.pods import Pod
from tests.shop import Shop

ORDER = {
    "orderType": "pickup",
    "customerName": "Ada",
    "items": [{"name": "Margherita", "quantity": 1, "unitPrice": 10}],
}
BODY = json.dumps(ORDER).encode()
OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"


def speak(pod: Pod, *pieces: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer to requests sent in pieces; the last one asks for the connection's end."""
    with socket.create_connection(("127.0.0.1", pod.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        answers = []
        with connection.makefile("rb") as stream:
            while line := stream.readline():
                length = 0
                while (header := stream.readline()) != b"\r\n":
                    name, _, value = header.lower().partition(b":")
                    length = int(value) if name == b"content-length" else length
                answers.append((int(line.split()[1]), stream.read(length)))
    return answers


def post(key: str, extra: str = "", *, chunked: bool = False, trailer: str = "", last: bool = True) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(BODY)}"
    close = "" if not last else "Connection: close\r\n"
    head = (
        f"POST /api/tenant/orders/create HTTP/1.1\r\nHost: pod\r\n{extra}{close}"
        f"Authorization: Bearer {key}\r\n{length}\r\n\r\n"
    )
    body = b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(BODY), BODY, trailer.encode()) if chunked else BODY
    return head.encode() + body


@pytest.mark.parametrize(
    "offer",
    [
        OFFER,
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Upgrade: TLS/1.0, h2c\r\nConnection: x, Upgrade\r\n",
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_offer_to_upgrade_that_is_not_taken_loses_no_byte_of_the_body(
    api_pod: Pod, shop: Shop, offer: str, chunked: bool
) -> None:
    whole = post(shop.storefront_key, offer, chunked=chunked)
    assert [status for status, _ in speak(api_pod, whole)] == [201]
    head = whole.index(b"\r\n\r\n") + 4
    for cut in (5, head - 2, head, head + 3):
        assert [status for status, _ in speak(api_pod, whole[:cut], whole[cut:])] == [201], cut


async def test_requests_behind_an_offer_are_answered_in_order(api_pod: Pod, shop: Shop) -> None:
    for count in (2, 30):
        first = post(shop.storefront_key, OFFER, last=False) * (count - 1)
        numbers = [
            json.loads(body)["orderNumber"] for _, body in speak(api_pod, first + post(shop.storefront_key))
        ]
        assert numbers == sorted(numbers, key=lambda number: int(number.partition("-")[2]))
        assert len(numbers) == count


async def test_an_offer_without_a_body_is_an_ordinary_request(api_pod: Pod, gateway: Pod) -> None:
    for pod in (api_pod, gateway):
        request = f"GET /healthz HTTP/1.1\r\nHost: pod\r\n{OFFER}\r\n".encode()
        end = b"GET /healthz HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n"
        assert speak(pod, request + end) == [(200, b"ok\n")] * 2


async def test_a_post_that_offers_a_websocket_to_a_gateway_is_an_ordinary_request(gateway: Pod) -> None:
    lines = [
        "POST /ws/pos/kitchen HTTP/1.1",
        "Host: pod",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Content-Length: 4",
    ]
    end = b"GET /healthz HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n"
    answers = speak(gateway, ("\r\n".join(lines) + "\r\n\r\nbody").encode() + end)
    assert [status for status, _ in answers] == [405, 200]


@settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(
        ["Authorization", "Idempotency-Key", "X-Forwarded-For", "Content-Encoding", "traceparent"]
    ),
    cut=st.floats(0, 1),
)
def test_a_trailer_is_no_header_whatever_it_is_called(
    api_pod: Pod, shop: Shop, name: str, cut: float
) -> None:
    # Each of them would be refused as a header: doubled, or not of its form.
    trailer = f"{name}: Bearer nonsense\r\n"
    request = post(shop.storefront_key, "Idempotency-Key: of-the-head\r\n", chunked=True, trailer=trailer)
    where = int(cut * len(request))
    (answer,) = speak(api_pod, request[:where], request[where:])
    assert answer[0] == 201


async def test_a_trailer_lets_nobody_in(api_pod: Pod, shop: Shop) -> None:
    trailer = f"Authorization: Bearer {shop.storefront_key}\r\n"
    request = post("nonsense", chunked=True, trailer=trailer).replace(
        b"Authorization: Bearer nonsense\r\n", b""
    )
    assert [status for status, _ in speak(api_pod, request)] == [401]


@pytest.mark.parametrize(
    "header", ["Authorization: Bearer {}", "authorization: Basic eDp5", "Idempotency-Key: two"]
)
async def test_a_header_that_says_who_or_which_is_refused_when_it_is_doubled(
    api_pod: Pod, shop: Shop, header: str
) -> None:
    extra = f"{header.format(shop.storefront_key)}\r\nIdempotency-Key: one\r\n"
    ((status, body),) = speak(api_pod, post(shop.storefront_key, extra))
    assert status == 400
    assert json.loads(body)["errors"][0]["loc"].lower() == header.partition(":")[0].lower()
