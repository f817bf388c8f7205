"""Phones at the routes: one number, however it is written, for an order, an account, a search and a shop's country."""

import asyncio
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.background.account_numbers import read_once
from api.db.account_numbers import ACCOUNTS_A_STEP
from api.db.forget import forget_customer
from backbone.contract.event import Event
from backbone.eventlog.postgres import open_database
from backbone.runtime.settings import PodSettings, load_settings
from tests.shop import Shop, bearer

LONDON, AT_HOME = "+447700900123", "07700 900123"
SPELLINGS = (
    LONDON,
    "\u202a+44 7700 900123\u202c",
    "+44 (0)7700 900123",
    "tel:+44-7700-900123",
    "٠٠٤٤٧٧٠٠٩٠٠١٢٣",
)


async def change(shop: Shop, **settings: Any) -> None:
    answer = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json=settings, headers=bearer(shop.operator_key)
    )
    assert answer.status_code == 200, answer.text


async def account(shop: Shop, phone: str) -> httpx.Response:
    return await shop.http.get(
        f"/api/{shop.slug}/loyalty/{quote(phone, safe='')}", headers=bearer(shop.terminal_key)
    )


async def add(shop: Shop, phone: str, points: int) -> dict[str, Any]:
    answer = await shop.change_points(quote(phone, safe=""), "add", points)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.http.get(shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.storefront_key))
    found: dict[str, Any] = answer.json()
    return found


async def found(shop: Shop, phone: str) -> list[str]:
    answer = await shop.http.get(
        shop.path("orders"), params={"phone": phone}, headers=bearer(shop.terminal_key)
    )
    assert answer.status_code == 200, answer.text
    return [order["orderId"] for order in answer.json()["orders"]]


async def complete(shop: Shop, order: dict[str, Any]) -> None:
    for status in ("preparing", "ready", "completed"):
        assert (await shop.step(order["orderId"], status)).status_code == 200


async def test_an_order_keeps_the_text_and_says_the_number_and_all_spellings_earn_on_one_account(
    shop: Shop,
) -> None:
    await change(shop, pointsPerUnit=1)
    orders: list[str] = []
    for phone in SPELLINGS:
        order = await shop.order(customerPhone=phone)
        assert order["customerPhoneNumber"] == LONDON
        assert "warnings" not in order
        kept = await shown(shop, order)
        assert (kept["customerPhone"], kept["customerPhoneNumber"]) == (phone, LONDON)
        data = (await shop.events())[-1]["data"]
        assert (data["customerPhone"], data["customerPhoneNumber"]) == (phone, LONDON)
        await complete(shop, order)
        orders.insert(0, order["orderId"])
    for phone in SPELLINGS:
        answer = await account(shop, phone)
        assert answer.json()["newBalance"] == 17 * len(SPELLINGS)
        assert await found(shop, phone) == orders


@pytest.mark.parametrize("phone", ["ask Ada", "", "12", "+0301234"])
async def test_an_order_whose_phone_is_no_number_is_taken_warns_and_earns_nothing(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", phone: str
) -> None:
    await change(shop, pointsPerUnit=1)
    answer = await shop.try_order(customerPhone=phone, idempotency_key="a")
    assert answer.status_code == 201
    order = answer.json()
    assert order["customerPhoneNumber"] is None
    assert [warning["loc"] for warning in order["warnings"]] == ["customerPhone"]
    assert (await shop.try_order(customerPhone=phone, idempotency_key="a")).json() == order
    assert (await shown(shop, order))["customerPhoneNumber"] is None
    await complete(shop, order)
    assert await database.fetchval("SELECT count(*) FROM loyalty_accounts WHERE tenant = $1", shop.slug) == 0
    counted = (await shop.http.get("/metrics")).text
    assert "bellwire_unreadable_phones_total" in counted


async def test_an_order_without_a_phone_has_no_number_and_no_warning(shop: Shop) -> None:
    order = await shop.order(customerPhone=None)
    assert order["customerPhoneNumber"] is None
    assert "warnings" not in order


async def test_what_is_no_number_is_422_at_loyalty_and_at_a_search(shop: Shop) -> None:
    assert (await account(shop, "ask Ada")).json()["errors"][0]["loc"] == "phone"
    answer = await shop.http.get(
        shop.path("orders"), params={"phone": "x"}, headers=bearer(shop.terminal_key)
    )
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, "phone")


