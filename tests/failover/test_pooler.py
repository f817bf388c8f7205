"""Through a real PgBouncer in transaction mode: the same pods, orders and terminals, and the same bounds."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from click.testing import CliRunner

from api.db.migrate import migrate
from api.db.operator_keys import create_operator_key
from backbone.contract.errors import Unavailable
from backbone.eventlog.postgres import open_database, session_settings
from backbone.runtime.settings import PodSettings, load_settings
from bellwire.__main__ import main
from infra.local.pgbouncer import PgBouncer
from infra.local.pods import Pod
from tests.conftest import MakeDatabase, api_pod_of, gateway_of
from tests.gateway.till import open_till
from tests.shop import Operator


@pytest.fixture
async def direct_url(new_database: MakeDatabase) -> str:
    return await new_database()


@pytest.fixture
async def pooler(direct_url: str) -> AsyncIterator[PgBouncer]:
    # Fewer connections behind it than any pod has in front: statements of one session meet different ones.
    found = PgBouncer(direct_url, pool_size=4)
    await asyncio.to_thread(found.start)
    yield found
    await asyncio.to_thread(found.stop)


@pytest.fixture
def pods(pooler: PgBouncer, pod_env: dict[str, str]) -> Iterator[list[Pod]]:
    env = {**pod_env, "BELLWIRE_DATABASE_URL": pooler.url, "BELLWIRE_DATABASE_POOLER": "true"}
    made = [api_pod_of("api-pooled", env, []), gateway_of("gateway-pooled", env, [])]
    yield made
    for pod in made:
        pod.stop(10)


async def test_orders_and_terminals_go_through_it_as_they_do_without(
    pooler: PgBouncer, pods: list[Pod], direct_url: str
) -> None:
    # An index that is built beside the writes needs the server itself.
    assert await migrate(direct_url)
    given = await asyncio.to_thread(
        CliRunner().invoke, main, ["role-settings", "--database-url", direct_url, "--timeout-seconds", "2"]
    )
    assert given.exit_code == 0, given.output
    api, gateway = pods
    for pod in pods:
        pod.start()
    for pod in pods:
        await asyncio.to_thread(pod.await_ready)
    async with httpx.AsyncClient(base_url=api.url, timeout=35) as http:
        shop = await Operator(http, await create_operator_key(pooler.url)).open_shop()
        async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0") as till:
            answers = await asyncio.gather(
                *(shop.try_order(idempotency_key=uuid.uuid4().hex) for _ in range(60))
            )
            placed = [answer for answer in answers if answer.status_code == 201]
            # A shop's writes take turns; whoever waits too long for one is told so, pooler or not.
            assert {answer.status_code for answer in answers} <= {201, 503}
            assert placed
            await till.has(len(placed))
            await till.say(type="ack", offset=till.offsets[-1])
            assert till.offsets == [f"1-{seq}" for seq in range(1, len(placed) + 1)]
        card = await shop.sell_card(10)
        assert (await shop.redeem_card(card["cardNumber"], 4)).json()["balance"] == 6
        assert (await shop.change_points("5551234", "add", 5)).status_code == 200
        assert len(await shop.events()) == len(placed) + 3


async def test_the_roles_settings_hold_in_sessions_that_the_pooler_opens(
    pooler: PgBouncer, direct_url: str, redis_url: str
) -> None:
    given = await asyncio.to_thread(
        CliRunner().invoke, main, ["role-settings", "--database-url", direct_url, "--timeout-seconds", "1"]
    )
    assert given.exit_code == 0, given.output
    settings = load_settings(
        PodSettings, database_url=pooler.url, redis_url=redis_url, database_pooler=True,
        database_timeout_seconds=20,
    )  # fmt: skip
    database = await open_database(settings, size=2, application="test-pooler")
    try:
        rows = await database.fetch(
            "SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name",
            list(session_settings(1)),
        )
        assert {row["name"]: row["value"] for row in rows} == {
            "synchronous_commit": "on",
            "timezone": "UTC",
            "statement_timeout": "1s",
            "lock_timeout": "500ms",
            "idle_in_transaction_session_timeout": "5s",
        }
        with pytest.raises(Unavailable):
            await database.fetch("SELECT pg_sleep(10)")
    finally:
        await database.close()


async def test_a_role_that_is_not_there_is_told_in_one_sentence(direct_url: str) -> None:
    told = await asyncio.to_thread(
        CliRunner().invoke, main, ["role-settings", "--database-url", direct_url, "--role", "nobody-at-all"]
    )
    assert told.exit_code == 1
    assert 'role "nobody-at-all" does not exist' in told.output
    assert "Traceback" not in told.output


async def test_without_the_setting_a_pod_says_that_it_is_not_ready_rather_than_half_working(
    pooler: PgBouncer, redis_url: str
) -> None:
    settings = load_settings(PodSettings, database_url=pooler.url, redis_url=redis_url)
    database = await open_database(settings, size=2, application="test-pooler")
    try:
        with pytest.raises(Unavailable):
            await database.fetch("SELECT 1")
    finally:
        await database.close()
