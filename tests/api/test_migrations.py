"""Migrations: once each, from any number of pods at once, never over a history that does not fit, stopping nobody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from click.testing import CliRunner

from api.db import older_pods, told_wait
from api.db.migrate import MigrationFailed, migrate
from api.db.migration_files import Migration, MigrationRefused, load_migrations, read_migration
from api.db.operator_keys import create_operator_key
from backbone.contract.errors import Unavailable
from backbone.contract.release import Release
from backbone.runtime.version import RELEASE
from bellwire.__main__ import main
from infra.local.pgbouncer import PgBouncer
from infra.local.ports import free_port
from tests.conftest import MakeDatabase

LATER = "-- release: 0.2.0\n"
POST = LATER + "-- phase: post\n"
OUTSIDE = LATER + "-- transaction: none\n"


async def run(url: str, statement: str) -> None:
    async with connected(url) as connection:
        await connection.execute(statement)


async def ask(url: str, question: str) -> object:
    async with connected(url) as connection:
        return await connection.fetchval(question)


@contextlib.asynccontextmanager
async def connected(url: str, name: str = "test") -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url, server_settings={"application_name": name})
    try:
        yield connection
    finally:
        await connection.close()


def plant(monkeypatch: pytest.MonkeyPatch, *files: tuple[str, str]) -> None:
    """Put files into this version's folder, behind those that are there."""
    planted = [read_migration(name, sql) for name, sql in files]
    every = sorted([*load_migrations(), *planted], key=lambda migration: migration.place)
    monkeypatch.setattr("api.db.migrate.load_migrations", lambda: every)


@pytest.fixture
async def database(migrated_database: MakeDatabase) -> str:
    """A database of the test's own, as release 0.1.0 left it."""
    return await migrated_database()


async def test_ten_pods_at_once_apply_each_file_once(new_database: MakeDatabase) -> None:
    url = await new_database()
    applied = await asyncio.gather(*(migrate(url) for _ in range(10)))
    names = [migration.name for migration in load_migrations()]
    assert sorted(name for part in applied for name in part) == sorted(names)
    assert await migrate(url) == []


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(database: str) -> None:
    await run(database, "UPDATE schema_migrations SET checksum = '\\x00' WHERE name LIKE '0003%'")
    with pytest.raises(MigrationRefused, match=r"0003_idempotency\.sql was changed after it was applied"):
        await migrate(database)


async def test_an_applied_file_that_is_missing_here_is_refused(database: str) -> None:
    await run(database, "INSERT INTO schema_migrations (name, checksum) VALUES ('9999_later.sql', '\\x00')")
    with pytest.raises(MigrationRefused, match=r"9999_later\.sql, which is unknown here"):
        await migrate(database)


