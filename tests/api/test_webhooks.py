"""Webhooks from the registration to the sink, over real pods: in order, signed, again after failures, never astray."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from infra.local.counters import read_total
from infra.local.pods import Pod
from tests.api.endpoints import look, register, seen, until, verified
from tests.api.sink import Answer, Sink, open_sink
from tests.conftest import OpenShop, StartApiPod
from tests.fork import fork_last_event
from tests.shop import Shop, bearer


async def place(shop: Shop, count: int) -> list[str]:
    return [(await shop.order(customerName=f"Guest {number}"))["offset"] for number in range(count)]


async def test_every_event_is_delivered_in_order_in_its_own_bytes_and_signed(
    shop: Shop, sink: Sink, api_pods: tuple[Pod, Pod], database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await place(shop, 2)  # before its time
    endpoint = await register(shop, sink.url)
    delivered = read_total(
        [pod.url for pod in api_pods], "bellwire_webhook_deliveries_total", outcome="delivered"
    )
    placed = await place(shop, 30)
    await until(lambda: len(sink.accepted) >= 30)
    assert sink.ids == placed
    rows = await database.fetch(
        "SELECT payload FROM pos_sync_logs WHERE tenant = $1 AND seq > 2 ORDER BY seq", shop.slug
    )
    assert [delivery.body for delivery in sink.accepted] == [row["payload"] for row in rows]
    assert all(verified(delivery, endpoint["secret"]) for delivery in sink.accepted)
    assert not verified(sink.accepted[0], "whsec_" + "A" * 43 + "=")
    assert {delivery.headers["content-type"] for delivery in sink.accepted} == {"application/json"}
    found = await seen(shop, endpoint, deliveredOffset=placed[-1])
    assert (found["lag"], found["failures"], found["enabled"], found["lastOutcome"]) == (
        0,
        0,
        True,
        "delivered",
    )
    # Two pods, and nothing twice.
    await asyncio.sleep(1.5)
    assert len(sink.deliveries) == 30
    after = read_total(
        [pod.url for pod in api_pods], "bellwire_webhook_deliveries_total", outcome="delivered"
    )
    assert after - delivered == 30


async def test_a_secret_is_shown_once_and_stored_nowhere(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoint = await register(shop, sink.url)
    assert set(endpoint) == {"id", "url", "types", "stations", "categories", "counts", "secret"}
    assert "secret" not in await look(shop, endpoint)
    row = await database.fetchrow("SELECT * FROM webhook_endpoints WHERE tenant = $1", shop.slug)
    secret = endpoint["secret"].removeprefix("whsec_")
    assert secret not in repr(row)
    assert Webhook(endpoint["secret"])._whsecret.hex() not in repr(row)
    assert repr(Webhook(endpoint["secret"])._whsecret) not in repr(row)


async def test_types_filter_and_the_cursor_moves_past_the_others(shop: Shop, sink: Sink) -> None:
    endpoint = await register(shop, sink.url, types=["loyalty_updated"])
    await place(shop, 3)
    await shop.change_points("5551234", "add", 1)
    await place(shop, 2)
    found = await seen(shop, endpoint, lag=0)
    assert found["deliveredOffset"] == "1-6"
    assert sink.ids == ["1-4"]


async def test_an_endpoint_that_fails_for_a_minute_gets_everything_in_order_in_the_end(
    shop: Shop, sink: Sink
) -> None:
    # A hundred times as fast as in life: the attempts are made at 0, 0.05, 3 and 18 seconds.
    down_until = time.monotonic() + 2
    sink.answer = lambda _: Answer(503 if time.monotonic() < down_until else 200)
    endpoint = await register(shop, sink.url)
    placed = await place(shop, 20)
    await until(lambda: len(sink.accepted) >= 20)
    assert sink.ids == placed
    refused = [delivery for delivery in sink.deliveries if delivery not in sink.accepted]
    # Nothing behind the one that failed was tried meanwhile.
    assert {delivery.id for delivery in refused} == {placed[0]}
    assert len(refused) >= 2
    assert all(verified(delivery, endpoint["secret"]) for delivery in sink.deliveries)
    assert (await seen(shop, endpoint, lag=0))["failures"] == 0


async def test_dead_endpoints_delay_no_other(open_shop: OpenShop, shop: Shop, sink: Sink) -> None:
    with open_sink() as dead:
        dead.answer = lambda _: Answer(200, seconds=60)
        others = [await open_shop() for _ in range(4)]
        for other in others:
            for _ in range(5):
                await register(other, dead.url)
        await register(shop, dead.url)
        endpoint = await register(shop, sink.url)
        for other in others:
            await other.order()
        placed = await place(shop, 5)
        await until(lambda: len(sink.accepted) >= 5)
        assert sink.ids == placed
        assert (await seen(shop, endpoint, lag=0))["enabled"]
        await until(lambda: len(dead.deliveries) >= 21)


async def test_a_410_switches_an_endpoint_off_and_enable_goes_on_where_it_stopped(
    shop: Shop, sink: Sink
) -> None:
    endpoint = await register(shop, sink.url)
    placed = await place(shop, 2)
    await until(lambda: len(sink.accepted) == 2)
    sink.answer = lambda _: Answer(410)
    placed += await place(shop, 3)
    found = await seen(shop, endpoint, enabled=False)
    assert (found["disabledReason"], found["deliveredOffset"], found["lag"]) == ("gone", placed[1], 3)
    attempts = len(sink.deliveries)
    await asyncio.sleep(1.5)
    assert len(sink.deliveries) == attempts == 3
    sink.answer = lambda _: Answer()
    response = await shop.http.post(
        shop.path(f"webhooks/{endpoint['id']}/enable"), headers=bearer(shop.storefront_key)
    )
    assert response.status_code == 204
    await until(lambda: len(sink.accepted) == 5)
    assert sink.ids == placed


async def test_the_tenth_failure_in_a_row_switches_an_endpoint_off(
    shop: Shop, sink: Sink, api_pods: tuple[Pod, Pod], database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    def counted() -> float:
        return read_total(
            [pod.url for pod in api_pods], "bellwire_webhook_switched_off_total", reason="exhausted"
        )

    before = counted()
    sink.answer = lambda _: Answer(500)
    endpoint = await register(shop, sink.url)
    await database.execute("UPDATE webhook_endpoints SET failures = 9 WHERE tenant = $1", shop.slug)
    await shop.order()
    found = await seen(shop, endpoint, enabled=False)
    assert (found["disabledReason"], found["failures"], len(sink.deliveries)) == ("exhausted", 10, 1)
    assert counted() - before == 1


async def test_retry_after_is_obeyed(shop: Shop, sink: Sink) -> None:
    # The schedule alone would come back after 0.05 s.
    sink.answer = lambda delivery: (
        Answer(429, {"Retry-After": "3"}) if len(sink.deliveries) == 1 else Answer()
    )
    await register(shop, sink.url)
    await shop.order()
    await until(lambda: len(sink.accepted) == 1)
    assert sink.deliveries[1].at - sink.deliveries[0].at >= 2.9


async def test_a_redirect_is_a_failure(shop: Shop, sink: Sink) -> None:
    with open_sink() as target:
        sink.answer = lambda _: Answer(302, {"Location": target.url})
        endpoint = await register(shop, sink.url)
        await shop.order()
        found = await seen(shop, endpoint, lastOutcome="redirected")
        assert found["failures"] >= 1
        assert target.deliveries == []


async def test_while_a_secret_is_rotated_both_sign_and_then_the_new_one_alone(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoint = await register(shop, sink.url)
    first = endpoint["secret"]

    async def rotate() -> str:
        response = await shop.http.post(
            shop.path(f"webhooks/{endpoint['id']}/rotate"), headers=bearer(shop.storefront_key)
        )
        assert response.status_code == 200
        assert set(response.json()) == {"id", "secret", "previousValidUntil"}
        secret: str = response.json()["secret"]
        return secret

    async def signers(*secrets: str) -> list[bool]:
        count = len(sink.accepted)
        await shop.order()
        await until(lambda: len(sink.accepted) > count)
        return [verified(sink.accepted[-1], secret) for secret in secrets]

    second = await rotate()
    assert await signers(first, second) == [True, True]
    assert len(sink.accepted[-1].headers["webhook-signature"].split(" ")) == 2
    await database.execute("UPDATE webhook_endpoints SET previous_until = now() WHERE tenant = $1", shop.slug)
    assert await signers(first, second) == [False, True]
    third = await rotate()
    assert await signers(first, second, third) == [False, True, True]


async def test_a_pod_killed_in_mid_delivery_is_followed_by_another_that_loses_nothing(
    shop: Shop,
    sink: Sink,
    start_api_pod: StartApiPod,
    api_pods: tuple[Pod, Pod],
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    sink.answer = lambda _: Answer(seconds=0.3)
    endpoint = await register(shop, sink.url)
    victim = start_api_pod({})
    with frozen(api_pods):
        async with httpx.AsyncClient(base_url=victim.url) as http:
            placed = await place(shop.at(http), 10)
            await until(lambda: len(sink.accepted) >= 2)
            victim._keep = False
            os.kill(victim.pid, signal.SIGKILL)
    assert len(sink.accepted) < 9
    # Its lease is over, as it would be in a while.
    await database.execute("UPDATE webhook_endpoints SET leased_until = now() WHERE tenant = $1", shop.slug)
    await seen(shop, endpoint, lag=0)
    # At least once, in order; a repeat carries the same id and the same bytes, and only what was under way is repeated.
    assert list(dict.fromkeys(delivery.id for delivery in sink.deliveries)) == placed
    assert len({(delivery.id, delivery.body) for delivery in sink.deliveries}) == 10
    assert len(sink.deliveries) <= 11


@contextlib.contextmanager
def frozen(pods: tuple[Pod, ...]) -> Iterator[None]:
    """Stop pods in their tracks for a while."""
    for pod in pods:
        os.kill(pod.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pod in pods:
            os.kill(pod.pid, signal.SIGCONT)


async def test_history_that_is_gone_is_said_by_a_reset_and_the_rest_follows(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoint = await register(shop, sink.url)
    await database.execute("UPDATE webhook_endpoints SET disabled_at = now() WHERE tenant = $1", shop.slug)
    placed = await place(shop, 5)
    await database.execute("DELETE FROM pos_sync_logs WHERE tenant = $1 AND seq <= 3", shop.slug)
    await shop.http.post(shop.path(f"webhooks/{endpoint['id']}/enable"), headers=bearer(shop.storefront_key))
    await until(lambda: len(sink.accepted) >= 3)
    assert sink.ids == ["reset-1-3", *placed[3:]]
    reset = sink.accepted[0].event
    assert (reset["type"], reset["to"], reset["reason"]) == ("reset", "1-3", "retention")
    assert verified(sink.accepted[0], endpoint["secret"])


async def test_a_forked_history_is_said_too(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoint = await register(shop, sink.url)
    await place(shop, 3)
    await seen(shop, endpoint, lag=0)
    await fork_last_event(database, shop.slug, 3)
    await until(lambda: len(sink.accepted) >= 5)
    assert sink.ids == ["1-1", "1-2", "1-3", "reset-2-2", "2-3"]


async def test_a_deleted_endpoint_hears_nothing_more(shop: Shop, sink: Sink) -> None:
    endpoint = await register(shop, sink.url)
    await shop.order()
    await until(lambda: len(sink.accepted) == 1)
    for status in (204, 404):
        response = await shop.http.delete(
            shop.path(f"webhooks/{endpoint['id']}"), headers=bearer(shop.storefront_key)
        )
        assert response.status_code == status
    await shop.order()
    await asyncio.sleep(1.5)
    assert len(sink.deliveries) == 1


async def test_an_endpoint_of_another_tenant_is_none(shop: Shop, open_shop: OpenShop, sink: Sink) -> None:
    endpoint = await register(shop, sink.url)
    other = await open_shop()
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/enable")):
        response = await other.http.request(
            method, other.path(f"webhooks/{endpoint['id']}{rest}"), headers=bearer(other.storefront_key)
        )
        assert response.status_code == 404
    listed = await other.http.get(other.path("webhooks"), headers=bearer(other.storefront_key))
    assert listed.json() == {"webhooks": []}
    assert (await look(shop, endpoint))["enabled"]


async def test_a_tenant_may_have_twenty(shop: Shop, sink: Sink) -> None:
    for _ in range(20):
        await register(shop, sink.url)
    response = await shop.http.post(
        shop.path("webhooks"), json={"url": sink.url}, headers=bearer(shop.storefront_key)
    )
    assert (response.status_code, response.json()["type"]) == (409, "urn:bellwire:problem:too-many-webhooks")


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:pass@example.com/"}, "url"),
        ({"url": "https://example.com/", "types": []}, "types"),
        ({"url": "https://example.com/", "types": ["nonsense"]}, "types.0"),
        ({"url": "https://example.com/", "secret": "mine"}, "secret"),
    ],
)
async def test_wrong_fields_are_named(shop: Shop, body: dict[str, Any], loc: str) -> None:
    response = await shop.http.post(shop.path("webhooks"), json=body, headers=bearer(shop.storefront_key))
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [loc]


async def test_a_pod_of_its_default_settings_takes_no_address_but_a_public_https_one_and_connects_to_no_other(
    shop: Shop, sink: Sink, start_api_pod: StartApiPod, api_pods: tuple[Pod, Pod], database_url: str
) -> None:
    lines: list[str] = []
    strict = start_api_pod({"BELLWIRE_WEBHOOK_PRIVATE": "false"}, lines)
    async with httpx.AsyncClient(base_url=strict.url) as http:
        for url in (
            sink.url,
            sink.url.replace("http:", "https:"),
            "https://169.254.169.254/",
            "https://intranet/",
        ):
            response = await http.post(
                shop.path("webhooks"), json={"url": url}, headers=bearer(shop.storefront_key)
            )
            assert response.status_code == 422, url
            assert response.json()["errors"][0]["loc"] == "url"
    # One that got in under other settings, or whose name leads here now: nothing is connected to.
    with frozen(api_pods):
        async with httpx.AsyncClient(base_url=strict.url) as http:
            here = shop.at(http)
            connection = await asyncpg.connect(database_url)
            await connection.execute(
                """
                INSERT INTO webhook_endpoints (endpoint_id, tenant, url, epoch, seq)
                VALUES (gen_random_uuid(), $1, $2, 1, 0)
                """,
                shop.slug,
                sink.url,
            )
            await here.order()
            async with asyncio.timeout(30):
                while (
                    await connection.fetchval(
                        "SELECT last_outcome FROM webhook_endpoints WHERE tenant = $1", shop.slug
                    )
                    != "forbidden"
                ):
                    await asyncio.sleep(0.1)
            await connection.execute("DELETE FROM webhook_endpoints WHERE tenant = $1", shop.slug)
            await connection.close()
    assert sink.deliveries == []
    assert not any(str(sink.port) in line for line in lines if "webhook" in line)
