"""The operator's stream tells what pods are there, which one died, what waits; and a gateway drains and comes back."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import httpx

from api.background.overview import Look
from api.db.audit_trail import Actor, Entry, list_entries
from api.db.operator_keys import create_operator_key
from api.db.overview import ask_gateway
from backbone.contract.errors import Unavailable
from backbone.contract.keys import hash_key
from backbone.eventlog.pod_samples import PodReporter
from backbone.eventlog.postgres import open_database
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.pods import Pod
from tests.conftest import MakeDatabase, StartApiPod, StartGateway
from tests.gateway.till import open_till
from tests.shop import Operator, Shop, bearer
from tests.waiting import eventually

Frames = AsyncIterator[dict[str, Any]]
PODS_OF_A_FRAME = {
    "kind": "api",
    "pod": "api-1",
    "version": "0.2.0",
    "since": "2026-11-22T12:30:00.123Z",
    "age": 0.2,
    "sample": "{}",
    "drain_wanted": False,
    "lost_at": None,
}


async def messages(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@asynccontextmanager
async def watching(
    operator: Operator, path: str = "/api/operator/stream", **query: Any
) -> AsyncIterator[Frames]:
    async with operator.http.stream("GET", path, params=query, headers=bearer(operator.key)) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield messages(answer)


async def until(frames: Frames, good: Any) -> dict[str, Any]:
    """The first frame of which it is true; one comes each second."""
    async for frame in frames:
        if frame["type"] == "frame" and good(frame):
            return frame
    raise AssertionError("the stream ended")


def pod_of(frame: dict[str, Any], pod: str, kind: str = "gateway") -> dict[str, Any]:
    return next((one for one in frame["pods"] if (one["kind"], one["pod"]) == (kind, pod)), {"state": None})


async def last_act(operator: Operator) -> dict[str, Any]:
    answer = await operator.http.get("/api/operator/audit", params={"limit": 1}, headers=bearer(operator.key))
    assert answer.status_code == 200, answer.text
    act: dict[str, Any] = answer.json()["entries"][0]
    return act


async def test_a_frame_has_the_pods_what_happens_and_what_nobody_has_seen(
    migrated_database: MakeDatabase, start_api_pod: StartApiPod, start_gateway: StartGateway
) -> None:
    # With a database of its own: a frame has the liveliest shops and the oldest unseen orders, and not those of all.
    url = await migrated_database()
    settings = {"BELLWIRE_DATABASE_URL": url}
    api, gateway = start_api_pod(settings), start_gateway(settings)
    async with httpx.AsyncClient(base_url=api.url, timeout=35) as http:
        operator = Operator(http, await create_operator_key(url))
        await see_what_happens(operator, api, gateway, await operator.open_shop())


async def see_what_happens(operator: Operator, api: Pod, gateway: Pod, shop: Shop) -> None:
    async with watching(operator) as frames:
        first = await until(frames, lambda frame: pod_of(frame, gateway.name)["state"] == "ready")
        assert pod_of(first, api.name, "api")["state"] == "ready"
        assert (first["redis"]["up"], first["postgres"]["up"], first["unknownSince"]) == (True, True, None)
        assert (await last_act(operator))["action"] == "overview.watched"
        async with open_till(gateway, shop.slug, shop.terminal_key) as till:
            placed = await shop.order()
            await till.has(1)
            busy = await until(
                frames,
                # Each pod says its word once a second, and each in its own time.
                lambda frame: (
                    frame["delivery"]["count"]
                    and shop.slug in {one["tenant"] for one in frame["shops"]}
                    and pod_of(frame, gateway.name)["connections"]["websocket"] >= 1
                ),
            )
            assert 0 < busy["delivery"]["p50"] <= busy["delivery"]["p99"]
        unseen = await until(
            frames,
            lambda frame: placed["orderId"] in {one["orderId"] for one in frame["unseen"]["orders"]},
        )
        assert "customer" not in json.dumps(unseen).lower()


async def test_a_gateway_that_hangs_is_silent_within_five_seconds_and_one_that_died_says_so(
    operator: Operator, start_gateway: StartGateway
) -> None:
    gateway = start_gateway({})
    async with watching(operator) as frames:
        await until(frames, lambda frame: pod_of(frame, gateway.name)["state"] == "ready")
        gateway.send(signal.SIGSTOP)
        seen = 0
        async for frame in frames:
            seen += 1
            if pod_of(frame, gateway.name)["state"] == "silent":
                break
        assert seen <= 5
        gateway.kill()
        # It is brought back under its name, within the second sometimes: then that it was gone is all that is left.
        back = await until(frames, lambda frame: pod_of(frame, gateway.name)["state"] == "ready")
        assert pod_of(back, gateway.name)["lostAt"] < pod_of(back, gateway.name)["since"]


async def test_a_gateway_drains_for_an_operator_and_comes_back(
    operator: Operator, gateway: Pod, start_gateway: StartGateway, shop: Shop
) -> None:
    own = start_gateway({})
    path = f"/api/operator/gateways/{own.name}"
    async with open_till(own, shop.slug, shop.terminal_key) as till, httpx.AsyncClient() as probe:
        answer = await operator.http.post(f"{path}/drain", headers=bearer(operator.key))
        assert answer.status_code == 204, answer.text
        assert (await till.closed())[0] == 1012

        async def readiness() -> int:
            return (await probe.get(f"{own.url}/readyz")).status_code

        assert await readiness() == 404
        async with watching(operator) as frames:
            await until(frames, lambda frame: pod_of(frame, own.name)["state"] == "drained")
            assert (await operator.http.post(f"{path}/resume", headers=bearer(operator.key))).is_success
            await until(frames, lambda frame: pod_of(frame, own.name)["state"] == "ready")
            await eventually(readiness, lambda status: status == 200)
            # One that ends as it should takes its word back.
            await asyncio.to_thread(own.stop, 10)
            await until(frames, lambda frame: pod_of(frame, own.name)["state"] is None)


async def test_the_last_gateway_is_not_drained_and_one_that_is_not_there_is_not_found(
    migrated_database: MakeDatabase, redis_url: str
) -> None:
    url = await migrated_database()
    settings = load_settings(PodSettings, database_url=url, redis_url=redis_url)
    database = await open_database(settings, size=2, application="test-overview")
    drained: list[bool] = []

    def reporter(pod: str, **said: Any) -> PodReporter:
        return PodReporter(database, "gateway", pod, lambda: {"draining": False, **said}, drained.append)

    async def drain(pod: str, *, drain: bool = True) -> bool | None:
        entry = Entry(Actor("op", None, None, ""), None, "gateway.drained", {"gateway": pod})
        return await ask_gateway(database, pod, drain=drain, entry=entry)

    async def noted() -> int:
        trail = await list_entries(database, None, None, 10)
        return sum(one.action == "gateway.drained" for one in trail)

    try:
        # Workers are one pod: the one's drain is the other's.
        workers = [reporter("a/0"), reporter("a/1")]
        for one in (*workers, reporter("b"), reporter("c", draining=True)):
            await one.write()
        assert (await drain("d"), await noted()) == (None, 0)
        assert (await drain("a"), await noted()) == (True, 1)
        for one in workers:
            await one.write()
        assert drained[-2:] == [True, True]
        assert (await drain("b"), await noted()) == (False, 1)
        # PostgreSQL crashed, and what was written without a log is gone: what is drained stays so.
        await database.fetch("TRUNCATE pod_samples")
        for one in workers:
            await one.write()
        assert drained[-2:] == [True, True]
        assert await drain("a", drain=False)
        await workers[0].write()
        assert drained[-1] is False
        # Another process under the name begins without what the one before was asked for.
        await reporter("b").write()
        assert await drain("a")
        await reporter("a/0").write()
        assert drained[-1] is False
    finally:
        await database.close()


async def test_a_trace_has_the_shops_events_without_its_customers_and_takes_nobodys_place(
    operator: Operator, gateway: Pod, shop: Shop
) -> None:
    path = shop.path("trace")
    async with (
        open_till(gateway, shop.slug, shop.terminal_key) as till,
        watching(operator, path) as trace,
        watching(operator, path, seconds=1) as short,
    ):
        assert await anext(trace) == {"type": "hello", "tenant": shop.slug, "head": "1-0"}
        placed = await shop.order(customerName="Grace Hopper")
        told = await anext(trace)
        assert (told["type"], told["offset"]) == ("new_order", placed["offset"])
        assert told["data"]["orderId"] == placed["orderId"]
        assert told["data"]["totalAmount"] == placed["totalAmount"]
        assert "Grace" not in json.dumps(told)
        assert "onions" not in json.dumps(told)
        # The till is there still, and has what the trace had; the trace has seen nothing.
        (heard,) = await till.has(1)
        assert heard["data"]["customerName"] == "Grace Hopper"
        assert await shop.receipts(placed["orderId"]) == []
        assert [one async for one in short][-1] == {"type": "close", "reason": "over"}
    trail = (await operator.http.get(shop.path("audit"), headers=bearer(operator.key))).json()["entries"]
    assert [one["facts"] for one in trail if one["action"] == "shop.traced"] == [
        {"seconds": 1},
        {"seconds": 600},
    ]


async def test_a_key_that_ends_ends_its_streams(
    operator: Operator, shop: Shop, database_url: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    other = Operator(operator.http, await create_operator_key(database_url))
    async with watching(other) as frames, watching(other, shop.path("trace")) as trace:
        await anext(frames)
        await anext(trace)
        await database.execute("DELETE FROM api_keys WHERE key_hash = $1", hash_key(other.key))
        async with asyncio.timeout(10):
            for stream in (frames, trace):
                assert [one async for one in stream][-1] == {"type": "close", "reason": "ended"}


async def test_while_postgresql_is_away_frames_go_on_and_say_since_when_nothing_is_known() -> None:
    class Away:
        """A database that answers once."""

        def __init__(self) -> None:
            self.there = True

        async def fetch(self, sql: str, *_: object) -> list[Any]:
            if not self.there:
                raise Unavailable("PostgreSQL")
            return [PODS_OF_A_FRAME] if "pod_samples" in sql else []

        async def fetch_row(self, *_: object) -> dict[str, Any]:
            if not self.there:
                raise Unavailable("PostgreSQL")
            return {**dict.fromkeys(("endpoints", "off", "failing", "refusing", "backlog"), 0), "worst": "[]"}

    class Silent:
        async def ping(self) -> None:
            raise Unavailable("Redis")

    database = Away()
    look = Look(cast("Any", database), cast("Any", Silent()))
    first = await look.frame()
    assert (first["unknownSince"], first["pods"][0]["state"]) == (None, "ready")
    assert first["redis"] == {"up": False, "milliseconds": None, "downSince": first["at"]}
    database.there = False
    await look.frame()
    later = await look.frame()
    assert first["at"] <= later["unknownSince"] <= later["at"]
    assert (later["postgres"]["up"], later["pods"][0]["state"]) == (False, "unknown")
    database.there = True
    assert (await look.frame())["unknownSince"] is None
