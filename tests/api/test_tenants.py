"""Tenants: an operator opens a shop; its slug is its name for ever. A test tenant goes, and leaves its slug alone."""

import asyncio
import time
import uuid
from typing import Any

import asyncpg
import httpx
import pytest
import websockets

from infra.local.pods import Pod
from tests.shop import Operator, Shop, bearer
from tests.waiting import eventually


async def test_a_new_tenant_can_take_an_order_at_once(operator: Operator) -> None:
    slug = f"shop-{uuid.uuid4().hex[:8]}"
    response = await operator.http.post(
        "/api/tenants", json={"slug": slug, "name": "The Shop"}, headers=bearer(operator.key)
    )
    assert response.status_code == 201
    answer = response.json()
    assert set(answer) == {"tenant", "storefrontKey"}
    assert answer["tenant"] == slug
    assert answer["storefrontKey"].startswith("bw_store_")
    status = await operator.http.get(f"/api/tenant/{slug}/status", headers=bearer(answer["storefrontKey"]))
    assert status.json()["head"] == "1-0"


async def test_a_slug_is_given_once_even_to_many_at_once(operator: Operator) -> None:
    slug = f"shop-{uuid.uuid4().hex[:8]}"
    answers = await asyncio.gather(
        *(
            operator.http.post("/api/tenants", json={"slug": slug, "name": "x"}, headers=bearer(operator.key))
            for _ in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["type"] == "urn:bellwire:problem:tenant-exists"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["name", "slug"]),
        ({"slug": "UPPER", "name": "x"}, ["slug"]),
        ({"slug": "-a", "name": "x"}, ["slug"]),
        ({"slug": "a" * 64, "name": "x"}, ["slug"]),
        ({"slug": "a\n", "name": "x"}, ["slug"]),
        ({"slug": "küche", "name": "x"}, ["slug"]),
        ({"slug": "ok", "name": ""}, ["name"]),
        ({"slug": 5, "name": 5, "plan": "gold"}, ["name", "plan", "slug"]),
    ],
)
async def test_wrong_fields_are_named(operator: Operator, body: dict[str, Any], wrong: list[str]) -> None:
    response = await operator.http.post("/api/tenants", json=body, headers=bearer(operator.key))
    assert response.status_code == 422
    assert sorted(error["loc"] for error in response.json()["errors"]) == wrong


DEFAULTS: dict[str, Any] = {
    "ackDeadlineSeconds": 30,
    "alarmRepeats": 3,
    "alarmRoles": None,
    "alarmScope": "any",
    "pointsPerUnit": None,
    "currency": None,
    "orderSources": [
        {"name": "online", "broadcast": True},
        {"name": "pos", "broadcast": False},
        {"name": "till", "broadcast": False},
        {"name": "phone", "broadcast": False},
        {"name": "kiosk", "broadcast": False},
    ],
    "timeZone": "UTC",
    "preparationMinutes": 0,
    "country": None,
    "paused": False,
    "pausedReason": None,
    "disabled": False,
}
CHOSEN = {
    "name": "The Bakery",
    "ackDeadlineSeconds": 5,
    "alarmRepeats": 0,
    "alarmRoles": ["kitchen", "webhook"],
    "alarmScope": "each-station",
    "pointsPerUnit": 1.25,
    "orderSources": [*DEFAULTS["orderSources"], {"name": "Uber Eats", "broadcast": True}],
    "currency": "EUR",
    "timeZone": "Europe/Berlin",
    "preparationMinutes": 25,
    "country": "DE",
    "paused": True,
    "pausedReason": "the oven is out",
    "disabled": False,
}


