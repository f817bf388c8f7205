"""Pods in the roles of their kind do all that pods do: every route, over midnight, in a new epoch, for an erasure."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import httpx
import pytest

from api.background.housekeeping import keep_house_once
from api.db import upkeep
from api.db.migrate import migrate
from api.db.operator_keys import create_operator_key
from api.db.privileges import PodKind
from api.db.server_state import read_server_state
from api.db.webhook_figures import WaitingWebhooks, waiting_webhooks
from backbone.contract.errors import Unavailable
from backbone.eventlog.epochs import enter_epoch
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from tests.api.test_documentation import SLUG, a_day
from tests.conftest import StartApiPod, StartGateway
from tests.gateway.till import open_till
from tests.roles.conftest import POD_ROLES, Connection, House, build
from tests.shop import ORDER, Operator, bearer
from tests.waiting import eventually

DAYS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'pos_sync_logs'::regclass"


def today() -> date:
    return datetime.now(UTC).date()


def named(*offsets: int) -> set[str]:
    return {f"pos_sync_logs_{today() + timedelta(days=offset):%Y%m%d}" for offset in offsets}


async def days(owner: Connection) -> set[str]:
    return {row[0] for row in await owner.fetch(DAYS)}


async def as_pod(house: House, kind: PodKind, redis_url: str) -> Database:
    settings = load_settings(PodSettings, database_url=house.url(kind), redis_url=redis_url)
    return await open_database(settings, size=2, application="test-roles")


@pytest.fixture
async def api_database(house: House, redis_url: str) -> AsyncIterator[Database]:
    database = await as_pod(house, PodKind.API, redis_url)
    yield database
    await database.close()


async def test_a_pods_role_may_see_how_the_server_and_its_webhooks_are(
    api_database: Database, house: House
) -> None:
    state = await read_server_state(api_database)
    assert (state.standbys, state.sync_wanted, state.sync_waits) == (0, False, 0)
    assert 0 < state.sessions < state.sessions_most
    assert state.database_bytes > 1 << 20
    owner = await house.connect()
    there = await days(owner)
    await owner.close()
    assert state.partition_days == len(there & named(*range(30))) - 1 > 2
    assert await waiting_webhooks(api_database) == WaitingWebhooks(0, 0.0)


async def test_every_route_is_served(
    postgres: Postgres, start_api_pod: StartApiPod, start_gateway: StartGateway
) -> None:
    house = await build(postgres)
    await migrate(house.owner_url)
    assert await asyncio.to_thread(role_settings, house) == 0
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": house.url(PodKind.API)})
    gateway, other = (start_gateway({"BELLWIRE_DATABASE_URL": house.url(PodKind.GATEWAY)}) for _ in range(2))
    served: set[tuple[str, str]] = set()

    async def note(response: httpx.Response) -> None:
        if response.is_success:
            served.add((response.request.method, response.request.url.path))

    # The operator's key, too, is made as an API pod: that is where an operator types the command.
    operator_key = await create_operator_key(house.url(PodKind.API))
    async with httpx.AsyncClient(base_url=pod.url, timeout=35, event_hooks={"response": [note]}) as http:
        operator = Operator(http, operator_key)
        await a_day(http, operator)
        await the_rest_of_the_day(http, operator)
        for word in ("drain", "resume"):
            path = f"/api/operator/gateways/{other.name}/{word}"
            assert (await http.post(path, headers=bearer(operator_key))).status_code == 204
        document = (await http.get("/openapi.json")).json()
        for path in ("/docs", "/asyncapi.json", "/metrics", "/healthz", "/readyz"):
            await http.get(path)
        wanted = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
        unserved = {
            (method, path)
            for method, path in wanted
            if not any(m == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), p) for m, p in served)
        }
        assert unserved == set()
        shop = await operator.open_shop()
        placed = await shop.order()
        async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0") as till:
            await till.has(1)
            await till.say(type="ack", offset=till.offsets[-1])
            await eventually(lambda: shop.receipts(placed["orderId"]), lambda found: len(found) == 1)
        async with httpx.AsyncClient(base_url=gateway.url) as door:
            headers = {**bearer(shop.terminal_key), "Accept": "text/event-stream"}
            async with door.stream("GET", f"/sse/pos/{shop.slug}?after=0", headers=headers) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data:") and "new_order" in line:
                        assert json.loads(line.removeprefix("data:"))["data"]["orderId"] == placed["orderId"]
                        break


def role_settings(house: House) -> int:
    from click.testing import CliRunner

    from bellwire.__main__ import main

    env = {f"BELLWIRE_{kind.value.upper()}_ROLE_PASSWORD": POD_ROLES[kind].password for kind in PodKind}
    names = [word for kind in PodKind for word in (f"--{kind.value}-role", POD_ROLES[kind].role)]
    done = CliRunner().invoke(main, ["role-settings", "--database-url", house.owner_url, *names], env=env)
    assert done.exit_code == 0, done.output
    return done.exit_code


async def the_rest_of_the_day(http: httpx.AsyncClient, operator: Operator) -> None:
    """A day has no example of these: they answer without a body."""
    headers = bearer(operator.key)
    shop = f"/api/tenant/{SLUG}"
    hook, *_ = (await http.get(f"{shop}/webhooks", headers=headers)).json()["webhooks"]
    await http.post(f"{shop}/webhooks/{hook['id']}/enable", headers=headers)
    # An endpoint that nobody answers for is stuck at the next order, which may be passed by then.
    away = {"url": f"http://127.0.0.1:{free_port()}/"}
    stuck = (await http.post(f"{shop}/webhooks", json=away, headers=headers)).json()
    key = (await http.post(f"{shop}/keys", json={"name": "x"}, headers=headers)).json()["key"]
    placed = (await http.post("/api/tenant/orders/create", json=ORDER, headers=bearer(key))).json()
    past, at = f"{shop}/webhooks/{stuck['id']}/skip", {"offset": placed["offset"]}
    await eventually(
        lambda: http.post(past, json=at, headers=headers), lambda answer: answer.status_code == 204
    )
    await http.delete(f"{shop}/webhooks/{hook['id']}", headers=headers)
    for path in ("/api/operator/stream", f"{shop}/trace"):
        await http.get(path, params={"seconds": 1}, headers=headers)
    pairing = (await http.post(f"{shop}/pairings", json={"name": "x"}, headers=headers)).json()
    await http.delete(f"{shop}/pairings/{pairing['pairingId']}", headers=headers)
    test = {"slug": "test-gone", "name": "gone", "test": True}
    assert (await http.post("/api/tenants", json=test, headers=headers)).status_code == 201
    await http.delete("/api/tenant/test-gone", headers=headers)
    (till, *_) = (await http.get(f"{shop}/terminals", headers=headers)).json()["terminals"]
    await http.delete(f"{shop}/terminals/{till['terminalId']}", headers=headers)


async def test_a_pod_that_starts_ten_days_on_has_a_day_to_write_to_and_drops_those_past_retention(
    house: House, owner: Connection, start_api_pod: StartApiPod
) -> None:
    for day in await days(owner):
        await owner.execute(f"DROP TABLE {day}")
    await owner.execute("SELECT ensure_event_partitions($1, 10)", today() - timedelta(days=19))
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": house.url(PodKind.API)})
    await eventually(lambda: days(owner), lambda found: found == named(*range(-1, 9)))
    async with httpx.AsyncClient(base_url=pod.url, timeout=35) as http:
        shop = await Operator(http, await create_operator_key(house.owner_url)).open_shop()
        assert (await shop.order())["offset"].endswith("-1")


async def test_over_midnight_a_pod_makes_the_next_day_and_keeps_what_is_retained(
    house: House, owner: Connection, api_database: Database
) -> None:
    await owner.execute("SELECT ensure_event_partitions($1, 30)", today() - timedelta(days=20))
    for day in range(3):
        await keep_house_once(api_database, 7, datetime.now(UTC) + timedelta(days=day))
        assert named(*range(-1, 9 + day)) <= await days(owner)
    # A pod cannot have the log dropped, whatever day it says it is.
    await upkeep.drop_partitions(api_database, today() + timedelta(days=5))
    assert named(*range(-1, 9)) <= await days(owner)
    with pytest.raises(Unavailable):
        await upkeep.ensure_partitions(api_database, today(), 10_000)
    with pytest.raises(Unavailable):
        await upkeep.ensure_partitions(api_database, date(2001, 1, 1), 2)


@pytest.mark.parametrize("kind", PodKind)
async def test_either_kind_of_pod_enters_the_next_epoch(
    house: House, owner: Connection, redis_url: str, kind: PodKind
) -> None:
    before = await owner.fetchval("SELECT max(epoch) FROM cluster_epochs")
    await owner.execute("UPDATE cluster_epochs SET timeline = 'FFFFFFFF' WHERE epoch = $1", before)
    database = await as_pod(house, kind, redis_url)
    try:
        assert await enter_epoch(database) > before
    finally:
        await database.close()


async def test_an_audit_trail_loses_what_is_older_than_400_days_and_nothing_younger(
    owner: Connection, api_database: Database
) -> None:
    await owner.execute(
        "INSERT INTO audit_trail (action, at) SELECT 'kept.' || d, now() - make_interval(days => d) "
        "FROM unnest(ARRAY[1, 30, 399, 401, 500]) AS d"
    )
    assert await upkeep.forget_audit(api_database, 1, 100) == 2
    kept = await owner.fetch("SELECT action FROM audit_trail WHERE action LIKE 'kept.%' ORDER BY at DESC")
    assert [row["action"] for row in kept] == ["kept.1", "kept.30", "kept.399"]


EVENT = {
    "type": "new_order",
    "id": "evt_1",
    "data": {"customerName": "Ada", "total": 9.5, "items": [{"n": 1}, {"n": 2}]},
}


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        ({"customerName": "(erased)", "total": 9.50, "items": [{"n": 1}, {"n": 2}]}, True),
        ({"customerName": None, "total": 9.5, "items": [{"n": None}, {}]}, True),
        ({"total": 9.5}, True),
        ({"customerName": "Eve", "total": 9.5, "items": [{"n": 1}, {"n": 2}]}, False),
        ({"customerName": "(erased)", "total": 1, "items": [{"n": 1}, {"n": 2}]}, False),
        ({"customerName": "(erased)", "more": "words"}, False),
        ({"items": [{"n": 1}, {"n": 2}, {"n": 3}]}, False),
        ({"items": [{"n": 2}]}, False),
        ({"items": "(erased)", "customerName": ["Ada"]}, False),
        ("other", False),
    ],
)
async def test_an_event_may_lose_values_to_a_pod_and_gets_no_others(
    house: House, owner: Connection, data: object, taken: bool
) -> None:
    at = datetime.now(UTC)
    await owner.execute("DELETE FROM pos_sync_logs WHERE tenant = 'erased'")
    await owner.execute("SELECT ensure_event_partitions($1, 2)", today())
    await owner.execute(
        "INSERT INTO pos_sync_logs (tenant, seq, epoch, type, committed_at, payload) "
        "VALUES ('erased', 1, 1, 'x', $1, $2)",
        at,
        json.dumps(EVENT).encode(),
    )
    pod = await house.connect(PodKind.API)
    erase = "SELECT erase_event('erased', 1, $1, $2)"
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pod.execute(erase, at, json.dumps({**EVENT, "id": "evt_2", "data": data}).encode())
        if taken:
            await pod.execute(erase, at, json.dumps({**EVENT, "data": data}).encode())
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pod.execute(erase, at, json.dumps({**EVENT, "data": data}).encode())
        left = json.loads(await pod.fetchval("SELECT payload FROM pos_sync_logs WHERE tenant = 'erased'"))
        assert left["data"] == (data if taken else EVENT["data"])
    finally:
        await pod.close()


async def test_a_customer_is_forgotten_by_a_command_in_an_api_pod(
    house: House, start_api_pod: StartApiPod, redis_url: str
) -> None:
    from bellwire.forget import forget

    pod: Pod = start_api_pod({"BELLWIRE_DATABASE_URL": house.url(PodKind.API)})
    async with httpx.AsyncClient(base_url=pod.url, timeout=35) as http:
        shop = await Operator(http, await create_operator_key(house.url(PodKind.API))).open_shop()
        await eventually(
            lambda: shop.try_order(customerPhone="+49 170 5550001"), lambda answer: answer.status_code == 201
        )
        told = await forget(house.url(PodKind.API), redis_url, shop.slug, "+49 170 5550001")
        assert told.startswith("1 orders")
        (event,) = await shop.events()
        assert event["data"]["customerName"] == "(erased)"
        assert "5550001" not in json.dumps(event)
