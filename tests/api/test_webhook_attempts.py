"""The answers of an endpoint can be looked at, and a ping asks for one at once."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from prometheus_client import REGISTRY

from api.background.housekeeping import keep_house_once
from api.core.delivery import Attempt, Outcome
from api.webhooks.attempts import MOST_ENDPOINTS, AttemptLog
from api.webhooks.message import Message
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.ports import free_port
from tests.api.endpoints import act, attempts, look, register, seen, until, verified
from tests.api.sink import Answer, Sink
from tests.conftest import OpenShop
from tests.shop import Operator, Shop, bearer


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A pool of the test's own."""
    settings = load_settings(PodSettings, database_url=url, redis_url="redis://127.0.0.1:9")
    database = await open_database(settings, size=2, application="test-attempts")
    yield database
    await database.close()


async def test_each_attempt_is_there_with_status_time_and_the_answers_beginning(
    shop: Shop, sink: Sink
) -> None:
    bodies = [b"no such item \xff\xfe\x1b[31m", "täglich ".encode() * 100, b""]
    statuses = [400, 503, 200]

    def answer(_: object) -> Answer:
        place = min(len(sink.deliveries), 3) - 1
        return Answer(statuses[place], body=bodies[place], seconds=0.2)

    sink.answer = answer
    endpoint = await register(shop, sink.url)
    before = datetime.now(UTC)
    placed = (await shop.order())["offset"]
    found = await attempts(shop, endpoint, 3)
    assert [one["status"] for one in found] == [200, 503, 400]
    assert [one["outcome"] for one in found] == ["delivered", "rejected", "rejected"]
    assert {(one["id"], one["type"]) for one in found} == {(placed, "new_order")}
    assert all(200 <= one["milliseconds"] < 2000 for one in found)
    assert found[2]["answer"] == "no such item \ufffd\ufffd\ufffd[31m"
    assert found[1]["answer"].startswith("täglich täglich")
    assert 195 < len(found[1]["answer"].encode()) <= 200
    assert found[0]["answer"] == ""
    moments = [datetime.fromisoformat(one["at"]) for one in found]
    assert moments == sorted(moments, reverse=True)
    assert before - timedelta(seconds=2) < moments[-1] < moments[0] < datetime.now(UTC) + timedelta(seconds=2)


async def test_where_nothing_is_answered_the_status_is_null(shop: Shop, sink: Sink) -> None:
    sink.answer = lambda _: Answer(200, seconds=10)
    late = await register(shop, sink.url)
    gone = await register(shop, "http://127.0.0.1:9/")
    await shop.order()
    [first, *_] = reversed(await attempts(shop, late, 1))
    assert (first["status"], first["outcome"], first["answer"]) == (None, "timeout", "")
    assert first["milliseconds"] >= 1900
    [first, *_] = reversed(await attempts(shop, gone, 1))
    assert (first["status"], first["outcome"]) == (None, "unreachable")