def slug_of(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


async def ask(operator: Operator, method: str, path: str, **more: Any) -> httpx.Response:
    return await operator.http.request(method, path, headers=bearer(operator.key), **more)


async def open_test_shop(operator: Operator) -> Shop:
    slug = slug_of("test")
    made = await ask(operator, "POST", "/api/tenants", json={"slug": slug, "name": "A test", "test": True})
    assert made.status_code == 201, made.text
    shop = Shop(operator.http, slug, made.json()["storefrontKey"], operator.key)
    await shop.add_terminal("counter")
    return shop


async def test_settings_are_shown_set_at_the_opening_and_changed_one_by_one(operator: Operator) -> None:
    plain, chosen = slug_of("shop"), slug_of("shop")
    for slug, said in ((plain, {"name": "Plain"}), (chosen, CHOSEN)):
        made = await ask(operator, "POST", "/api/tenants", json={"slug": slug, **said})
        assert made.status_code == 201, made.text
        shown = (await ask(operator, "GET", f"/api/tenant/{slug}")).json()
        assert shown.pop("createdAt").endswith("Z")
        assert shown == {"tenant": slug, "test": False, **DEFAULTS, **said}
    before: dict[str, Any] = {"tenant": plain, "test": False, "name": "Plain", **DEFAULTS}
    for name, value in [*CHOSEN.items(), *DEFAULTS.items()]:
        changed = await ask(operator, "PATCH", f"/api/tenant/{plain}", json={name: value})
        assert changed.status_code == 200, changed.text
        before[name] = value
        shown = (await ask(operator, "GET", f"/api/tenant/{plain}")).json()
        assert shown == changed.json()
        del shown["createdAt"]
        assert shown == before


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, "body"),
        ({"name": None}, "name"),
        ({"name": "\u200b"}, "name"),
        ({"ackDeadlineSeconds": 0}, "ackDeadlineSeconds"),
        ({"ackDeadlineSeconds": None}, "ackDeadlineSeconds"),
        ({"alarmRepeats": 11}, "alarmRepeats"),
        ({"alarmRoles": []}, "alarmRoles"),
        ({"alarmScope": "all"}, "alarmScope"),
        ({"alarmScope": None}, "alarmScope"),
        ({"alarmRoles": ["bar", "bar"]}, "alarmRoles"),
        ({"alarmRoles": ["bar", ""]}, "alarmRoles.1"),
        ({"alarmRoles": "bar"}, "alarmRoles"),
        ({"timeZone": "Europe/Atlantis"}, "timeZone"),
        ({"timeZone": "localtime"}, "timeZone"),
        ({"timeZone": "+02"}, "timeZone"),
        ({"timeZone": None}, "timeZone"),
        ({"country": "XX"}, "country"),
        ({"country": "Germany"}, "country"),
        ({"country": 49}, "country"),
        ({"paused": 1}, "paused"),
        ({"paused": None}, "paused"),
        ({"pausedReason": " "}, "pausedReason"),
        ({"test": True}, "test"),
        ({"slug": "other"}, "slug"),
    ],
)
async def test_a_setting_that_cannot_be_is_named_and_nothing_changes(
    operator: Operator, shop: Shop, change: dict[str, Any], wrong: str
) -> None:
    path = f"/api/tenant/{shop.slug}"
    before = (await ask(operator, "GET", path)).json()
    mixed = {"name": "New name", **change} if change else {}
    answer = await ask(operator, "PATCH", path, json=mixed)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [wrong])
    assert (await ask(operator, "GET", path)).json() == before


async def test_a_paused_shop_takes_orders_and_says_that_it_does_not_accept_any(
    operator: Operator, shop: Shop, gateway: Pod
) -> None:
    async def status() -> dict[str, Any]:
        answer = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
        found: dict[str, Any] = answer.json()
        return found

    url = gateway.url.replace("http", "ws") + f"/ws/pos/{shop.slug}"
    async with websockets.connect(url, additional_headers=bearer(shop.terminal_key)) as till:
        await till.recv()
        await eventually(status, lambda found: found["acceptingOrders"] is True)
        reason = {"paused": True, "pausedReason": "the oven is out"}
        await ask(operator, "PATCH", f"/api/tenant/{shop.slug}", json=reason)
        found = await status()
        assert found["acceptingOrders"] is False
        assert {name: found[name] for name in reason} == reason
        assert (await shop.try_order()).status_code == 201
        await ask(operator, "PATCH", f"/api/tenant/{shop.slug}", json={"paused": False})
        assert (await status())["acceptingOrders"] is True


