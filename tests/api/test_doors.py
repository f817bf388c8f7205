"""The rights of each key: every route, with every kind of key, of this tenant, of another, and with none."""

import re
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.footprint import footprint
from tests.api.table import route_table
from tests.conftest import OpenShop
from tests.shop import Operator, Shop, bearer

OP, STORE, TERM = "op", "store", "term"

# Method, path behind the host, the kinds of key that may.
ROUTES = [
    ("GET", "/api/tenant/{t}/orders", {STORE, TERM, OP}),
    ("GET", "/api/tenant/{t}/orders/{o}", {STORE, TERM, OP}),
    ("GET", "/api/tenant/{t}/orders/{o}/journey", {STORE, OP}),
    ("PATCH", "/api/tenant/{t}/orders/{o}/status", {STORE, TERM}),
    ("POST", "/api/tenant/{t}/orders/{o}/payments", {STORE, TERM}),
    ("POST", "/api/tenant/{t}/orders/{o}/refunds", {STORE, TERM}),
    ("POST", "/api/tenant/{t}/orders/{o}/claims", {TERM}),
    ("POST", "/api/tenant/{t}/orders/{o}/claims/print/done", {TERM}),
    ("POST", "/api/tenant/{t}/gift-cards/purchase", {STORE}),
    ("GET", "/api/tenant/{t}/gift-cards/00000000000000000", {STORE, TERM}),
    ("POST", "/api/tenant/{t}/gift-cards/00000000000000000/redeem", {STORE, TERM}),
    ("POST", "/api/tenant/{t}/gift-cards/00000000000000000/refund", {STORE, TERM}),
    ("POST", "/api/tenant/{t}/gift-cards/00000000000000000/top-up", {STORE}),
    ("POST", "/api/tenant/{t}/gift-cards/00000000000000000/void", {OP, STORE}),
    ("POST", "/api/{t}/loyalty/5551234/add", {STORE, TERM}),
    ("POST", "/api/{t}/loyalty/5551234/redeem", {STORE, TERM}),
    ("GET", "/api/{t}/loyalty/5551234", {STORE, TERM}),
    ("GET", "/api/tenant/{t}/events", {TERM}),
    ("POST", "/api/tenant/{t}/acks", {TERM}),
    ("POST", "/api/tenant/{t}/daily-reports", {TERM}),
    ("GET", "/api/tenant/{t}/daily-reports", {STORE, OP}),
    ("GET", "/api/tenant/{t}/status", {STORE, OP}),
    ("GET", "/api/tenant/{t}/till", {TERM}),
    ("POST", "/api/tenant/{t}/pairings", {OP, STORE}),
    ("GET", "/api/tenant/{t}/pairings", {OP, STORE}),
    ("GET", "/api/tenant/{t}/pairings/{o}", {OP, STORE}),
    ("DELETE", "/api/tenant/{t}/pairings/{o}", {OP, STORE}),
    ("GET", "/api/tenant/{t}/audit", {OP}),
    ("GET", "/api/tenant/{t}/trace", {OP}),
    ("POST", "/api/tenant/{t}/keys", {OP}),
    ("GET", "/api/tenant/{t}/keys", {OP}),
    ("GET", "/api/tenant/{t}/keys/{o}", {OP}),
    ("DELETE", "/api/tenant/{t}/keys/{o}", {OP}),
    ("POST", "/api/tenant/{t}/terminals/{o}/rotate", {OP}),
    ("POST", "/api/tenant/{t}/tickets", {TERM}),
    ("POST", "/api/tenant/{t}/terminals", {OP}),
    ("GET", "/api/tenant/{t}/terminals", {STORE, OP}),
    ("DELETE", "/api/tenant/{t}/terminals/{o}", {OP}),
    ("GET", "/api/tenant/{t}/terminals/{o}/connections", {STORE, OP}),
    ("POST", "/api/tenant/{t}/webhooks", {STORE, OP}),
    ("GET", "/api/tenant/{t}/webhooks", {STORE, OP}),
    ("GET", "/api/tenant/{t}/webhooks/{o}", {STORE, OP}),
    ("DELETE", "/api/tenant/{t}/webhooks/{o}", {STORE, OP}),
    ("POST", "/api/tenant/{t}/webhooks/{o}/rotate", {STORE, OP}),
    ("POST", "/api/tenant/{t}/webhooks/{o}/enable", {STORE, OP}),
    ("GET", "/api/tenant/{t}/webhooks/{o}/attempts", {STORE, OP}),
    ("POST", "/api/tenant/{t}/webhooks/{o}/test", {STORE, OP}),
    ("POST", "/api/tenant/{t}/webhooks/{o}/skip", {STORE, OP}),
    ("GET", "/api/tenant/{t}", {OP}),
    ("PATCH", "/api/tenant/{t}", {OP}),
    ("DELETE", "/api/tenant/{t}", {OP}),
]
TENANTLESS = [
    ("POST", "/api/tenant/orders/create", {STORE, TERM}),
    ("POST", "/api/tenants", {OP}),
    ("GET", "/api/tenants", {OP}),
    ("GET", "/api/whoami", {OP, STORE, TERM}),
    ("GET", "/api/operator/stream", {OP}),
    ("POST", "/api/operator/gateways/{g}/drain", {OP}),
    ("POST", "/api/operator/gateways/{g}/resume", {OP}),
    ("GET", "/api/operator/audit", {OP}),
]
# These need no key.
OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json", "/docs"}
NO_ORDER = "00000000-0000-4000-8000-000000000000"


