"""Sources of orders: a word is one of the shop's or refused, and an order keeps for life whether it was broadcast."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.core.money import cents_text
from api.core.order_event import new_order_forms
from api.core.order_items import Item
from api.core.order_sources import BUILT_IN
from api.core.orders import NewOrder, number_of, reckon
from api.db.migrate import migrate
from api.db.migration_files import load_migrations
from tests.conftest import MakeDatabase
from tests.shop import Operator, Shop, bearer

OWN = [{"name": "UberEats", "broadcast": True}, {"name": "walk-in", "broadcast": False}]
SHOWN = [{"name": source.name, "broadcast": source.broadcast} for source in BUILT_IN]


async def name_sources(shop: Shop, sources: list[dict[str, Any]]) -> httpx.Response:
    return await shop.http.patch(
        f"/api/tenant/{shop.slug}", json={"orderSources": sources}, headers=bearer(shop.operator_key)
    )


async def read(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.http.get(shop.path(f"orders/{order['orderId']}"), headers=bearer(shop.storefront_key))
    found: dict[str, Any] = answer.json()
    return found


async def test_a_source_is_known_in_any_case_and_said_as_the_shop_spells_it(shop: Shop) -> None:
    assert (await name_sources(shop, OWN)).status_code == 200
    for word, spelled, broadcast in [
        ("ONLINE", "online", True),
        ("ubereats", "UberEats", True),
        (" UBEREATS ", "UberEats", True),
        ("Walk-In", "walk-in", False),
        ("Kiosk", "kiosk", False),
    ]:
        order = await shop.order(orderSource=word)
        assert order["broadcast"] is broadcast
        assert (order["offset"] is not None) is broadcast
        shown = await read(shop, order)
        assert (shown["orderSource"], shown["broadcast"]) == (spelled, broadcast)
        if broadcast:
            data = (await shop.events())[-1]["data"]
            assert (data["orderId"], data["orderSource"]) == (order["orderId"], spelled)
    assert len(await shop.events()) == 3


async def test_a_word_that_is_no_source_is_refused_by_name_and_writes_nothing(shop: Shop) -> None:
    await name_sources(shop, OWN)
    refused = await shop.try_order(orderSource="Onlin", idempotency_key="a")
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["loc"] == "orderSource"
    for name in ("online", "pos", "till", "phone", "kiosk", "UberEats", "walk-in"):
        assert name in error["msg"]
    assert await shop.events() == []
    # The refusal is not kept: with the word added, the same request is an order.
    await name_sources(shop, [*OWN, {"name": "onlin", "broadcast": True}])
    assert (await shop.try_order(orderSource="Onlin", idempotency_key="a")).status_code == 201


async def test_a_changed_source_counts_from_the_next_order_on_and_never_for_one_that_was_placed(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await name_sources(shop, OWN)
    loud = await shop.order(orderSource="ubereats")
    quiet = await shop.order(orderSource="walk-in")
    await name_sources(
        shop, [{"name": "UberEats", "broadcast": False}, {"name": "walk-in", "broadcast": True}]
    )
    assert (await shop.order(orderSource="ubereats"))["offset"] is None
    assert (await shop.order(orderSource="walk-in"))["offset"] is not None
    # ... nor by its source's end.
    assert (await name_sources(shop, [])).json()["orderSources"] == SHOWN
    assert (await shop.try_order(orderSource="ubereats")).status_code == 422
    assert (await shop.step(loud["orderId"], "preparing")).json()["offset"] is not None
    assert (await shop.step(quiet["orderId"], "preparing")).json()["offset"] is None
    waiting = await database.fetchval("SELECT count(*) FROM unseen_orders WHERE tenant = $1", shop.slug)
    assert waiting == 1


async def test_an_order_that_was_broadcast_earns_points_and_is_unseen_whatever_its_source_is_called(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await name_sources(shop, OWN)
    await shop.http.patch(
        f"/api/tenant/{shop.slug}", json={"pointsPerUnit": 1}, headers=bearer(shop.operator_key)
    )
    order = await shop.order(orderSource="UBEREATS")
    unseen = await database.fetchval("SELECT order_id::text FROM unseen_orders WHERE tenant = $1", shop.slug)
    assert unseen == order["orderId"]
    for status in ("preparing", "ready", "completed"):
        assert (await shop.step(order["orderId"], status)).status_code == 200
    types = [event["type"] for event in await shop.events()]
    assert types == ["new_order", *["order_updated"] * 3, "loyalty_updated"]


async def test_sources_are_set_at_the_opening_shown_with_the_built_in_ones_and_replaced(
    operator: Operator,
) -> None:
    slug = (await operator.open_shop()).slug
    other = f"{slug}-2"
    made = await operator.http.post(
        "/api/tenants", json={"slug": other, "name": "x", "orderSources": OWN}, headers=bearer(operator.key)
    )
    assert made.status_code == 201
    path = f"/api/tenant/{other}"
    shown = (await operator.http.get(path, headers=bearer(operator.key))).json()["orderSources"]
    assert shown == [*SHOWN, *OWN]
    # The answer may be sent back as it is.
    again = await operator.http.patch(path, json={"orderSources": shown}, headers=bearer(operator.key))
    assert again.json()["orderSources"] == shown
    fewer = await operator.http.patch(path, json={"orderSources": OWN[1:]}, headers=bearer(operator.key))
    assert fewer.json()["orderSources"] == [*SHOWN, OWN[1]]


@pytest.mark.parametrize(
    ("sources", "wrong"),
    [
        ([{"name": "a", "broadcast": True}, {"name": "A", "broadcast": True}], "orderSources"),
        ([{"name": "Online", "broadcast": False}], "orderSources"),
        ([{"name": "pos", "broadcast": True}], "orderSources"),
        ([{"name": f"s{n}", "broadcast": True} for n in range(201)], "orderSources"),
        ([{"name": "", "broadcast": True}], "orderSources.0.name"),
        ([{"name": "\u200b", "broadcast": True}], "orderSources.0.name"),
        ([{"name": "a" * 65, "broadcast": True}], "orderSources.0.name"),
        ([{"name": "a"}], "orderSources.0.broadcast"),
        ([{"name": "a", "broadcast": 1}], "orderSources.0.broadcast"),
        ([{"name": "a", "broadcast": True, "key": "b"}], "orderSources.0.key"),
        (None, "orderSources"),
        ("online", "orderSources"),
    ],
)
async def test_sources_that_cannot_be_are_refused_by_name(shop: Shop, sources: Any, wrong: str) -> None:
    refused = await name_sources(shop, sources)
    assert refused.status_code == 422
    assert [error["loc"] for error in refused.json()["errors"]] == [wrong]


async def test_orders_that_come_while_sources_change_are_each_what_their_answer_says(shop: Shop) -> None:
    async def change() -> None:
        for turn in range(8):
            await name_sources(shop, [{"name": "app", "broadcast": turn % 2 == 0}])

    await name_sources(shop, [{"name": "app", "broadcast": False}])
    changes = asyncio.create_task(change())
    orders = [await shop.order(orderSource="APP") for _ in range(24)]
    await changes
    told = {event["data"]["orderId"] for event in await shop.events()}
    for order in orders:
        assert (order["orderId"] in told) == order["broadcast"] == (order["offset"] is not None)


# -- the database and the code say the same ------------------------------------------------------------------------


async def test_the_database_has_the_built_in_sources_of_the_code(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    rows = await database.fetch("SELECT key, name, broadcast FROM sources_of('[]')")
    assert [tuple(row) for row in rows] == [(one.key, one.name, one.broadcast) for one in BUILT_IN]


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
WHOLE = st.integers(1, 99).map(lambda quantity: quantity * 1000)
ITEMS = st.builds(Item, TEXTS, WHOLE, st.integers(0, 99_999), st.none() | TEXTS)
ORDERS = st.builds(
    NewOrder, st.just("online"), TEXTS, TEXTS, st.none() | TEXTS, st.none() | TEXTS,
    st.lists(ITEMS, min_size=1, max_size=3).map(tuple), st.none() | TEXTS,
)  # fmt: skip


@settings(suppress_health_check=list(HealthCheck), max_examples=30, deadline=None)
@given(order=ORDERS)
async def test_an_event_that_the_database_makes_for_an_older_pod_is_the_one_that_a_pod_makes(
    database: "asyncpg.Connection[asyncpg.Record]", order: NewOrder
) -> None:
    order = replace(order, number=number_of(order.customer_phone, None))
    bill = reckon(order)
    made = await database.fetchval(
        "SELECT new_order_data($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        order.order_type, order.customer_name, order.customer_phone, order.customer_email,
        order.special_instructions, cents_text(bill.total_cents), [item.name for item in order.items],
        [item.quantity // 1000 for item in order.items], [item.unit_price_cents for item in order.items],
        [item.notes for item in order.items],
    )  # fmt: skip
    paid = f'"amountPaid":0.00,"amountDue":{cents_text(bill.total_cents)}'
    made = f'{{"stations":[],"categories":[],{paid},{made.removeprefix("{")}'
    [form] = new_order_forms(order, bill)
    assert json.loads(made) == json.loads(form)
    # Amounts to the digit.
    assert json.loads(made, parse_float=str) == json.loads(form, parse_float=str)


async def test_the_words_of_orders_from_before_are_taken_over_and_none_of_them_broadcasts(
    new_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await new_database()
    every = load_migrations()
    before = [one for one in every if one.name < "0042"]
    monkeypatch.setattr("api.db.migrate.load_migrations", lambda: before)
    await migrate(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO tenants (tenant, name) VALUES ('a', 'A'), ('b', 'B'), ('c', 'C')"
        )
        await connection.execute(
            """
            INSERT INTO orders (order_id, tenant, order_seq, source, order_type, customer_name, total_cents)
            SELECT gen_random_uuid(), w.tenant, row_number() OVER (), w.source, 'pickup', 'Ada', 0
            FROM (VALUES ('a', 'Online'), ('a', 'ubereats'), ('a', 'UberEats'), ('a', 'ubereats'), ('a', 'Ärger'),
                         ('b', 'Pos'), ('b', 'walk-in')) AS w (tenant, source)
            """
        )
        monkeypatch.undo()
        await migrate(url)
        rows = await connection.fetch("SELECT tenant, order_sources FROM tenants ORDER BY tenant")
        found = {row["tenant"]: json.loads(row["order_sources"]) for row in rows}
        assert [(one["key"], one["broadcast"]) for one in found["b"]] == [("walk-in", False)]
        assert [one["name"] for one in found["a"]] in (["UberEats", "Ärger"], ["ubereats", "Ärger"])
        assert not any(one["broadcast"] for one in found["a"])
        assert found["c"] == []
    finally:
        await connection.close()