async def test_in_a_shop_with_a_country_a_national_number_is_that_countrys_from_the_next_request_on(
    shop: Shop,
) -> None:
    # The pod has read a number of this shop already, without a country.
    assert (await shop.order(customerPhone=AT_HOME))["customerPhoneNumber"] == "07700900123"
    await change(shop, country="gb", pointsPerUnit=1)
    order = await shop.order(customerPhone=AT_HOME)
    assert order["customerPhoneNumber"] == LONDON
    await complete(shop, order)
    one = await add(shop, AT_HOME, 1)
    assert one["newBalance"] == 18
    for phone in (LONDON, "0044 7700 900123", "+44 (0)7700 900123", "7700900123"):
        assert (await add(shop, phone, 1))["customerId"] == one["customerId"]
    # Orders of before are found by the number, too.
    assert len(await found(shop, LONDON)) == len(await found(shop, AT_HOME)) == 2
    await change(shop, country=None)
    assert (await shop.order(customerPhone=AT_HOME))["customerPhoneNumber"] == "07700900123"


async def test_accounts_known_by_national_digits_get_their_number_and_the_older_one_gets_the_points(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await change(shop, pointsPerUnit=1)
    waiting = await shop.order(customerPhone=AT_HOME)
    alone = await add(shop, "020 7946 0000", 5)
    national = await add(shop, AT_HOME, 10)
    world = await add(shop, LONDON, 7)
    german = await add(shop, "+49 170 1234567", 3)
    younger = await add(shop, "+44 20 7946 0001", 2)
    older_of_two = await add(shop, "02079460001", 4)
    before = len(await shop.events())
    await change(shop, country="GB")
    assert (await account(shop, "+44 20 7946 0000")).json()["customerId"] == alone["customerId"]
    joined = (await account(shop, LONDON)).json()
    assert (joined["customerId"], joined["newBalance"]) == (national["customerId"], 17)
    assert [(line["pointsChange"], line["newBalance"]) for line in joined["transactions"]] == [
        (7, 17),
        (10, 10),
    ]
    assert (await account(shop, "+49 170 1234567")).json()["customerId"] == german["customerId"]
    other = (await account(shop, "020 7946 0001")).json()
    assert (other["customerId"], other["newBalance"]) == (younger["customerId"], 6)
    told = [event["data"] for event in (await shop.events())[before:]]
    assert sorted((one["customerId"], one["pointsChange"], one["newBalance"]) for one in told) == sorted(
        [
            (national["customerId"], 7, 17), (world["customerId"], -7, 0),
            (younger["customerId"], 4, 6), (older_of_two["customerId"], -4, 0),
        ]
    )  # fmt: skip
    # An order that was placed before earns for the same customer, by whichever name.
    await complete(shop, waiting)
    assert (await account(shop, LONDON)).json()["newBalance"] == 34
    sums = await database.fetch(
        "SELECT a.points, sum(t.points_change) FROM loyalty_accounts a JOIN pos_loyalty_transactions t"
        " USING (tenant, customer_id) WHERE a.tenant = $1 GROUP BY a.customer_id, a.points",
        shop.slug,
    )
    assert all(points == total for points, total in sums)
    # Twice is as good as once.
    await change(shop, country="GB")
    assert (await account(shop, LONDON)).json()["newBalance"] == 34


async def test_many_accounts_are_read_bit_by_bit_by_several_pods_and_in_spite_of_an_end_in_the_middle(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    many = 2 * ACCOUNTS_A_STEP + 7
    await database.execute(
        """
        INSERT INTO loyalty_accounts (tenant, phone, points, created_at)
        SELECT $1, p.phone, 1, now() + make_interval(secs => n + p.later)
        FROM generate_series(1, $2) AS n CROSS JOIN LATERAL (
            VALUES ('0770090' || lpad(n::text, 4, '0'), 0), ('4477009' || '0' || lpad(n::text, 4, '0'), 1 - 2 * (n % 2))
        ) AS p (phone, later)
        """,
        shop.slug, many,
    )  # fmt: skip
    await database.execute(
        "INSERT INTO pos_loyalty_transactions (tenant, customer_id, transaction_type, points_change, balance_after)"
        " SELECT tenant, customer_id, 'add', 1, 1 FROM loyalty_accounts WHERE tenant = $1",
        shop.slug,
    )
    await database.execute("UPDATE tenants SET country = 'GB' WHERE tenant = $1", shop.slug)
    pods = [
        await open_database(
            load_settings(PodSettings, database_url=database_url, redis_url="redis://unused"),
            size=2,
            application="test-accounts",
        )
        for _ in range(3)
    ]
    told: list[tuple[str, Event]] = []

    def announce(tenant: str, event: Event) -> None:
        if tenant == shop.slug:
            told.append((tenant, event))

    try:
        cut = asyncio.create_task(read_once(pods[0], announce))
        await asyncio.sleep(0.1)
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        async with asyncio.timeout(60):
            while await database.fetchval(
                "SELECT accounts_read_in IS DISTINCT FROM country FROM tenants WHERE tenant = $1", shop.slug
            ):
                await asyncio.gather(*(read_once(pod, announce) for pod in pods))
    finally:
        for pod in pods:
            await pod.close()
    rows = await database.fetch(
        "SELECT phone, points, joined_to FROM loyalty_accounts WHERE tenant = $1", shop.slug
    )
    own = [row for row in rows if row["joined_to"] is None]
    assert len(own) == many
    assert all(row["phone"].startswith("44") and row["points"] == 2 for row in own)
    assert all(row["points"] == 0 for row in rows if row["joined_to"] is not None)
    events = await database.fetchval("SELECT seq FROM tenant_streams WHERE tenant = $1", shop.slug)
    assert events == 2 * many


async def test_an_account_that_an_older_pod_makes_in_a_shop_with_a_country_is_joined_in_the_background(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    await change(shop, country="GB")
    await add(shop, LONDON, 5)
    await database.execute(
        "SELECT change_loyalty($1, NULL, NULL, '07700900124', 'add', 3, NULL, '{}'),"
        " change_loyalty($1, NULL, NULL, '7700900123', 'add', 3, NULL, '{}')",
        shop.slug,
    )
    pod = await open_database(
        load_settings(PodSettings, database_url=database_url, redis_url="redis://unused"),
        size=2,
        application="test-accounts",
    )
    try:
        async with asyncio.timeout(30):
            while (await account(shop, LONDON)).json()["newBalance"] != 8:
                await read_once(pod, lambda _, event: None)
    finally:
        await pod.close()
    assert (await account(shop, "+447700900124")).json()["newBalance"] == 3


async def test_a_forgotten_customer_is_forgotten_under_every_name(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    await shop.order(customerPhone=AT_HOME)
    await add(shop, AT_HOME, 10)
    await add(shop, LONDON, 7)
    await add(shop, "+49 170 1234567", 3)
    await change(shop, country="GB")
    await shop.order(customerPhone="+44 (0)7700 900123")
    await shop.order(customerPhone="+49 170 1234567")
    done = await forget_customer(database_url, shop.slug, AT_HOME)
    assert (done.orders, done.accounts) == (2, 1)
    rows = await database.fetch(
        "SELECT o::text FROM orders o WHERE tenant = $1 UNION ALL"
        " SELECT a::text FROM loyalty_accounts a WHERE tenant = $1 UNION ALL"
        " SELECT convert_from(payload, 'UTF8') FROM pos_sync_logs WHERE tenant = $1",
        shop.slug,
    )
    kept = "\n".join(row[0] for row in rows)
    assert "900123" not in kept
    assert "491701234567" in kept


async def test_a_number_goes_when_an_older_command_takes_the_text_away(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = await shop.order(customerPhone=LONDON)
    await database.execute(
        "UPDATE orders SET customer_phone = NULL WHERE order_id = $1", UUID(order["orderId"])
    )
    row = await database.fetchrow(
        "SELECT to_json(o)::text FROM orders o WHERE order_id = $1", UUID(order["orderId"])
    )
    assert row is not None
    assert orjson.loads(row[0])["customer_number"] is None


TEXTS = st.text(max_size=40) | st.text("0123456789+ ()-.٠１\u202a", max_size=24)


@settings(suppress_health_check=list(HealthCheck), max_examples=30, deadline=None)
@given(text=TEXTS, source=TEXTS, country=st.sampled_from(["GB", "us", None]))
async def test_any_text_is_understood_alike_at_every_route_or_refused(
    shop: Shop, text: str, source: str, country: str | None
) -> None:
    await change(shop, country=country)
    body = {"orderSource": "kiosk", "customerPhone": text}
    placed = await shop.try_order(**body)
    if placed.status_code != 201:
        # Control characters, half characters, and what is longer than the field.
        assert placed.status_code == 422
        assert [error["loc"] for error in placed.json()["errors"]] == ["customerPhone"]
    else:
        number = placed.json()["customerPhoneNumber"]
        assert (number is None) == ("warnings" in placed.json())
        if "/" not in text and text not in ("", ".", ".."):
            asked = await account(shop, text)
            assert asked.status_code == (422 if number is None else 404), text
    assert (await shop.try_order(orderSource=source)).status_code in (201, 422)
    named = await shop.http.patch(
        f"/api/tenant/{shop.slug}", json={"country": text}, headers=bearer(shop.operator_key)
    )
    assert named.status_code == 422 or named.json()["country"] == text.upper()
