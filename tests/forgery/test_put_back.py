"""True entries with true signatures that are put back: nothing of a forgotten customer is shown again."""

import asyncio
from typing import Any

from redis.asyncio import Redis

from backbone.eventlog.keys import signed_channel, stream_key
from infra.local.counters import read_total
from tests.api.test_forget import run_forget
from tests.forgery.conftest import Scene
from tests.gateway.till import open_till
from tests.shop import Shop

NAME, PHONE = "Zebediah", "+49 170 55512345"
FORGOTTEN_SECONDS = 20.0


async def shown(scene: Scene, shop: Shop, keys: list[str]) -> list[list[dict[str, Any]]]:
    """The events that each gateway shows a till which has nothing yet."""
    found = []
    for pod, key in zip(scene.gateways, keys, strict=True):
        async with open_till(pod, shop.slug, key, "?after=0") as till:
            await till.until("caught_up")
            found.append(till.events)
    return found


async def test_a_forgotten_customer_stays_forgotten_though_signed_entries_are_put_back(
    scene: Scene, database_url: str
) -> None:
    shop = await scene.operator.open_shop()
    keys = [(await shop.add_terminal(name)).key for name in ("one", "two", "three", "four")]
    client: Any = Redis.from_url(scene.redis_url)
    async with (
        client as redis,
        redis.pubsub() as heard,
        # So both have the room open, and the first the events in its ring.
        open_till(scene.gateways[0], shop.slug, keys[2], "?after=0") as one,
        open_till(scene.gateways[1], shop.slug, keys[3], "?after=0") as two,
    ):
        await heard.ssubscribe(signed_channel(shop.slug))
        for number in range(5):
            await shop.order(customerPhone=PHONE, customerName=NAME, specialInstructions=f"{NAME} {number}")
        for till in (one, two):
            await till.has(5)
        before: Any = await redis.xrange(stream_key(shop.slug))
        assert len(before) == 5
        messages: list[bytes] = []
        while len(messages) < 5:
            message = await heard.get_message(ignore_subscribe_messages=True, timeout=5)
            messages += [message["data"]] if message is not None and message["type"] == "smessage" else []
        pages = read_total([scene.gateways[1].url], "bellwire_gateway_history_pages_total", source="redis")
        assert all(NAME in str(events) for events in await shown(scene, shop, keys[:2]))
        # Until now the stream was believed, and read.
        after = read_total([scene.gateways[1].url], "bellwire_gateway_history_pages_total", source="redis")
        assert after > pages

        result = await asyncio.to_thread(run_forget, database_url, scene.redis_url, shop.slug, PHONE)
        assert result.returncode == 0, result.stderr

        async def put_back() -> None:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.delete(stream_key(shop.slug))
                for entry_id, fields in before:
                    pipe.xadd(stream_key(shop.slug), fields, id=entry_id)
                await pipe.execute(raise_on_error=False)
            for data in messages:
                await redis.execute_command("SPUBLISH", signed_channel(shop.slug), data)

        async with asyncio.timeout(FORGOTTEN_SECONDS):
            while True:
                await put_back()
                if not any(NAME in str(events) for events in await shown(scene, shop, keys[:2])):
                    break
        # From then on never again, whatever comes.
        for _ in range(3):
            await put_back()
            await shop.order(customerName="Somebody else")
            await put_back()
            for events in await shown(scene, shop, keys[:2]):
                assert NAME not in str(events)
                assert events == await shop.events()
        await one.has(8)
        await two.has(8)
        assert one.offsets == two.offsets == [f"1-{seq}" for seq in range(1, 9)]
