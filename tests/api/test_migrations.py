"""Migrations: once each, from any number of pods at once, and never over a history that does not fit."""

import asyncio

import asyncpg
import pytest

from api.db.migrate import Migration, MigrationRefused, load_migrations, migrate, next_migration
from api.db.operator_keys import create_operator_key
from backbone.contract.errors import Unavailable
from infra.local.ports import free_port
from tests.conftest import MakeDatabase


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_ten_pods_at_once_apply_each_file_once(new_database: MakeDatabase) -> None:
    url = await new_database()
    applied = await asyncio.gather(*(migrate(url) for _ in range(10)))
    names = [migration.name for migration in load_migrations()]
    assert sorted(name for part in applied for name in part) == names
    assert await migrate(url) == []


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(new_database: MakeDatabase) -> None:
    url = await new_database()
    await migrate(url)
    await run(url, "UPDATE schema_migrations SET checksum = '\\x00' WHERE name LIKE '0003%'")
    with pytest.raises(MigrationRefused, match=r"0003_idempotency\.sql was changed after it was applied"):
        await migrate(url)


async def test_an_applied_file_that_is_missing_here_is_refused(new_database: MakeDatabase) -> None:
    url = await new_database()
    await migrate(url)
    await run(url, "INSERT INTO schema_migrations (name, checksum) VALUES ('9999_later.sql', '\\x00')")
    with pytest.raises(MigrationRefused, match=r"9999_later\.sql, which is unknown here"):
        await migrate(url)


async def test_a_file_that_fails_leaves_nothing_of_itself(
    new_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await new_database()
    broken = Migration("0001_broken.sql", "CREATE TABLE half (a integer); SELECT nonsense;")
    monkeypatch.setattr("api.db.migrate.load_migrations", lambda: [broken])
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(url)
    monkeypatch.undo()
    assert len(await migrate(url)) == len(load_migrations())
    with pytest.raises(asyncpg.UndefinedTableError):
        await run(url, "SELECT * FROM half")


def test_files_apply_in_the_order_of_their_names_and_none_goes_in_between() -> None:
    first, second, third = (Migration(f"000{n}_x.sql", f"SELECT {n}") for n in (1, 2, 3))
    assert next_migration([first, second], {}) == first
    assert next_migration([first, second], {first.name: first.checksum}) == second
    assert next_migration([first], {first.name: first.checksum}) is None
    with pytest.raises(MigrationRefused, match="0002_x"):
        next_migration([first, second, third], {first.name: first.checksum, third.name: third.checksum})


def test_the_files_are_numbered_and_no_number_is_used_twice() -> None:
    names = [migration.name for migration in load_migrations()]
    numbers = [int(name[:4]) for name in names]
    assert numbers == sorted(set(numbers))


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with pytest.raises(Unavailable, match="PostgreSQL"):
        await migrate(url)
    with pytest.raises(Unavailable, match="PostgreSQL"):
        await create_operator_key(url)
