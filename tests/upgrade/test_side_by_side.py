"""The last release and this one run side by side: each event once and in order at both, each retry one write.

The journey is one, on four pods: the schema, the API first, everywhere, all the way back, the gateways first,
everywhere, the end of the old release. An addition to schema, event, Redis message or setting is added to the load
(`mixture.py`) or to `JOURNEY`.
"""

import asyncio
import contextlib
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from api.db.audit import audit
from api.db.migrate import migrate
from api.db.migration_files import Migration, load_migrations
from backbone.runtime.version import RELEASE, VERSION
from tests.conftest import MakeDatabase
from tests.upgrade.baseline import unsuited
from tests.upgrade.cards import cards_across
from tests.upgrade.full_orders import full_orders_across
from tests.upgrade.mixture import Stage, mixture_of
from tests.upgrade.money import money_across
from tests.upgrade.owners import order_across
from tests.upgrade.phones import phones_across
from tests.upgrade.releases import Releases, both_on, run, stop
from tests.upgrade.sources import sources_across

UPGRADE = (
    Stage("the API first", apis="both", gateways="old", kill=("new api", "old gateway")),
    Stage("the old API is gone", apis="new", gateways="old"),
    Stage("then the gateways", apis="new", gateways="both", kill=("new gateway",)),
    Stage("everywhere", apis="new", gateways="new"),
)
BACK = (
    Stage("back: the API first", apis="both", gateways="new", kill=("old api",)),
    Stage("back: then the gateways", apis="old", gateways="both", kill=("old gateway",)),
    Stage("back", apis="old", gateways="old"),
)
UPGRADE_THE_OTHER_WAY = (
    Stage("the gateways first", apis="old", gateways="both", kill=("old api", "new gateway")),
    Stage("the old gateway is gone", apis="old", gateways="new"),
    Stage("then the API", apis="both", gateways="new", kill=("new api",)),
    Stage("everywhere again", apis="new", gateways="new"),
)
JOURNEY = (*UPGRADE, *BACK, *UPGRADE_THE_OTHER_WAY)


@pytest.fixture
async def releases(baseline: Path, new_database: MakeDatabase, redis_url: str) -> AsyncIterator[Releases]:
    """Pods of both; those of the new one wait where the schema is not theirs yet."""
    found = await both_on(await new_database(), redis_url, baseline)
    try:
        found.old.start()
        found.new.start()
        await asyncio.to_thread(found.old.await_ready)
        yield found
    finally:
        await stop(found.old, found.new)


@pytest.fixture(scope="module")
async def old_alone(baseline: Path, new_database: MakeDatabase, redis_url: str) -> AsyncIterator[Releases]:
    """The old one's pods alone, on a database that the new one has prepared."""
    found = await both_on(await new_database(), redis_url, baseline)
    try:
        found.old.start()
        await run(found.new, "migrate")
        await asyncio.to_thread(found.old.await_ready)
        yield found
    finally:
        await stop(found.old)


async def test_two_releases_side_by_side_lose_nothing_repeat_nothing_and_write_each_retry_once(
    releases: Releases,
) -> None:
    async with mixture_of(
        releases.old, releases.new, releases.database_url, releases.operator_key, "journey"
    ) as mixture:
        await mixture.stage(Stage("before", apis="old", gateways="old"))
        said = await run(releases.new, "migrate")
        assert "applied" in said or "nothing to apply" in said
        await asyncio.to_thread(releases.new.await_ready)
        # Both really run: the old release's pods give no version.
        names = await names_of_connections(releases.database_url)
        assert {"bellwire-gateway", f"bellwire-gateway@{VERSION}"} <= names
        for stage in JOURNEY:
            await mixture.stage(stage)
        await asyncio.to_thread(releases.old.stop)
        await run(releases.new, "migrate", "--post")
        await mixture.stage(Stage("after the old release", apis="new", gateways="new"))
        for till in mixture.tills("at-old"):
            till.notes.ended = True
        assert await mixture.verdict() == []
        assert mixture.doors.repeats > 20
        killed = Counter(victim.replace(" ", "-") for stage in JOURNEY for victim in stage.kill)
        assert all(
            pod.restarts >= killed[pod.name]
            for side in (releases.old, releases.new)
            for pod in side.pods.values()
        )
        assert all(count for count in mixture.accepted.values()), mixture.accepted


