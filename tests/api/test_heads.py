"""Terminals that wait are woken by Redis, and by the clock when Redis is silent; waiting costs no question each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from prometheus_client import REGISTRY

from api.background import heads
from api.background.heads import HeadWatch
from backbone.contract.event import Event
from backbone.contract.keys import hash_key
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import open_database
from backbone.eventlog.stream import Stream
from backbone.eventlog.topology import Topology
from backbone.runtime.settings import PodSettings, load_settings
from backbone.runtime.tasks import TaskOwner
from infra.local.ports import free_port
from tests.conftest import OpenShop
from tests.shop import Shop

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")

StartWatch = Callable[..., Awaitable[HeadWatch]]


@pytest.fixture
async def start_watch(database_url: str, redis_url: str) -> AsyncIterator[StartWatch]:
    """Call it for a running watch on the run's database; with the URL of another Redis if need be."""
    async with AsyncExitStack() as stack:

        async def start(redis: str = redis_url) -> HeadWatch:
            settings = load_settings(
                PodSettings, database_url=database_url, redis_url=redis, pod_name="watch-of-tests"
            )
            database = await open_database(settings, size=2, application="test-heads")
            stack.push_async_callback(database.close)
            topology = Topology(settings)
            stack.push_async_callback(topology.close)
            watch = HeadWatch(settings, topology, database)
            owner = TaskOwner()
            stack.push_async_callback(owner.stop)
            owner.start("heads", watch.run)
            owner.start("live", watch.feed.run)
            return watch

        yield start


def questions(reason: str) -> float:
    return REGISTRY.get_sample_value("bellwire_api_head_questions_total", {"reason": reason}) or 0.0


def wait_for(
    watch: HeadWatch, shop: Shop, head: Offset, seconds: float = 20
) -> "asyncio.Task[Offset | None]":
    deadline = asyncio.get_running_loop().time() + seconds
    key_hash = hash_key(shop.terminal_key)
    assert key_hash is not None
    return asyncio.create_task(watch.later_than(shop.slug, head, deadline, key_hash))


async def heard(watch: HeadWatch) -> None:
    """Until Redis is heard."""
    while not watch.feed.trusted:
        await asyncio.sleep(0.05)


async def test_redis_wakes_who_waits(
    start_watch: StartWatch, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "ASK_SECONDS", 3600.0)
    monkeypatch.setattr(heads, "SUSPECT_ASK_SECONDS", 3600.0)
    watch = await start_watch()
    waiting = wait_for(watch, shop, Offset(1, 0))
    await heard(watch)
    await asyncio.sleep(0.5)
    await shop.order()
    assert await waiting == Offset(1, 1)


async def test_what_was_announced_before_the_subscription_held_is_asked_for(
    start_watch: StartWatch, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "ASK_SECONDS", 3600.0)
    monkeypatch.setattr(heads, "SUSPECT_ASK_SECONDS", 3600.0)
    watch = await start_watch()
    await heard(watch)
    # The caller looked before this order was there, and waits after it was announced.
    await shop.order()
    assert await wait_for(watch, shop, Offset(1, 0)) == Offset(1, 1)
    # Subscribed by now, so no confirmation will come: what was heard in between is remembered.
    await shop.order()
    while watch._watched[shop.slug].heard < Offset(1, 2):
        await asyncio.sleep(0.02)
    assert await wait_for(watch, shop, Offset(1, 1)) == Offset(1, 2)


async def test_a_message_about_what_is_not_committed_wakes_nobody(
    start_watch: StartWatch, shop: Shop, redis_url: str
) -> None:
    watch = await start_watch()
    waiting = wait_for(watch, shop, Offset(1, 0), seconds=2)
    await heard(watch)
    stream = Stream(
        load_settings(PodSettings, database_url="postgresql://unused/unused", redis_url=redis_url)
    )
    await asyncio.sleep(0.5)
    await stream.publish([(shop.slug, Event(Offset(1, 7), "new_order", 0, b"{}"))])
    await stream.close()
    assert await waiting is None


async def test_without_redis_the_clock_wakes_who_waits(start_watch: StartWatch, shop: Shop) -> None:
    watch = await start_watch(f"redis://127.0.0.1:{free_port()}/0")
    waiting = wait_for(watch, shop, Offset(1, 0))
    await asyncio.sleep(0.3)
    await shop.order()
    assert await waiting == Offset(1, 1)


async def test_a_busy_shop_does_not_keep_the_clock_from_others(
    start_watch: StartWatch, open_shop: OpenShop
) -> None:
    watch = await start_watch(f"redis://127.0.0.1:{free_port()}/0")
    busy, quiet = await open_shop(), await open_shop()
    patient = wait_for(watch, busy, Offset(1, 0))
    waiting = wait_for(watch, quiet, Offset(1, 0))

    async def stir() -> None:
        while True:
            watch._on_event(busy.slug, Event(Offset(1, 1), "new_order", 0, b"{}"))
            await asyncio.sleep(0)

    stirring = asyncio.create_task(stir())
    await asyncio.sleep(0.3)
    await quiet.order()
    assert await waiting == Offset(1, 1)
    for task in (stirring, patient):
        task.cancel()
    await asyncio.gather(stirring, patient, return_exceptions=True)


async def test_three_hundred_who_wait_are_one_question_a_second_and_nobody_is_none(
    start_watch: StartWatch, shop: Shop
) -> None:
    watch = await start_watch()
    await heard(watch)
    before = questions("fallback") + questions("wake")
    await asyncio.sleep(1.5)
    assert questions("fallback") + questions("wake") == before
    waiting = [wait_for(watch, shop, Offset(1, 0), seconds=4) for _ in range(300)]
    assert await asyncio.gather(*waiting) == [None] * 300
    # Four seconds, four questions; a few more where Redis was thought away for a moment.
    assert questions("fallback") + questions("wake") - before <= 12


async def test_a_tenant_is_heard_for_a_while_after_its_last_waiter_and_no_longer(
    start_watch: StartWatch, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await start_watch()
    await wait_for(watch, shop, Offset(1, 0), seconds=0.1)
    assert shop.slug in watch.feed._wanted
    monkeypatch.setattr(heads, "LINGER_SECONDS", 0.0)
    while shop.slug in watch.feed._wanted:
        await asyncio.sleep(0.1)
    assert watch._watched == {}
