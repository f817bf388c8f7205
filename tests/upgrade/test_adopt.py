"""A database with the names of an earlier numbering: told so, and taken over when its schema is what they say."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from api.db.adopt import compare, differences
from api.db.migrate import opened
from api.db.migration_files import MigrationRefused, load_migrations
from backbone.eventlog.schema import Phase
from bellwire.__main__ import main
from tests.conftest import MakeDatabase

NUMBERINGS = Path(__file__).parent / "numberings"

_OLD_TABLE = """
    CREATE TABLE schema_migrations (
        name       text PRIMARY KEY,
        checksum   bytea NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


async def database_of(numbering: str, url: str) -> None:
    """Make what the `migrate` of that commit made: its files, in its order, under its names.

    The list names each file's SHA-256, and today's folder has every one of these texts, under another name.
    """
    texts = {migration.checksum.hex(): migration.sql for migration in load_migrations()}
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_OLD_TABLE)
        for line in (NUMBERINGS / f"{numbering}.txt").read_text().splitlines()[1:]:
            name, checksum = line.split()
            async with connection.transaction():
                await connection.execute(texts[checksum])
                await connection.execute(
                    "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
                    name,
                    bytes.fromhex(checksum),
                )
    finally:
        await connection.close()


async def run(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def bellwire(url: str, *words: str) -> tuple[int, str]:
    """Run the command; its exit code, and what it said."""
    done = await asyncio.to_thread(CliRunner().invoke, main, ["migrate", "--database-url", url, *words])
    return done.exit_code, done.output


@pytest.fixture(scope="module")
async def old_database(new_database: MakeDatabase) -> str:
    """One of the earlier numbering, for tests that leave it as it is."""
    url = await new_database()
    await database_of("275d280", url)
    return url


COLUMNS = (
    "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name <> 'schema_migrations' ORDER BY 1, 2"
)
# `receipts_since` says when its database came to the schema.
FUNCTIONS = (
    "SELECT oid::regprocedure::text, CASE WHEN proname <> 'receipts_since' THEN prosrc END FROM pg_proc "
    "WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
)
EVERYTHING = "SELECT name, checksum FROM schema_migrations ORDER BY name"


@pytest.mark.parametrize("numbering", ["275d280", "4a266f3"])
async def test_a_database_of_an_earlier_numbering_is_refused_with_the_way_out_and_adopted(
    new_database: MakeDatabase, migrated_database: MakeDatabase, numbering: str
) -> None:
    url = await new_database()
    await database_of(numbering, url)
    before = await run(url, EVERYTHING)
    code, said = await bellwire(url)
    assert code == 1
    assert "0010_epochs.sql" in said
    assert "`bellwire migrate --adopt`" in said
    assert await run(url, EVERYTHING) == before
    code, said = await bellwire(url, "--adopt")
    assert code == 0, said
    assert "0010_epochs.sql is 0009_epochs.sql now" in said
    applied = sorted(migration.name for migration in load_migrations() if migration.phase is Phase.PRE)
    assert [name for name, _ in await run(url, EVERYTHING)] == applied
    # A new database has no older pod, and gets all.
    code, said = await bellwire(url, "--post")
    assert code == 0, said
    assert [name for name, _ in await run(url, EVERYTHING)] == sorted(m.name for m in load_migrations())
    made = await migrated_database()
    for what in (COLUMNS, FUNCTIONS):
        assert await run(url, what) == await run(made, what)
    # And again: there is nothing left to adopt, or to apply.
    code, said = await bellwire(url, "--adopt")
    assert (code, "nothing to adopt" in said, "nothing to apply" in said) == (0, True, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE orders DROP COLUMN alarmed_at", "column orders.alarmed_at is missing"),
        (
            "ALTER TABLE orders ADD COLUMN colour text NOT NULL DEFAULT 'red'",
            "column orders.colour is not ours",
        ),
        ("ALTER TABLE order_items ALTER COLUMN notes SET NOT NULL", "column order_items.notes is different"),
        (
            "ALTER TABLE gateways ADD CHECK (gateway <> '')",
            "constraint gateways.gateways_gateway_check is not ours",
        ),
        (
            "CREATE OR REPLACE FUNCTION order_number(p_order_seq bigint) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$",
            "function order_number(p_order_seq bigint) is different",
        ),
        (
            "DROP TRIGGER tenant_streams_settled ON tenant_streams",
            "trigger tenant_streams.tenant_streams_settled",
        ),
        ("DROP INDEX orders_by_status", "index orders_by_status is missing"),
    ],
)
async def test_a_schema_that_is_not_what_its_names_say_is_not_adopted(
    old_database: str, change: str, told: str
) -> None:
    # Each change by itself, on one database: PostgreSQL's DDL can be taken back.
    async with opened(old_database) as connection:
        attempt = connection.transaction()
        await attempt.start()
        try:
            await connection.execute(change)
            with pytest.raises(MigrationRefused, match=re.escape(told)):
                await compare(connection, load_migrations()[:13])
        finally:
            await attempt.rollback()
        await compare(connection, load_migrations()[:13])


async def test_an_operators_own_index_and_table_are_no_difference() -> None:
    wanted = {"table a": "r", "column a.b": "text"}
    assert (
        differences(wanted, {**wanted, "index a_mine": "…", "table mine": "r", "column mine.x": "text"}) == []
    )


async def test_a_set_that_no_release_left_is_not_adopted(new_database: MakeDatabase) -> None:
    url = await new_database()
    await database_of("638fedd", url)
    code, said = await bellwire(url, "--adopt")
    assert code == 1
    assert "0013_order_points.sql and lacks 0009_epochs.sql" in said
    assert "nothing is adopted" in said
