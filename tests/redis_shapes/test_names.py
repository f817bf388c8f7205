"""The names of an event go through Redis with it; what a pod of release 0.1 says there has none; none is guessed."""

from typing import Any

import pytest
from redis.asyncio import Redis

from backbone.contract.event import Event, encode_live, encode_live_before
from backbone.contract.offset import Offset
from backbone.contract.signature import Signatures
from backbone.eventlog.keys import live_channel, signed_channel, stream_key
from infra.local.valkey import Valkey
from tests.conftest import REDIS_SECRET
from tests.redis_shapes.test_signed import SIGNING, WITHOUT, has, hearing, refused, stream_of

NAMED = [
    Event(Offset(1, 1), "new_order", 17, b"{}", frozenset({"bar", "cold kitchen"}), frozenset({"drinks"})),
    Event(Offset(1, 2), "order_updated", 17, b"{}", frozenset(), frozenset({"große platten"})),
    Event(Offset(1, 3), "order_updated", 17, b"{}"),
    Event(Offset(1, 4), "loyalty_updated", 17, b"{}"),
]


@pytest.mark.parametrize("settings", [SIGNING, WITHOUT])
async def test_what_was_announced_is_heard_and_read_with_its_names(
    valkey: Valkey, settings: dict[str, Any]
) -> None:
    tenant = f"named-{settings is SIGNING}".lower()
    async with (
        hearing(valkey.url, settings, tenant) as heard,
        stream_of(valkey.url, settings) as stream,
    ):
        await stream.publish([(tenant, event) for event in NAMED])
        await has(heard, 4)
        assert heard == NAMED
        assert await stream.read(tenant, Offset(1, 0), Offset(1, 4), 10) == tuple(NAMED)


@pytest.mark.parametrize("field", [b"n", b"p", b"t", b"c"])
async def test_an_entry_whose_names_were_changed_is_not_believed(valkey: Valkey, field: bytes) -> None:
    tenant = f"changed-{field.decode()}"
    before = refused("stream", "wrong")
    async with stream_of(valkey.url, SIGNING) as stream, Redis.from_url(valkey.url) as client:
        await stream.publish([(tenant, NAMED[0])])
        entries: Any = await client.xrange(stream_key(tenant))
        [(_, fields)] = entries
        changed: Any = {
            **fields,
            field: {b"n": b"grill\n", b"p": b"{ }", b"t": b"order_updated", b"c": b"18"}[field],
        }
        await client.delete(stream_key(tenant))
        await client.xadd(stream_key(tenant), changed, id="1-1")
        assert await stream.read(tenant, Offset(1, 0), Offset(1, 1), 10) == ()
    assert refused("stream", "wrong") == before + 1


@pytest.mark.parametrize("settings", [SIGNING, WITHOUT])
async def test_of_an_order_that_a_pod_of_0_1_tells_it_is_known_that_it_is_there_and_no_entry_of_its_is_believed(
    valkey: Valkey, settings: dict[str, Any]
) -> None:
    tenant = f"before-{settings is SIGNING}".lower()
    heads: list[Offset] = []
    wrong = refused("live", "wrong"), refused("stream", "wrong")
    async with (
        hearing(valkey.url, settings, tenant, heads) as heard,
        stream_of(valkey.url, settings) as stream,
        Redis.from_url(valkey.url) as client,
    ):
        redis: Any = client
        for event in (NAMED[2], NAMED[3]):
            live, channel = encode_live_before(event), live_channel(tenant)
            if settings is SIGNING:
                live, channel = Signatures(REDIS_SECRET).seal(tenant, live), signed_channel(tenant)
            await redis.execute_command("SPUBLISH", channel, live)
        await has(heads, 1)
        await has(heard, 1)
        assert (heads, heard) == ([Offset(1, 3)], [NAMED[3]])
        assert encode_live(NAMED[3]) == encode_live_before(NAMED[3])
        await client.xadd(stream_key(tenant), {"t": "order_updated", "c": 17, "p": b"{}"}, id="1-3")
        assert await stream.read(tenant, Offset(1, 2), Offset(1, 3), 10) == ()
    assert (refused("live", "wrong"), refused("stream", "wrong")) == wrong
