"""Shops with a currency: its decimals in every amount, given once, and never another one behind a shop's back."""

import asyncio
import re
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from api.core.currency import CODES, Currency
from api.core.money import cents_text
from api.db.audit import audit
from infra.local.pods import Pod
from tests.conftest import OpenShop
from tests.shop import Operator, Shop, bearer
from tests.waiting import eventually

ITEM = {"name": "Tea", "quantity": 1}


async def settings(shop: Shop) -> dict[str, Any]:
    response = await shop.http.get(f"/api/tenant/{shop.slug}", headers=bearer(shop.operator_key))
    found: dict[str, Any] = response.json()
    return found


async def change(shop: Shop, currency: str | None) -> httpx.Response:
    return await shop.http.patch(
        f"/api/tenant/{shop.slug}", json={"currency": currency}, headers=bearer(shop.operator_key)
    )


async def test_python_and_the_database_know_the_same_decimals(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for code in (*sorted(CODES), None):
        found = await database.fetchval("SELECT currency_decimals($1)", code)
        assert found == Currency(code).decimals, code
    for cents in (0, 5, -5, 999, 1050, -100_000, 10**15 - 1):
        for decimals in (0, 2, 3):
            written = await database.fetchval("SELECT money_text($1, $2)", cents, decimals)
            assert written == cents_text(cents, decimals)


@pytest.mark.parametrize(
    ("currency", "amount", "written"), [("JPY", 1050, "1050"), ("KWD", 1.25, "1.250"), ("EUR", 10.5, "10.50")]
)
async def test_an_order_has_the_decimals_of_its_shops_currency_everywhere(
    open_shop: OpenShop, currency: str, amount: float, written: str
) -> None:
    shop = await open_shop(currency=currency)
    assert (await settings(shop))["currency"] == currency
    order = await shop.order(
        items=[{**ITEM, "unitPrice": amount, "modifiers": [{"name": "Milk", "unitPrice": amount}]}],
        adjustments=[{"kind": "tip", "name": "Tip", "amount": amount}],
        payments=[{"method": "cash", "amount": amount, "status": "paid"}],
        totalAmount=amount * 3,
        currency=currency,
    )
    document = await shop.http.get(shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.terminal_key))
    listed = await shop.http.get(shop.path("orders"), headers=bearer(shop.terminal_key))
    page = await shop.poll(after="0")
    for text in (document.text, listed.text, page.text):
        assert text.count(f'"unitPrice":{written}') == 2
        assert text.count(f'"amount":{written}') == 2
        assert f'"amountPaid":{written}' in text
        assert f'"currency":"{currency}"' in text
        figures = re.findall(r'"(?:unitPrice|amount|totalAmount|amountPaid|amountDue)":([0-9.]+)', text)
        assert {len(figure.partition(".")[2]) for figure in figures} == {Currency(currency).decimals}


async def test_a_decimal_too_many_is_refused_by_field(open_shop: OpenShop) -> None:
    for currency, wrong, says in (
        ("JPY", 10.5, "no decimals"),
        ("KWD", 1.0005, "at most three"),
        ("EUR", 1.005, "two"),
    ):
        shop = await open_shop(currency=currency)
        response = await shop.try_order(items=[{**ITEM, "unitPrice": wrong}])
        [error] = response.json()["errors"]
        assert (response.status_code, error["loc"]) == (422, "items.0.unitPrice")
        assert says in error["msg"]


async def test_a_weighed_line_is_rounded_to_the_currencys_smallest_unit(open_shop: OpenShop) -> None:
    for currency, total in (("JPY", 333), ("EUR", 332.5), ("KWD", 332.5)):
        shop = await open_shop(currency=currency)
        order = await shop.order(items=[{"name": "Olives", "quantity": 0.35, "unitPrice": 950}])
        assert order["totalAmount"] == total


async def test_an_order_names_its_shops_currency_or_none(open_shop: OpenShop, shop: Shop) -> None:
    euros = await open_shop(currency="eur")
    assert (await settings(euros))["currency"] == "EUR"
    assert (await euros.try_order(currency="EUR")).status_code == 201
    assert (await euros.try_order()).status_code == 201
    for where, currency in ((euros, "USD"), (shop, "EUR"), (euros, "XXX"), (shop, 978)):
        response = await where.try_order(currency=currency)
        assert (response.status_code, response.json()["errors"][0]["loc"]) == (422, "currency")
    plain = await shop.order()
    assert (await shop.get_order(plain["orderId"]))["currency"] is None


