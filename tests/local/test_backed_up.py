"""A PostgreSQL that pgBackRest backs up: restored to a moment, it has all of before and nothing of after."""

from collections.abc import Iterator
from datetime import datetime

import asyncpg
import pytest

from infra.local.backed_up import BackedUp

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
def server() -> Iterator[BackedUp]:
    server = BackedUp()
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def ask(server: BackedUp, *statements: str) -> list[object]:
    connection = await asyncpg.connect(server.url)
    try:
        for statement in statements:
            rows = await connection.fetch(statement)
        return [row[0] for row in rows]
    finally:
        await connection.close()


async def test_a_restore_to_a_moment_has_all_of_before_and_nothing_of_after(server: BackedUp) -> None:
    await ask(server, "CREATE TABLE t (n integer)", "INSERT INTO t VALUES (1)")
    server.back_up()
    # It reckons a backup's end in whole seconds, and looks for one that ended before the moment.
    (moment,) = await ask(
        server, "INSERT INTO t VALUES (2)", "SELECT pg_sleep(2)", "SELECT clock_timestamp()"
    )
    assert isinstance(moment, datetime)
    await ask(server, "DELETE FROM t", "INSERT INTO t VALUES (3)")
    (timeline,) = await ask(server, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
    server.halt()
    server.restore(moment)
    assert await ask(server, "SELECT n FROM t ORDER BY n") == [1, 2]
    # By which the pods know that history forked.
    assert await ask(server, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)") != [timeline]
    # A lost disk costs what was not archived yet, and no more; another backup starts from here.
    server.back_up("incr")
    await ask(server, "INSERT INTO t VALUES (4)", "SELECT pg_switch_wal()", "CHECKPOINT")
    server.back_up("incr")
    await ask(server, "INSERT INTO t VALUES (5)")
    server.lose_data()
    server.restore()
    assert (await ask(server, "SELECT n FROM t ORDER BY n"))[:3] == [1, 2, 4]
