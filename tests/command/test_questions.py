"""`bellwire why`, `shops`, `terminals`, `webhooks`, `orders`: a cluster is asked, and tells it in words or as JSON."""

import json
import uuid
from typing import Any

import httpx
import pytest

from bellwire.why import Told, story, verdict
from infra.local.ports import free_port
from tests.api.endpoints import attempts, register, seen
from tests.api.sink import Answer, open_sink
from tests.command.test_command import called, sentence
from tests.shop import Operator, Shop, bearer

PLACED = "2026-11-28T12:30:00.000Z"
AT_GATEWAY = {
    "from": "2026-11-28T09:02:00.000Z",
    "to": None,
    "gateway": "gateway-1",
    "door": "websocket",
    "code": None,
}
LEFT = AT_GATEWAY | {"to": "2026-11-28T12:30:00.200Z", "code": 4408}
YESTERDAY = AT_GATEWAY | {"from": "2026-11-27T09:00:00.000Z", "to": "2026-11-27T19:00:00.000Z", "code": 1006}


def terminal(
    name: str, *connected: dict[str, Any], sent: bool = False, acked: str | None = None
) -> dict[str, Any]:
    return {
        "terminalId": name, "name": name, "connected": list(connected), "sentBefore": sent, "ackedAt": acked
    }  # fmt: skip


def told(*terminals: dict[str, Any], announced: str | None = PLACED, **more: Any) -> Told:
    order = {"orderNumber": "ORD-15", "orderId": "an-id", "status": "pending", "orderSource": "online"}
    journey = {
        "committed": PLACED, "announced": announced, "terminals": list(terminals),
        "status": [{"status": "pending", "at": PLACED}], "alarms": [], "webhooks": [],
    }  # fmt: skip
    return Told("kitchen", order, journey | more, {"bar": YESTERDAY})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (told(), "It was not seen: no terminal was connected while it waited."),
        (told(terminal("bar")), "It was not seen: no terminal was connected while it waited."),
        (
            told(terminal("bar", LEFT)),
            ("It was not seen: of those who were connected (bar) each was gone before the order was written to it, or "
            "filters such orders out."),
        ),
        (
            told(terminal("a", LEFT), terminal("b", AT_GATEWAY, sent=True), terminal("c", AT_GATEWAY, sent=True)),
            "It was not seen: it was sent to b and c, without an acknowledgement.",
        ),
        (
            told(
                terminal("a", AT_GATEWAY, sent=True, acked="2026-11-28T13:32:05.000Z"),
                terminal("b", AT_GATEWAY, sent=True, acked="2026-11-28T12:30:01.500Z"),
            ),
            "It was seen: by b first, 1.5 s after it was placed.",
        ),
        (
            told(terminal("bar", AT_GATEWAY), announced=None),
            "Its source makes no event: no till is told of it, and no alarm comes.",
        ),
    ],
)  # fmt: skip
def test_the_verdict_is_a_sentence(found: Told, said: str) -> None:
    assert verdict(found) == said


def test_the_story_has_every_moment_in_order_and_every_terminals_part() -> None:
    alarm = {
        "type": "order_unacknowledged", "at": "2026-11-28T12:30:31.000Z", "offset": "1-2", "attempt": 1,
        "waitedSeconds": 31,
    }  # fmt: skip
    claims = [
        {"purpose": "print", "fence": 2, "terminalId": "x", "name": "office", "doneAt": "2026-11-28T12:31:01.000Z",
         "claimedAt": "2026-11-28T12:31:00.000Z", "expiresAt": "2026-11-28T12:31:30.000Z"},
        {"purpose": "label", "fence": 1, "terminalId": "x", "name": "bar", "doneAt": None,
         "claimedAt": "2026-11-28T12:32:00.000Z", "expiresAt": "2026-11-28T12:32:30.000Z"},
    ]  # fmt: skip
    found = told(
        terminal("counter", LEFT), terminal("bar"), terminal("office", AT_GATEWAY, sent=True), alarms=[alarm],
        claims=claims,
        status=[{"status": "pending", "at": PLACED}, {"status": "preparing", "at": "2026-11-29T00:00:01.000Z"}],
    )  # fmt: skip
    assert story(found).splitlines() == [
        "ORD-15 of kitchen is pending. Moments are UTC. (id an-id)",
        "2026-11-28 12:30:00  placed, source online",
        "           12:30:31  alarm, attempt 1: unseen for 31 s",
        "           12:31:00  office claimed it for print (fence 2)",
        "           12:31:01  office has done print",
        "           12:32:00  bar claimed it for label",
        "2026-11-29 00:00:01  moved on to preparing",
        "",
        (
            "  counter  connected (websocket at gateway-1) from 09:02:00 to 12:30:00 (it was too slow, 4408); was not "
            "sent the order"
        ),
        (
            "  bar      not connected; last connected (websocket at gateway-1) from 2026-11-27 09:00:00 to "
            "2026-11-27 19:00:00 (the connection broke, 1006); was not sent the order"
        ),
        (
            "  office   connected (websocket at gateway-1) from 09:02:00 until now; was sent the order, and has not "
            "acknowledged it"
        ),
        "",
        "It was not seen: it was sent to office, without an acknowledgement.",
    ]


def env_of(http: httpx.AsyncClient, key: str) -> dict[str, str]:
    return {"BELLWIRE_URL": str(http.base_url), "BELLWIRE_KEY": key}