async def test_tenants_are_listed_page_by_page_and_found_by_slug_or_name(operator: Operator) -> None:
    mark = uuid.uuid4().hex[:12]
    slugs = [*(f"shop-{mark}-{number}" for number in range(5)), slug_of("zz")]
    for slug in slugs:
        name = f"Ärger & {mark.upper()}" if slug.startswith("zz") else "x"
        await ask(operator, "POST", "/api/tenants", json={"slug": slug, "name": name})
    seen: list[str] = []
    query: dict[str, Any] = {"q": mark, "limit": 2}
    while True:
        page = (await ask(operator, "GET", "/api/tenants", params=query)).json()
        seen += [tenant["tenant"] for tenant in page["tenants"]]
        if page["next"] is None:
            break
        assert len(page["tenants"]) == 2
        query["after"] = page["next"]
    assert seen == slugs
    assert (await ask(operator, "GET", "/api/tenants", params={"q": "%"})).json()["tenants"] == []
    for wrong in ({"after": "A B"}, {"limit": "201"}, {"q": "x" * 257}, {"page": "2"}):
        assert (await ask(operator, "GET", "/api/tenants", params=wrong)).status_code == 422


@pytest.mark.parametrize("prefix", ["shop", "tests", "verifying", "x-test"])
async def test_a_test_tenant_has_a_test_tenants_slug(operator: Operator, prefix: str) -> None:
    body = {"slug": slug_of(prefix), "name": "x", "test": True}
    answer = await ask(operator, "POST", "/api/tenants", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, "slug")


async def test_a_real_tenant_stays(operator: Operator, shop: Shop) -> None:
    real = slug_of("verify")
    await ask(operator, "POST", "/api/tenants", json={"slug": real, "name": "Real, whatever its slug"})
    for slug in (shop.slug, real):
        answer = await ask(operator, "DELETE", f"/api/tenant/{slug}")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:bellwire:problem:not-a-test")
        assert (await ask(operator, "GET", f"/api/tenant/{slug}")).status_code == 200


async def test_a_deleted_test_tenant_is_gone_for_everybody_within_two_seconds(
    operator: Operator, gateway: Pod
) -> None:
    shop = await open_test_shop(operator)
    await shop.order()
    url = gateway.url.replace("http", "ws") + f"/ws/pos/{shop.slug}"
    async with websockets.connect(url, additional_headers=bearer(shop.terminal_key)) as till:
        await till.recv()
        assert (await ask(operator, "DELETE", f"/api/tenant/{shop.slug}")).status_code == 204
        gone_at = time.monotonic()
        await asyncio.wait_for(till.wait_closed(), 10)
        assert till.close_code == 4403
        assert time.monotonic() - gone_at < 3
    await asyncio.sleep(max(0.0, gone_at + 2.1 - time.monotonic()))
    for key in (shop.storefront_key, shop.terminal_key):
        assert (await shop.http.get(shop.path("orders"), headers=bearer(key))).status_code == 401
    for method, path in (("GET", ""), ("GET", "/status"), ("GET", "/orders"), ("DELETE", "")):
        assert (await ask(operator, method, f"/api/tenant/{shop.slug}{path}")).status_code == 404
    late = await ask(operator, "POST", f"/api/tenant/{shop.slug}/terminals", json={"name": "late"})
    assert late.status_code == 404
    listed = await ask(operator, "GET", "/api/tenants", params={"q": shop.slug})
    assert listed.json()["tenants"] == []
    again = await ask(operator, "POST", "/api/tenants", json={"slug": shop.slug, "name": "x", "test": True})
    assert (again.status_code, again.json()["type"]) == (409, "urn:bellwire:problem:tenant-exists")


