"""Why was an order not seen? Its journey and its terminals' connections say who was there, and what each was sent."""

import asyncio
import json
import uuid
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import httpx
import pytest
import websockets

from infra.local.pods import Pod
from tests.receipts.world import ADVANCE, BEGIN, POLL
from tests.shop import Operator, Shop, Terminal, bearer
from tests.waiting import eventually

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
GATEWAY = "gateway-of-journeys"


class Journal:
    """The rows that gateways write of a shop's terminals, written as they do."""

    def __init__(self, database: Connection, shop: Shop) -> None:
        self._database = database
        self._shop = shop

    async def lease(self, gateway: str = GATEWAY, ago: float = 0) -> None:
        await self._database.execute(
            "INSERT INTO gateways (gateway, renewed_at, readings)"
            " VALUES ($1, clock_timestamp() - make_interval(secs => $2), true)"
            " ON CONFLICT (gateway) DO UPDATE SET renewed_at = excluded.renewed_at",
            gateway, float(ago),
        )  # fmt: skip

    async def begin(self, till: Terminal, at: int, types: str | None = None, gateway: str = GATEWAY) -> UUID:
        reading = uuid.uuid4()
        await self._database.execute(
            BEGIN, [reading], [UUID(till.terminal_id)], [self._shop.slug], ["websocket"], gateway, ["192.0.2.7"],
            ["Till/1.0"], [types], [None], [None], [1], [at], [True],
        )  # fmt: skip
        return reading

    async def advance(
        self, reading: UUID, sent: int, said: int | None = None, code: int | None = None, stretch: int = 0
    ) -> None:
        ended = None if code is None else 0.0
        await self._database.fetch(
            ADVANCE, [reading], [stretch], [1], [0], [sent], [said], [0.0], [ended], [code]
        )

    async def poll(self, till: Terminal, start: int, end: int) -> UUID:
        reading = await self._database.fetchval(
            POLL, self._shop.slug, UUID(till.terminal_id), uuid.uuid4(), None, None, None, 1, start, True, end
        )
        assert isinstance(reading, UUID)
        return reading


@pytest.fixture
async def journal(database: Connection, shop: Shop) -> Journal:
    made = Journal(database, shop)
    await made.lease()
    return made