async def test_an_operator_asks_why_by_number_and_by_identifier(shop: Shop) -> None:
    order = await shop.order()
    env = env_of(shop.http, shop.operator_key)
    for name in (order["orderNumber"], order["orderNumber"].lower(), order["orderId"]):
        code, output, errors = await called("why", "--tenant", shop.slug, name, env=env)
        assert (code, errors) == (0, "")
        assert output.startswith(f"{order['orderNumber']} of {shop.slug} is pending.")
        assert output.endswith("It was not seen: no terminal was connected while it waited.\n")
    code, output, _ = await called(
        "why", order["orderNumber"], "--json", env=env_of(shop.http, shop.storefront_key)
    )
    found = json.loads(output)
    assert (code, found["tenant"], found["order"]["orderId"]) == (0, shop.slug, order["orderId"])
    assert [each["name"] for each in found["journey"]["terminals"]] == ["counter"]


async def test_shops_terminals_and_unseen_orders_are_listed(shop: Shop, operator: Operator) -> None:
    env = env_of(shop.http, shop.operator_key)
    paused = {"paused": True, "pausedReason": "the oven is out"}
    await operator.http.patch(f"/api/tenant/{shop.slug}", json=paused, headers=bearer(operator.key))
    code, output, _ = await called("shops", "--search", shop.slug, env=env)
    assert code == 0
    assert output.splitlines()[1].split() == [
        shop.slug,
        "The",
        shop.slug,
        *["paused:", "the", "oven", "is", "out"],
    ]
    first, second = await shop.order(), await shop.order(customerName="Two\nlines")
    await shop.step(first["orderId"], "preparing")
    code, output, _ = await called("orders", "--tenant", shop.slug, "--unseen", env=env)
    [head, line] = output.splitlines()
    assert (code, head.split()[0], line.split()[0], "Two lines" in line) == (
        0,
        "order",
        second["orderNumber"],
        True,
    )
    code, output, _ = await called("orders", "--tenant", shop.slug, "--limit", "1", "--json", env=env)
    assert [order["orderId"] for order in json.loads(output)] == [second["orderId"]]
    code, output, _ = await called("orders", "--tenant", shop.slug, "--status", "ready", env=env)
    assert (code, output) == (0, "There is no such order.\n")
    await shop.step(second["orderId"], "preparing")
    code, output, _ = await called("orders", "--tenant", shop.slug, "--unseen", env=env)
    assert (code, output) == (0, "No order is unseen.\n")
    code, output, _ = await called("terminals", "--tenant", shop.slug, env=env)
    assert (code, output.splitlines()[1].split()[:3]) == (0, ["counter", "-", "no"])
    code, output, _ = await called("shops", "--search", uuid.uuid4().hex, "--json", env=env)
    assert (code, json.loads(output)) == (0, [])


async def test_webhooks_are_listed_with_what_those_that_fail_answered(shop: Shop) -> None:
    env = env_of(shop.http, shop.storefront_key)
    code, output, _ = await called("webhooks", env=env)
    assert (code, output) == (0, "The shop has no webhooks.\n")
    with open_sink() as sink, open_sink() as good:
        sink.answer = lambda _: Answer(410, body=b"no \x1b[31msuch\nshop")
        made = await register(shop, sink.url)
        await register(shop, good.url)
        await shop.order()
        await seen(shop, made, enabled=False)
        await attempts(shop, made, 1)
        _, output, _ = await called("webhooks", env=env)
        _, as_json, _ = await called("webhooks", "--json", env=env)
    [_, bad, fine] = output.splitlines()
    assert bad.split()[1:5] == ["off:", "gone", "1", "410"]
    assert "410 to 1-1: no \ufffd[31msuch shop  " in bad
    assert fine.split()[:2] == [good.url, "on"]
    assert [(each["url"], each.get("attempt", {}).get("status")) for each in json.loads(as_json)] == [
        (sink.url, 410), (good.url, None)
    ]  # fmt: skip


async def test_what_goes_wrong_is_one_sentence(shop: Shop) -> None:
    env = env_of(shop.http, shop.operator_key)
    for arguments, said in (
        (("why", "ORD-1"), "this key belongs to no shop: name one with --tenant"),
        (("why", "--tenant", shop.slug, "ORD-77"), f"{shop.slug} has no order ORD-77"),
        (("why", "--tenant", shop.slug, "15"), "'15' is no order's number such as ORD-15, and no identifier"),
        (("why", "--tenant", shop.slug, str(uuid.uuid4())), "404 Not found: There is no such order"),
        (("orders", "--tenant", "no-such-shop"), "404 Not found: There is no such tenant"),
        (
            ("orders", "--tenant", shop.slug, "--status", "eaten"),
            "422 Some fields are wrong: status: must be one of",
        ),
    ):
        code, _, errors = await called(*arguments, env=env)
        assert code == 1
        assert sentence(errors).startswith(f"Error: {said}")
    code, _, errors = await called("shops", env=env_of(shop.http, shop.storefront_key))
    assert (code, sentence(errors)) == (
        1, "Error: 403 This kind of key may not do this: This needs a key that begins with bw_op_"
    )  # fmt: skip
    nowhere = {"BELLWIRE_URL": f"http://127.0.0.1:{free_port()}", "BELLWIRE_KEY": shop.operator_key}
    code, _, errors = await called("shops", env=nowhere)
    assert (code, "does not answer" in sentence(errors)) == (1, True)
