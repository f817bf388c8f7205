"""Terminals, their presence, and what a storefront may ask before it takes an order."""

import asyncio
import uuid
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.shop import Operator, Shop, bearer


async def listed(shop: Shop) -> list[dict[str, Any]]:
    response = await shop.http.get(shop.path("terminals"), headers=bearer(shop.storefront_key))
    assert response.status_code == 200
    terminals: list[dict[str, Any]] = response.json()["terminals"]
    return terminals


async def status(shop: Shop) -> dict[str, Any]:
    response = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def connect(
    database: "asyncpg.Connection[asyncpg.Record]", terminal_id: str, lease_age_seconds: int = 0
) -> str:
    """Do what a gateway does when a terminal connects; returns the gateway's name."""
    gateway = f"gateway-{uuid.uuid4().hex[:8]}"
    await database.execute(
        "INSERT INTO gateways VALUES ($1, clock_timestamp() - make_interval(secs => $2))",
        gateway,
        float(lease_age_seconds),
    )
    await database.execute(
        "UPDATE terminals SET gateway = $2, connection_id = $3, connected_at = clock_timestamp()"
        " WHERE terminal_id = $1",
        UUID(terminal_id),
        gateway,
        uuid.uuid4(),
    )
    return gateway


async def test_a_terminal_is_registered_and_its_key_is_given_once(shop: Shop, operator: Operator) -> None:
    response = await shop.http.post(
        shop.path("terminals"), json={"name": " Bar ", "role": "bar"}, headers=bearer(operator.key)
    )
    assert response.status_code == 201
    answer = response.json()
    assert answer["key"].startswith("bw_term_")
    assert (answer["name"], answer["role"]) == ("Bar", "bar")
    terminals = await listed(shop)
    assert [terminal["name"] for terminal in terminals] == ["counter", "Bar"]
    assert answer["key"] not in str(terminals)
    polled = await shop.http.get(shop.path("events"), headers=bearer(answer["key"]))
    assert polled.status_code == 200


async def test_a_terminal_that_never_came_is_offline_and_has_no_lag(shop: Shop) -> None:
    [terminal] = await listed(shop)
    assert terminal == {
        "terminalId": shop.terminals[0].terminal_id,
        "name": "counter",
        "role": None,
        "online": False,
        "gateway": None,
        "lastSeen": None,
        "ackedOffset": None,
        "lag": None,
    }


async def test_a_connected_terminal_is_online_while_its_gateway_lives(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert (await status(shop))["acceptingOrders"] is False
    gateway = await connect(database, shop.terminals[0].terminal_id)
    [terminal] = await listed(shop)
    assert (terminal["online"], terminal["gateway"]) == (True, gateway)
    assert terminal["lastSeen"] is not None
    assert await status(shop) == {
        "head": "1-0",
        "terminalsOnline": 1,
        "acceptingOrders": True,
        "receivers": [{"terminalId": shop.terminals[0].terminal_id, "name": "counter", "role": None}],
        "paused": False,
        "pausedReason": None,
        "preparationMinutes": 0,
        "oldestUnackedSeconds": None,
    }
    await database.execute(
        "UPDATE gateways SET renewed_at = clock_timestamp() - interval '11 seconds' WHERE gateway = $1",
        gateway,
    )
    [terminal] = await listed(shop)
    assert (terminal["online"], terminal["gateway"]) == (False, None)
    assert (await status(shop))["terminalsOnline"] == 0


async def test_a_terminals_lag_is_what_it_has_not_acked(shop: Shop) -> None:
    for _ in range(3):
        await shop.order()
    await shop.take("1-1")
    [terminal] = await listed(shop)
    assert (terminal["ackedOffset"], terminal["lag"]) == ("1-1", 2)
    assert terminal["lastSeen"] is not None


async def test_an_order_that_no_till_has_acked_shows_in_the_status_until_one_has(shop: Shop) -> None:
    await shop.add_terminal("bar")
    await shop.order(orderSource="phone")
    assert (await status(shop))["oldestUnackedSeconds"] is None
    await shop.order()
    await asyncio.sleep(0.2)
    await shop.order()
    first = await status(shop)
    assert first["head"] == "1-2"
    assert 0.2 <= first["oldestUnackedSeconds"] < 30
    await shop.take("1-1", shop.terminals[1].key)
    second = await status(shop)
    assert second["oldestUnackedSeconds"] < first["oldestUnackedSeconds"] + 5
    await shop.take("1-2")
    assert (await status(shop))["oldestUnackedSeconds"] is None


async def test_an_order_that_somebody_accepted_does_not_wait_any_more(shop: Shop) -> None:
    order = await shop.order()
    assert (await status(shop))["oldestUnackedSeconds"] is not None
    await shop.step(order["orderId"], "preparing")
    assert (await status(shop))["oldestUnackedSeconds"] is None


async def test_a_revoked_terminal_is_refused_everywhere_within_two_seconds_and_listed_no_more(
    shop: Shop, operator: Operator, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    kept = await shop.add_terminal("bar")
    gone = shop.terminals[0]
    assert (await shop.poll()).status_code == 200
    before = await database.fetchval(
        "SELECT changed_at FROM terminals WHERE terminal_id = $1", UUID(gone.terminal_id)
    )
    for _ in range(2):
        response = await shop.http.delete(
            shop.path(f"terminals/{gone.terminal_id}"), headers=bearer(operator.key)
        )
        assert (response.status_code, response.content) == (204, b"")
    after = await database.fetchval(
        "SELECT changed_at FROM terminals WHERE terminal_id = $1", UUID(gone.terminal_id)
    )
    assert after > before
    await asyncio.sleep(2.1)
    assert (await shop.poll()).status_code == 401
    assert [terminal["terminalId"] for terminal in await listed(shop)] == [kept.terminal_id]


@pytest.mark.parametrize("terminal", ["nonsense", "00000000-0000-4000-8000-000000000000"])
async def test_revoking_what_is_not_there_is_not_found(shop: Shop, operator: Operator, terminal: str) -> None:
    response = await shop.http.delete(shop.path(f"terminals/{terminal}"), headers=bearer(operator.key))
    assert response.status_code == 404


async def test_a_terminal_of_another_tenant_cannot_be_revoked_through_this_one(
    shop: Shop, operator: Operator
) -> None:
    other = await operator.open_shop()
    response = await shop.http.delete(
        shop.path(f"terminals/{other.terminals[0].terminal_id}"), headers=bearer(operator.key)
    )
    assert response.status_code == 404
    assert (await other.poll()).status_code == 200
