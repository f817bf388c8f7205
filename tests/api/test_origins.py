"""Pages of other origins: a listed one may read every answer of a pod, whatever it says; no other one any."""

import asyncio
from collections.abc import Iterator
from itertools import product

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backbone.contract.errors import Unavailable
from backbone.contract.origin import AllowedOrigins
from backbone.runtime.cors import EXPOSED_HEADERS, METHODS, REQUEST_HEADERS, Cors
from backbone.runtime.problems import HANDLERS
from infra.local.pods import Pod
from tests.conftest import StartApiPod, StartGateway, api_pod_of, gateway_of, running
from tests.gateway.stream_till import open_stream, stream_path
from tests.gateway.till import open_till
from tests.shop import Operator, Shop, bearer

LISTED = "https://till.example.com"
ORIGINS = {"BELLWIRE_ALLOWED_ORIGINS": "https://Till.example.com:443, null, http://192.168.1.20:3000"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def pods(pod_env: dict[str, str]) -> Iterator[tuple[Pod, Pod]]:
    """An API pod and a gateway that list origins."""
    env = {**pod_env, **ORIGINS, "BELLWIRE_MAX_SOCKETS": "1"}
    api, gateway = api_pod_of("origins-api", env, []), gateway_of("origins-gateway", env, [])
    with running(api, gateway):
        yield api, gateway


def grants(answer: httpx.Response) -> str | None:
    """The origin that may read an answer; looks at what comes with it."""
    headers = answer.headers
    assert headers.get_list("vary") == ["Origin"], answer.request
    assert "access-control-allow-credentials" not in headers
    granted = headers.get_list("access-control-allow-origin")
    assert len(granted) < 2
    exposed = headers.get("access-control-expose-headers")
    assert exposed == (EXPOSED_HEADERS.decode() if granted else None)
    return granted[0] if granted else None


def requests_of(shop: Shop) -> list[tuple[str, str, dict[str, str], object, int]]:
    """Method, path, headers, body and status: each way in which an API pod answers."""
    store, order = bearer(shop.storefront_key), shop.path("orders")
    create = "/api/tenant/orders/create"
    good = {
        "orderType": "pickup",
        "customerName": "Ada",
        "items": [{"name": "a", "quantity": 1, "unitPrice": 1}],
    }
    return [
        ("GET", "/healthz", {}, None, 200),
        ("GET", "/openapi.json", {}, None, 200),
        ("GET", "/nowhere", {}, None, 404),
        ("GET", "/api/whoami", {}, None, 401),
        ("GET", "/api/whoami", store, None, 200),
        ("GET", "/api/whoami?key=" + shop.storefront_key, {}, None, 400),
        ("PATCH", "/api/whoami", store, None, 405),
        ("GET", order, store, None, 200),
        ("GET", order + "?nothing=1", store, None, 422),
        ("GET", shop.path("events"), store, None, 403),
        ("GET", "/api/tenant/nobody/orders", store, None, 404),
        ("POST", create, store, good, 201),
        ("POST", create, store, {"items": 1}, 422),
        ("POST", create, store, "x" * 600_000, 413),
    ]  # fmt: skip


async def test_every_answer_of_an_api_pod_may_be_read_by_a_listed_page_and_by_no_other(
    pods: tuple[Pod, Pod], shop: Shop
) -> None:
    origins = (
        LISTED,
        "HTTPS://till.example.com:443",
        "null",
        "http://192.168.1.20:3000",
        "https://evil.example",
        "file://",
        None,
    )
    async with httpx.AsyncClient(base_url=pods[0].url) as http:
        for (method, path, headers, body, status), origin in product(requests_of(shop), origins):
            sent = headers if origin is None else headers | {"Origin": origin}
            answer = await http.request(method, path, headers=sent, json=body)
            assert answer.status_code == status, (method, path, answer.text)
            assert grants(answer) == (None if origin in ("https://evil.example", "file://") else origin)


async def test_a_preflight_of_a_listed_page_is_granted_at_every_path_without_a_key(
    pods: tuple[Pod, Pod], shop: Shop
) -> None:
    for pod, path in product(
        pods, ("/api/tenant/orders/create", f"/sse/pos/{shop.slug}", f"/ws/pos/{shop.slug}", "/x", "/")
    ):
        asks = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,idempotency-key",
        }
        async with httpx.AsyncClient(base_url=pod.url) as http:
            answer = await http.options(path, headers={"Origin": LISTED} | asks)
            assert (answer.status_code, answer.content) == (204, b"")
            assert grants(answer) == LISTED
            assert answer.headers["access-control-allow-methods"] == METHODS.decode()
            assert answer.headers["access-control-allow-headers"] == REQUEST_HEADERS.decode()
            assert answer.headers["access-control-max-age"] == "3600"
            for headers in ({"Origin": "https://evil.example"} | asks, asks, {"Origin": LISTED}):
                refused = await http.options(path, headers=headers)
                assert refused.status_code in (404, 405)
                assert grants(refused) == (LISTED if headers == {"Origin": LISTED} else None)


