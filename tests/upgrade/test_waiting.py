"""New pods on an older schema wait: one sentence a minute, no traceback, and they go on by themselves."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from api.db.migrate import migrate
from api.db.operator_keys import create_operator_key
from backbone.contract.release import Release
from backbone.eventlog.postgres import Database, open_database
from backbone.eventlog.schema import Phase, load_list
from backbone.eventlog.schema_gate import LOOK_SECONDS, SchemaGate, SchemaWaits
from backbone.runtime.settings import PodSettings, load_settings
from backbone.runtime.version import RELEASE, VERSION
from infra.local.pods import Pod
from infra.local.waiting import wait_until
from tests.conftest import MakeDatabase, StartApiPod, StartGateway
from tests.gateway.till import open_till
from tests.shop import Operator, bearer


async def missing(pod: Pod) -> list[str] | None:
    """The parts that `/readyz` misses; None while nobody answers."""
    try:
        async with httpx.AsyncClient(base_url=pod.url) as http:
            answer = await http.get("/readyz")
            found: list[str] = answer.json().get("missing", []) if answer.status_code != 200 else []
            return found
    except httpx.TransportError:
        return None


async def settles(pod: Pod, wanted: list[str]) -> None:
    until = time.monotonic() + 30
    while (found := await missing(pod)) != wanted:
        assert time.monotonic() < until, f"{pod.name} misses {found}"
        await asyncio.sleep(0.1)


async def test_new_pods_before_their_schema_say_so_once_wait_and_go_on_by_themselves(
    new_database: MakeDatabase, start_api_pod: StartApiPod, start_gateway: StartGateway
) -> None:
    url = await new_database()
    logs: list[list[str]] = [[], []]
    settings = {"BELLWIRE_DATABASE_URL": url, "BELLWIRE_LOG_FORMAT": "text"}
    api = start_api_pod(settings, logs[0], ready=False)
    gateway = start_gateway(settings, logs[1], ready=False)
    for pod in (api, gateway):
        await settles(pod, ["schema"])
    async with httpx.AsyncClient(base_url=api.url) as http:
        asked = await http.get("/api/tenant/nowhere/events", headers=bearer("bw_term_" + "x" * 43))
        assert asked.status_code in (401, 503), asked.text
    # Long enough for every task of a pod to have met it twice.
    await asyncio.sleep(3)
    for log in logs:
        text = "\n".join(log)
        assert text.count("schema.waiting") == 1, text
        assert "lacks the migration 0001_tenants.sql" in text
        assert "this pod waits for `bellwire migrate`" in text
        for word in ("Traceback", "task.died", "postgres.unavailable"):
            assert word not in text
    await migrate(url)
    for pod in (api, gateway):
        assert await asyncio.to_thread(wait_until, pod.is_ready, 20)
    async with httpx.AsyncClient(base_url=api.url) as http:
        shop = await Operator(http, await create_operator_key(url)).open_shop()
        async with open_till(gateway, shop.slug, shop.terminal_key) as till:
            placed = await shop.order()
            assert (await till.until("new_order"))["offset"] == placed["offset"]
    assert all("Traceback" not in "\n".join(log) for log in logs)


@pytest.fixture
async def gated(
    migrated_database: MakeDatabase, redis_url: str
) -> AsyncIterator[tuple[Database, "asyncpg.Connection[asyncpg.Record]"]]:
    """A pool with a gate before it, on a database with our schema; and a way around both."""
    url = await migrated_database()
    settings = load_settings(PodSettings, database_url=url, redis_url=redis_url)
    database = await open_database(settings, size=2, application="test-gate", gate=SchemaGate())
    around = await asyncpg.connect(url)
    yield database, around
    await around.close()
    await database.close()


async def test_on_an_older_schema_nothing_is_sent_until_the_last_migration_is_there(
    gated: tuple[Database, "asyncpg.Connection[asyncpg.Record]"], caplog: pytest.LogCaptureFixture
) -> None:
    database, around = gated
    last = max(one.name for one in load_list() if one.phase is Phase.PRE)
    row = await around.fetchrow("DELETE FROM schema_migrations WHERE name = $1 RETURNING *", last)
    assert row is not None
    for _ in range(20):
        with pytest.raises(SchemaWaits, match=f"The schema of {VERSION} is unavailable"):
            await database.fetch("SELECT 1 AS one")
    said = [record for record in caplog.records if record.message == "schema.waiting"]
    assert [getattr(record, "reason", "") for record in said] == [
        f"The database lacks the migration {last}; this pod waits for `bellwire migrate` of {VERSION}."
    ]
    await around.execute("INSERT INTO schema_migrations VALUES ($1, $2)", row["name"], row["checksum"])
    await asyncio.sleep(LOOK_SECONDS)
    assert await database.fetch_row("SELECT 1 AS one") is not None


async def test_a_later_releases_end_of_support_closes_the_gate_and_its_preparations_do_not(
    gated: tuple[Database, "asyncpg.Connection[asyncpg.Record]"], caplog: pytest.LogCaptureFixture
) -> None:
    database, around = gated
    later = "INSERT INTO schema_migrations (name, checksum, phase, release) VALUES ($1, '', $2, $3)"
    following = str(Release(RELEASE.major, RELEASE.minor + 1))
    await around.execute(later, "9998_prepared.sql", Phase.PRE.value, following)
    assert await database.fetch_row("SELECT 1 AS one") is not None
    await around.execute(later, "9999_end.sql", Phase.POST.value, following)
    # Looked at again when a statement meets what is not there: what a later release took away, for one.
    with pytest.raises(asyncpg.UndefinedColumnError):
        await database.fetch("SELECT no_such_column FROM tenants")
    with pytest.raises(SchemaWaits):
        await database.fetch("SELECT 1 AS one")
    assert any("9999_end.sql" in getattr(record, "reason", "") for record in caplog.records)
