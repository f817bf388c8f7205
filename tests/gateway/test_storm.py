"""A crowd that comes back: few statements, one read a tenant, and everybody gets what it missed."""

import asyncio
import re
import uuid
from datetime import UTC, datetime

import asyncpg
import httpx

from backbone.contract.keys import KeyKind, hash_key, make_key
from backbone.contract.offset import BEGINNING, Offset
from backbone.eventlog import access
from backbone.eventlog.access import Access
from backbone.eventlog.head_check import KnownHeads, check_heads, read_clock
from backbone.eventlog.postgres import Database, open_database
from backbone.eventlog.presence import Arrival, record_arrivals
from backbone.runtime.metrics import STATEMENTS
from backbone.runtime.settings import PodSettings
from gateway.rooms.reading import Reading
from gateway.rooms.write_behind import WORDS_A_STATEMENT, WriteBehind
from infra.local.pods import Pod
from tests.conftest import StartGateway
from tests.gateway.test_stream import append_events
from tests.gateway.till import open_till
from tests.shop import Shop


async def counted(pod: Pod, name: str) -> float:
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{pod.url}/metrics")).text
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", page, re.M))


async def pool_of(database_url: str, redis_url: str) -> Database:
    settings = PodSettings(database_url=database_url, redis_url=redis_url)  # type: ignore[arg-type, call-arg]
    return await open_database(settings, size=4, application="test-storm")


async def crowd_of(
    database: "asyncpg.Connection[asyncpg.Record]", shop: Shop, size: int
) -> dict[str, uuid.UUID]:
    """Terminals of a shop, by their keys."""
    crowd = {make_key(KeyKind.TERMINAL, uuid.uuid4().bytes * 2): uuid.uuid4() for _ in range(size)}
    own = list(crowd.values())
    await database.execute(
        "INSERT INTO terminals (terminal_id, tenant, name) SELECT t, $1, 'till' FROM unnest($2::uuid[]) t",
        shop.slug,
        own,
    )
    await database.execute(
        "INSERT INTO api_keys (key_hash, kind, tenant, terminal_id)"
        " SELECT h, 'term', $1, t FROM unnest($2::bytea[], $3::uuid[]) AS k (h, t)",
        shop.slug, [hash_key(key) for key in crowd], own,
    )  # fmt: skip
    return crowd


async def test_a_thousand_look_ups_of_one_moment_are_few_statements_and_each_gets_its_own_holder(
    database: "asyncpg.Connection[asyncpg.Record]", database_url: str, redis_url: str, shop: Shop
) -> None:
    crowd = await crowd_of(database, shop, 1000)
    strangers = [make_key(KeyKind.TERMINAL, uuid.uuid4().bytes * 2) for _ in range(50)]
    pool = await pool_of(database_url, redis_url)
    try:
        keys = Access(pool)
        before = access.STATEMENTS._value.get()
        found = await asyncio.gather(*(keys.find(key) for key in [*crowd, *strangers, "nonsense"]))
        assert access.STATEMENTS._value.get() - before <= 4
        assert [holder.terminal if holder else None for holder in found] == [*crowd.values(), *[None] * 51]
        assert {holder.tenant for holder in found if holder} == {shop.slug}
    finally:
        await pool.close()


async def test_terminals_that_come_back_one_after_another_cost_one_read_of_history(
    start_gateway: StartGateway, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = start_gateway({"BELLWIRE_RING_EVENTS": "2"})
    await append_events(database, shop.slug, 300)
    crowd = await crowd_of(database, shop, 15)
    for key in crowd:
        async with open_till(pod, shop.slug, key, "?after=1-100") as till:
            await till.has(200)
            assert till.offsets == [f"1-{seq}" for seq in range(101, 301)]
    assert await counted(pod, "bellwire_gateway_history_pages_total") == 1
    assert await counted(pod, "bellwire_gateway_replayed_events_total") == 15 * 200


async def test_a_page_that_serves_later_comers_never_hides_what_was_committed_since(
    start_gateway: StartGateway, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = start_gateway({"BELLWIRE_RING_EVENTS": "3"})
    await append_events(database, shop.slug, 20)
    crowd = list(await crowd_of(database, shop, 6))
    for round_, key in enumerate(crowd):
        async with open_till(pod, shop.slug, key, "?after=1-5") as till:
            await till.has(15 + 4 * round_)
            await append_events(database, shop.slug, 4)
            await till.has(19 + 4 * round_)
            assert till.offsets == [f"1-{seq}" for seq in range(6, 25 + 4 * round_)]


async def test_a_head_check_tells_who_came_elsewhere_or_was_revoked_and_not_who_came_here(
    database: "asyncpg.Connection[asyncpg.Record]", database_url: str, redis_url: str, shop: Shop
) -> None:
    here, elsewhere, revoked = (await crowd_of(database, shop, 3)).values()
    pool = await pool_of(database_url, redis_url)
    try:
        since = await read_clock(pool)
        now = datetime.now(UTC)
        await record_arrivals(
            pool, "here", [Arrival(here, uuid.uuid4(), now), Arrival(revoked, uuid.uuid4(), now)]
        )
        await record_arrivals(pool, "elsewhere", [Arrival(elsewhere, uuid.uuid4(), now)])
        await database.execute(
            "UPDATE terminals SET revoked_at = now(), changed_at = clock_timestamp() WHERE terminal_id = $1",
            revoked,
        )
        check = await check_heads(pool, KnownHeads({shop.slug: BEGINNING}), since, "here")
        told = {change.terminal: change.revoked for change in check.changes}
        assert told.get(elsewhere) is False
        assert told.get(revoked) is True
        assert here not in told
    finally:
        await pool.close()


class Comer:
    """The part of a session that the write-behind looks at."""

    class socket:  # noqa: N801
        closing = False

    def __init__(self, terminal: uuid.UUID) -> None:
        from gateway.rooms.session import Identity

        self.identity = Identity(terminal, uuid.uuid4())
        self.reading = Reading(self.identity.connection, Offset(1, 0))
        self.recorded = False
        self.sent = 0


async def test_arrivals_ends_and_departures_of_a_crowd_are_written_some_hundreds_a_statement(
    database: "asyncpg.Connection[asyncpg.Record]", database_url: str, redis_url: str, shop: Shop
) -> None:
    crowd = [Comer(own) for own in (await crowd_of(database, shop, 2 * WORDS_A_STATEMENT + 1)).values()]
    pool = await pool_of(database_url, redis_url)
    online = "SELECT count(*) FROM terminals WHERE tenant = $1 AND gateway = 'crowded' AND connection_id IS NOT NULL"
    try:
        write_behind = WriteBehind(pool, "crowded")
        for comer in crowd:
            write_behind.arrived(comer)  # type: ignore[arg-type]
        before = STATEMENTS._value.get()
        await write_behind.flush()
        assert STATEMENTS._value.get() - before == 3
        assert await database.fetchval(online, shop.slug) == len(crowd)
        assert all(comer.recorded for comer in crowd)
        for comer in crowd:
            write_behind.departed(comer)  # type: ignore[arg-type]
        await write_behind.flush()
        assert STATEMENTS._value.get() - before == 9
        assert await database.fetchval(online, shop.slug) == 0
    finally:
        await pool.close()
