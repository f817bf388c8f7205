"""Alarms by the settings that an operator changes over HTTP, beside real pods."""

import asyncio
import json
from typing import Any

import asyncpg

from infra.local.pods import Pod
from tests.alarms.conftest import hasty
from tests.gateway.till import open_till
from tests.shop import Operator, Shop, bearer


async def change(shop: Shop, **settings: object) -> None:
    answer = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json=settings, headers=bearer(shop.operator_key)
    )
    assert answer.status_code == 200, answer.text


PATIENCE_SECONDS = 30.0


async def said(shop: Shop, type_: str) -> dict[str, Any]:
    """The first event of a type, as soon as it is there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for event in await shop.events():
                if event["type"] == type_:
                    data: dict[str, Any] = event["data"]
                    return data
            await asyncio.sleep(0.1)


async def test_an_ack_behind_an_alarm_ends_it(operator: Operator, gateway: Pod) -> None:
    shop = await hasty(operator, 1)
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        order = await shop.order()
        alarm = await till.until("order_unacknowledged")
        await till.socket.send(json.dumps({"type": "ack", "offset": order["offset"]}))
        ended = await said(shop, "order_acknowledged")
        # A slow machine may have come to the next attempt meanwhile.
        raised = [event for event in await shop.events() if event["type"] == "order_unacknowledged"]
        assert ended.pop("waitedSeconds") >= alarm["data"]["waitedSeconds"]
        assert ended == {
            "orderId": order["orderId"],
            "orderNumber": order["orderNumber"],
            "terminalId": shop.terminals[0].terminal_id,
            "attempts": raised[-1]["data"]["attempt"],
        }
        # The till hears of it as of everything else, and of nothing more.
        while till.events[-1]["type"] != "order_acknowledged":
            await till.next()
        await till.silent(2)


async def test_roles_that_leave_out_who_has_the_order_raise_its_alarm_at_once(
    operator: Operator, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shop = await hasty(operator, 1)
    order = await shop.order()
    await database.fetch(
        "SELECT * FROM see_orders($1, $2, $3)", shop.slug, shop.terminals[0].terminal_id, [order["orderId"]]
    )
    await asyncio.sleep(2.5)
    assert [event["type"] for event in await shop.events()] == ["new_order"]
    await change(shop, alarmRoles=["kitchen"])
    assert (await said(shop, "order_unacknowledged"))["attempt"] >= 1
    await change(shop, alarmRoles=None)
    assert (await said(shop, "order_acknowledged"))["terminalId"] == shop.terminals[0].terminal_id


async def test_the_alarms_of_a_shop_that_is_paused_go_on_and_as_often_as_its_settings_say(
    operator: Operator,
) -> None:
    shop = await hasty(operator, 1)
    await change(shop, paused=True, pausedReason="oven", alarmRepeats=0)
    await shop.order()
    assert (await said(shop, "order_unacknowledged"))["attempt"] == 1
    await asyncio.sleep(3)
    assert len(await shop.events()) == 2
    standing = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
    assert (standing.json()["paused"], standing.json()["acceptingOrders"]) == (True, False)
