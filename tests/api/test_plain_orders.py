"""A plain order goes to the database the short way, and stands there as by the long one."""

import uuid
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.core.order_event import new_order_forms
from api.core.order_items import Item
from api.core.orders import NewOrder, number_of, reckon
from api.db.orders import Placing, place_orders, text_array
from api.db.writes import Attempt
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings
from tests.shop import Shop, bearer

TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6
) | st.sampled_from(["", "NULL", "null", '"', "\\", "{}", "a,b", '\\"', "a\nb", " "])
ITEMS = st.builds(
    Item, TEXTS, st.integers(1, 9).map(lambda whole: whole * 1000), st.integers(0, 99_999), st.none() | TEXTS
)
ORDERS = st.builds(
    lambda items, phone: NewOrder(
        "online", "pickup", "Ada", phone, None, tuple(items), None, number=number_of(phone, None)
    ),
    st.lists(ITEMS, min_size=1, max_size=4),
    st.none() | st.just("+49 170 1234567"),
)
EASY = {"suppress_health_check": list(HealthCheck), "max_examples": 25, "deadline": None}


@settings(**EASY)  # type: ignore[arg-type]
@given(texts=st.lists(st.none() | TEXTS, max_size=5))
async def test_an_array_as_a_text_is_that_array(
    database: "asyncpg.Connection[asyncpg.Record]", texts: list[str | None]
) -> None:
    assert await database.fetchval("SELECT $1::text::text[]", text_array(texts)) == texts


@settings(**EASY)  # type: ignore[arg-type]
@given(order=ORDERS)
async def test_a_plain_order_stands_in_the_database_as_by_the_long_way(
    shop: Shop,
    database: "asyncpg.Connection[asyncpg.Record]",
    database_url: str,
    redis_url: str,
    order: NewOrder,
) -> None:
    pool = await open_database(
        load_settings(PodSettings, database_url=database_url, redis_url=redis_url),
        size=1,
        application="test-plain",
    )
    try:
        found = [await stored(pool, database, shop, order, short=short) for short in (True, False)]
    finally:
        await pool.close()
    assert found[0] == found[1]


async def stored(
    pool: Database,
    database: "asyncpg.Connection[asyncpg.Record]",
    shop: Shop,
    order: NewOrder,
    *,
    short: bool,
) -> list[Any]:
    """All that one placing leaves, but for what differs between any two orders."""
    bill = reckon(order)
    assert bill.plain
    forms = new_order_forms(order, bill)
    bill = bill if short else replace(bill, plain=False)
    placing = Placing(Attempt(shop.slug, None, None), uuid.uuid4(), order, bill, forms)
    [written] = await place_orders(pool, [placing])
    [event] = written.events
    rows = [
        dict(row)
        for table in ("orders", "order_items", "order_payments", "unseen_orders", "order_status_history")
        for row in await database.fetch(f"SELECT * FROM {table} WHERE order_id = $1", placing.order_id)
    ]
    own = {
        "order_id",
        "order_seq",
        "event_seq",
        "created_at",
        "updated_at",
        "placed_at",
        "counts_from",
        "alarm_at",
    }
    own |= {"changed_at"}
    data = orjson.loads(event.payload)["data"]
    return [
        [{name: value for name, value in row.items() if name not in own} for row in rows],
        {name: value for name, value in data.items() if name not in ("orderId", "orderNumber", "dueAt")},
        written.outcome,
    ]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"orderSource": "fax"}, 422),
        ({"items": [{"name": "n", "quantity": 1, "unitPrice": 1.005}]}, 422),
        ({"items": [{"name": "\u3164", "quantity": 1, "unitPrice": 1}]}, 422),
        ({"items": [{"name": "n", "quantity": 0, "unitPrice": 1}]}, 422),
        ({"items": []}, 422),
        ({"totalAmount": 3}, 422),
        ({"tenant": "another"}, 404),
        ({"color": "red"}, 422),
        ({"customerName": " Ada "}, 201),
    ],
)
async def test_a_refusal_names_the_same_whether_an_order_is_plain_or_has_a_table(
    shop: Shop, change: dict[str, Any], status: int
) -> None:
    body = {
        "orderType": "pickup", "items": [{"name": "n", "quantity": 1, "unitPrice": 1}], **change,
    }  # fmt: skip
    answers: list[httpx.Response] = [
        await shop.http.post(
            "/api/tenant/orders/create",
            content=orjson.dumps({**body, **more}),
            headers=bearer(shop.storefront_key),
        )
        for more in ({}, {"tableNumber": "4"})
    ]
    assert [answer.status_code for answer in answers] == [status, status]
    if status != 201:
        assert answers[0].json() == answers[1].json()