async def test_the_last_fifty_are_kept_and_go_with_their_endpoint(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoint = await register(shop, sink.url)
    await asyncio.gather(*(shop.order() for _ in range(70)))
    await until(lambda: len(sink.accepted) >= 70)
    async with asyncio.timeout(30):
        while (found := await attempts(shop, endpoint))[:1] == [] or found[0]["id"] != sink.ids[-1]:
            await asyncio.sleep(0.1)
    assert [one["id"] for one in found] == sink.ids[:-51:-1]
    mine = "SELECT count(*) FROM webhook_attempts WHERE endpoint_id = $1"
    assert await database.fetchval(mine, uuid.UUID(endpoint["id"])) == 50
    gone = await shop.http.delete(
        shop.path(f"webhooks/{endpoint['id']}"), headers=bearer(shop.storefront_key)
    )
    assert gone.status_code == 204
    assert await database.fetchval(mine, uuid.UUID(endpoint["id"])) == 0
    listed = await shop.http.get(
        shop.path(f"webhooks/{endpoint['id']}/attempts"), headers=bearer(shop.storefront_key)
    )
    assert listed.status_code == 404


async def test_attempts_of_a_week_ago_are_not_shown_and_go(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    endpoint = await register(shop, sink.url)
    for days in (6.9, 7.1, 30):
        await database.execute(
            """
            INSERT INTO webhook_attempts
                (endpoint_id, tenant, at, message_id, type, outcome, status, milliseconds, answer)
            VALUES ($1, $4, now() - make_interval(secs => $2), '1-1', 'new_order', 'rejected', 400, 5, $3)
            """,
            uuid.UUID(endpoint["id"]),
            days * 86400,
            str(days),
            shop.slug,
        )
    assert [one["answer"] for one in await attempts(shop, endpoint)] == ["6.9"]
    async with opened(database_url) as pool:
        await keep_house_once(pool, 7, datetime.now(UTC))
    left = await database.fetch(
        "SELECT answer FROM webhook_attempts WHERE endpoint_id = $1", uuid.UUID(endpoint["id"])
    )
    assert [row["answer"] for row in left] == ["6.9"]


async def test_a_ping_is_signed_sent_at_once_and_answered_with_what_happened(
    shop: Shop, sink: Sink, operator: Operator
) -> None:
    sink.answer = lambda _: Answer(202, body=b"pong")
    endpoint = await register(shop, sink.url)
    answer = await act(shop, endpoint, "test")
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["outcome"], said["status"], said["answer"], said["type"]) == (
        "delivered",
        202,
        "pong",
        "ping",
    )
    assert 0 <= said["milliseconds"] < 2000
    [delivery] = sink.deliveries
    assert delivery.id == said["id"]
    assert said["id"].startswith("ping-")
    assert verified(delivery, endpoint["secret"])
    assert set(delivery.event) == {"type", "tenant", "webhookId", "timestamp"}
    assert (delivery.event["type"], delivery.event["tenant"]) == ("ping", shop.slug)
    [attempt] = await attempts(shop, endpoint, 1)
    assert {**attempt, "at": None} == {**said, "at": None}
    # No two have one name, and each is in the audit trail.
    assert (await act(shop, endpoint, "test")).json()["id"] != said["id"]
    trail = await shop.http.get(shop.path("audit"), headers=bearer(operator.key))
    noted = [entry for entry in trail.json()["entries"] if entry["action"] == "webhook.tested"]
    assert [entry["facts"] for entry in noted] == [{"webhookId": endpoint["id"]}] * 2


async def test_a_ping_moves_nothing_whatever_comes_of_it(shop: Shop, sink: Sink) -> None:
    endpoint = await register(shop, sink.url, counts=True)
    sink.answer = lambda _: Answer(410)
    before = await look(shop, endpoint)
    said = (await act(shop, endpoint, "test")).json()
    assert (said["outcome"], said["status"]) == ("gone", 410)
    assert await look(shop, endpoint) == before
    # One that was switched off can be tried before it is switched on again.
    order = await shop.order()
    await seen(shop, endpoint, enabled=False)
    sink.answer = lambda _: Answer(200)
    assert (await act(shop, endpoint, "test")).json()["status"] == 200
    found = await look(shop, endpoint)
    assert (found["enabled"], found["disabledReason"], found["lag"]) == (False, "gone", 1)
    assert await shop.receipts(order["orderId"]) == []


async def test_an_endpoint_that_answers_nothing_does_not_hold_a_ping_for_ever_nor_many_of_them(
    shop: Shop, open_shop: OpenShop, sink: Sink
) -> None:
    other = await open_shop()
    sink.answer = lambda _: Answer(200, seconds=20)
    endpoint = await register(shop, sink.url)
    began = time.monotonic()
    pings = [asyncio.create_task(act(shop, endpoint, "test")) for _ in range(2)]
    await until(lambda: len(sink.deliveries) == 2)
    third = await act(shop, endpoint, "test")
    assert (third.status_code, third.headers["retry-after"]) == (429, "1")
    # Another shop has places of its own.
    elsewhere = await register(other, "http://127.0.0.1:9/")
    assert (await act(other, elsewhere, "test")).json()["outcome"] == "unreachable"
    said = [answer.json() for answer in await asyncio.gather(*pings)]
    assert {(one["outcome"], one["status"]) for one in said} == {("timeout", None)}
    assert time.monotonic() - began < 10
    sink.answer = lambda _: Answer()
    assert (await act(shop, endpoint, "test")).json()["status"] == 200


async def test_endpoints_of_others_have_no_attempts_and_get_no_ping(
    shop: Shop, open_shop: OpenShop, sink: Sink
) -> None:
    endpoint = await register(shop, sink.url)
    other = await open_shop()
    for method, rest in (("GET", "attempts"), ("POST", "test")):
        answer = await other.http.request(
            method, other.path(f"webhooks/{endpoint['id']}/{rest}"), headers=bearer(other.storefront_key)
        )
        assert answer.status_code == 404
    assert sink.deliveries == []


# -- the log itself ------------------------------------------------------------------------------------------------


def message(number: int) -> Message:
    return Message(f"1-{number}", "new_order", b"{}")


async def test_while_the_database_is_away_the_newest_attempts_wait_and_no_more_than_are_shown(
    shop: Shop, sink: Sink, database_url: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoint = uuid.UUID((await register(shop, sink.url))["id"])
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/nowhere"
    async with opened(nowhere) as away, opened(database_url) as there:
        kept = AttemptLog(away)
        for number in range(1, 61):
            kept.note(endpoint, datetime.now(UTC), message(number), Attempt(Outcome.REJECTED, status=500))
        with pytest.raises(Unavailable):
            await kept.flush()
        kept.note(endpoint, datetime.now(UTC), message(61), Attempt(Outcome.DELIVERED, status=200))
        kept._database = there
        # One that was deleted meanwhile spoils it for nobody.
        kept.note(uuid.uuid4(), datetime.now(UTC), message(1), Attempt(Outcome.TIMEOUT))
        await kept.flush()
    rows = await database.fetch(
        "SELECT message_id FROM webhook_attempts WHERE endpoint_id = $1 ORDER BY at, attempt_id", endpoint
    )
    assert [row["message_id"] for row in rows] == [f"1-{number}" for number in range(12, 62)]


async def test_what_waits_is_bounded_and_what_is_left_out_is_counted(database_url: str) -> None:
    def forgotten() -> float:
        return REGISTRY.get_sample_value("bellwire_webhook_attempts_forgotten_total") or 0.0

    before = forgotten()
    async with opened(database_url) as database:
        kept = AttemptLog(database)
        for _ in range(MOST_ENDPOINTS + 7):
            kept.note(uuid.uuid4(), datetime.now(UTC), message(1), Attempt(Outcome.TIMEOUT))
        assert forgotten() - before == 7
        await kept.flush()
        kept.note(uuid.uuid4(), datetime.now(UTC), message(1), Attempt(Outcome.TIMEOUT))
    assert forgotten() - before == 7


async def test_two_pods_that_write_of_the_same_endpoints_at_once_wait_for_nobody_for_long(
    shop: Shop, sink: Sink, database_url: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    endpoints = [uuid.UUID((await register(shop, sink.url))["id"]) for _ in range(10)]
    async with opened(database_url) as database_:

        async def write(order: list[uuid.UUID]) -> None:
            kept = AttemptLog(database_)
            for number in range(10):
                for endpoint in order:
                    for step in range(20):
                        kept.note(
                            endpoint,
                            datetime.now(UTC),
                            message(number * 20 + step),
                            Attempt(Outcome.DELIVERED, status=200),
                        )
                await kept.flush()

        await asyncio.gather(write(endpoints), write(endpoints[::-1]))
    left = await database.fetchval(
        """
        SELECT max(n) FROM (
            SELECT count(*) AS n FROM webhook_attempts WHERE endpoint_id = ANY ($1) GROUP BY endpoint_id
        ) c
        """,
        endpoints,
    )
    assert 50 <= left <= 70
