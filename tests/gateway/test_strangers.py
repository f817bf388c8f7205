"""Strangers at a gateway are counted by address and take no shop's place; what was let in counts for its tenant."""

import asyncio
import json
import time
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest

from backbone.contract.keys import KeyKind, hash_key, key_name
from backbone.eventlog.access import Principal
from backbone.eventlog.postgres import open_database
from backbone.eventlog.refusals import HOUR_SECONDS, Refusals
from backbone.runtime.settings import PodSettings
from infra.local.pods import Pod
from infra.local.waiting import wait_until
from tests.conftest import OpenShop, StartGateway
from tests.gateway.raw import dial, read_answer, request
from tests.gateway.test_readable_refusals import told
from tests.gateway.till import open_till, refusal
from tests.shop import Operator, Shop, bearer

FEW = {
    "BELLWIRE_STRANGER_RATE": "1",
    "BELLWIRE_STRANGER_LOOKUPS": "2",
    "BELLWIRE_TRUST_FORWARDED_FOR": "true",
}


def wrong_key(number: int) -> str:
    return f"bw_term_{number:043}"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def pod(share_gateway: StartGateway, lines: list[str]) -> Pod:
    return share_gateway(FEW, lines)


async def handshake(pod: Pod, tenant: str, key: str | None, address: str) -> tuple[int, httpx.Headers]:
    """The status and the headers of an answer to a handshake from an address; the socket is closed at once."""

    def ask() -> str:
        with dial(pod) as link:
            raw = request(tenant, key or "", f"X-Forwarded-For: {address}")
            if key is None:
                raw = raw.replace(b"Authorization: Bearer \r\n", b"")
            link.sendall(raw)
            return read_answer(link)

    first, *rest = (await asyncio.to_thread(ask)).split("\r\n")
    pairs = [line.partition(":")[::2] for line in rest if line]
    return int(first.split()[1]), httpx.Headers([(name, value.strip()) for name, value in pairs])


async def until_limited(pod: Pod, tenant: str, address: str, *, keyless: bool) -> tuple[int, httpx.Headers]:
    """Ask until it is too much: how often that took, and the last answer's headers."""
    for number in range(200):
        status, headers = await handshake(pod, tenant, None if keyless else wrong_key(number), address)
        if status == 429:
            return number, headers
        assert status == 401
    raise AssertionError("never limited")


@pytest.mark.parametrize("keyless", [True, False], ids=["without a key", "with wrong keys"])
async def test_an_address_with_too_many_wrong_keys_waits_and_a_till_behind_it_goes_on(
    pod: Pod, shop: Shop, keyless: bool
) -> None:
    address = "198.51.100.1" if keyless else "198.51.100.2"
    before, headers = await until_limited(pod, shop.slug, address, keyless=keyless)
    assert before >= 10
    assert int(headers["retry-after"]) >= 1
    assert headers["ratelimit-reset"] == headers["retry-after"]
    assert headers["ratelimit-remaining"] == "0"
    assert headers["content-type"] == "application/problem+json"
    # A key that this pod has never seen is looked at before its address is judged.
    assert (await handshake(pod, shop.slug, shop.terminal_key, address))[0] == 101
    # Another address is nobody's business.
    assert (await handshake(pod, shop.slug, None, "203.0.113.77"))[0] == 401


