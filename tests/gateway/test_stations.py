"""A kitchen screen asks for its stations, a bar for its categories: the same at every door, live and replayed."""

import asyncpg
import httpx
import pytest

from infra.local.pods import Pod
from tests.conftest import StartGateway
from tests.gateway.stream_till import open_stream
from tests.gateway.till import open_till
from tests.shop import Shop, bearer
from tests.station_orders import BAR, BOTH, GRILL, ITEM, PLAIN, a_day, expected, place

FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({"stations": "bar"}, {BAR, BOTH, PLAIN, "other"}),
    ({"stations": "GRILL,nowhere"}, {GRILL, BOTH, PLAIN, "other"}),
    ({"stations": "nowhere"}, {PLAIN, "other"}),
    ({"categories": "Drinks"}, {BAR, BOTH, PLAIN, "other"}),
    ({"stations": "bar", "categories": "food"}, {BOTH, PLAIN, "other"}),
    ({"stations": "bar,grill", "categories": "food,drinks"}, {BAR, GRILL, BOTH, PLAIN, "other"}),
]


@pytest.mark.parametrize(("query", "names"), FILTERS)
async def test_every_door_gives_the_same_live_and_replayed(
    gateways: tuple[Pod, Pod], shop: Shop, query: dict[str, str], names: set[str]
) -> None:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    await shop.add_terminal("second")
    one, other = (terminal.key for terminal in shop.terminals)
    async with (
        open_till(gateways[0], shop.slug, one, f"?{words}") as till,
        open_stream(gateways[1], shop.slug, other, f"?{words}") as stream,
    ):
        _, offsets = await a_day(shop)
        wanted = expected(offsets, names)
        await till.has(len(wanted))
        await stream.has(len(wanted))
        # The last one of all passes, so whatever should not have come would have come by now.
        assert till.offsets == [event["offset"] for event in stream.events] == wanted
    for door in (open_till, open_stream):
        async with door(gateways[1], shop.slug, one, f"?after=0&{words}") as again:
            await again.has(len(wanted))
            assert [event["offset"] for event in again.events] == wanted
    page = (await shop.poll(after="0", limit=500, **query)).json()
    assert [event["offset"] for event in page["events"]] == wanted


async def test_types_are_the_third_of_the_three(gateway: Pod, shop: Shop) -> None:
    _, offsets = await a_day(shop)
    page = await shop.poll(after="0", limit=500, stations="bar", types="order_updated,gift_card_redeemed")
    wanted = [offsets[BAR][1], offsets[BOTH][1], offsets[PLAIN][1], offsets["other"][2]]
    assert [event["offset"] for event in page.json()["events"]] == wanted
    query = "?after=0&types=order_updated,gift_card_redeemed&stations=bar"
    async with open_till(gateway, shop.slug, shop.terminal_key, query) as till:
        await till.has(4)
        assert till.offsets == wanted


@pytest.mark.parametrize("source", ["ring", "redis", "postgres"])
async def test_a_replay_is_filtered_wherever_it_comes_from(
    start_gateway: StartGateway, shop: Shop, redis_url: str, source: str
) -> None:
    import redis.asyncio

    from backbone.eventlog.keys import stream_key

    pod = start_gateway({"BELLWIRE_RING_EVENTS": "2"} if source != "ring" else {})
    witness = await shop.add_terminal("witness")
    async with open_till(pod, shop.slug, witness.key) as till:
        _, offsets = await a_day(shop)
        await till.has(11)
        if source == "postgres":
            async with redis.asyncio.from_url(redis_url) as client:
                await client.delete(stream_key(shop.slug))
        async with open_till(pod, shop.slug, shop.terminal_key, "?after=0&stations=bar") as again:
            wanted = expected(offsets, {BAR, BOTH, PLAIN, "other"})
            await again.has(len(wanted))
            assert again.offsets == wanted


async def test_alarms_and_their_end_go_where_the_order_went(gateway: Pod, shop: Shop) -> None:
    await shop.http.patch(
        f"/api/tenant/{shop.slug}",
        json={"ackDeadlineSeconds": 1, "alarmRepeats": 0},
        headers=bearer(shop.operator_key),
    )
    second = await shop.add_terminal("second")
    async with (
        open_till(
            gateway,
            shop.slug,
            shop.terminal_key,
            "?stations=bar&types=order_unacknowledged,order_acknowledged",
        ) as bar,
        open_till(
            gateway, shop.slug, second.key, "?stations=grill&types=order_unacknowledged,order_acknowledged"
        ) as grill,
    ):
        orders = [await place(shop, (station, None)) for station in ("bar", "grill")]
        alarms = [await till.until("order_unacknowledged") for till in (bar, grill)]
        assert [alarm["data"]["orderId"] for alarm in alarms] == [order["orderId"] for order in orders]
        await shop.ack(orderIds=[order["orderId"] for order in orders])
        ends = [await till.until("order_acknowledged") for till in (bar, grill)]
        assert [end["data"]["orderId"] for end in ends] == [order["orderId"] for order in orders]
        assert [len(till.events) for till in (bar, grill)] == [2, 2]


async def test_a_thin_event_passes_as_its_order_does(gateway: Pod, shop: Shop) -> None:
    query = "?stations=grill"
    async with open_till(gateway, shop.slug, shop.terminal_key, query) as till:
        items = [{**ITEM, "name": "x" * 200, "station": "bar"} for _ in range(200)]
        await shop.order(items=items)
        thin = await shop.order(items=[*items, {**ITEM, "station": "Grill"}])
        [event] = await till.has(1)
        assert (event["offset"], event["data"]["itemsOmitted"]) == (thin["offset"], True)


async def test_names_stand_beside_the_event_and_its_payload_is_not_read_for_them(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ids, offsets = await a_day(shop)
    rows = await database.fetch(
        "SELECT epoch || '-' || seq AS place, stations, categories FROM pos_sync_logs WHERE tenant = $1",
        shop.slug,
    )
    found = {row["place"]: (row["stations"], row["categories"]) for row in rows}
    for name, names in {
        BAR: (["bar"], ["drinks"]),
        GRILL: (["grill"], ["food"]),
        BOTH: (["bar", "grill"], ["drinks", "food"]),
        PLAIN: (None, None),
        "other": (None, None),
    }.items():
        assert [found[offset] for offset in offsets[name]] == [names] * len(offsets[name])
    assert len(ids) == 4


@pytest.mark.parametrize("door", ["/ws/pos", "/sse/pos", "/api"])
@pytest.mark.parametrize("wrong", ["", "bar,,grill", "a%09b", "x" * 65, ",".join(f"n{n}" for n in range(51))])
async def test_what_names_no_station_is_refused_at_every_door(
    gateway: Pod, shop: Shop, door: str, wrong: str
) -> None:
    if door == "/api":
        url = f"{shop.http.base_url}{shop.path('events')}?stations={wrong}"
    else:
        url = f"{gateway.url}{door}/{shop.slug}?stations={wrong}"
    headers = bearer(shop.terminal_key)
    if door == "/ws/pos":
        headers |= {
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }  # fmt: skip
    async with httpx.AsyncClient() as client:
        answer = await client.get(url, headers=headers)
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == ["stations"]