def shape(path: str) -> str:
    """A path with its parameters alike, however they are called or filled."""
    return re.sub(r"00000000000000000|5551234|(?<=claims/)print|\{[A-Za-z]+\}", "{}", path)


async def test_every_route_has_a_decision_here_about_who_may(database_url: str, redis_url: str) -> None:
    decided = {(method, shape(path), frozenset(kinds)) for method, path, kinds in ROUTES + TENANTLESS}
    decided |= {("GET", path, frozenset()) for path in OPEN}
    # A new till has no key yet: it has a code.
    decided.add(("POST", "/api/terminals/pair", frozenset()))
    routes = await route_table(database_url, redis_url)
    built = {
        (route.method, shape(route.path), frozenset(kind.value for kind in route.doc.keys))
        for route in routes
    }
    assert built == decided
    assert len(routes) == len(built)


async def test_what_is_open_tells_the_same_to_everybody(shop: Shop, operator: Operator) -> None:
    for path in OPEN - {"/metrics"}:
        answers = [
            await shop.http.get(path, headers={} if key is None else bearer(key))
            for key in (None, "nonsense", operator.key, shop.storefront_key, shop.terminal_key)
        ]
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert (await shop.http.get("/metrics")).status_code == 200


def path_of(template: str, tenant: str) -> str:
    return template.replace("{t}", tenant).replace("{o}", NO_ORDER).replace("{g}", "no-gateway")


async def ask(
    http: httpx.AsyncClient, method: str, path: str, key: str | None, **more: Any
) -> httpx.Response:
    """Ask with a body that nothing accepts: whatever is refused before the body is refused for its own reason.

    A stream that is answered is let go by its own end, a second later.
    """
    if path.endswith(("/stream", "/trace")) and "params" not in more:
        more["params"] = {"seconds": 1}
    return await http.request(
        method, path, content=b"{not json", headers={} if key is None else bearer(key), **more
    )


def problem(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) >= {"type", "title", "status", "detail"}
    assert document["status"] == response.status_code
    return str(document["type"]).removeprefix("urn:bellwire:problem:")


