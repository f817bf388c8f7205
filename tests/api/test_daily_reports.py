"""Daily reports: a till hands in, a second one replaces, the shop reads."""

from typing import Any

import httpx
import pytest

from tests.shop import Shop, bearer


async def hand_in(shop: Shop, key: str, **report: Any) -> httpx.Response:
    return await shop.http.post(shop.path("daily-reports"), json=report, headers=bearer(key))


async def read(shop: Shop, **days: str) -> list[dict[str, Any]]:
    response = await shop.http.get(
        shop.path("daily-reports"), params=days, headers=bearer(shop.storefront_key)
    )
    assert response.status_code == 200
    reports: list[dict[str, Any]] = response.json()["reports"]
    return reports


async def test_a_second_report_of_the_same_till_and_day_replaces_the_first(shop: Shop) -> None:
    totals = {"gross": 123.45, "orders": 7, "byHour": [1, 2, 4], "note": "Ünïcode", "nested": {"a": None}}
    assert (await hand_in(shop, shop.terminal_key, businessDate="2026-11-22", gross=1)).status_code == 201
    assert (await hand_in(shop, shop.terminal_key, businessDate="2026-11-22", **totals)).status_code == 201
    [report] = await read(shop, **{"from": "2026-11-22", "to": "2026-11-22"})
    assert (report["terminalId"], report["businessDate"]) == (shop.terminals[0].terminal_id, "2026-11-22")
    assert report["totals"] == totals


async def test_reports_are_read_by_day_newest_first(shop: Shop) -> None:
    bar = await shop.add_terminal("bar")
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        await hand_in(shop, shop.terminal_key, businessDate=day)
    await hand_in(shop, bar.key, businessDate="2026-01-02")
    reports = await read(shop, **{"from": "2026-01-02", "to": "2026-01-03"})
    assert [(report["businessDate"], report["terminalName"]) for report in reports] == [
        ("2026-01-03", "counter"),
        ("2026-01-02", "counter"),
        ("2026-01-02", "bar"),
    ]
    assert await read(shop, to="2025-12-31") == []


@pytest.mark.parametrize(
    ("days", "loc"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "from"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "from"),
    ],
)
async def test_wrong_days_are_named(shop: Shop, days: dict[str, str], loc: str) -> None:
    response = await shop.http.get(
        shop.path("daily-reports"), params=days, headers=bearer(shop.storefront_key)
    )
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [loc]


async def test_the_first_days_there_are_can_be_asked_for(shop: Shop) -> None:
    assert await read(shop, to="0001-01-05") == []
    assert await read(shop, **{"from": "9999-12-01", "to": "9999-12-31"}) == []


async def test_a_year_of_long_reports_is_read_in_pages_of_bounded_size_and_each_report_comes_once(
    shop: Shop,
) -> None:
    bar = await shop.add_terminal("bar")
    keys = {shop.terminals[0].terminal_id: shop.terminal_key, bar.terminal_id: bar.key}
    days = [f"2026-01-{day:02}" for day in range(1, 22)]
    for day in days:
        for key in keys.values():
            assert (await hand_in(shop, key, businessDate=day, x="r" * 60_000)).status_code == 201
    found: list[tuple[str, str]] = []
    query = {"from": "2026-01-01", "to": "2026-12-31"}
    pages = 0
    while True:
        answer = await shop.http.get(
            shop.path("daily-reports"), params=query, headers=bearer(shop.storefront_key)
        )
        assert answer.status_code == 200
        assert len(answer.content) < 1_100_000
        document = answer.json()
        assert document["reports"]
        found += [(report["businessDate"], report["terminalId"]) for report in document["reports"]]
        pages += 1
        if document["next"] is None:
            break
        query["after"] = document["next"]
    assert found == [(day, terminal) for day in reversed(days) for terminal in keys]
    assert pages == 3


# The last one is of our form, and of a day that there is not.
NO_CURSORS = ["x", "MQ", "bzE", "ZDIwMjYtMTMtNDAvMGY4ZmFkNWItZDljYi00NjlmLWExNjUtNzA4Njc3Mjg5NTBl"]


@pytest.mark.parametrize("after", NO_CURSORS)
async def test_what_is_no_next_of_ours_is_refused(shop: Shop, after: str) -> None:
    answer = await shop.http.get(
        shop.path("daily-reports"), params={"after": after}, headers=bearer(shop.storefront_key)
    )
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == ["after"]