async def test_a_currency_is_given_once_and_stays_with_the_first_order_card_or_points(
    open_shop: OpenShop,
) -> None:
    async def with_order(shop: Shop) -> None:
        await shop.order(orderSource="till")

    async def with_card(shop: Shop) -> None:
        await shop.sell_card(10)

    async def with_points(shop: Shop) -> None:
        await shop.change_points("5551234", "add", 5)

    for use in (with_order, with_card, with_points):
        shop = await open_shop()
        assert (await settings(shop))["currency"] is None
        assert (await change(shop, "USD")).json()["currency"] == "USD"
        assert (await change(shop, "EUR")).json()["currency"] == "EUR"
        await use(shop)
        for other in ("USD", "JPY", None):
            response = await change(shop, other)
            assert (response.status_code, response.json()["type"]) == (
                409,
                "urn:bellwire:problem:currency-in-use",
            )
        assert (await change(shop, "EUR")).status_code == 200
        assert (await settings(shop))["currency"] == "EUR"


async def test_a_shop_that_sold_without_a_currency_takes_one_of_two_decimals_once(
    open_shop: OpenShop,
) -> None:
    shop = await open_shop()
    order = await shop.order(items=[{**ITEM, "unitPrice": 10.5}])
    card = await shop.sell_card(10)
    for other in ("JPY", "KWD"):
        response = await change(shop, other)
        assert (response.status_code, response.json()["type"]) == (
            409,
            "urn:bellwire:problem:currency-in-use",
        )
    assert (await change(shop, "EUR")).json()["currency"] == "EUR"
    found = await shop.get_order(order["orderId"])
    assert (found["currency"], found["totalAmount"]) == ("EUR", 10.5)
    assert (await shop.redeem_card(card["cardNumber"], 4)).json()["balance"] == 6
    for later in ("USD", None):
        assert (await change(shop, later)).status_code == 409


async def test_a_pod_that_knew_another_currency_reads_the_amounts_anew(
    open_shop: OpenShop, api_pods: tuple[Pod, Pod]
) -> None:
    shop = await open_shop()
    async with httpx.AsyncClient(base_url=api_pods[1].url) as second:
        there = shop.at(second)
        # Both pods learn by a refusal that there is none; then there is one, and neither was told.
        for door in (shop, there):
            assert (await door.try_order(currency="KWD")).status_code == 422
        assert (await change(shop, "KWD")).status_code == 200
        items = [{**ITEM, "unitPrice": 1.255}]
        for door in (shop, there):
            order = await door.order(items=items)
            assert order["totalAmount"] == 1.255
        assert (await shop.pay_order(order["orderId"], 1.005)).json()["amountDue"] == 0.25
        assert (await there.pay_order(order["orderId"], 0.251)).status_code == 409
        assert (await there.refund_order(order["orderId"], 1.005)).json()["refundedTotal"] == 1.005
    again = await open_shop()
    assert (await again.try_order(currency="EUR")).status_code == 422
    assert (await change(again, "JPY")).status_code == 200
    # An amount that two decimals could say is read anew as well: 1050 is not 1050.00 yen.
    assert (await again.order(items=[{**ITEM, "unitPrice": 1050}]))["totalAmount"] == 1050
    assert (await again.try_order(items=[{**ITEM, "unitPrice": 10.5}])).status_code == 422


