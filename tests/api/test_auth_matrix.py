"""Every route of the contract, at API pods and gateways, with every key that there can be: of whatever kind, and gone
by whichever way. The routes come from the pods' own documents, so that a new one is in it."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from api.db.operator_keys import create_operator_key, revoke_operator_key
from backbone.contract.keys import hash_key, key_name
from infra.local.pods import Pod
from tests.api.footprint import footprint
from tests.conftest import api_pod_of, gateway_of, running
from tests.shop import Operator, Shop, bearer

# The door for strangers is not what is looked at here.
OPEN_DOOR = {"BELLWIRE_STRANGER_RATE": "5000", "BELLWIRE_KEY_RATE": "5000", "BELLWIRE_TENANT_RATE": "5000"}
KINDS = ("operatorKey", "storefrontKey", "terminalKey")
NO_ORDER = "00000000-0000-4000-8000-000000000000"
FILLED = {"cardNumber": "0" * 17, "phone": "5551234"}
NAMES = ("op", "store", "term")


@dataclass(frozen=True, slots=True)
class Route:
    """An operation that asks for a key; `kinds` are those that may, as the contract says it."""

    method: str
    path: str
    kinds: frozenset[str]

    def at(self, tenant: str) -> str:
        return re.sub(
            r"\{(\w+)\}", lambda m: tenant if m[1] == "tenant" else FILLED.get(m[1], NO_ORDER), self.path
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one scene: those that are good by their kind, those that are not, and another shop's."""

    shop: Shop
    good: dict[str, tuple[str, str]]
    gone: dict[str, str]
    foreign: dict[str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    api: httpx.AsyncClient
    gateway: httpx.AsyncClient
    keys: Keys


async def routes(http: httpx.AsyncClient) -> list[Route]:
    document = (await http.get("/openapi.json")).json()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names = {name for option in operation["security"] for name in option} & set(KINDS)
            if names:
                kinds = frozenset(NAMES[KINDS.index(name)] for name in names)
                found.append(Route(method.upper(), path, kinds))
    return found


@pytest.fixture(scope="module")
async def pods(pod_env: dict[str, str]) -> AsyncIterator[tuple[Pod, Pod]]:
    env = {**pod_env, **OPEN_DOOR}
    made = (api_pod_of("matrix-api", env, []), gateway_of("matrix-gateway", env, []))
    with running(*made):
        yield made


@pytest.fixture(scope="module")
async def scene(
    pods: tuple[Pod, Pod], database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> AsyncIterator[Scene]:
    async with (
        httpx.AsyncClient(base_url=pods[0].url, timeout=35) as api,
        httpx.AsyncClient(base_url=pods[1].url, timeout=35) as gateway,
    ):
        keys = await all_keys(Operator(api, await create_operator_key(database_url)), database, database_url)
        yield Scene(api, gateway, keys)


async def all_keys(
    operator: Operator, database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> Keys:
    http, as_operator = operator.http, bearer(operator.key)
    shop, other, off = [await operator.open_shop() for _ in range(3)]

    async def post(path: str, **body: Any) -> dict[str, Any]:
        response = await http.post(path, json=body, headers=as_operator)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def storefront(**more: Any) -> dict[str, Any]:
        return await post(shop.path("keys"), name="one", **more)

    async def rotated(overlap: int) -> tuple[str, str]:
        till = await shop.add_terminal(f"rotated-{overlap}")
        answer = await post(shop.path(f"terminals/{till.terminal_id}/rotate"), overlapSeconds=overlap)
        return till.key, str(answer["key"])

    gone: dict[str, str] = {}
    gone["rotated out at once"], after_zero = await rotated(0)
    gone["rotated out, its overlap over"], after_one = await rotated(1)
    before, after = await rotated(3600)
    deleted = await shop.add_terminal("deleted")
    gone["of a deleted terminal"] = deleted.key
    await http.delete(shop.path(f"terminals/{deleted.terminal_id}"), headers=as_operator)
    ended = await storefront()
    gone["of a storefront, ended"] = ended["key"]
    await http.delete(shop.path(f"keys/{ended['keyId']}"), headers=as_operator)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="milliseconds")
    gone["of a storefront, expired"] = (await storefront(expiresAt=soon))["key"]
    pairing = await storefront(mayPair=True)
    gone["of an operator, revoked"] = await create_operator_key(database_url)
    key_hash = hash_key(gone["of an operator, revoked"])
    assert key_hash is not None
    await revoke_operator_key(database_url, key_name(key_hash))
    gone["of an operator, expired"] = await create_operator_key(database_url)
    await database.execute(
        "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE key_hash = $1",
        hash_key(gone["of an operator, expired"]),
    )
    gone["of a terminal of a shop that is off"] = off.terminal_key
    gone["of a storefront of a shop that is off"] = off.storefront_key
    await http.patch(f"/api/tenant/{off.slug}", json={"disabled": True}, headers=as_operator)
    slug = f"test-{shop.slug}"
    gone["of a tenant that was deleted"] = (await post("/api/tenants", slug=slug, name="gone", test=True))[
        "storefrontKey"
    ]
    await http.delete(f"/api/tenant/{slug}", headers=as_operator)
    ticket = await http.post(shop.path("tickets"), headers=bearer(shop.terminal_key))
    gone["a ticket in a key's place"] = ticket.json()["ticket"]
    gone["another kind's name before a good key's rest"] = "bw_op_" + shop.storefront_key.removeprefix(
        "bw_store_"
    )
    gone["a good key, one letter more"] = shop.terminal_key + "A"
    gone["never made"] = "bw_term_" + "A" * 43
    gone["nonsense"] = "nonsense"
    good = {
        "operator": ("op", operator.key),
        "storefront": ("store", shop.storefront_key),
        "storefront that may pair": ("pairs", pairing["key"]),
        "terminal": ("term", shop.terminal_key),
        "terminal, old key within its overlap": ("term", before),
        "terminal, new key within the overlap": ("term", after),
        "terminal, new key behind the overlap": ("term", after_one),
        "terminal, new key of a stolen one": ("term", after_zero),
    }
    foreign = {"storefront": other.storefront_key, "terminal": other.terminal_key}
    # Two seconds are promised; a busy machine gets some more.
    async with asyncio.timeout(10):
        for key in gone.values():
            while (await http.get("/api/whoami", headers=bearer(key))).status_code != 401:
                await asyncio.sleep(0.1)
    await asyncio.sleep(2.0)  # ... and the gateway's memory of them, which no answer tells, ends with them
    return Keys(shop, good, gone, foreign)


HANDSHAKE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}  # fmt: skip


async def answer(http: httpx.AsyncClient, route: Route, tenant: str, key: str | None) -> tuple[int, str]:
    """Ask with a body that nothing accepts: a key is judged before it, and nothing is done."""
    headers = {} if key is None else bearer(key)
    body = b"{not json" if route.path.startswith("/api") else None
    if route.path.startswith("/ws"):
        headers |= HANDSHAKE
    async with http.stream(route.method, route.at(tenant), content=body, headers=headers) as response:
        if response.headers.get("content-type", "") != "application/problem+json":
            return response.status_code, ""
        await response.aread()
        return response.status_code, response.json()["type"].rpartition(":")[2]


def doors(scene: Scene) -> list[httpx.AsyncClient]:
    return [scene.api, scene.gateway]


async def test_every_key_that_is_none_opens_nothing_anywhere(
    scene: Scene, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    slug = scene.keys.shop.slug
    before, asked = await footprint(database, slug), 0
    for http in doors(scene):
        for route in await routes(http):
            for name, key in {**scene.keys.gone, "none": None}.items():
                said = await answer(http, route, slug, key)
                assert said == (401, "unauthorized"), f"{route.method} {route.path} with {name}: {said}"
                asked += 1
    assert await footprint(database, slug) == before
    assert asked >= 40 * len({**scene.keys.gone, "none": None})


async def test_another_tenants_key_finds_nothing_anywhere(
    scene: Scene, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    slug = scene.keys.shop.slug
    before = await footprint(database, slug)
    for http in doors(scene):
        for route in await routes(http):
            if "{tenant}" not in route.path:
                continue
            for name, key in scene.keys.foreign.items():
                for tenant in (slug, "no-such-tenant"):
                    said = await answer(http, route, tenant, key)
                    assert said == (404, "not-found"), (
                        f"{route.method} {route.path} with another {name}'s: {said}"
                    )
    assert await footprint(database, slug) == before


async def test_a_good_key_opens_what_its_kind_may_and_is_told_of_the_rest(scene: Scene) -> None:
    slug = scene.keys.shop.slug
    for http in doors(scene):
        for route in await routes(http):
            # A route without a body would be done, and would take the other keys away.
            if route.method == "DELETE" or route.path.endswith(("/rotate", "/enable", "/tickets")):
                continue
            for name, (kind, key) in scene.keys.good.items():
                may = ("store" if kind == "pairs" else kind) in route.kinds
                if kind == "store" and "/pairings" in route.path:
                    may = False
                status, code = await answer(http, route, slug, key)
                about = f"{route.method} {route.path} with {name}: {status} {code}"
                if may:
                    assert status not in (401, 403), about
                else:
                    assert (status, code) == (403, "forbidden"), about
