"""Redis is allowed to die, in each of the ways it has: no answer changes, and every till holds exactly the log."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from backbone.eventlog.keys import canary_channel, signed_channel, stream_key
from chaos.tcp import Direction, chaos_proxy
from infra.local.counters import read_total
from infra.local.ports import free_port
from infra.local.valkey import Valkey
from infra.local.valkey_words import say
from tests.faults.conftest import Arena
from tests.faults.witness import Flow, judge, orders_to, witnesses
from tests.shop import Shop

pytestmark = pytest.mark.timeout(120)

# Three to four seconds are promised. This bound only tells late from never, on a machine with other work to do.
LATEST_SECONDS = 20.0


@asynccontextmanager
async def rush(arena: Arena) -> AsyncIterator[tuple[Flow, list[Shop]]]:
    """Orders flow during the block; then every till must hold exactly the log, and go on to hold it."""
    shops = await arena.open_shops()
    async with witnesses(arena.gateways, shops) as tills:
        async with orders_to(shops) as flow:
            await asyncio.sleep(0.5)
            yield flow, shops
        async with orders_to(shops) as after:
            await asyncio.sleep(0.3)
        flow.answers += after.answers
        measured = await judge(flow, tills)
        print(measured)
        assert measured["max"] < LATEST_SECONDS


async def until_live(arena: Arena) -> None:
    """Both gateways hear Redis again."""
    async with asyncio.timeout(30):
        while any(read_total([pod.url], "bellwire_redis_up") == 0 for pod in arena.gateways):
            await asyncio.sleep(0.1)


async def failed(arena: Arena) -> float:
    """Events that could not be put on Redis, or not on its stream, so far."""
    total = 0.0
    for door in arena.doors:
        for line in (await door.get("/metrics")).text.splitlines():
            if line.startswith('bellwire_events_published_total{outcome="failed"}'):
                total += float(line.split()[-1])
    return total


@pytest.mark.parametrize("kept", ["nothing", "append-only file"])
async def test_a_killed_redis_that_comes_back_with(kept: str, arena: Arena) -> None:
    server = Valkey(port=arena.redis_port, append_only=kept == "append-only file")
    server.start()
    try:
        async with rush(arena):
            for _ in range(2):
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(1)
                await asyncio.to_thread(server.start)
                await asyncio.sleep(1)
        await until_live(arena)
    finally:
        server.stop()


async def test_a_redis_that_is_emptied_each_second(arena: Arena, redis_there: Valkey) -> None:
    async with rush(arena), Redis.from_url(redis_there.url) as redis:
        for _ in range(4):
            await redis.flushall()
            await asyncio.sleep(1)


async def test_a_redis_without_memory(arena: Arena, redis_there: Valkey) -> None:
    before = await failed(arena)
    async with rush(arena), Redis.from_url(redis_there.url) as redis:
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.config_set("maxmemory", "1mb")
        await asyncio.sleep(2)
    assert await failed(arena) > before


def ways_to_fill_a_disk() -> list[str]:
    """Every user can forbid a file to grow; a disk of its own takes root."""
    return ["file limit", "tmpfs"] if os.geteuid() == 0 else ["file limit"]


def small_disk(way: str, folder: Path) -> list[str]:
    """The words before the server's command that make it a disk of 3 MB."""
    if way == "file limit":
        # Without the signal the write fails, as it does on a full disk.
        return ["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=3000000"]
    # Mounted for that process alone: it goes when the process goes, however that happens.
    return [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"',
        str(folder),
    ]


async def fill(redis: Redis) -> None:
    """Write until it is refused."""
    for number in range(200):
        await redis.set(f"junk-{number}", os.urandom(100_000))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", ways_to_fill_a_disk())
async def test_a_redis_on_a_full_disk(way: str, arena: Arena, tmp_path: Path) -> None:
    server = Valkey(
        port=arena.redis_port, append_only=True, folder=tmp_path, wrapper=small_disk(way, tmp_path)
    )
    server.start()
    before = await failed(arena)
    try:
        async with rush(arena), Redis.from_url(server.url) as redis:
            with pytest.raises(ResponseError, match="MISCONF"):
                await fill(redis)
            await asyncio.sleep(2)
        assert await failed(arena) > before
    finally:
        server.stop()


