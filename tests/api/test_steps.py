"""A step says who took it, why, and when the order will be ready; one too late is told who was first."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from tests.shop import Shop, bearer


async def step(shop: Shop, order: dict[str, Any], key: str | None = None, **body: Any) -> httpx.Response:
    return await shop.http.patch(
        shop.path(f"orders/{order['orderId']}/status"), json=body, headers=bearer(key or shop.terminal_key)
    )


async def history(shop: Shop, order: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await shop.http.get(shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.storefront_key))
    found: list[dict[str, Any]] = answer.json()["history"]
    return found


def by_till(shop: Shop, number: int = 0) -> dict[str, str]:
    return {
        "kind": "term",
        "terminalId": shop.terminals[number].terminal_id,
        "name": shop.terminals[number].name,
    }


async def test_reason_ready_time_and_who_are_in_the_answer_the_event_and_the_history(shop: Shop) -> None:
    order = await shop.order()
    answer = await step(
        shop, order, status="preparing", reason="two\r\nlines", readyAt="2026-12-24T18:00:00.5+01:00"
    )
    said = {"by": by_till(shop), "reason": "two\nlines", "readyAt": "2026-12-24T17:00:00.500Z"}
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in said} == said
    cancelled = await step(shop, order, shop.storefront_key, status="cancelled", reason="sold out")
    assert cancelled.json()["by"] == {"kind": "store"}
    assert "readyAt" not in cancelled.json()
    events = [event["data"] for event in await shop.events()][1:]
    assert {name: events[0][name] for name in said} == said
    assert (events[1]["by"], events[1]["reason"]) == ({"kind": "store"}, "sold out")
    placed, first, last = await history(shop, order)
    assert (placed["reason"], placed["readyAt"]) == (None, None)
    assert {name: first[name] for name in said} == said
    assert (last["reason"], last["readyAt"], last["by"]["kind"]) == ("sold out", None, "store")


async def test_the_second_of_two_tills_that_press_a_button_is_told_who_was_first_and_when(shop: Shop) -> None:
    bar = await shop.add_terminal('the "bar"')
    order = await shop.order()
    answers = await asyncio.gather(
        *(step(shop, order, key, status="preparing") for key in (shop.terminal_key, bar.key))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    first = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    refusal = answers[1 - first].json()
    assert refusal["type"] == "urn:bellwire:problem:wrong-step"
    [_, taken] = await history(shop, order)
    assert (refusal["status"], refusal["by"], refusal["at"]) == (
        "preparing",
        by_till(shop, first),
        taken["at"],
    )


async def test_a_mistake_is_undone_and_arms_no_alarm_anew(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = await shop.order()
    walk = ["preparing", "pending", "preparing", "ready", "preparing", "ready", "completed"]
    for status in walk:
        assert (await step(shop, order, status=status)).status_code == 200
        unseen = "SELECT count(*) FROM unseen_orders WHERE order_id = $1"
        assert await database.fetchval(unseen, order["orderId"]) == 0
    assert [one["status"] for one in await history(shop, order)] == ["pending", *walk]
    assert [event["data"]["status"] for event in await shop.events()] == ["pending", *walk]


@pytest.mark.parametrize(
    ("more", "loc"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "\u001bp"}, "reason"),
        ({"readyAt": "soon"}, "readyAt"),
        ({"readyAt": "2990-01-01T00:00:00Z"}, "readyAt"),
        ({"by": "me"}, "by"),
    ],
)
async def test_a_wrong_word_about_a_step_is_named_and_changes_nothing(
    shop: Shop, more: dict[str, Any], loc: str
) -> None:
    order = await shop.order()
    answer = await step(shop, order, status="preparing", **more)
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]
    assert len(await history(shop, order)) == 1


async def test_a_step_of_a_pod_of_the_version_before_is_an_event_by_nobody_known(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = await shop.order()
    await database.fetch(
        "SELECT change_order_status($1, NULL, NULL, $2, 'preparing', '{pending}')",
        shop.slug,
        order["orderId"],
    )
    assert (await shop.events())[-1]["data"]["by"] is None
    late = await step(shop, order, status="preparing")
    assert (late.status_code, late.json()["by"]) == (409, None)
