"""Polling: the same log, the same bytes, by offset; and who waits is woken."""

import asyncio
import time

import asyncpg
import pytest

from tests.conftest import OpenShop
from tests.fork import fork_last_event
from tests.shop import Shop


async def test_events_are_the_stored_bytes_in_order(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(5):
        await shop.order()
    response = await shop.poll(after="0")
    rows = await database.fetch("SELECT payload FROM pos_sync_logs WHERE tenant = $1 ORDER BY seq", shop.slug)
    assert b",".join(row["payload"] for row in rows) in response.content
    answer = response.json()
    assert [event["offset"] for event in answer["events"]] == [f"1-{n}" for n in range(1, 6)]
    assert (answer["offset"], answer["head"], answer["more"]) == ("1-5", "1-5", False)
    assert "reset" not in answer


async def test_without_after_there_are_no_events_but_the_place_to_start_from(shop: Shop) -> None:
    await shop.order()
    answer = (await shop.poll()).json()
    assert {**answer, "reading": ""} == {
        "events": [],
        "offset": "1-1",
        "head": "1-1",
        "more": False,
        "reading": "",
    }


async def test_a_shop_without_events_stands_at_seq_zero(shop: Shop) -> None:
    for query in ({}, {"after": "0"}, {"after": "1-0"}):
        answer = (await shop.poll(**query)).json()
        assert {**answer, "reading": ""} == {
            "events": [],
            "offset": "1-0",
            "head": "1-0",
            "more": False,
            "reading": "",
        }


async def test_pages_join_without_gap_or_repeat(shop: Shop) -> None:
    for _ in range(7):
        await shop.order()
    seen, after = [], "0"
    for size, more in ((3, True), (3, True), (1, False), (0, False)):
        answer = (await shop.poll(after=after, limit=3)).json()
        assert (len(answer["events"]), answer["more"]) == (size, more)
        seen += [event["offset"] for event in answer["events"]]
        after = answer["offset"]
    assert seen == [f"1-{n}" for n in range(1, 8)]


async def test_filtered_events_are_passed_over_and_the_offset_moves_past_them(shop: Shop) -> None:
    for _ in range(5):
        await shop.order()
    await shop.change_points("5551234", "add", 1)
    await shop.order()
    answer = (await shop.poll(after="0", limit=2, types="loyalty_updated,gift_card_redeemed")).json()
    assert [event["offset"] for event in answer["events"]] == ["1-6"]
    assert answer["more"] is (answer["offset"] != "1-7")
    rest = (await shop.poll(after=answer["offset"], types="loyalty_updated")).json()
    assert (rest["events"], rest["offset"], rest["more"]) == ([], "1-7", False)


@pytest.mark.parametrize("after", ["1-5", "2-0", "0-3", "999999999-1"])
async def test_an_offset_that_never_was_is_answered_with_a_reset(shop: Shop, after: str) -> None:
    await shop.order()
    answer = (await shop.poll(after=after, wait=5)).json()
    assert answer["reset"] == {"to": "1-1", "reason": "unknown_offset"}
    assert (answer["events"], answer["offset"]) == ([], "1-1")


async def test_what_retention_took_is_said_and_the_rest_follows(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(5):
        await shop.order()
    await database.execute("DELETE FROM pos_sync_logs WHERE tenant = $1 AND seq <= 3", shop.slug)
    answer = (await shop.poll(after="1-1")).json()
    assert answer["reset"] == {"to": "1-3", "reason": "retention"}
    assert [event["offset"] for event in answer["events"]] == ["1-4", "1-5"]
    everything = (await shop.poll(after="0")).json()
    assert "reset" not in everything
    assert [event["offset"] for event in everything["events"]] == ["1-4", "1-5"]
    fitting = (await shop.poll(after="1-3")).json()
    assert "reset" not in fitting


async def test_an_offset_of_a_lost_history_is_answered_with_where_it_forked(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(4):
        await shop.order()
    await fork_last_event(database, shop.slug, 4)
    lost = (await shop.poll(after="1-9")).json()
    assert lost["reset"] == {"to": "2-3", "reason": "epoch"}
    assert [event["offset"] for event in lost["events"]] == ["2-4"]
    shared = (await shop.poll(after="1-2")).json()
    assert "reset" not in shared
    assert [event["offset"] for event in shared["events"]] == ["1-3", "2-4"]


async def test_who_waits_while_history_forks_is_told_and_not_led_on_past_the_fork(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(4):
        await shop.order()
    waiting = asyncio.create_task(shop.poll(after="1-4", wait=20))
    await asyncio.sleep(0.5)
    await fork_last_event(database, shop.slug, 4)
    answer = (await waiting).json()
    assert answer["reset"] == {"to": "2-3", "reason": "epoch"}
    assert [event["offset"] for event in answer["events"]] == ["2-4"]


async def test_who_waits_is_answered_when_an_event_comes(shop: Shop) -> None:
    waiting = asyncio.create_task(shop.poll(after="1-0", wait=20))
    await asyncio.sleep(0.5)
    await shop.order()
    committed = time.monotonic()
    answer = (await waiting).json()
    assert time.monotonic() - committed < 2
    assert [event["offset"] for event in answer["events"]] == ["1-1"]


async def test_who_waits_from_the_head_is_answered_too(shop: Shop) -> None:
    await shop.order()
    waiting = asyncio.create_task(shop.poll(wait=20))
    await asyncio.sleep(0.5)
    await shop.order()
    assert [event["offset"] for event in (await waiting).json()["events"]] == ["1-2"]


async def test_who_waits_for_one_type_is_not_woken_for_another(shop: Shop) -> None:
    waiting = asyncio.create_task(shop.poll(after="1-0", wait=20, types="loyalty_updated"))
    for _ in range(2):
        await asyncio.sleep(0.4)
        await shop.order()
    await shop.change_points("5551234", "add", 1)
    answer = (await waiting).json()
    assert [event["offset"] for event in answer["events"]] == ["1-3"]


async def test_who_waits_in_vain_gets_an_empty_answer_in_time(shop: Shop) -> None:
    started = time.monotonic()
    answer = (await shop.poll(after="1-0", wait=1)).json()
    assert 0.9 < time.monotonic() - started < 3
    assert {**answer, "reading": ""} == {
        "events": [],
        "offset": "1-0",
        "head": "1-0",
        "more": False,
        "reading": "",
    }


async def test_many_who_wait_are_all_answered_each_with_its_own_tenants_events(open_shop: OpenShop) -> None:
    shops = [await open_shop() for _ in range(5)]
    waiting = [asyncio.create_task(shop.poll(after="1-0", wait=20)) for shop in shops for _ in range(4)]
    await asyncio.sleep(0.4)
    await asyncio.gather(*(shop.order() for shop in shops))
    answers = [(await task).json() for task in waiting]
    assert [answer["events"][0]["tenant"] for answer in answers] == [
        shop.slug for shop in shops for _ in range(4)
    ]
