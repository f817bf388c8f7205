"""A shop's day is its time zone's: the last day of a gift card, the reports of today, the days of a search."""

from datetime import date, timedelta

import asyncpg
import pytest

from tests.shop import Shop, bearer

# 25 hours apart: their dates are one day apart, and two days for one hour of each day.
EAST, WEST = "Pacific/Kiritimati", "Pacific/Niue"


async def move(shop: Shop, zone: str) -> None:
    answer = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json={"timeZone": zone}, headers=bearer(shop.operator_key)
    )
    assert answer.status_code == 200


async def today(database: "asyncpg.Connection[asyncpg.Record]", zone: str) -> date:
    found = await database.fetchval("SELECT (now() AT TIME ZONE $1)::date", zone)
    assert isinstance(found, date)
    return found


async def test_a_card_is_sold_and_used_to_the_end_of_its_last_day_where_the_shop_is(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await move(shop, WEST)
    last = await today(database, WEST)
    number = (await shop.sell_card(10, expiryDate=str(last)))["cardNumber"]
    assert (await shop.redeem_card(number, 1)).status_code == 200
    await move(shop, EAST)
    refused = await shop.redeem_card(number, 1)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:bellwire:problem:card-expired"


@pytest.mark.parametrize("zone", [EAST, WEST])
async def test_a_card_that_has_expired_where_the_shop_is_is_not_sold(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", zone: str
) -> None:
    await move(shop, zone)
    yesterday = await today(database, zone) - timedelta(days=1)
    for _ in range(2):
        refused = await shop.http.post(
            shop.path("gift-cards/purchase"),
            json={"amount": 5, "purchasedBy": "Ada", "expiryDate": str(yesterday)},
            headers={**bearer(shop.storefront_key), "Idempotency-Key": "card"},
        )
        assert refused.status_code == 422
        assert [error["loc"] for error in refused.json()["errors"]] == ["expiryDate"]
    assert await shop.events() == []
    assert await database.fetchval("SELECT count(*) FROM gift_cards WHERE tenant = $1", shop.slug) == 0


async def test_an_older_pod_which_knows_no_such_refusal_sells_as_ever(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    outcome = await database.fetchval(
        "SELECT outcome FROM sell_gift_card($1, NULL, NULL, gen_random_uuid(), sha256('x'), '0000', 's', 100, '1.00',"
        " 'Ada', NULL, NULL, '2020-01-01', '{}')",
        shop.slug,
    )
    assert outcome == "ok"


async def test_the_reports_of_the_last_days_end_with_the_shops_today(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    east = await today(database, EAST)
    handed_in = [east - timedelta(days=back) for back in range(4)]
    for day in handed_in:
        made = await shop.http.post(
            shop.path("daily-reports"), json={"businessDate": str(day)}, headers=bearer(shop.terminal_key)
        )
        assert made.status_code == 201
    for zone in (EAST, WEST):
        await move(shop, zone)
        before = await today(database, zone)
        answer = await shop.http.get(shop.path("daily-reports"), headers=bearer(shop.storefront_key))
        shown = [report["businessDate"] for report in answer.json()["reports"]]
        # Midnight may pass between any two of these.
        assert shown in [
            [str(day) for day in handed_in if day <= last] for last in (before, await today(database, zone))
        ]


async def test_every_day_of_every_zone_begins_with_its_first_moment(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """All zones, all days of a year, and the days over which clocks are changed at midnight."""
    wrong = await database.fetch(
        """
        WITH days AS (
            SELECT d::date AS day FROM generate_series('2027-01-01'::timestamp, '2027-12-31', '1 day') d
            UNION SELECT unnest(ARRAY['2018-02-18', '2018-11-04', '2011-12-30', '2011-12-31']::date[])
        ), begun AS MATERIALIZED (
            SELECT z.name, d.day, day_begins(d.day, z.name) AS begins
            FROM pg_timezone_names z CROSS JOIN days d
            WHERE z.name ~ '^(Africa|America|Asia|Atlantic|Australia|Europe|Pacific)/|^UTC$'
        )
        SELECT * FROM begun
        WHERE (begins AT TIME ZONE name)::date < day
           OR ((begins - interval '1 millisecond') AT TIME ZONE name)::date >= day
        """
    )
    assert [tuple(row) for row in wrong] == []
