"""Each attempt once and each end once, whatever kills the pods that say them, and with no Redis at all."""

import asyncio
import contextlib
import threading
from collections import defaultdict
from contextlib import AsyncExitStack

import httpx
import orjson
import pytest

from api.db.operator_keys import create_operator_key
from bellwire.verify.alarms import judge_alarms
from bellwire.verify.notes import Listed
from infra.local.ports import free_port
from tests.alarms.conftest import hasty
from tests.api.sink import Answer, Sink
from tests.conftest import MakeDatabase, StartApiPod
from tests.shop import Operator, bearer

ORDERS, DEADLINE = 8, 1


@pytest.mark.parametrize(
    "points",
    [
        ("before_alarm", "after_alarm"),
        # An endpoint that a dead pod holds is let go after 17 s.
        pytest.param(("webhook_answered", "webhook_moved"), marks=pytest.mark.long),
    ],
)
async def test_attempts_and_ends_come_once_each_when_pods_are_killed_at_every_point_and_redis_is_dead(
    migrated_database: MakeDatabase, start_api_pod: StartApiPod, sink: Sink, points: tuple[str, str]
) -> None:
    database = await migrated_database()
    dead = {
        "BELLWIRE_DATABASE_URL": database,
        "BELLWIRE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "BELLWIRE_WEBHOOK_RETRY_SCALE": "0.001",
    }
    steady = start_api_pod(dead)
    mortal = start_api_pod({**dead, "BELLWIRE_FAULT": ",".join(f"{point}:kill:0.2" for point in points)})
    alarmed = threading.Event()
    sink.answer = lambda _: Answer(200 if alarmed.is_set() else 503)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=steady.url, timeout=30))
        operator = Operator(http, await create_operator_key(database))
        silent, heard = await hasty(operator, DEADLINE), await hasty(operator, DEADLINE)
        made = await http.post(
            heard.path("webhooks"),
            json={"url": sink.url, "counts": True},
            headers=bearer(heard.storefront_key),
        )
        assert made.status_code == 201, made.text
        for shop in (silent, heard):
            await asyncio.gather(*(shop.order() for _ in range(ORDERS)))
        last: dict[str, object] = {}
        async with asyncio.timeout(150):
            while set(last.values()) != {4} or len(last) < ORDERS:
                await asyncio.sleep(0.5)
                raised = [e["data"] for e in await silent.events() if e["type"] == "order_unacknowledged"]
                last = {data["orderId"]: data["attempt"] for data in raised}
                told = [
                    e["data"]["orderId"] for e in await heard.events() if e["type"] == "order_unacknowledged"
                ]
                if len(set(told)) == ORDERS:
                    alarmed.set()
            ends: dict[str, list[dict[str, object]]] = defaultdict(list)
            while len(ends) < ORDERS:
                await asyncio.sleep(0.5)
                ends.clear()
                for event in await heard.events():
                    if event["type"] == "order_acknowledged":
                        ends[event["data"]["orderId"]].append(event["data"])
            # Which pod takes a turn is chance: the mortal one alone takes all of them, until it died of one. Where
            # orders are heard there are no alarms any more.
            if mortal.restarts == 0:
                await asyncio.to_thread(steady.stop, 15)
                mine = await stack.enter_async_context(httpx.AsyncClient(base_url=mortal.url, timeout=30))
                while mortal.restarts == 0:
                    with contextlib.suppress(httpx.HTTPError):
                        await heard.at(mine).try_order()
                        await silent.at(mine).try_order()
                    await asyncio.sleep(0.2)
                steady.start()
                await asyncio.to_thread(steady.await_ready)
        for shop in (silent, heard):
            listed = [
                Listed(event["offset"], shop.slug, event["type"], "", event["data"])
                for event in await shop.events()
            ]
            assert list(judge_alarms(shop.slug, listed)) == []
        for told in ends.values():
            assert [data["webhookId"] for data in told] == [made.json()["id"]]
    # At least once, and in order: what a dead pod had carried comes again under its id.
    accepted = [orjson.loads(delivery.body)["offset"] for delivery in sink.accepted]
    assert list(dict.fromkeys(accepted)) == sorted(set(accepted), key=lambda offset: int(offset[2:]))
