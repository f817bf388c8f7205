"""A webhook endpoint that asks for stations and categories gets what a till with that filter gets."""

import asyncio

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.contract.event_filter import EventFilter
from tests.api.endpoints import look, register, until
from tests.api.sink import Answer, Sink
from tests.shop import Shop, bearer
from tests.station_orders import BAR, BOTH, PLAIN, a_day, expected, place

NAMES = ("bar", "grill", "pass")
ASKED = st.none() | st.frozensets(st.sampled_from(NAMES), min_size=1)
HAS = st.frozensets(st.sampled_from(NAMES))
TYPES = ("new_order", "order_updated", "loyalty_updated")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.builds(EventFilter, st.none() | st.frozensets(st.sampled_from(TYPES), min_size=1), ASKED, ASKED),
    type_=st.sampled_from(TYPES), stations=HAS, categories=HAS, null=st.booleans(),
)  # fmt: skip
async def test_the_databases_filters_let_through_what_ours_do(
    database: "asyncpg.Connection[asyncpg.Record]",
    asked: EventFilter,
    type_: str,
    stations: frozenset[str],
    categories: frozenset[str],
    null: bool,
) -> None:
    ours = asked.passes(type_, stations, categories)
    has = [None if null and not names else sorted(names) for names in (stations, categories)]
    sql = "SELECT event_passes($1, $2, $3, $4, $5, $6)"
    assert await database.fetchval(sql, *asked.columns, type_, *has) is ours
    if type_ == "new_order":
        sql = "SELECT reading_passes($1, $2, $3, $4, $5)"
        assert await database.fetchval(sql, *asked.columns, sorted(stations), sorted(categories)) is ours


async def test_a_webhook_asks_for_stations_and_its_cursor_moves_past_the_others(
    shop: Shop, sink: Sink
) -> None:
    endpoint = await register(shop, sink.url, stations=["BAR", "bar"], categories=["Drinks", "desserts"])
    asked = (["bar"], ["desserts", "drinks"])
    assert (endpoint["stations"], endpoint["categories"]) == asked
    shown = await look(shop, endpoint)
    assert (shown["stations"], shown["categories"]) == asked
    _, offsets = await a_day(shop)
    wanted = expected(offsets, {BAR, BOTH, PLAIN, "other"})
    await until(lambda: len(sink.accepted) >= len(wanted))
    assert sink.ids == wanted


async def test_a_stuck_webhook_is_stuck_at_the_next_event_that_passes(shop: Shop, sink: Sink) -> None:
    sink.answer = lambda _: Answer(500)
    endpoint = await register(shop, sink.url, stations=["bar"])
    await place(shop, ("grill", None))
    stuck = await place(shop, ("bar", None))
    async with asyncio.timeout(20):
        while (await look(shop, endpoint))["failures"] == 0:
            await asyncio.sleep(0.1)
    path = shop.path(f"webhooks/{endpoint['id']}/skip")
    refused = await shop.http.post(path, json={"offset": "1-1"}, headers=bearer(shop.storefront_key))
    assert (refused.status_code, refused.json()["stuck"]) == (409, stuck["offset"])
    passed = await shop.http.post(path, json={"offset": stuck["offset"]}, headers=bearer(shop.storefront_key))
    assert passed.status_code == 204


@pytest.mark.parametrize("wrong", [[], ["a,b"], [" "], ["x" * 65], ["n"] * 51, "bar"])
async def test_a_webhooks_names_are_names(shop: Shop, sink: Sink, wrong: object) -> None:
    answer = await shop.http.post(
        shop.path("webhooks"), json={"url": sink.url, "stations": wrong}, headers=bearer(shop.storefront_key)
    )
    assert answer.status_code == 422
    assert all(error["loc"].startswith("stations") for error in answer.json()["errors"])
