"""Paths that no route knows: 404 as a problem document, at every door, by every method, and never a redirect."""

import json
import socket
from itertools import product

import pytest

from infra.local.pods import Pod
from tests.gateway.raw import dial
from tests.shop import Shop

# `{}` is the tenant.
ODD_PATHS = (
    "/", "//", "/ws", "/ws/", "/ws/pos", "/ws/pos/", "/sse/pos", "/sse/pos/", "/ws/pos/{}/", "/sse/pos/{}/",
    "/ws/pos//{}", "//ws/pos/{}", "/sse//pos/{}", "/ws/pos/{}/x", "/ws/pos/{}%2F", "/sse/pos/{}%2fx", "/WS/pos/{}",
    "/ws/other/{}", "/wss/pos/{}", "/ws/pos/%2F{}", "/ws%2Fpos/{}/", "/healthz/", "/readyz/", "/metrics/",
    "/openapi.json/", "/docs/", "/api", "/api/tenant/{}/orders", "/%00", "/ws/%0Apos/{}",
    "/ws/pos/{}/%0d%0aLocation:%20x", "/ws/pos/{}//", "/favicon.ico", "/%E2%98%83", "/ws/pos/{};x/",
    "/ws/pos/../pos/{}/",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT", "TRACE")
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def ask(pod: Pod, method: str, target: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to a request whose target is sent as it is."""
    lines = [f"{method} {target} HTTP/1.1", "Host: pos.example.com", "X-Forwarded-Proto: https", *headers]
    if not any(header.startswith("Connection:") for header in headers):
        lines.append("Connection: close")
    with dial(pod) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except TimeoutError:  # pragma: no cover - an answer that never ends is what is tested against
            raise AssertionError(f"{method} {target}: {answer!r} and no end") from None
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *rest = head.decode("latin-1").split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in rest)
    return int(status.split()[1]), named, body


@pytest.mark.parametrize("form", ["{}", "http://pos.example.com{}", "HTTPS://pos.example.com:443{}"])
async def test_an_unknown_path_is_not_found_at_both_doors_by_every_method_and_in_both_forms(
    gateway: Pod, shop: Shop, form: str
) -> None:
    key = f"Authorization: Bearer {shop.terminal_key}"
    for path, method in product(ODD_PATHS, METHODS):
        target = form.format(path.format(shop.slug))
        for headers in ((key,), (key, *UPGRADE)) if method == "GET" else ((key,),):
            status, named, body = ask(gateway, method, target, *headers)
            assert status == 404, (method, target, headers, status, body)
            assert named["content-type"] == "application/problem+json", (method, target)
            assert "location" not in named
            if method != "HEAD":
                assert json.loads(body)["type"] == "urn:bellwire:problem:not-found"


async def test_the_absolute_form_of_a_known_path_is_that_path(gateway: Pod, shop: Shop) -> None:
    key = f"Authorization: Bearer {shop.terminal_key}"
    for base in ("", "http://pos.example.com", "http://pos.example.com:8080"):
        with dial(gateway) as connection:
            lines = [f"GET {base}/ws/pos/{shop.slug}?after=0 HTTP/1.1", "Host: x", key, *UPGRADE, "", ""]
            connection.sendall("\r\n".join(lines).encode())
            assert _hears(connection, b'"hello"').startswith(b"HTTP/1.1 101 ")
        with dial(gateway) as connection:
            lines = [f"GET {base}/sse/pos/{shop.slug} HTTP/1.1", "Host: x", key, "", ""]
            connection.sendall("\r\n".join(lines).encode())
            assert _hears(connection, b"event: hello").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Connection: Upgrade", "Upgrade: websocket"), 400),
        ((*UPGRADE[:2], "Sec-WebSocket-Version: 12", UPGRADE[3]), 400),
        ((*UPGRADE[:3], "Sec-WebSocket-Key: short"), 400),
        ((*UPGRADE[:3], UPGRADE[3], UPGRADE[3]), 400),
    ],
    ids=["no key", "old version", "short key", "two keys"],
)
async def test_a_handshake_against_the_book_is_told_so_in_a_problem_document(
    gateway: Pod, shop: Shop, headers: tuple[str, ...], status: int
) -> None:
    key = f"Authorization: Bearer {shop.terminal_key}"
    code, named, body = ask(gateway, "GET", f"/ws/pos/{shop.slug}", key, *headers)
    assert named["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == code == status


async def test_what_is_no_http_is_told_so_in_a_problem_document(gateway: Pod, api_pod: Pod) -> None:
    for pod in (gateway, api_pod):
        for request in (
            b"nonsense\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            with dial(pod) as connection:
                connection.sendall(request)
                answer = _hears(connection, b"}")
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"application/problem+json" in answer


def _hears(connection: socket.socket, word: bytes) -> bytes:
    heard = b""
    while word not in heard:
        piece = connection.recv(65536)
        assert piece, heard
        heard += piece
    return heard