async def test_a_file_that_fails_leaves_nothing_of_itself(
    new_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await new_database()
    broken = Migration("0001_broken.sql", "CREATE TABLE half (a integer); SELECT nonsense;")
    monkeypatch.setattr("api.db.migrate.load_migrations", lambda: [broken])
    with pytest.raises(MigrationFailed, match=r'0001_broken\.sql failed: column "nonsense" does not exist'):
        await migrate(url)
    monkeypatch.undo()
    assert len(await migrate(url)) == len(load_migrations())
    with pytest.raises(asyncpg.UndefinedTableError):
        await run(url, "SELECT * FROM half")


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with pytest.raises(Unavailable, match="PostgreSQL"):
        await migrate(url)
    with pytest.raises(Unavailable, match="PostgreSQL"):
        await create_operator_key(url)


async def test_an_older_migrate_on_a_schema_that_is_prepared_for_the_next_release_ends_with_0_and_says_so(
    database: str,
) -> None:
    following = Release(RELEASE.major, RELEASE.minor + 1)
    await run(
        database,
        "INSERT INTO schema_migrations (name, checksum, phase, release) "
        f"VALUES ('9999_next.sql', '', 'pre', '{following}')",
    )
    words = ["migrate", "--database-url", database]
    done = await asyncio.to_thread(CliRunner().invoke, main, words)
    assert done.exit_code == 0, done.output
    assert f"the database is prepared for {following} already (9999_next.sql); {RELEASE} lives" in done.output
    await run(database, "UPDATE schema_migrations SET phase = 'post' WHERE name = '9999_next.sql'")
    done = await asyncio.to_thread(CliRunner().invoke, main, words)
    assert done.exit_code == 1
    assert f"Error: The database has the post-migration 9999_next.sql of {following}" in done.output


# -- locks -------------------------------------------------------------------------------------------------------


async def test_a_long_transaction_and_a_migration_together_stop_no_write(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, ("9001_wider.sql", LATER + "ALTER TABLE gateways ADD COLUMN wider text;"))
    said: list[str] = []
    async with connected(database, "a long report") as reader, connected(database) as writer:
        async with reader.transaction():
            await reader.fetch("SELECT * FROM gateways")
            migrating = asyncio.create_task(migrate(database, say=said.append))
            loop = asyncio.get_running_loop()
            longest, until = 0.0, loop.time() + 3
            while loop.time() < until:
                began = loop.time()
                await writer.execute("INSERT INTO gateways VALUES (gen_random_uuid()::text, now())")
                longest = max(longest, loop.time() - began)
            assert not migrating.done()
        assert await migrating == ["9001_wider.sql"]
    # A pod gives up on a lock after 1.5 s.
    assert 0.1 < longest < 1.2
    assert any("9001_wider.sql" in text and "a long report" in text for text in said)


async def test_patience_that_ends_says_who_was_in_the_way_and_leaves_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, ("9001_wider.sql", LATER + "ALTER TABLE gateways ADD COLUMN wider text;"))
    async with connected(database, "a long report") as reader, reader.transaction():
        await reader.fetch("SELECT * FROM gateways")
        with pytest.raises(MigrationFailed, match=r"gave up after 1 s.*9001_wider.*a long report"):
            await migrate(database, patience_seconds=1)
    assert await migrate(database) == ["9001_wider.sql"]


