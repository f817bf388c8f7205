"""Pods of two kinds on one Redis, with a secret and without: what each of them puts there, hears and believes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from backbone.contract.event import Event, encode_live
from backbone.contract.offset import Offset
from backbone.contract.signature import Signatures
from backbone.eventlog.keys import live_channel, signed_channel, stream_key
from backbone.eventlog.live import LiveFeed
from backbone.eventlog.signing import AGAIN_SECONDS, Misfit, Misfits
from backbone.eventlog.stream import Outcome, Stream
from backbone.runtime.metrics import REDIS_REFUSED
from infra.local.valkey import Valkey
from tests.conftest import REDIS_SECRET
from tests.redis_shapes.test_feed import event, settings_of

SECONDS = 15
SIGNING: dict[str, Any] = {"redis_secret": SecretStr(REDIS_SECRET), "redis_timeout_seconds": 5}
ONLY = {**SIGNING, "redis_signatures": "only"}
WITHOUT: dict[str, Any] = {"redis_timeout_seconds": 5}


def refused(way: str, reason: str) -> float:
    value: float = REDIS_REFUSED.labels(way, reason)._value.get()
    return value


@asynccontextmanager
async def stream_of(url: str, settings: dict[str, Any]) -> AsyncIterator[Stream]:
    stream = Stream(settings_of(url).model_copy(update=settings))
    yield stream
    await stream.close()


@asynccontextmanager
async def hearing(
    url: str, settings: dict[str, Any], tenant: str, heads: list[Offset] | None = None
) -> AsyncIterator[list[Event]]:
    """The events that a pod hears of a tenant, as they come; and into `heads` those of which it hears no more."""
    async with stream_of(url, settings) as stream:
        heard: list[Event] = []
        known: list[Offset] = [] if heads is None else heads
        feed = LiveFeed(
            settings_of(url).model_copy(update=settings), stream.topology, lambda _, found: heard.append(found),
            lambda _: None, on_head=lambda _, head: known.append(head),
        )  # fmt: skip
        feed.want(tenant)
        running = asyncio.create_task(feed.run())
        async with asyncio.timeout(SECONDS):
            while feed.unheard():
                await asyncio.sleep(0.01)
        yield heard
        running.cancel()
        await asyncio.wait([running], timeout=SECONDS)


async def has(heard: Sequence[object], count: int) -> None:
    async with asyncio.timeout(SECONDS):
        while len(heard) < count:
            await asyncio.sleep(0.01)


async def test_each_kind_of_pod_hears_what_is_meant_for_it(valkey: Valkey) -> None:
    tenant, url = "both-kinds", valkey.url
    heads: list[Offset] = []
    async with (
        hearing(url, SIGNING, tenant) as signing,
        hearing(url, WITHOUT, tenant, heads) as without,
        stream_of(url, SIGNING) as both, stream_of(url, ONLY) as only, stream_of(url, WITHOUT) as old,
    ):  # fmt: skip
        assert await both.publish([(tenant, event(1)), (tenant, event(2))]) == {Outcome.OK: 2}
        assert await only.publish([(tenant, event(3))]) == {Outcome.OK: 1}
        assert await old.publish([(tenant, event(4))]) == {Outcome.OK: 1}
        assert await both.publish([(tenant, event(5))]) == {Outcome.OK: 1}
        await has(signing, 4)
        await has(heads, 3)
        assert signing == [event(seq) for seq in (1, 2, 3, 5)]
        # A message for pods of release 0.1 has no names: it says no more than that the event is there.
        assert heads == [Offset(1, seq) for seq in (1, 2, 5)]
        assert without == [event(4)]
        # A pod without a secret reads all entries, a pod with one those that are signed.
        through = Offset(1, 5)
        assert await old.read(tenant, Offset(1, 0), through, 10) == tuple(event(seq) for seq in range(1, 6))
        unsigned = refused("stream", "unsigned")
        assert await both.read(tenant, Offset(1, 0), through, 10) == ()
        assert refused("stream", "unsigned") == unsigned + 1
        assert await only.read(tenant, Offset(1, 0), Offset(1, 3), 10) == tuple(
            event(seq) for seq in (1, 2, 3)
        )


async def test_nothing_that_is_not_ours_is_heard_and_what_comes_behind_it_is(valkey: Valkey) -> None:
    tenant = "not-ours"
    ours, strange = Signatures(REDIS_SECRET), Signatures("a secret that somebody made up by himself")
    live = encode_live(event(1))
    wrong = [
        b"", b" ", live, b"\x00\xff", strange.seal(tenant, live), ours.seal("another", live),
        ours.seal(tenant, b"junk"),
        ours.sign(tenant, live) + b" " + encode_live(event(2)), ours.sign(tenant, live) + live,
    ]  # fmt: skip
    before = refused("live", "wrong")
    async with hearing(valkey.url, SIGNING, tenant) as heard, Redis.from_url(valkey.url) as client:
        redis: Any = client
        for message in wrong:
            await redis.execute_command("SPUBLISH", signed_channel(tenant), message)
        await redis.execute_command("SPUBLISH", live_channel(tenant), live)
        await redis.execute_command(
            "SPUBLISH", signed_channel(tenant), ours.seal(tenant, encode_live(event(7)))
        )
        await has(heard, 1)
        assert heard == [event(7)]
    assert refused("live", "wrong") == before + len(wrong)


@pytest.mark.parametrize("settings", [SIGNING, WITHOUT], ids=["with a secret", "without"])
@pytest.mark.parametrize(
    "fields",
    [
        {b"x": b"y"},
        {b"t": b"new_order", b"c": b"1"},
        {b"t": b"new order", b"c": b"1", b"p": b"{}"},
        {b"t": b"new_order", b"c": b"-1", b"p": b"{}"},
        {b"t": b"\xff", b"c": b"1", b"p": b"{}", b"s": b"0" * 32},
    ],
)
async def test_an_entry_of_another_form_makes_the_page_empty_and_is_no_bug(
    valkey: Valkey, settings: dict[str, Any], fields: dict[bytes, bytes]
) -> None:
    tenant = "other-form"
    async with Redis.from_url(valkey.url) as client, stream_of(valkey.url, settings) as stream:
        redis: Any = client
        await stream.drop(tenant)
        assert await stream.publish([(tenant, event(1))]) == {Outcome.OK: 1}
        await redis.xadd(stream_key(tenant), fields, id="1-2")
        before = refused("stream", "wrong")
        assert await stream.read(tenant, Offset(1, 0), Offset(1, 2), 10) == ()
        assert refused("stream", "wrong") == before + 1
        assert await stream.read(tenant, Offset(1, 0), Offset(1, 1), 10) == (event(1),)


def test_what_is_refused_is_counted_each_time_and_told_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    misfits, before = Misfits("live"), refused("live", "wrong")
    for tenth in range(int(2.5 * AGAIN_SECONDS * 10)):
        misfits.met(Misfit.WRONG, "kitchen", 1000.0 + tenth / 10)
    assert refused("live", "wrong") == before + 2.5 * AGAIN_SECONDS * 10
    told = [record for record in caplog.records if record.getMessage() == "redis.refused"]
    assert [record.__dict__["times"] for record in told] == [1, AGAIN_SECONDS * 10, AGAIN_SECONDS * 10]
    assert "BELLWIRE_REDIS_SECRET" in told[0].__dict__["hint"]
