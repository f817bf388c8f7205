"""A tenant may have so much of a kind and no more, exactly, however many ask at once and at however many pods."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from api.db.upkeep import forget_idempotency_keys
from backbone.eventlog.postgres import open_database
from backbone.runtime.settings import PodSettings
from infra.local.pods import Pod
from tests.conftest import OpenShop, api_pod_of, running
from tests.shop import ORDER, Operator, Shop, bearer

FEW = {
    "BELLWIRE_TENANT_TERMINALS": "6",
    "BELLWIRE_TENANT_WEBHOOKS": "5",
    "BELLWIRE_TENANT_KEYS": "6",
    "BELLWIRE_TENANT_ANSWERS": "20",
}


@pytest.fixture(scope="module")
def pods(pod_env: dict[str, str]) -> Iterator[tuple[Pod, Pod]]:
    first, second = (api_pod_of(f"quota-{number}", {**pod_env, **FEW}, []) for number in (1, 2))
    with running(first, second):
        yield first, second


async def at_once(pods: tuple[Pod, Pod], asks: list[tuple[str, Any, dict[str, str]]]) -> list[httpx.Response]:
    """POST all of them, half at each pod."""
    async with httpx.AsyncClient(timeout=30) as http:
        return await asyncio.gather(
            *(
                http.post(f"{pods[number % 2].url}{path}", json=body, headers=headers)
                for number, (path, body, headers) in enumerate(asks)
            )
        )


async def refused(pods: tuple[Pod, Pod], quota: str) -> float:
    async with httpx.AsyncClient() as http:
        pages = [(await http.get(f"{pod.url}/metrics")).text for pod in pods]
    lines = [line for page in pages for line in page.splitlines() if f'quota="{quota}"' in line]
    return sum(float(line.split()[-1]) for line in lines if "_total" in line)


# Each shop has a terminal and a storefront key to begin with.
KINDS = {
    "terminals": ({"name": "more"}, 5, "too-many-terminals"),
    "webhooks": ({"url": "https://example.com/"}, 5, "too-many-webhooks"),
    "keys": ({"name": "more"}, 5, "too-many-keys"),
}


@pytest.mark.parametrize(("kind", "case"), KINDS.items(), ids=KINDS)
async def test_exactly_so_many_are_made_over_two_pods_and_another_shop_is_free(
    pods: tuple[Pod, Pod], open_shop: OpenShop, shop: Shop, operator: Operator, kind: str, case: tuple[Any, int, str]
) -> None:  # fmt: skip
    body, room, code = case
    other = await open_shop()
    before = await refused(pods, kind)
    ask = (shop.path(kind), body, bearer(operator.key))
    answers = await at_once(pods, [ask] * 30)
    assert Counter(answer.status_code for answer in answers) == {201: room, 409: 30 - room}
    problem = next(answer for answer in answers if answer.status_code == 409).json()
    assert problem["type"] == f"urn:bellwire:problem:{code}"
    assert await refused(pods, kind) == before + 30 - room
    listed = (await shop.http.get(shop.path(kind), headers=bearer(operator.key))).json()[kind]
    assert len(listed) == int(FEW[f"BELLWIRE_TENANT_{kind.upper()}"])
    elsewhere = await at_once(pods, [(other.path(kind), body, bearer(operator.key))])
    assert elsewhere[0].status_code == 201
    # One that goes makes room for one.
    name = {"terminals": "terminalId", "webhooks": "id", "keys": "keyId"}[kind]
    gone = await shop.http.delete(shop.path(f"{kind}/{listed[-1][name]}"), headers=bearer(operator.key))
    assert gone.status_code == 204
    answers = await at_once(pods, [ask] * 4)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}


async def test_a_pairing_code_that_meets_a_full_shop_stays_good(
    pods: tuple[Pod, Pod], shop: Shop, operator: Operator
) -> None:
    made = await shop.http.post(shop.path("pairings"), json={"name": "new"}, headers=bearer(operator.key))
    more = [(shop.path("terminals"), {"name": "more"}, bearer(operator.key))] * 5
    assert {answer.status_code for answer in await at_once(pods, more)} == {201}
    ask: tuple[str, Any, dict[str, str]] = ("/api/terminals/pair", {"code": made.json()["code"]}, {})
    for _ in range(7):
        # It was no wrong code, so nobody has to wait.
        (answer,) = await at_once(pods, [ask])
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:bellwire:problem:too-many-terminals")
    path = shop.path(f"terminals/{shop.terminals[0].terminal_id}")
    assert (await shop.http.delete(path, headers=bearer(operator.key))).status_code == 204
    answers = await at_once(pods, [ask] * 2)
    assert sorted(answer.status_code for answer in answers) == [201, 404]


def keyed(shop: Shop, key: str) -> tuple[str, Any, dict[str, str]]:
    headers = {**bearer(shop.storefront_key), "Idempotency-Key": key}
    return ("/api/tenant/orders/create", ORDER, headers)


async def test_exactly_so_many_answers_are_stored_and_nothing_is_done_without_one(
    pods: tuple[Pod, Pod], shop: Shop, open_shop: OpenShop, database: "asyncpg.Connection[asyncpg.Record]",
    database_url: str, redis_url: str,
) -> None:  # fmt: skip
    other = await open_shop()
    keys = [f"key-{number}" for number in range(60)]
    answers = await at_once(pods, [keyed(shop, key) for key in keys])
    assert Counter(answer.status_code for answer in answers) == {201: 20, 429: 40}
    full = next(answer for answer in answers if answer.status_code == 429)
    assert full.json()["type"] == "urn:bellwire:problem:too-many-answers"
    assert int(full.headers["retry-after"]) >= 1
    assert full.headers["ratelimit-limit"] == "20"
    assert await database.fetchval("SELECT count(*) FROM orders WHERE tenant = $1", shop.slug) == 20
    assert await database.fetchval("SELECT seq FROM tenant_streams WHERE tenant = $1", shop.slug) == 20
    assert await database.fetchval("SELECT stored FROM stored_answers WHERE tenant = $1", shop.slug) == 20
    # A repeat is answered, an order without a key is taken, and another shop notices nothing.
    taken = {key for key, answer in zip(keys, answers, strict=True) if answer.status_code == 201}
    again = await at_once(pods, [keyed(shop, key) for key in sorted(taken)])
    assert {(answer.status_code, answer.headers["idempotency-replayed"]) for answer in again} == {
        (201, "true")
    }
    plain = ("/api/tenant/orders/create", ORDER, bearer(shop.storefront_key))
    elsewhere = await at_once(pods, [plain, keyed(other, "key-1")])
    assert {answer.status_code for answer in elsewhere} == {201}
    # Every way to store one is bounded: other routes, and other owners of the same value.
    headers = {**bearer(shop.terminal_key), "Idempotency-Key": "key-1"}
    ways = [
        ("/api/tenant/orders/create", ORDER, headers),
        (f"/api/{shop.slug}/loyalty/5551234/add", {"points": 1}, headers),
        (f"/api/{shop.slug}/loyalty/5559999/redeem", {"points": 1}, headers),
    ]
    # One after the other: at once, one owner's two requests with one value are each other's 409.
    for way in ways:
        assert [answer.status_code for answer in await at_once(pods, [way])] == [429]
    # As they are forgotten there is room again, for exactly as many.
    await database.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '8 days' WHERE tenant = $1 AND key = ANY ($2)",
        shop.slug, sorted(taken)[:7],
    )  # fmt: skip
    settings = PodSettings(database_url=database_url, redis_url=redis_url)  # type: ignore[arg-type, call-arg]
    pool = await open_database(settings, size=1, application="test-quotas")
    await forget_idempotency_keys(pool, 7, 5000)
    await pool.close()
    answers = await at_once(pods, [keyed(shop, uuid.uuid4().hex) for _ in range(15)])
    assert Counter(answer.status_code for answer in answers) == {201: 7, 429: 8}


async def test_a_pod_of_before_stores_as_it_did_and_is_counted_and_old_answers_are_not(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def store(key: str) -> None:
        await database.execute("SELECT idempotency_keep($1, $2, '\\x00', 'ok', '{}', NULL)", shop.slug, key)

    async def stored() -> int | None:
        found: int | None = await database.fetchval(
            "SELECT stored FROM stored_answers WHERE tenant = $1", shop.slug
        )
        return found

    await database.execute(
        "INSERT INTO idempotency_keys (tenant, key, fingerprint, outcome, result) VALUES ($1, 'old', '', 'ok', '{}')",
        shop.slug,
    )
    assert await stored() is None
    for key in ("a", "b", "a", "old"):
        await store(key)
    # A row that is written over is the same place, and one that was never counted is not.
    assert await stored() == 2
    await database.execute("DELETE FROM idempotency_keys WHERE tenant = $1", shop.slug)
    assert await stored() == 0