async def journey(shop: Shop, order: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    path = shop.path(f"orders/{order['orderId']}/journey")
    answer = await shop.http.get(path, headers=bearer(key or shop.storefront_key))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def of(found: dict[str, Any], till: Terminal) -> dict[str, Any]:
    [line] = [line for line in found["terminals"] if line["terminalId"] == till.terminal_id]
    return dict(line)


async def test_a_journey_says_of_each_terminal_whether_it_was_there_was_sent_the_order_and_acked_it(
    shop: Shop, journal: Journal
) -> None:
    counter, kitchen, bar, office, cellar = [
        shop.terminals[0], *[await shop.add_terminal(name) for name in ("kitchen", "bar", "office", "cellar")]
    ]  # fmt: skip
    away = await journal.begin(bar, 0)
    await journal.advance(away, 0, code=1006)
    at_counter = await journal.begin(counter, 0)
    in_kitchen = await journal.begin(kitchen, 0)
    in_office = await journal.begin(office, 0, types="order_updated")
    order = await shop.order()
    await journal.advance(at_counter, 1, said=1)
    # It left before the order was written to it; and it came back when the order was moved on.
    await journal.advance(in_kitchen, 0, code=4408)
    await journal.advance(in_office, 1, said=1)
    await shop.step(order["orderId"], "preparing")
    back = await journal.begin(kitchen, 0)
    await journal.advance(back, 2)
    found = await journey(shop, order)
    assert set(found) == {"committed", "announced", "terminals", "status", "alarms", "webhooks", "claims"}
    assert found["committed"] <= found["announced"]
    assert [step["status"] for step in found["status"]] == ["pending", "preparing"]
    assert (found["alarms"], found["webhooks"]) == ([], [])
    names = [line["name"] for line in found["terminals"]]
    assert names == ["counter", "kitchen", "bar", "office", "cellar"]
    [there] = of(found, counter)["connected"]
    assert (there["gateway"], there["door"], there["to"], there["code"]) == (GATEWAY, "websocket", None, None)
    assert there["from"] < found["committed"]
    assert of(found, counter)["sentBefore"] is True
    assert of(found, counter)["ackedAt"] is not None
    [there] = of(found, kitchen)["connected"]
    assert (there["code"], there["to"] >= found["committed"]) == (4408, True)
    # Later it was sent the order all the same, but never said that it has it.
    assert (of(found, kitchen)["sentBefore"], of(found, kitchen)["ackedAt"]) == (True, None)
    assert of(found, bar)["connected"] == []
    assert (of(found, bar)["sentBefore"], of(found, bar)["ackedAt"]) == (False, None)
    # Its filter lets no order through: it was there, and was sent nothing of it.
    assert len(of(found, office)["connected"]) == 1
    assert (of(found, office)["sentBefore"], of(found, office)["ackedAt"]) == (False, None)
    assert (of(found, cellar)["connected"], of(found, cellar)["sentBefore"]) == ([], False)


async def test_an_order_that_nobody_was_there_for_has_its_alarm_in_its_journey(
    operator: Operator, database: Connection
) -> None:
    shop = await operator.open_shop()
    await operator.http.patch(
        f"/api/tenant/{shop.slug}",
        json={"ackDeadlineSeconds": 1, "alarmRepeats": 0},
        headers=bearer(operator.key),
    )
    order = await shop.order()
    other = await shop.order()
    await shop.step(other["orderId"], "preparing")
    async with asyncio.timeout(30):
        while not (found := await journey(shop, order, operator.key))["alarms"]:
            await asyncio.sleep(0.1)
    [alarm] = found["alarms"]
    assert (alarm["type"], alarm["offset"]) == ("order_unacknowledged", "1-4")
    assert alarm["waitedSeconds"] >= 1
    assert (await journey(shop, other))["alarms"] == []


async def test_an_order_that_makes_no_event_was_announced_to_nobody(shop: Shop, journal: Journal) -> None:
    await journal.advance(await journal.begin(shop.terminals[0], 0), 0)
    order = await shop.order(orderSource="phone")
    found = await journey(shop, order)
    assert found["announced"] is None
    assert [line["sentBefore"] for line in found["terminals"]] == [False]


async def test_a_webhook_endpoint_is_in_the_journey(shop: Shop, journal: Journal) -> None:
    hook = {"url": "https://erp.example.com/bellwire", "types": ["order_updated"]}
    made = await shop.http.post(shop.path("webhooks"), json=hook, headers=bearer(shop.storefront_key))
    order = await shop.order()
    [line] = (await journey(shop, order))["webhooks"]
    assert (line["webhookId"], line["url"], line["counts"]) == (made.json()["id"], hook["url"], False)
    assert (line["sentBefore"], line["ackedAt"], line["enabled"]) == (False, None, True)


async def connections(shop: Shop, till: Terminal, key: str) -> list[dict[str, Any]]:
    path = shop.path(f"terminals/{till.terminal_id}/connections")
    answer = await shop.http.get(path, headers=bearer(key))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["connections"]
    return found


async def test_connections_say_how_each_began_and_ended_and_a_shop_is_not_told_from_where(
    shop: Shop, journal: Journal, database: Connection
) -> None:
    till = shop.terminals[0]
    await shop.order()
    await shop.order()
    first = await journal.begin(till, 0)
    await journal.advance(first, 2, code=1001)
    dead = await journal.begin(till, 1, gateway="gateway-that-died")
    await journal.advance(dead, 2)
    await journal.lease("gateway-that-died", ago=60)
    polled = await journal.poll(till, 2, 2)
    open_now = await journal.begin(till, 2)
    found = await connections(shop, till, shop.operator_key)
    assert [(line["door"], line["gateway"], line["code"]) for line in found] == [
        ("websocket", GATEWAY, None),
        ("polling", None, None),
        ("websocket", "gateway-that-died", None),
        ("websocket", GATEWAY, 1001),
    ]
    assert [line["to"] is None for line in found] == [True, True, False, False]
    assert [(line["firstOffset"], line["lastOffset"]) for line in found] == [
        ("1-2", "1-2"), ("1-2", "1-2"), ("1-1", "1-2"), ("1-0", "1-2")
    ]  # fmt: skip
    assert (found[0]["address"], found[0]["agent"]) == ("192.0.2.7", "Till/1.0")
    for line in await connections(shop, till, shop.storefront_key):
        assert set(line) == set(found[0]) - {"address", "agent"}
    await database.execute(
        "UPDATE readings SET polled_at = polled_at - interval '1 hour', began_at = began_at - interval '1 hour'"
        " WHERE reading_id = $1", polled,
    )  # fmt: skip
    assert [line["to"] is None for line in await connections(shop, till, shop.operator_key)] == [
        True, False, False, False
    ]  # fmt: skip
    # The stretches of one connection are one line: to wherever the last one came.
    await journal.advance(open_now, 2, stretch=1)
    [now, *_] = await connections(shop, till, shop.operator_key)
    assert (now["firstOffset"], now["lastOffset"], now["to"]) == ("1-2", "1-2", None)


async def test_the_last_fifty_connections_are_shown(shop: Shop, journal: Journal) -> None:
    till = shop.terminals[0]
    for _ in range(52):
        await journal.begin(till, 0)
    assert len(await connections(shop, till, shop.storefront_key)) == 50


async def test_a_terminal_or_an_order_of_another_shop_is_not_found(
    shop: Shop, operator: Operator, http: httpx.AsyncClient
) -> None:
    other = await operator.open_shop()
    order = await other.order()
    for path in (
        f"orders/{order['orderId']}/journey", "orders/x/journey",
        f"terminals/{other.terminals[0].terminal_id}/connections", "terminals/x/connections",
    ):  # fmt: skip
        for key in (shop.storefront_key, shop.operator_key):
            answer = await http.get(shop.path(path), headers=bearer(key))
            assert answer.status_code == 404, path


async def test_a_till_at_a_gateway_is_in_the_journey_as_it_was_there_and_as_it_left(
    shop: Shop, gateway: Pod
) -> None:
    url = gateway.url.replace("http", "ws") + f"/ws/pos/{shop.slug}"
    counter = shop.terminals[0]
    headers = bearer(counter.key) | {"User-Agent": "Till/2.0"}
    async with websockets.connect(url, additional_headers=headers, user_agent_header=None) as till:
        await till.recv()
        order = await shop.order()
        while json.loads(await till.recv()).get("type") != "new_order":
            pass
        await till.send(json.dumps({"type": "ack", "offset": order["offset"]}))
        line = await eventually(
            lambda: part_of(shop, order, counter), lambda line: line["ackedAt"] is not None
        )
        assert line["sentBefore"] is True
        [there] = line["connected"]
        assert (there["door"], there["gateway"], there["to"]) == ("websocket", "gateway-1", None)
    missed = await shop.order()
    line = await eventually(
        lambda: part_of(shop, order, counter), lambda line: line["connected"][0]["to"] is not None
    )
    assert line["connected"][0]["code"] == 1000
    line = await part_of(shop, missed, counter)
    assert (line["sentBefore"], line["ackedAt"]) == (False, None)
    [connection] = await connections(shop, counter, shop.operator_key)
    assert (connection["address"], connection["agent"]) == ("127.0.0.1", "Till/2.0")
    assert (connection["firstOffset"], connection["lastOffset"], connection["code"]) == ("1-0", "1-1", 1000)


async def part_of(shop: Shop, order: dict[str, Any], till: Terminal) -> dict[str, Any]:
    """A terminal's part in an order's journey."""
    return of(await journey(shop, order), till)