async def test_orders_that_race_with_their_shops_first_currency_are_all_of_one_kind(
    open_shop: OpenShop,
    api_pods: tuple[Pod, Pod],
    database_url: str,
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    async with httpx.AsyncClient(base_url=api_pods[1].url) as second:
        for _ in range(4):
            shop = await open_shop()
            doors = (shop, shop.at(second))
            items = [{**ITEM, "unitPrice": 12}]
            answers = await asyncio.gather(
                *(doors[n % 2].try_order(items=items, orderSource="till") for n in range(6)),
                change(shop, "JPY"),
                *(doors[n % 2].try_order(items=items) for n in range(6)),
            )
            changed = answers[6].status_code
            assert changed in (200, 409)
            assert {answer.status_code for answer in (*answers[:6], *answers[7:])} == {201}
            cents = await database.fetch(
                "SELECT DISTINCT total_cents FROM orders WHERE tenant = $1", shop.slug
            )
            assert [row[0] for row in cents] == [12 if changed == 200 else 1200]
    assert not [
        found for found in await audit(database_url) if any(shop.slug in one for one in found.examples)
    ]


async def test_an_order_that_waits_while_its_shop_gets_a_currency_is_written_in_that_one(
    open_shop: OpenShop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shop = await open_shop()
    async with asyncio.TaskGroup() as group:
        async with database.transaction():
            await database.execute("UPDATE tenants SET currency = 'JPY' WHERE tenant = $1", shop.slug)
            order = group.create_task(shop.order(items=[{**ITEM, "unitPrice": 12}]))
            await eventually(lambda: waiting(database), bool)
    found = await database.fetchval(
        "SELECT total_cents FROM orders WHERE order_id = $1", order.result()["orderId"]
    )
    assert found == 12


async def test_a_currency_waits_for_the_order_that_is_being_written_and_is_too_late_then(
    open_shop: OpenShop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shop = await open_shop()
    async with asyncio.TaskGroup() as group:
        async with database.transaction():
            await database.execute(
                "UPDATE tenant_streams SET order_seq = order_seq + 1 WHERE tenant = $1", shop.slug
            )
            await database.execute(
                "INSERT INTO orders (order_id, tenant, order_seq, source, order_type, total_cents)"
                " VALUES (gen_random_uuid(), $1, 1, 'till', 'counter', 1200)",
                shop.slug,
            )
            answer = group.create_task(change(shop, "JPY"))
            await eventually(lambda: waiting(database), bool)
    assert answer.result().status_code == 409


async def waiting(database: "asyncpg.Connection[asyncpg.Record]") -> int:
    """How many sessions wait for what this one has."""
    found: int = await database.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    return found


async def test_points_are_per_unit_of_money_in_every_currency(open_shop: OpenShop) -> None:
    for currency, price, points in (("JPY", 1050, 2100), ("EUR", 10.5, 21), ("KWD", 1.75, 3)):
        shop = await open_shop(currency=currency, pointsPerUnit=2)
        order = await shop.order(items=[{**ITEM, "unitPrice": price}])
        for status in ("preparing", "ready", "completed"):
            await shop.step(order["orderId"], status)
        event = (await shop.events())[-1]
        assert (event["type"], event["data"]["pointsChange"]) == ("loyalty_updated", points)


async def test_an_order_of_nearly_the_greatest_total_is_completed_at_the_most_points_a_unit(
    open_shop: OpenShop,
) -> None:
    shop = await open_shop(currency="JPY", pointsPerUnit=10_000)
    gold = {"name": "Gold", "unitPrice": 100_000_000}
    line = {**gold, "quantity": 10_000, "modifiers": [{**gold, "quantity": 9}]}
    order = await shop.order(items=[line] * 99)
    for status in ("preparing", "ready", "completed"):
        await shop.step(order["orderId"], status)
    event = (await shop.events())[-1]
    assert (event["type"], event["data"]["pointsChange"]) == ("loyalty_updated", 10**15 - 1)


async def test_the_audit_adds_up_in_the_shops_currency(
    open_shop: OpenShop, database_url: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shop = await open_shop(currency="KWD")
    order = await shop.order(
        items=[{**ITEM, "unitPrice": 1.255}], adjustments=[{"kind": "tip", "name": "Tip", "amount": 0.005}]
    )

    async def broken() -> list[str]:
        return [
            found.rule
            for found in await audit(database_url)
            if any(example.startswith(f"{shop.slug}: ") for example in found.examples)
        ]

    assert await broken() == []
    await database.execute(
        "UPDATE orders SET total_cents = total_cents + 1 WHERE order_id = $1", order["orderId"]
    )
    assert await broken() == ["an order's items and adjustments sum to its total"]
    await database.execute(
        "UPDATE orders SET total_cents = total_cents - 1 WHERE order_id = $1", order["orderId"]
    )


async def test_while_older_pods_may_run_a_currency_has_two_decimals(
    operator: Operator, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await database.fetchval("SELECT pg_get_functiondef('any_decimals()'::regprocedure)")
    await database.execute(before.replace("SELECT true", "SELECT false"))
    try:
        response = await change(shop, "JPY")
        [error] = response.json()["errors"]
        assert (response.status_code, error["loc"]) == (422, "currency")
        assert "migrate --post" in error["msg"]
        opened = await shop.http.post(
            "/api/tenants",
            json={"slug": f"{shop.slug}-2", "name": "Tokyo", "currency": "JPY"},
            headers=bearer(operator.key),
        )
        assert (opened.status_code, opened.json()["errors"][0]["loc"]) == (422, "currency")
        assert (await change(shop, "EUR")).status_code == 200
    finally:
        await database.execute(before)
    assert (await change(shop, "JPY")).status_code == 200


@pytest.mark.parametrize(("currency", "one", "two"), [("JPY", "500", "1500"), ("KWD", "0.005", "1.250")])
async def test_every_amount_of_a_gift_card_has_the_decimals_of_its_shops_currency(
    open_shop: OpenShop, currency: str, one: str, two: str
) -> None:
    shop = await open_shop(currency=currency)
    order = await shop.order(items=[{**ITEM, "unitPrice": two}])

    async def ask(method: str, path: str, key: str, body: dict[str, Any] | None = None) -> str:
        response = await shop.http.request(method, shop.path(path), json=body, headers=bearer(key))
        assert response.is_success, response.text
        return response.text

    def plus(*amounts: str) -> str:
        return f'"balance":{sum(map(Decimal, amounts), Decimal(0))}'

    till, store = shop.terminal_key, shop.storefront_key
    sold = await ask("POST", "gift-cards/purchase", store, {"amount": two, "purchasedBy": "Grace"})
    card = f"gift-cards/{orjson.loads(sold)['cardNumber']}"
    assert plus(two) in sold
    assert plus(two, f"-{one}") in await ask(
        "POST", f"{card}/redeem", till, {"amount": one, "orderId": order["orderId"]}
    )
    assert plus(two, f"-{one}") in await ask("GET", card, till)
    paid = await ask(
        "POST",
        f"orders/{order['orderId']}/payments",
        till,
        {"method": "cash", "amount": one, "status": "paid"},
    )
    assert f'"amountPaid":{Decimal(one) * 2},' in paid
    assert plus(two) in await ask(
        "POST", f"{card}/refund", till, {"amount": one, "orderId": order["orderId"]}
    )
    assert plus(two, one) in await ask(
        "POST", f"{card}/top-up", store, {"amount": one, "purchasedBy": "Grace"}
    )
    assert (await shop.redeem_card(card.split("/")[1], one, orderId=order["orderId"])).status_code == 200
    assert (await shop.step(order["orderId"], "cancelled")).status_code == 200
    assert plus(two, one) in await ask("GET", card, till)
    high = await shop.http.post(
        shop.path(f"{card}/refund"), json={"amount": one, "orderId": order["orderId"]}, headers=bearer(till)
    )
    assert (high.status_code, high.json()["detail"][:2]) == (409, "0 " if currency == "JPY" else "0.")
    page = (
        await shop.poll(
            after="0", types="gift_card_purchased,gift_card_redeemed,gift_card_refunded,gift_card_topped_up"
        )
    ).text
    assert len(re.findall(r'"type":"gift_card', page)) == 6
    figures = re.findall(r'"(?:amount|balance)":([0-9.]+)', page)
    assert {len(figure.partition(".")[2]) for figure in figures} == {Currency(currency).decimals}
    nothing = f'"balance":{cents_text(0, Currency(currency).decimals)}'
    assert nothing in await ask("POST", f"{card}/void", store)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1050"), ("KWD", "1.250"), ("EUR", "10.50")])
async def test_a_report_comes_back_with_the_amounts_that_its_till_counted(
    open_shop: OpenShop, currency: str, amount: str
) -> None:
    shop = await open_shop(currency=currency)
    order = await shop.order(items=[{**ITEM, "unitPrice": amount}])
    totals = {"gross": order["totalAmount"], "byMethod": {"cash": order["totalAmount"]}, "currency": currency}
    body = {"businessDate": "2026-11-22", **totals}
    sent = await shop.http.post(shop.path("daily-reports"), json=body, headers=bearer(shop.terminal_key))
    assert sent.status_code == 201, sent.text
    days = {"from": "2026-11-22", "to": "2026-11-22"}
    listed = await shop.http.get(shop.path("daily-reports"), params=days, headers=bearer(shop.storefront_key))
    [report] = orjson.loads(listed.content)["reports"]
    assert report["totals"] == totals
    assert Decimal(str(report["totals"]["gross"])) == Decimal(amount)
