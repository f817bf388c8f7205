"""`bellwire role-settings` makes the roles, says what it cannot do in one sentence, and hands the tables over."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from click.testing import CliRunner, Result

from api.db.migrate import migrate
from api.db.privileges import PodKind
from api.db.separate_roles import Wanted, separate_roles
from bellwire.__main__ import main
from infra.local.postgres import Postgres
from tests.conftest import MakeDatabase, StartApiPod, as_role
from tests.roles.conftest import OWNER, POD_ROLES, Connection, build

PASSWORD = "a password of the tests"
OWNERS = """
    SELECT DISTINCT owner FROM (
        SELECT relowner::regrole::text AS owner FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')
        UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION SELECT typowner::regrole::text FROM pg_type WHERE typnamespace = 'public'::regnamespace
    ) all_of_them
"""


async def run(url: str, *words: str, **env: str) -> Result:
    return await asyncio.to_thread(
        CliRunner().invoke, main, ["role-settings", "--database-url", url, *words], env=env
    )


@contextlib.asynccontextmanager
async def looking(url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def names() -> tuple[str, str]:
    """Two roles that are not there yet."""
    suffix = uuid.uuid4().hex[:8]
    return f"new_api_{suffix}", f"new_gateway_{suffix}"


async def test_roles_are_made_with_passwords_that_only_the_environment_had(
    migrated_database: MakeDatabase,
) -> None:
    url = await migrated_database()
    api, gateway = names()
    done = await run(
        url, "--api-role", api, "--gateway-role", gateway,
        BELLWIRE_API_ROLE_PASSWORD=PASSWORD, BELLWIRE_GATEWAY_ROLE_PASSWORD=PASSWORD[::-1],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"API pods connect as {api} and gateways as {gateway}" in done.output
    assert PASSWORD not in done.output
    for role, password in ((api, PASSWORD), (gateway, PASSWORD[::-1])):
        connection = await asyncpg.connect(as_role(url, Wanted(role, password)))
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "5s"
        assert await connection.fetchval("SELECT count(*) FROM tenants") == 0
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(as_role(url, Wanted(role, "another password")))
    # Again, with another password: that is how one is changed.
    again = await run(
        url, "--api-role", api, "--gateway-role", gateway, BELLWIRE_API_ROLE_PASSWORD="another password"
    )
    assert again.exit_code == 0, again.output
    assert "0 privileges were given or taken away" in again.output
    await (await asyncpg.connect(as_role(url, Wanted(api, "another password")))).close()
    await (await asyncpg.connect(as_role(url, Wanted(gateway, PASSWORD[::-1])))).close()


async def test_what_cannot_be_is_said_in_one_sentence(postgres: Postgres, new_database: MakeDatabase) -> None:
    url = await new_database()
    api, gateway = names()
    both = ("--api-role", api, "--gateway-role", gateway)
    for words, env, told in (
        (("--api-role", api), {}, "given together"),
        (("--migrate-role", api), {}, "given together"),
        ((*both, "--role", "x"), {}, "leave it out"),
        (both, {"BELLWIRE_API_ROLE_PASSWORD": "short"}, "BELLWIRE_API_ROLE_PASSWORD has to be 12 or more"),
        (both, {"BELLWIRE_GATEWAY_ROLE_PASSWORD": "pässwörter sind lang"}, "visible ASCII"),
        (both, {}, "run `bellwire migrate` first"),
    ):
        done = await run(url, *words, **env)
        assert done.exit_code != 0
        assert told in done.output
    await migrate(url)
    for words, told in (
        (("--api-role", api, "--gateway-role", api), "Each has to be a role of its own"),
        (("--api-role", api, "--gateway-role", "bellwire"), "Each has to be a role of its own"),
        (("--api-role", api, "--gateway-role", "postgres_super"), "rights over the whole server"),
    ):
        async with looking(url) as connection:
            if "postgres_super" in words:
                await connection.execute("CREATE ROLE postgres_super LOGIN SUPERUSER")
            done = await run(url, *words)
            await connection.execute("DROP ROLE IF EXISTS postgres_super")
            assert done.exit_code == 1, done.output
            assert told in done.output
            # Nothing is left of what was begun.
            assert not await connection.fetchval("SELECT count(*) FROM pod_roles")
            assert not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", api)


async def test_a_user_who_may_make_no_role_is_told_who_makes_it(postgres: Postgres) -> None:
    house = await build(postgres)
    await migrate(house.owner_url)
    admin = await asyncpg.connect(postgres.url)
    api, gateway = names()
    words = ("--api-role", api, "--gateway-role", gateway)
    try:
        await admin.execute(f"ALTER ROLE {OWNER.role} NOCREATEROLE")
        done = await run(house.owner_url, *words)
        assert done.exit_code == 1
        assert f"have {api} made (CREATE ROLE … LOGIN)" in done.output
        await admin.execute(f"CREATE ROLE {api} LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE {gateway} LOGIN")
        done = await run(house.owner_url, *words)
        assert done.exit_code == 0, done.output
        assert f"the session settings of {api} were not stored" in done.output
        pod = await asyncpg.connect(as_role(house.owner_url, Wanted(api, PASSWORD)))
        assert await pod.fetchval("SELECT count(*) FROM orders") == 0
        await pod.close()
    finally:
        await admin.execute(f"ALTER ROLE {OWNER.role} CREATEROLE")
        await admin.close()


async def test_tables_go_to_a_role_of_their_own_while_pods_are_at_work(
    migrated_database: MakeDatabase, start_api_pod: StartApiPod
) -> None:
    url = await migrated_database()
    pods = {
        kind: Wanted(wanted.role, wanted.password)
        for kind, wanted in zip(PodKind, roles_of(names()), strict=True)
    }
    owner = Wanted(f"new_owner_{uuid.uuid4().hex[:8]}", PASSWORD)
    await separate_roles(url, pods)
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": as_role(url, pods[PodKind.API])})
    reader = await asyncpg.connect(url)
    said: list[str] = []
    async with reader.transaction():
        # Somebody reads a table for a while: it is waited for, and nobody behind it.
        await reader.execute("SELECT FROM orders")
        handing = asyncio.create_task(separate_roles(url, pods, owner=owner, say=said.append))
        await asyncio.sleep(1.0)
        assert not handing.done()
        assert pod.is_ready()
    await handing
    assert [row["owner"] for row in await reader.fetch(OWNERS)] == [owner.role]
    assert pod.is_ready()
    await reader.close()
    its_url = as_role(url, owner)
    assert await migrate(its_url) == []
    assert any("`bellwire migrate` needs its address" in line for line in said)
    api = await asyncpg.connect(as_role(url, pods[PodKind.API]))
    await api.execute("SELECT ensure_event_partitions(current_date, 3)")
    await api.close()
    # Once more: nothing is left to hand over.
    said.clear()
    await separate_roles(url, pods, owner=owner, say=said.append)
    assert said == ["0 privileges were given or taken away"]


def roles_of(pair: tuple[str, str]) -> tuple[Wanted, Wanted]:
    return Wanted(pair[0], PASSWORD), Wanted(pair[1], PASSWORD)


async def test_the_owner_of_before_goes_on_as_a_member_of_the_new_one(postgres: Postgres) -> None:
    house = await build(postgres)
    await migrate(house.owner_url)
    owner = Wanted(f"new_owner_{uuid.uuid4().hex[:8]}", PASSWORD)
    said: list[str] = []
    await separate_roles(house.owner_url, POD_ROLES, owner=owner, say=said.append)
    assert any(f"when no pod connects as it: REVOKE {owner.role} FROM {OWNER.role}" in line for line in said)
    before = await house.connect()
    assert [row["owner"] for row in await before.fetch(OWNERS)] == [owner.role]
    await before.execute("SELECT enter_epoch(), ensure_event_partitions(current_date, 2)")
    assert await before.fetchval("SELECT count(*) FROM orders") == 0
    await before.close()
