"""Redis Cluster: orders flow through every shard, while a primary dies, a slot moves, a shard stands still."""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog import live
from backbone.eventlog.keys import live_channel, stream_key
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.stream import Outcome, Stream
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.counters import read_total
from infra.local.valkey_cluster import ValkeyCluster
from infra.local.valkey_words import say
from tests.faults.witness import judge, orders_to, witnesses
from tests.redis_shapes.conftest import Estate
from tests.shop import Shop

pytestmark = pytest.mark.timeout(180)


def tenants_of_each_primary(cluster: ValkeyCluster) -> list[str]:
    """A slug for each primary, whose stream and channel live there."""
    missing = {node.port for node in cluster.primaries()}
    found = []
    while missing:
        slug = f"shard-{uuid.uuid4().hex[:12]}"
        port = cluster.owner(stream_key(slug)).port
        if port in missing:
            missing.remove(port)
            found.append(slug)
    return found


@pytest.fixture
async def shops(cluster: ValkeyCluster, cluster_estate: Estate) -> AsyncIterator[list[Shop]]:
    """A shop on each shard; their orders go to the two API pods in turn."""
    async with (
        httpx.AsyncClient(base_url=cluster_estate.apis[0].url, timeout=10) as one,
        httpx.AsyncClient(base_url=cluster_estate.apis[1].url, timeout=10) as other,
    ):
        slugs = tenants_of_each_primary(cluster)
        yield [
            await cluster_estate.open_shop(http, slug)
            for slug, http in zip(slugs, (one, other, one), strict=True)
        ]


async def all_live(shops: list[Shop], estate: Estate) -> None:
    """New orders reach the gateway that hardly ever looks by itself: the live way is whole again, on every shard."""
    async with witnesses(estate.gateways[1:], shops) as tills, asyncio.timeout(60):
        for till in tills:
            await till.has(len(await till.shop.events()))
        for till in tills:
            # Until one arrives by itself: a publisher may look at the old map once more.
            while True:
                before = len(till.offsets)
                await till.shop.order()
                try:
                    async with asyncio.timeout(2):
                        await till.has(before + 1)
                    break
                except TimeoutError:
                    continue