async def names_of_connections(url: str) -> set[str]:
    """How the pods call themselves, as PostgreSQL sees them."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()"
        )
        return {row[0] for row in rows}
    finally:
        await connection.close()


# -- the harness itself: what an old pod cannot live with must be reported -----------------------------------------


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


PLANTED = {
    "a column is renamed": (
        "ALTER TABLE orders RENAME COLUMN customer_phone TO phone",
        "ALTER TABLE orders RENAME COLUMN phone TO customer_phone",
    ),
    "old pods' writes are dropped in silence": (
        """
        CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF current_setting('application_name') NOT LIKE '%@%' THEN
                DELETE FROM idempotency_keys WHERE tenant = NEW.tenant AND key = NEW.key;
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER planted AFTER INSERT ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION planted()
        """,
        "DROP FUNCTION planted CASCADE",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
async def test_a_planted_migration_that_an_old_pod_cannot_live_with_is_reported(
    old_alone: Releases, planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql, undo = PLANTED[planted]
    files = [*load_migrations(), Migration("9999_planted.sql", sql, RELEASE)]
    monkeypatch.setattr("api.db.migrate.load_migrations", lambda: files)
    url = old_alone.database_url
    async with mixture_of(
        old_alone.old, old_alone.new, url, old_alone.operator_key, uuid.uuid4().hex[:8], patience=5
    ) as mixture:
        assert await migrate(url) == ["9999_planted.sql"]
        try:
            with contextlib.suppress(TimeoutError):
                # Of some thirty writes a dozen are repeated.
                for _ in range(4):
                    await mixture.stage(Stage("planted", apis="old", gateways="old"))
            complaints = await mixture.verdict()
        finally:
            await execute(url, f"{undo}; DELETE FROM schema_migrations WHERE name = '9999_planted.sql'")
    told = "\n".join(complaints)
    if planted == "a column is renamed":
        assert re.search(r"old-api answered \d+ times with 500", told), told
        assert "old-api wrote:" in told
    else:
        assert "one write, several answers" in told, told
        assert "once: " in told, told


async def test_without_a_plant_the_same_pods_are_found_well(old_alone: Releases) -> None:
    async with mixture_of(
        old_alone.old, old_alone.new, old_alone.database_url, old_alone.operator_key, "unplanted"
    ) as mixture:
        await mixture.stage(Stage("nothing is planted", apis="old", gateways="old"))
        assert await mixture.verdict() == []


async def test_a_full_order_of_a_new_pod_is_shown_and_moved_on_by_an_old_one(old_alone: Releases) -> None:
    try:
        old_alone.new.start()
        await asyncio.to_thread(old_alone.new.await_ready)
        old, new = old_alone.old.pods["api"], old_alone.new.pods["api"]
        assert await full_orders_across(old, new, old_alone.operator_key) == []
    finally:
        await stop(old_alone.new)


async def test_money_of_cards_goes_back_once_whichever_release_took_it(old_alone: Releases) -> None:
    try:
        old_alone.new.start()
        await asyncio.to_thread(old_alone.new.await_ready)
        old, new = old_alone.old.pods["api"], old_alone.new.pods["api"]
        assert await cards_across(old, new, old_alone.operator_key) == []
        findings = await audit(old_alone.database_url)
        assert [finding for finding in findings if finding.broken] == []
    finally:
        await stop(old_alone.new)


async def test_two_terminals_with_one_idempotency_key_have_an_order_each_at_pods_of_both_releases(
    old_alone: Releases,
) -> None:
    try:
        old_alone.new.start()
        await asyncio.to_thread(old_alone.new.await_ready)
        old, new = old_alone.old.pods["api"], old_alone.new.pods["api"]
        assert await order_across(old, new, old_alone.database_url, old_alone.operator_key) == []
    finally:
        await stop(old_alone.new)


async def test_money_is_exact_whichever_release_sold_and_yen_wait_for_the_end_of_the_older_one(
    old_alone: Releases,
) -> None:
    try:
        old_alone.new.start()
        await asyncio.to_thread(old_alone.new.await_ready)
        old, new = old_alone.old.pods["api"], old_alone.new.pods["api"]
        assert await money_across(old, new, old_alone.operator_key) == []
    finally:
        await stop(old_alone.new)


async def test_sources_and_phones_are_one_whichever_release_takes_the_order(old_alone: Releases) -> None:
    try:
        old_alone.new.start()
        await asyncio.to_thread(old_alone.new.await_ready)
        old, new = old_alone.old.pods["api"], old_alone.new.pods["api"]
        assert await sources_across(old, new, old_alone.operator_key) == []
        assert await phones_across(old, new, old_alone.operator_key) == []
    finally:
        await stop(old_alone.new)


def test_an_environment_that_does_not_suit_the_old_release_is_noticed() -> None:
    assert unsuited(["click>=8.1", "no-such-package>=1", "asyncpg>=999"]) == [
        "no-such-package>=1",
        "asyncpg>=999",
    ]