async def test_the_bounds_that_a_role_has_for_pods_are_not_the_ones_of_a_migration(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(
        monkeypatch,
        ("9001_slow.sql", LATER + "SELECT pg_sleep(0.5);"),
        ("9002_slow.sql", OUTSIDE + "DO $$ BEGIN PERFORM pg_sleep(0.5); END $$;"),
    )
    monkeypatch.setattr(told_wait, "TELL_SECONDS", 0.1)
    name = database.rsplit("/", 1)[1]
    await run(database, f"ALTER DATABASE {name} SET statement_timeout = 100")
    await run(database, f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    said: list[str] = []
    assert await migrate(database, say=said.append) == ["9001_slow.sql", "9002_slow.sql"]
    for file in ("9001", "9002"):
        assert sum(text.startswith(file) and "is at work for" in text for text in said) >= 2


# -- outside a transaction ---------------------------------------------------------------------------------------

INDEX = OUTSIDE + "CREATE INDEX CONCURRENTLY orders_planted ON orders (tenant, customer_name);"
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_planted'::regclass"


async def test_an_index_is_built_while_writes_go_on_and_nine_others_wait_for_their_turn(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The nine must not hold what CREATE INDEX CONCURRENTLY waits for.
    plant(monkeypatch, ("9001_index.sql", INDEX))
    applied = await asyncio.gather(*(migrate(database) for _ in range(10)))
    assert sorted(name for part in applied for name in part) == ["9001_index.sql"]
    assert await ask(database, VALID) is True


async def test_an_index_that_a_cut_run_left_half_built_is_built_anew(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, ("9001_index.sql", INDEX))
    monkeypatch.setattr(told_wait, "TELL_SECONDS", 0.1)
    said: list[str] = []
    async with connected(database) as reader:
        async with reader.transaction(isolation="repeatable_read"):
            await reader.fetch("SELECT 1")
            cut = asyncio.create_task(migrate(database, say=said.append))
            # It waits for the snapshots that are older than the index.
            while not any("is at work" in text and "waiting" in text for text in said):
                await asyncio.sleep(0.05)
            cut.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cut
            assert await ask(database, VALID) is False
        assert await migrate(database, say=said.append) == ["9001_index.sql"]
    assert any("was left half built" in text for text in said)
    assert await ask(database, VALID) is True


async def test_an_index_that_was_built_and_not_noted_is_only_noted(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, ("9001_index.sql", INDEX))
    await run(database, "CREATE INDEX CONCURRENTLY orders_planted ON orders (tenant, customer_name)")
    before = await ask(database, "SELECT 'orders_planted'::regclass::oid")
    assert await migrate(database) == ["9001_index.sql"]
    assert await ask(database, "SELECT 'orders_planted'::regclass::oid") == before


async def test_behind_a_pooler_a_statement_outside_a_transaction_is_refused_and_all_others_run(
    new_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await new_database()
    plant(monkeypatch, ("9001_index.sql", INDEX))
    pooler = PgBouncer(url)
    await asyncio.to_thread(pooler.start)
    try:
        with pytest.raises(MigrationRefused, match="no pooler allows: give the server's own address"):
            await migrate(pooler.url)
    finally:
        await asyncio.to_thread(pooler.stop)
    assert (await migrate(url))[-1] == "9001_index.sql"


# -- pre and post ------------------------------------------------------------------------------------------------


async def test_post_waits_until_it_is_asked_for_and_until_no_older_pod_is_connected(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_pods, "LOOK_SECONDS", 0.5)
    plant(
        monkeypatch,
        ("9001_new.sql", LATER + "ALTER TABLE gateways ADD COLUMN new text;"),
        ("9002_old.sql", POST + "ALTER TABLE gateways DROP COLUMN new;"),
    )
    said: list[str] = []
    assert await migrate(database, say=said.append) == ["9001_new.sql"]
    assert "9002_old.sql: waits for `bellwire migrate --post`" in said[-1]
    for name in ("bellwire-api-reads", "bellwire-gateway@0.1.3"):
        async with connected(database, name):
            with pytest.raises(MigrationRefused, match=rf"9002_old\.sql has to wait.*{name}.*--force"):
                await migrate(database, post=True)
    async with connected(database, "bellwire-api-reads@0.2.0"):
        assert await migrate(database, post=True) == ["9002_old.sql"]


async def test_a_gateway_that_only_its_lease_tells_of_is_in_the_way_too_and_force_passes(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_pods, "LOOK_SECONDS", 0.25)
    plant(monkeypatch, ("9002_old.sql", POST + "ALTER TABLE gateways ADD COLUMN new text;"))
    await run(database, "INSERT INTO gateways VALUES ('gateway-7', now())")
    with pytest.raises(MigrationRefused, match=r"gateway-7 renewed a lease.*pooler"):
        await migrate(database, post=True)
    assert await migrate(database, post=True, force=True) == ["9002_old.sql"]


async def test_whoever_may_not_see_other_roles_sessions_still_sees_their_pods(database: str) -> None:
    role = "looks_on_" + database.rsplit("_", 1)[1][:8]
    await run(database, f"CREATE ROLE {role} LOGIN PASSWORD 'looks'")
    try:
        parts = urlsplit(database)
        other = f"postgresql://{role}:looks@{parts.hostname}:{parts.port}{parts.path}"
        async with connected(database, "bellwire-api-reads"), connected(other) as looking:
            seen = [row["name"] for row in await looking.fetch(older_pods._PODS)]
        assert seen == ["bellwire-api-reads"]
    finally:
        await run(database, f"DROP ROLE {role}")


async def test_an_empty_database_has_no_older_pods_and_gets_everything(
    new_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, ("9002_old.sql", POST + "ALTER TABLE gateways ADD COLUMN new text;"))
    assert (await migrate(await new_database()))[-1] == "9002_old.sql"
