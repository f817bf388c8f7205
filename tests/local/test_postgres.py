"""The embedded PostgreSQL: a real server of our own, closed to others, never root's."""

import os
from collections.abc import Iterator

import asyncpg
import pytest

from infra.local.account import unprivileged
from infra.local.failure import CannotStart
from infra.local.postgres import Postgres
from infra.local.postgres_binaries import find_binaries
from tests.local.processes import all_gone, children, is_running, user_of


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server that the test may end."""
    server = Postgres()
    server.start()
    yield server
    server.stop()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_it_takes_connections_as_soon_as_start_returns(postgres: Postgres) -> None:
    assert await ask(postgres.url, "SELECT current_database()") == "bellwire"
    assert int(str(await ask(postgres.url, "SHOW server_version_num"))) >= 150000
    assert int(str(await ask(postgres.url, "SHOW max_connections"))) >= 200


def test_it_never_runs_as_root(postgres: Postgres) -> None:
    assert user_of(postgres.pid) == unprivileged().uid != 0


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    url = f"postgresql://bellwire:guess@127.0.0.1:{postgres.port}/bellwire"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(url, "SELECT 1")


async def test_data_survive_a_restart_and_a_kill_on_the_same_port(own: Postgres) -> None:
    await ask(own.url, "CREATE TABLE t AS SELECT 42 AS n")
    url = own.url
    own.restart()
    assert await ask(url, "SELECT n FROM t") == 42
    own.kill()
    own.start()
    assert own.url == url
    assert await ask(url, "SELECT n FROM t") == 42


def test_stop_takes_every_process_with_it(own: Postgres) -> None:
    family = [own.pid, *children(own.pid)]
    assert len(family) > 1
    own.stop()
    own.stop()
    assert all_gone(family, 2.0)


async def test_durable_means_that_it_waits_for_the_disk() -> None:
    server = Postgres(durable=True)
    server.start()
    try:
        assert await ask(server.url, "SHOW fsync") == "on"
    finally:
        server.stop()


async def test_the_wheel_serves_where_the_machine_has_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLWIRE_POSTGRES_BIN", "wheel")
    server = Postgres()
    server.start()
    try:
        assert await ask(server.url, "SELECT 6 * 7") == 42
        assert is_running(server.pid)
        program = os.readlink(f"/proc/{server.pid}/exe") if os.geteuid() == 0 else ""
        assert not program.startswith("/usr/lib/postgresql")
    finally:
        server.stop()


def test_a_folder_without_a_server_is_named_in_the_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.setenv("BELLWIRE_POSTGRES_BIN", str(empty))
    with pytest.raises(CannotStart, match=str(empty)):
        find_binaries(unprivileged())
