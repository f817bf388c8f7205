"""The log tells a till's coming and going, alarms and deliveries by the ids that somebody looks for, and no secret."""

import json
from typing import Any

import httpx

from api.db.operator_keys import create_operator_key
from tests.alarms.conftest import hasty
from tests.api.sink import Answer, open_sink
from tests.conftest import MakeDatabase, StartApiPod, StartGateway
from tests.gateway.till import open_till
from tests.shop import ORDER, Operator, Shop, bearer
from tests.waiting import eventually

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def told(lines: list[str], event: str, **facts: Any) -> list[dict[str, Any]]:
    """The lines of an event with these facts, once there are any."""

    async def look() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in list(lines) if f'"event":"{event}"' in line]
        return [line for line in found if line.items() >= facts.items()]

    return await eventually(look, bool, 30)


async def test_a_gateway_tells_who_came_who_left_and_why_and_who_did_not_get_in(
    start_gateway: StartGateway, shop: Shop
) -> None:
    lines: list[str] = []
    gateway = start_gateway({"BELLWIRE_LOG_LEVEL": "debug"}, lines)
    counter = {"tenant": shop.slug, "terminal": shop.terminals[0].terminal_id, "door": "websocket"}
    async with open_till(gateway, shop.slug, shop.terminal_key) as first:
        (came,) = await told(lines, "terminal.connected", **counter)
        assert came["level"] == "debug"
        assert (came["connection"], came["after"]) == (first.hello["reading"], first.hello["after"])
        async with open_till(gateway, shop.slug, shop.terminal_key):
            (left,) = await told(lines, "terminal.disconnected", **counter, code=4409, cause="replaced")
            assert (left["level"], left["connection"]) == ("info", came["connection"])
    (ended,) = await told(lines, "terminal.disconnected", **counter, cause="bye")
    assert ended["level"] == "debug"
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        for tenant in (shop.slug, "Bad%20Word"):
            stream = {**bearer(shop.storefront_key), "Accept": "text/event-stream"}
            assert (await http.get(f"/sse/pos/{tenant}", headers=stream)).status_code in (403, 404)
    (forbidden,) = await told(lines, "handshake.refused", tenant=shop.slug, door="sse", status=403)
    assert forbidden["problem"] == "forbidden"
    assert await told(lines, "handshake.refused", tenant=None, door="sse", problem="not-found")
    assert await told(lines, "access.forbidden", tenant=shop.slug, terminal=None)
    log = "\n".join(lines)
    assert "bw_" not in log
    assert "Word" not in log


async def test_an_api_pod_tells_alarms_and_deliveries_by_order_and_trace(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase
) -> None:
    lines: list[str] = []
    # Of its own: another pod would take its turn at alarms and deliveries.
    url = await migrated_database()
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": url, "BELLWIRE_LOG_LEVEL": "debug"}, lines)
    async with httpx.AsyncClient(base_url=pod.url, timeout=30) as http:
        shop = await hasty(Operator(http, await create_operator_key(url)), 1)
        with open_sink() as sink:
            answers = iter([Answer(503)])
            sink.answer = lambda _: next(answers, Answer())
            made = await http.post(
                shop.path("webhooks"), json={"url": sink.url}, headers=bearer(shop.storefront_key)
            )
            endpoint = made.json()["id"]
            placed = await http.post(
                "/api/tenant/orders/create",
                json=ORDER,
                headers={**bearer(shop.storefront_key), "traceparent": TRACE},
            )
            order = placed.json()
            known = {"tenant": shop.slug, "order_id": order["orderId"]}
            trace = TRACE.split("-")[1]
            assert await told(lines, "event.committed", tenant=shop.slug, offset=order["offset"], trace=trace)
            delivery = {**known, "endpoint": endpoint, "webhook_id": order["offset"], "trace": trace}
            (failed,) = await told(lines, "webhook.failed", **delivery, status=503)
            assert failed["level"] == "info"
            assert await told(lines, "webhook.delivered", **delivery, status=200, level="debug")
        # Not always the first attempt: one whose moment passes while the pod is late is left out, and the next counts.
        alarm, *_ = await told(lines, "alarm.raised", **known, order_offset=order["offset"])
        assert (alarm["level"], alarm["order_number"]) == ("info", order["orderNumber"])
        await shop.take(order["offset"])
        (seen,) = await told(lines, "alarm.ended", **known)
        assert (seen["level"], seen["terminal"]) == ("info", shop.terminals[0].terminal_id)
    assert not any("Ada" in line or "bw_" in line for line in lines)