async def until_whole(cluster: ValkeyCluster) -> None:
    """Every node runs, all slots are served, every primary has its replica."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(cluster.whole):
            await asyncio.sleep(0.1)


async def test_orders_of_every_shard_arrive_by_the_live_channel(
    shops: list[Shop], cluster_estate: Estate
) -> None:
    before = read_total([pod.url for pod in cluster_estate.apis], "bellwire_events_published_total")
    async with witnesses(cluster_estate.gateways, shops) as tills:
        async with orders_to(shops) as flow:
            await asyncio.sleep(1)
        print(await judge(flow, tills))
    # Alarms of other tests' orders may have come in between.
    after = read_total([pod.url for pod in cluster_estate.apis], "bellwire_events_published_total")
    assert after - before >= len(flow.answers)
    for pod in cluster_estate.gateways:
        assert read_total([pod.url], "bellwire_redis_up") == 1


async def test_a_primary_killed_under_orders_costs_none_and_its_replica_takes_over(
    shops: list[Shop], cluster: ValkeyCluster, cluster_estate: Estate
) -> None:
    channel = live_channel(shops[0].slug)
    victim = cluster.owner(channel)
    async with witnesses(cluster_estate.gateways, shops) as tills:
        async with orders_to(shops) as flow:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(victim.kill)
            async with asyncio.timeout(30):
                while await asyncio.to_thread(cluster.owner, channel) is victim:
                    await asyncio.sleep(0.1)
            # Followed while the old one is still gone: it is the replica that is heard.
            await cluster_estate.follows()
            await all_live(shops, cluster_estate)
            await asyncio.to_thread(victim.start)
            await asyncio.sleep(0.5)
        await all_live(shops, cluster_estate)
        print(await judge(flow, tills))
    await until_whole(cluster)


async def test_a_slot_that_moves_under_orders_costs_none_and_is_followed(
    shops: list[Shop], cluster: ValkeyCluster, cluster_estate: Estate
) -> None:
    channel = live_channel(shops[1].slug)
    home = cluster.owner(channel)
    others = [node for node in cluster.primaries() if node is not home]
    async with witnesses(cluster_estate.gateways, shops) as tills:
        async with orders_to(shops, pause=0.01) as flow:
            for target in (*others, home):
                await asyncio.sleep(0.5)
                await asyncio.to_thread(cluster.move_slot, channel, target)
            await asyncio.sleep(0.5)
        await all_live(shops, cluster_estate)
        print(await judge(flow, tills))


async def test_a_frozen_shard_delays_its_own_tenants_alone(
    shops: list[Shop], cluster: ValkeyCluster, cluster_estate: Estate
) -> None:
    frozen = [node for node in cluster.shard(live_channel(shops[2].slug)) if node.alive]
    assert len(frozen) == 2
    async with witnesses(cluster_estate.gateways, shops) as tills:
        async with orders_to(shops) as flow:
            await asyncio.sleep(0.5)
            for node in frozen:
                node.send(signal.SIGSTOP)
            try:
                await asyncio.sleep(4)
                heard = {till.shop.slug: len(till.offsets) for till in tills}
                # The frozen shard's orders come by the head check meanwhile.
                assert heard[shops[2].slug] > 0.5 * len(flow.accepted[shops[2].slug])
            finally:
                for node in frozen:
                    node.send(signal.SIGCONT)
            await asyncio.sleep(0.5)
        await until_whole(cluster)
        await all_live(shops, cluster_estate)
        print(await judge(flow, tills))


def settings_of(url: str) -> PodSettings:
    return load_settings(
        PodSettings, database_url="postgresql://unused/unused", redis_url=url, pod_name="shapes"
    )


def event(seq: int) -> Event:
    return Event(Offset(1, seq), "new_order", 1_700_000_000_000, b'{"seq":%d}' % seq)


async def test_a_frozen_shard_is_noticed_and_makes_its_own_tenants_suspect_and_fails_its_own_events_alone(
    cluster: ValkeyCluster,
) -> None:
    await until_whole(cluster)
    # Two on each: one command cannot name both, for they are in two slots.
    tenants = [tenant for _ in range(2) for tenant in tenants_of_each_primary(cluster)]
    frozen = cluster.shard(live_channel(tenants[0]))
    victims = {tenant for tenant in tenants if cluster.owner(live_channel(tenant)) in frozen}
    heard: list[tuple[str, int]] = []
    settings = settings_of(cluster.url)
    stream = Stream(settings)
    feed = LiveFeed(
        settings,
        stream.topology,
        lambda tenant, found: heard.append((tenant, found.offset.seq)),
        lambda _: None,
    )
    running = asyncio.create_task(feed.run())
    try:
        for tenant in tenants:
            feed.want(tenant)
        assert feed.unheard() == set(tenants)
        await until(lambda: not feed.unheard() and feed.trusted, 10)
        assert await stream.publish([(tenant, event(1)) for tenant in tenants]) == {Outcome.OK: 6}
        await until(lambda: len(heard) == 6, 10)
        # Once the others have seen that a shard is away, 1.5 s, they would refuse everything themselves.
        for node in cluster.nodes:
            say(node.port, "config", "set", "cluster-require-full-coverage", "no")
        for node in frozen:
            node.send(signal.SIGSTOP)
        began = time.monotonic()
        suspects: set[str] = set()
        while not suspects and time.monotonic() - began < 10:
            suspects = feed.unheard()
            await asyncio.sleep(0.02)
        print("noticed after", round(time.monotonic() - began, 2), "s")
        assert suspects == victims
        outcomes = await stream.publish([(tenant, event(2)) for tenant in tenants])
        assert outcomes == {Outcome.OK: 4, Outcome.FAILED: 2}
        began = time.monotonic()
        for seq in range(3, 23):
            outcomes = await stream.publish([(tenant, event(seq)) for tenant in tenants])
            assert outcomes == {Outcome.OK: 4, Outcome.FAILED: 2}
        # Twenty timeouts would be five seconds.
        assert time.monotonic() - began < 2.5
        await until(lambda: len(heard) == 6 + 4 * 21, 10)
        assert feed.unheard() == victims
    finally:
        for node in frozen:
            node.send(signal.SIGCONT)
        for node in cluster.nodes:
            say(node.port, "config", "set", "cluster-require-full-coverage", "yes")
        await until(lambda: not feed.unheard(), 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stream.close()
    await until_whole(cluster)


async def test_a_subscription_follows_its_slot_by_itself(
    cluster: ValkeyCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No caller looks at the cluster now and then: the old owner's word must do.
    monkeypatch.setattr(live, "LOOK_SECONDS", 3600.0)
    await until_whole(cluster)
    tenant = tenants_of_each_primary(cluster)[0]
    channel = live_channel(tenant)
    home = cluster.owner(channel)
    neighbour = next(
        slug for slug in (f"next-{n}" for n in range(1000)) if cluster.owner(live_channel(slug)) is home
    )
    heard: list[int] = []
    confirmed: list[str] = []
    settings = settings_of(cluster.url)
    stream = Stream(settings)
    feed = LiveFeed(
        settings, stream.topology, lambda _, found: heard.append(found.offset.seq), confirmed.append
    )
    running = asyncio.create_task(feed.run())
    try:
        feed.want(tenant)
        feed.want(neighbour)
        await until(lambda: not feed.unheard(), 10)
        target = next(node for node in cluster.primaries() if node is not home)
        for number, owner in enumerate((target, home), start=1):
            await asyncio.to_thread(cluster.move_slot, channel, owner)
            # Each confirmation says: a gap may lie before this.
            await until(lambda: confirmed.count(tenant) > number and not feed.unheard(), 20)  # noqa: B023
            await stream.publish([(tenant, event(number))])
            await until(lambda: heard[-1:] == [number], 10)  # noqa: B023
        assert sorted(confirmed) == sorted([neighbour, *[tenant] * 3]), "a neighbour was disturbed"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stream.close()


async def test_a_stream_can_be_read_from_whichever_shard_has_it_and_after_it_moved(
    cluster: ValkeyCluster,
) -> None:
    stream = Stream(settings_of(cluster.url))
    tenants = tenants_of_each_primary(cluster)
    try:
        for seq in range(1, 6):
            await stream.publish([(tenant, event(seq)) for tenant in tenants])
        key = stream_key(tenants[0])
        home = cluster.owner(key)
        target = next(node for node in cluster.primaries() if node is not home)
        await asyncio.to_thread(cluster.move_slot, key, target)
        for tenant in tenants:
            run = await stream.read(tenant, Offset(1, 2), Offset(1, 5), 10)
            assert [found.offset.seq for found in run] == [3, 4, 5]
        await asyncio.to_thread(cluster.move_slot, key, home)
        # The first answer is a MOVED, and is followed within the same call.
        assert await stream.publish([(tenants[0], event(6))]) == {Outcome.OK: 1}
    finally:
        await stream.close()


async def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)
