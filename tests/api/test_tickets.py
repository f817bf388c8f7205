"""Tickets as the API gives them: to terminals, for a minute, a bounded number, and never stored."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from api.background.housekeeping import keep_house_once
from api.db.tickets import MAX_OPEN
from backbone.contract.tickets import hash_ticket
from backbone.eventlog.postgres import Database, open_database
from backbone.eventlog.tickets import find_tickets, use_tickets
from backbone.runtime.settings import PodSettings, load_settings
from tests.shop import Shop, bearer


@pytest.fixture
async def pool(database_url: str, redis_url: str) -> AsyncIterator[Database]:
    settings = load_settings(PodSettings, database_url=database_url, redis_url=redis_url)
    database = await open_database(settings, size=4, application="test-tickets")
    yield database
    await database.close()


def hashed(ticket: str) -> bytes:
    digest = hash_ticket(ticket)
    assert digest is not None
    return digest


async def test_a_ticket_is_good_for_a_minute_is_kept_as_a_hash_and_speaks_for_its_terminal(
    shop: Shop, pool: Database, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = datetime.now(UTC)
    answer = await shop.http.post(shop.path("tickets"), headers=bearer(shop.terminal_key))
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    document = answer.json()
    assert set(document) == {"ticket", "expiresAt"}
    until = datetime.fromisoformat(document["expiresAt"]) - before
    assert timedelta(seconds=59) < until < timedelta(seconds=70)
    terminal = UUID(shop.terminals[0].terminal_id)
    rows = await database.fetch("SELECT * FROM tickets WHERE terminal_id = $1", terminal)
    assert document["ticket"].removeprefix("bw_ticket_") not in repr([dict(row) for row in rows])
    found = await find_tickets(pool, [hashed(document["ticket"]), b"0" * 32])
    holder = found.pop(hashed(document["ticket"]))
    assert (holder.tenant, holder.terminal) == (shop.slug, terminal)
    assert not found


async def test_of_more_tickets_than_a_terminal_may_have_the_oldest_go(shop: Shop, pool: Database) -> None:
    second = await shop.add_terminal("second")
    other = await shop.ticket(second.key)
    made = [hashed(await shop.ticket()) for _ in range(MAX_OPEN + 5)]
    assert set(await find_tickets(pool, [*made, hashed(other)])) == {*made[5:], hashed(other)}


async def test_of_any_number_of_uses_at_once_each_ticket_has_one(shop: Shop, pool: Database) -> None:
    made = [hashed(await shop.ticket()) for _ in range(20)]
    both = [made, made[::-1], made[::2], made[1::2]]
    used = [ticket for asked in both for ticket in await use_tickets(pool, asked)]
    assert sorted(used) == sorted(made)
    assert not await find_tickets(pool, made)


async def test_what_is_too_old_opens_nothing_and_goes_with_the_next_housekeeping(
    shop: Shop, pool: Database, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    old, new = hashed(await shop.ticket()), hashed(await shop.ticket())
    await database.execute(
        "UPDATE tickets SET expires_at = clock_timestamp() - interval '1 ms' WHERE ticket_hash = $1", old
    )
    assert set(await find_tickets(pool, [old, new])) == {new}
    await keep_house_once(pool, 7, datetime.now(UTC))
    left = await database.fetch("SELECT ticket_hash FROM tickets WHERE ticket_hash = ANY ($1)", [old, new])
    assert [row["ticket_hash"] for row in left] == [new]


async def test_the_api_takes_keys_alone(shop: Shop) -> None:
    ticket = await shop.ticket()
    for query, word in (
        (f"?ticket={ticket}", "ticket"),
        (f"?after=0&ticket={ticket}&ticket={ticket}", "ticket"),
    ):
        path = shop.path("events") + query
        assert (await shop.http.get(path)).status_code == 401
        assert (await shop.http.get(path, headers=bearer(ticket))).status_code == 401
        answer = await shop.http.get(path, headers=bearer(shop.terminal_key))
        assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [word])
        assert ticket not in answer.text
    misplaced = await shop.http.get(shop.path(f"events?{ticket}=1"), headers=bearer(shop.terminal_key))
    assert (misplaced.status_code, ticket in misplaced.text) == (400, False)