async def test_streams_their_refusals_and_those_of_handshakes_may_be_read_too(
    pods: tuple[Pod, Pod], shop: Shop
) -> None:
    gateway = pods[1]
    key = bearer(shop.terminal_key)
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        for path, headers, status in (
            (stream_path(shop.slug), {}, 401),
            (stream_path("nobody"), key, 404),
            (stream_path(shop.slug), bearer(shop.storefront_key), 403),
            (stream_path(shop.slug, "?since=1"), key, 400),
            (f"/ws/pos/{shop.slug}", key, 426),
            (f"/ws/pos/{shop.slug}", UPGRADE, 401),
            ("/ws/nowhere", UPGRADE, 404),
        ):
            answer = await http.get(path, headers={"Origin": LISTED} | headers)
            assert (answer.status_code, grants(answer)) == (status, LISTED), path
        strange = await http.get(stream_path(shop.slug), headers={"Origin": "https://evil.example"} | key)
        assert (strange.status_code, grants(strange)) == (403, None)
        async with open_stream(gateway, shop.slug, shop.terminal_key, Origin=LISTED) as till:
            assert grants(till.response) == LISTED
            # The house is full: turned away with a finished answer, before the handshake was looked at.
            for origin, granted in ((LISTED, LISTED), ("https://evil.example", None)):
                answer = await http.get(f"/ws/pos/{shop.slug}", headers={"Origin": origin} | key | UPGRADE)
                assert (answer.status_code, grants(answer)) == (503, granted)
                assert int(answer.headers["retry-after"]) > 0


async def test_a_listed_page_may_connect_however_its_origin_is_spelled(
    pods: tuple[Pod, Pod], shop: Shop
) -> None:
    for origin in (LISTED, "HTTPS://TILL.example.com", "https://till.example.com:443", "null"):
        async with open_till(pods[1], shop.slug, shop.terminal_key, origin=origin) as till:
            assert till.hello["type"] == "hello"
        await asyncio.sleep(0.1)


async def test_too_many_requests_may_be_read(start_api_pod: StartApiPod, shop: Shop) -> None:
    pod = start_api_pod({**ORIGINS, "BELLWIRE_KEY_RATE": "1"})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        statuses = set()
        for _ in range(20):
            answer = await http.get("/api/whoami", headers=bearer(shop.storefront_key) | {"Origin": LISTED})
            assert grants(answer) == LISTED
            statuses.add(answer.status_code)
        assert statuses == {200, 429}
        assert "RateLimit-Reset" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(ZeroDivisionError(), 500), (Unavailable("PostgreSQL"), 503), (HTTPException(404), 404)],
)
async def test_a_fault_of_ours_may_be_read_as_well(error: Exception, status: int) -> None:
    async def fail(_: Request) -> Response:
        raise error

    app = Cors(Starlette(routes=[Route("/", fail)], exception_handlers=HANDLERS), AllowedOrigins([LISTED]))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pod") as http:
        answer = await http.get("/", headers={"Origin": LISTED})
        assert (answer.status_code, grants(answer)) == (status, LISTED)


async def test_a_star_is_granted_as_a_star(start_gateway: StartGateway, shop: Shop) -> None:
    pod = start_gateway({"BELLWIRE_ALLOWED_ORIGINS": "*"})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        for origin in ("https://anybody.example", "null", "file://"):
            assert grants(await http.get("/healthz", headers={"Origin": origin})) == "*"
        without = await http.get("/healthz")
        assert grants(without) is None


async def test_pods_that_list_nothing_say_nothing_of_origins(
    api_pod: Pod, gateway: Pod, operator: Operator
) -> None:
    for pod in (api_pod, gateway):
        answer = await operator.http.get(f"{pod.url}/healthz", headers={"Origin": LISTED})
        assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]
        asked = await operator.http.options(
            f"{pod.url}/healthz", headers={"Origin": LISTED, "Access-Control-Request-Method": "GET"}
        )
        assert asked.status_code == 405