@pytest.mark.parametrize(("method", "template", "kinds"), ROUTES + TENANTLESS)
async def test_without_a_valid_key_nothing_opens(
    shop: Shop, method: str, template: str, kinds: set[str]
) -> None:
    path = path_of(template, shop.slug)
    for key in (
        None,
        "nonsense",
        "bw_op_short",
        "bw_term_" + "A" * 43,
        shop.storefront_key + "A",
        shop.storefront_key.upper(),
    ):
        response = await ask(shop.http, method, path, key)
        assert (response.status_code, problem(response)) == (401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
    basic = await shop.http.request(method, path, headers={"Authorization": f"Basic {shop.storefront_key}"})
    assert basic.status_code == 401


@pytest.mark.parametrize(("method", "template", "kinds"), ROUTES)
async def test_the_key_of_another_tenant_finds_nothing(
    shop: Shop,
    open_shop: OpenShop,
    database: "asyncpg.Connection[asyncpg.Record]",
    method: str,
    template: str,
    kinds: set[str],
) -> None:
    other = await open_shop()
    before = await footprint(database, shop.slug)
    for key in (other.storefront_key, other.terminal_key):
        there = await ask(shop.http, method, path_of(template, shop.slug), key)
        nowhere = await ask(shop.http, method, path_of(template, "no-such-tenant"), key)
        assert (there.status_code, problem(there)) == (404, "not-found")
        assert there.content == nowhere.content
    assert await footprint(database, shop.slug) == before


@pytest.mark.parametrize(("method", "template", "kinds"), ROUTES + TENANTLESS)
async def test_a_kind_of_key_that_may_not_do_this_is_told_so(
    shop: Shop, operator: Operator, method: str, template: str, kinds: set[str]
) -> None:
    keys = {OP: operator.key, STORE: shop.storefront_key, TERM: shop.terminal_key}
    for kind, key in keys.items():
        response = await ask(shop.http, method, path_of(template, shop.slug), key)
        if kind == STORE and "/pairings" in template:
            # Only a key that was made for it may: tests/api/test_pairing.py.
            assert (response.status_code, problem(response)) == (403, "forbidden")
        elif kind in kinds:
            assert response.status_code not in (401, 403), response.text
        else:
            assert (response.status_code, problem(response)) == (403, "forbidden")


@pytest.mark.parametrize(("method", "template", "kinds"), ROUTES + TENANTLESS)
async def test_a_key_in_the_query_is_refused_even_beside_a_good_one(
    shop: Shop, operator: Operator, method: str, template: str, kinds: set[str]
) -> None:
    path = path_of(template, shop.slug)
    for query in (
        {"key": "x"},
        {"Token": "x"},
        {"access_token": ""},
        {"api_key": "1"},
        {"a": shop.terminal_key},
    ):
        response = await ask(shop.http, method, path, operator.key, params=query)
        assert (response.status_code, problem(response)) == (400, "key-in-query")


@pytest.mark.parametrize(("method", "template", "kinds"), [route for route in ROUTES if OP in route[2]])
async def test_an_operator_is_told_of_a_tenant_that_is_not_there(
    operator: Operator, method: str, template: str, kinds: set[str]
) -> None:
    body = {"pointsPerUnit": 1} if method == "PATCH" else {"name": "till"}
    for tenant in ("no-such-tenant", "UPPER", "%00"):
        response = await operator.http.request(
            method,
            path_of(template, tenant),
            json=body,
            headers=bearer(operator.key),
        )
        assert (response.status_code, problem(response)) == (404, "not-found")


async def test_a_path_that_is_not_there_and_a_method_that_is_not_are_problems_too(
    http: httpx.AsyncClient,
) -> None:
    assert problem(await http.get("/nowhere")) == "not-found"
    assert problem(await http.get("/api/tenants/")) == "not-found"
    refused = await http.delete("/api/tenants")
    assert (refused.status_code, problem(refused)) == (405, "method-not-allowed")


async def test_two_authorization_headers_are_refused_whichever_is_right(shop: Shop) -> None:
    headers = [("Authorization", f"Bearer {shop.storefront_key}")] * 2
    response = await shop.http.get(shop.path("orders"), headers=headers)
    assert response.status_code == 400


async def test_only_hashes_of_keys_are_stored(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    rows = await database.fetch("SELECT * FROM api_keys WHERE tenant = $1", shop.slug)
    stored = repr([dict(row) for row in rows])
    assert len(rows) == 2
    for key in (shop.storefront_key, shop.terminal_key):
        assert key[-20:] not in stored
