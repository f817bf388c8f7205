"""The live feed against one real server: it ends when told to, whenever that is, and hears what it wants."""

import asyncio
import random

import pytest

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.stream import Outcome, Stream
from backbone.eventlog.topology import Topology
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.valkey import Valkey

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")


def settings_of(url: str, pod: str = "feed") -> PodSettings:
    # A machine that stands still for a quarter of a second is not what these tests are about.
    return load_settings(
        PodSettings,
        database_url="postgresql://unused/unused",
        redis_url=url,
        redis_timeout_seconds=5,
        pod_name=pod,
    )


def event(seq: int) -> Event:
    return Event(Offset(1, seq), "new_order", 1_700_000_000_000, b'{"seq":%d}' % seq)


async def test_a_feed_ends_when_it_is_cancelled_at_any_moment(valkey: Valkey) -> None:
    # Python 3.11's wait_for, with which redis-py sends when it has a timeout, swallows a cancellation that comes as the
    # send is done. A session whose canary failed in that moment stayed half dead for ever.
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(150):
        settings = settings_of(valkey.url)
        feed = LiveFeed(settings, Topology(settings), lambda *_: None, lambda _: None)
        running = asyncio.create_task(feed.run())
        for number in range(20):
            feed.want(f"tenant-{number}")
        for number in range(chance.randrange(60)):
            await asyncio.sleep(0)
            feed.want(f"later-{number}")
        if chance.random() < 0.5:
            await asyncio.sleep(chance.uniform(0, 0.02))
            feed.want("last")
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        running.cancel()
        _, pending = await asyncio.wait([running], timeout=10)
        assert not pending, "it was told to end and did not"


async def test_a_server_on_a_unix_socket_is_as_good_as_any() -> None:
    heard: list[int] = []
    with_socket = Valkey(options=["--unixsocket", "valkey.sock"])
    with_socket.start()
    try:
        settings = settings_of(f"unix://{with_socket.folder}/valkey.sock")
        stream = Stream(settings)
        feed = LiveFeed(
            settings, stream.topology, lambda _, found: heard.append(found.offset.seq), lambda _: None
        )
        running = asyncio.create_task(feed.run())
        feed.want("socket")
        async with asyncio.timeout(10):
            while feed.unheard():
                await asyncio.sleep(0.01)
            assert await stream.publish([("socket", event(1)), ("socket", event(2))]) == {Outcome.OK: 2}
            while heard != [1, 2]:
                await asyncio.sleep(0.01)
        run = await stream.read("socket", Offset(1, 0), Offset(1, 2), 10)
        assert [found.offset.seq for found in run] == [1, 2]
        await stream.close()
        running.cancel()
        await asyncio.wait([running], timeout=10)
    finally:
        with_socket.stop()