async def test_streams_of_server_sent_events_are_counted_with_the_sockets(pod: Pod, shop: Shop) -> None:
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def ask(number: int) -> httpx.Response:
            headers = {**bearer(wrong_key(number)), "X-Forwarded-For": "198.51.100.3"}
            return await http.get(f"/sse/pos/{shop.slug}", headers=headers)

        answers = [await ask(number) for number in range(60)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    assert answers[-1].json()["type"] == "urn:bellwire:problem:too-many-requests"
    assert (await handshake(pod, shop.slug, None, "198.51.100.3"))[0] == 429


async def test_an_address_of_ipv6_is_the_network_that_one_subscriber_gets(pod: Pod, shop: Shop) -> None:
    statuses = [
        (await handshake(pod, shop.slug, None, f"2001:db8:0:7::{number:x}"))[0] for number in range(40)
    ]
    assert statuses[-1] == 429
    assert (await handshake(pod, shop.slug, None, "2001:db8:0:8::1"))[0] == 401


async def test_a_page_reads_that_it_has_to_wait_and_for_how_long(pod: Pod, shop: Shop) -> None:
    await until_limited(pod, shop.slug, "198.51.100.4", keyless=True)
    forwarded = {"X-Forwarded-For": "198.51.100.4"}
    code, reason = await told(pod, shop.slug, None, additional_headers=forwarded)
    assert code == 4429
    assert reason.startswith("too-many-requests retry_ms=")
    assert int(reason.partition("=")[2]) >= 1000


async def test_only_what_was_let_in_counts_for_a_tenant_and_another_tenant_notices_nothing(
    start_gateway: StartGateway, shop: Shop, open_shop: OpenShop
) -> None:
    other = await open_shop()
    pod = start_gateway({"BELLWIRE_TENANT_HANDSHAKES": "1", "BELLWIRE_TRUST_FORWARDED_FOR": "true"})
    for number in range(60):
        # Without a key, with a wrong one, with one of another kind, and with another shop's.
        key = (None, wrong_key(number), shop.storefront_key, other.terminal_key)[number % 4]
        status, _ = await handshake(pod, shop.slug, key, f"203.0.113.{number}")
        assert status in (401, 403, 404)
    statuses: list[int] = []
    while len(statuses) < 100 and 429 not in statuses:
        statuses.append((await handshake(pod, shop.slug, shop.terminal_key, "198.51.100.5"))[0])
    assert statuses[:10] == [101] * 10
    assert statuses[-1] == 429
    assert (await handshake(pod, other.slug, other.terminal_key, "198.51.100.5"))[0] == 101


async def test_a_till_that_comes_back_without_a_pause_waits_and_its_shop_does_not(
    start_gateway: StartGateway, shop: Shop
) -> None:
    pod = start_gateway({"BELLWIRE_KEY_HANDSHAKES": "1"})
    second = await shop.add_terminal("second")
    statuses: list[int] = []
    while len(statuses) < 100 and 429 not in statuses:
        statuses.append((await handshake(pod, shop.slug, shop.terminal_key, ""))[0])
    assert statuses[:10] == [101] * 10
    assert statuses[-1] == 429
    status, problem = await refusal(pod, shop.slug, additional_headers=bearer(shop.terminal_key))
    assert (status, problem["type"]) == (429, "urn:bellwire:problem:too-many-requests")
    async with open_till(pod, shop.slug, second.key):
        pass


async def test_refusals_are_lines_of_the_log_now_and_then_with_the_address_and_without_a_key(
    pod: Pod, lines: list[str], shop: Shop
) -> None:
    await until_limited(pod, shop.slug, "198.51.100.6", keyless=False)

    def told() -> list[dict[str, Any]]:
        return [json.loads(line) for line in lines if "198.51.100.6" in line]

    assert await asyncio.to_thread(wait_until, lambda: len(told()) == 2, 10.0)
    said = told()
    assert Counter(line["event"] for line in said) == {"access.refused": 1, "access.limited": 1}
    assert {line["route"] for line in said} == {"GET /ws/pos/{tenant}"}
    assert not any("bw_term_" in line for line in lines)
    before = len(lines)
    for _ in range(30):
        with dial(pod) as link:
            link.sendall(b"nonsense\r\n\r\n")
            assert b" 400 " in link.recv(1000)
    said = [json.loads(line) for line in lines[before:] if "http.malformed" in line]
    assert len(said) <= 1
    assert not any(json.loads(line)["level"] == "warning" for line in lines[before:])


async def rows_of(
    database: "asyncpg.Connection[asyncpg.Record]", action: str, address: str, seconds: float = 10
) -> list[int]:
    """The counts of the rows that tell of an address, once there are some."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        rows = await database.fetch(
            "SELECT count FROM audit_trail WHERE action = $1 AND address = $2 ORDER BY entry_id",
            action,
            address,
        )
        if rows:
            return [row["count"] for row in rows]
        await asyncio.sleep(0.1)
    return []


async def test_a_gateway_writes_a_row_for_each_hundred_wrong_keys_and_for_the_rest_when_it_ends(
    start_gateway: StartGateway,
    shop: Shop,
    operator: Operator,
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    pod = start_gateway({"BELLWIRE_TRUST_FORWARDED_FOR": "true"})
    for number in range(130):
        assert (await handshake(pod, shop.slug, wrong_key(number), "198.51.100.7"))[0] == 401
    # It is the key's own row where a key that we know was refused, and its shop's.
    for _ in range(100):
        assert (await handshake(pod, shop.slug, shop.storefront_key, "198.51.100.8"))[0] == 403
    assert await rows_of(database, "key.refused", "198.51.100.7") == [100]
    assert await rows_of(database, "call.forbidden", "198.51.100.8") == [100]
    await asyncio.to_thread(pod.stop, 10)
    assert await rows_of(database, "key.refused", "198.51.100.7") == [100, 30]
    answer = await shop.http.get(shop.path("audit"), headers=bearer(operator.key))
    found = {entry["action"]: entry for entry in answer.json()["entries"]}
    store = hash_key(shop.storefront_key)
    assert store is not None
    assert found["call.forbidden"]["keyId"] == key_name(store)
    assert (found["call.forbidden"]["kind"], found["call.forbidden"]["count"]) == ("store", 100)
    assert found["call.forbidden"]["facts"]["route"] == "GET /ws/pos/{tenant}"
    assert (found["key.refused"]["keyId"], found["key.refused"]["kind"]) == (None, None)


async def test_refusals_are_counted_exactly_whatever_comes_when_and_in_bounded_room(
    database_url: str, redis_url: str, shop: Shop, open_shop: OpenShop,
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:  # fmt: skip
    settings = PodSettings(database_url=database_url, redis_url=redis_url)  # type: ignore[arg-type, call-arg]
    pool = await open_database(settings, size=1, application="test-refusals")
    now = 0.0
    refusals = Refusals(pool, lambda: now, owners=3)
    known = hash_key(shop.terminal_key)
    assert known is not None

    async def told() -> list[tuple[str | None, str | None, int]]:
        rows = await database.fetch(
            "SELECT tenant, address, count FROM audit_trail WHERE facts ->> 'route' = $1 ORDER BY entry_id",
            shop.slug,
        )
        return [tuple(row) for row in rows]

    for _ in range(250):
        refusals.wrong_key(shop.slug, "192.0.2.1", known, shop.slug)
    await refusals._write_due()
    assert await told() == [(shop.slug, "192.0.2.1", 100)] * 2
    now = HOUR_SECONDS - 1
    refusals.wrong_key(shop.slug, "192.0.2.1", known, shop.slug)
    await refusals._write_due()
    now = HOUR_SECONDS
    await refusals._write_due()
    assert (await told())[2:] == [(shop.slug, "192.0.2.1", 51)]
    # All of them were with one key, and it is one of ours.
    row = await database.fetchrow(
        "SELECT kind, key_id, terminal_id FROM audit_trail WHERE facts ->> 'route' = $1", shop.slug
    )
    assert row is not None
    assert tuple(row) == ("term", key_name(known), await database.fetchval(
        "SELECT terminal_id FROM api_keys WHERE key_hash = $1", known
    ))  # fmt: skip
    # Shops that nobody has share one row, and beyond the bound all are one.
    for number in range(10):
        refusals.wrong_key(f"nobody-{number}", "192.0.2.2", None, shop.slug)
    assert len(refusals._counts) == 4
    await refusals.flush()
    assert sum(count for _, _, count in (await told())[3:]) == 10
    assert {tenant for tenant, _, _ in (await told())[3:]} == {None}
    assert not refusals._counts
    # An operator's and another shop's keys are told of in the trail where they belong.
    other = await open_shop()
    stranger = Principal(KeyKind.STOREFRONT, other.slug, None, hash_key(other.storefront_key) or b"")
    refusals.forbidden(stranger, shop.slug, "192.0.2.3", shop.slug)
    refusals.forbidden(Principal(KeyKind.OPERATOR, None, None, b"x" * 32), shop.slug, "192.0.2.4", shop.slug)
    await refusals.flush()
    assert sorted((await told())[-2:], key=str) == sorted(
        [(other.slug, "192.0.2.3", 1), (shop.slug, "192.0.2.4", 1)], key=str
    )
    await pool.close()