# Every table with a column for a tenant, an order, a terminal …: one that is made tomorrow, too.
_OWNED = """
    SELECT c.table_name, c.column_name FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
      AND c.column_name IN ('tenant', 'order_id', 'terminal_id', 'card_id', 'customer_id', 'endpoint_id')
"""
STAYS = {"tenants", "audit_trail"}


async def test_all_rows_of_a_deleted_test_tenant_go_but_its_slug_and_the_audit_trail(
    operator: Operator, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def live(there: Shop) -> None:
        order = await there.order(idempotency_key="once")
        await there.step(order["orderId"], "preparing")
        await there.order()
        card = await there.sell_card()
        await there.redeem_card(card["cardNumber"], 5)
        await there.change_points("+491701234567", "add", 10)
        acks = {"offset": order["offset"]}
        await there.poll(after="0")
        await there.http.post(there.path("acks"), json=acks, headers=bearer(there.terminal_key))
        report = {"businessDate": "2026-11-22", "gross": 1}
        await there.http.post(there.path("daily-reports"), json=report, headers=bearer(there.terminal_key))
        hook = {"url": "https://erp.example.com/bellwire"}
        await there.http.post(there.path("webhooks"), json=hook, headers=bearer(there.storefront_key))

    async def names(slug: str) -> set[str]:
        """The tenant, and whatever is its own, by its identifier."""
        return {slug} | {
            str(row[0])
            for table, column in columns
            if column != "tenant" and [table, "tenant"] in [[*pair] for pair in columns]
            for row in await database.fetch(
                f"SELECT {column} FROM {table} WHERE tenant = $1 AND {column} IS NOT NULL", slug
            )
        }

    async def rows(named: set[str]) -> dict[str, int]:
        """How many rows of each table name one of these."""
        counts = {
            f"{table}.{column}": await database.fetchval(
                f"SELECT count(*) FROM {table} WHERE {column}::text = ANY ($1)", named
            )
            for table, column in columns
            if table not in STAYS
        }
        return {name: count for name, count in counts.items() if count}

    test = await open_test_shop(operator)
    await live(test)
    await live(shop)
    await database.execute("CREATE TABLE made_tomorrow (tenant text NOT NULL REFERENCES tenants)")
    await database.execute("INSERT INTO made_tomorrow VALUES ($1), ($2)", test.slug, shop.slug)
    columns = await database.fetch(_OWNED)
    its_own, others = await names(test.slug), await names(shop.slug)
    before = await rows(others)
    assert {"orders.tenant", "order_items.order_id", "pos_gift_card_transactions.tenant"} <= set(before)
    assert set(before) == set(await rows(its_own))
    assert (await ask(operator, "DELETE", f"/api/tenant/{test.slug}")).status_code == 204
    # As if the keys that pods remember were forgotten by now.
    await database.execute(
        "UPDATE tenants SET deleted_at = deleted_at - interval '1 minute' WHERE tenant = $1", test.slug
    )
    await eventually(
        lambda: database.fetchval("SELECT purged_at IS NOT NULL FROM tenants WHERE tenant = $1", test.slug),
        lambda purged: purged is True,
        seconds=30,
    )
    assert await rows(its_own) == {}
    assert await rows(others) == before
    await database.execute("DROP TABLE made_tomorrow")
    actions = [
        row["action"]
        for row in await database.fetch(
            "SELECT action FROM audit_trail WHERE tenant = $1 ORDER BY entry_id", test.slug
        )
    ]
    assert (actions[0], actions[-1]) == ("tenant.opened", "tenant.deleted")


async def test_a_ledger_of_a_tenant_that_is_not_deleted_cannot_be_cut(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await shop.sell_card()
    await shop.change_points("+491701234567", "add", 10)
    for ledger in ("pos_gift_card_transactions", "pos_loyalty_transactions"):
        for change in (f"DELETE FROM {ledger} WHERE tenant = '{shop.slug}'", f"TRUNCATE {ledger}"):
            with pytest.raises(asyncpg.RaiseError, match="is a ledger"):
                await database.execute(change)