async def test_a_subscription_cut_for_its_output_buffer_while_its_gateway_is_frozen(
    arena: Arena, redis_there: Valkey
) -> None:
    async with rush(arena), Redis.from_url(redis_there.url) as redis:
        await redis.config_set("client-output-buffer-limit", "pubsub 1mb 1mb 1")
        before = len(await redis.client_list(_type="pubsub"))
        frozen = arena.gateways[0]
        os.kill(frozen.pid, signal.SIGSTOP)
        try:
            # Its own canary's channel: it takes that for a canary, however large.
            async with asyncio.timeout(20):
                while len(await redis.client_list(_type="pubsub")) == before:
                    await redis.execute_command("SPUBLISH", canary_channel("fault-gateway-1"), b"x" * 500_000)
                    await asyncio.sleep(0.01)
            await asyncio.sleep(1)
        finally:
            os.kill(frozen.pid, signal.SIGCONT)
        await asyncio.sleep(0.5)


async def test_a_replica_that_lags_and_is_promoted(arena: Arena, redis_there: Valkey) -> None:
    async with chaos_proxy(redis_there.port) as replication:
        replica = Valkey(port=free_port(), options=["--repl-diskless-sync-delay", "0"])
        replica.start()
        try:
            say(redis_there.port, "config", "set", "repl-diskless-sync-delay", "0")
            async with rush(arena) as (_, shops), Redis.from_url(replica.url) as redis:
                await redis.execute_command("REPLICAOF", "127.0.0.1", replication.port)
                async with asyncio.timeout(20):
                    while not await redis.exists(stream_key(shops[0].slug)):
                        await asyncio.sleep(0.05)
                replication.drop_silently()
                await asyncio.sleep(1)
                await asyncio.to_thread(redis_there.kill)
                await redis.execute_command("REPLICAOF", "NO", "ONE")
                for proxy in (arena.to_apis, arena.to_gateways):
                    proxy.target_port = replica.port
                    proxy.reset()
                    proxy.pass_on()
                await asyncio.sleep(2)
            await until_live(arena)
        finally:
            arena.to_apis.target_port = arena.to_gateways.target_port = arena.redis_port
            replica.stop()


async def test_publishes_that_come_late_by_up_to_300_ms_and_overtake_each_other(
    arena: Arena, redis_there: Valkey
) -> None:
    chance = random.Random()
    shop = (await arena.open_shops())[0]
    # One shop at both pods: their announcements overtake each other.
    doors = [shop.at(door) for door in arena.doors]
    arena.to_apis.delay = lambda: chance.uniform(0, 0.3)
    try:
        async with witnesses(arena.gateways, [shop]) as tills:
            async with orders_to(doors) as flow:
                await asyncio.sleep(4)
            print(await judge(flow, tills))
    finally:
        arena.to_apis.delay = lambda: 0.0


async def test_announcements_that_come_twice_late_and_out_of_order(arena: Arena, redis_there: Valkey) -> None:
    async with rush(arena) as (_, shops):
        echoing = asyncio.create_task(echo(redis_there.url, [signed_channel(shop.slug) for shop in shops]))
        await asyncio.sleep(3)
        echoing.cancel()
        await asyncio.gather(echoing, return_exceptions=True)
        assert echoing.cancelled(), echoing


async def echo(url: str, channels: list[str]) -> None:
    """Say everything that is said on these channels again, twice, each after its own 0 to 300 ms."""
    seen: set[bytes] = set()

    async with Redis.from_url(url) as redis, redis.pubsub() as heard, asyncio.TaskGroup() as group:

        async def again(channel: bytes, data: bytes) -> None:
            await asyncio.sleep(random.uniform(0, 0.3))
            await redis.execute_command("SPUBLISH", channel, data)

        await heard.ssubscribe(*channels)
        while True:
            message = await heard.get_message(timeout=1)
            if message is not None and message["type"] == "smessage" and message["data"] not in seen:
                seen.add(message["data"])
                for _ in range(2):
                    group.create_task(again(message["channel"], message["data"]))


@pytest.mark.parametrize("direction", ["both", "to_server", "to_client"])
async def test_five_seconds_of_silence_between_gateways_and_redis(
    direction: Direction, arena: Arena, redis_there: Valkey
) -> None:
    async with rush(arena):
        arena.to_gateways.drop_silently(direction)
        try:
            await asyncio.sleep(5)
            assert all(read_total([pod.url], "bellwire_redis_up") == 0 for pod in arena.gateways)
        finally:
            arena.to_gateways.pass_on()
        await until_live(arena)


async def test_five_seconds_of_resets_between_gateways_and_redis(arena: Arena, redis_there: Valkey) -> None:
    async with rush(arena):
        arena.to_gateways.reset()
        try:
            await asyncio.sleep(5)
        finally:
            arena.to_gateways.pass_on()
        await until_live(arena)


async def test_three_seconds_of_silence_between_api_pods_and_redis(arena: Arena, redis_there: Valkey) -> None:
    before = await failed(arena)
    async with rush(arena):
        arena.to_apis.drop_silently()
        try:
            await asyncio.sleep(3)
        finally:
            arena.to_apis.pass_on()
    assert await failed(arena) > before
