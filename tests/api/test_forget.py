"""A customer that is forgotten is nowhere any more, and the shop's log, ledgers and totals are as whole as before."""

import asyncio
import subprocess
import sys
from typing import Any

import asyncpg
import orjson
from hypothesis import given
from hypothesis import strategies as st

from api.core.forget import anonymous_event
from infra.local.ports import free_port
from tests.api.streams import stream_entries
from tests.conftest import ROOT, OpenShop
from tests.shop import Shop, bearer

PHONE, SAME, EMAIL, NAME = "+49 170 55512345", "0049-170-55512345", "zeb@example.org", "Zebediah"
PERSONAL_DETAIL = {
    "deliveryAddress": {"line1": f"{NAME}'s house"},
    "courier": {"name": NAME},
    "metadata": {"customer": {"name": NAME}},
    "tableNumber": "12a",
    "items": [{"name": "Tea", "quantity": 0.5, "unitPrice": 3, "notes": f"for {NAME}", "sku": "TEA"}],
    "adjustments": [{"kind": "tip", "name": "Tip", "amount": 0.5}],
    "payments": [{"method": "card", "amount": 2, "status": "paid", "reference": f"{NAME}'s card"}],
}
TABLES = (
    "orders", "gift_cards", "pos_gift_card_transactions", "loyalty_accounts", "pos_loyalty_transactions",
    "idempotency_keys", "order_payments", "order_step_notes", "gift_card_notes",
)  # fmt: skip

WAITS_FOR_ME = """
    SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid)))
"""


def run_forget(
    database_url: str, redis_url: str, tenant: str, phone: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bellwire", "forget", "--tenant", tenant, "--phone", phone]
    return subprocess.run(
        [*command, "--database-url", database_url, "--redis-url", redis_url],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def live(shop: Shop) -> None:
    """A customer orders twice, has a card and points; so does somebody else."""
    personal = {"customerName": NAME, "customerEmail": EMAIL, "specialInstructions": f"for {NAME}"}
    await shop.order(customerPhone=PHONE, **personal, **PERSONAL_DETAIL)
    await shop.order(customerPhone=SAME, orderSource="phone", **personal)
    await shop.order(customerPhone="+49 170 999", customerName="Grace")
    await shop.sell_card(10, purchasedBy=NAME, recipientEmail=EMAIL.upper())
    assert (await shop.change_points("+4917055512345", "add", 7, reason=f"{NAME}'s")).status_code == 200
    assert (await shop.change_points("49170999", "add", 3)).status_code == 200


async def everything_of(database: "asyncpg.Connection[asyncpg.Record]", tenant: str) -> str:
    rows: list[Any] = []
    for table in TABLES:
        rows += await database.fetch(f"SELECT t::text FROM {table} t WHERE tenant = $1", tenant)
    rows += await database.fetch(
        "SELECT convert_from(payload, 'UTF8') FROM pos_sync_logs WHERE tenant = $1", tenant
    )
    rows += await database.fetch(
        "SELECT i::text FROM order_items i JOIN orders USING (order_id) WHERE tenant = $1", tenant
    )
    return "\n".join(row[0] for row in rows)


async def test_a_forgotten_customer_is_nowhere_and_everything_else_is_where_it_was(
    shop: Shop,
    open_shop: OpenShop,
    database: "asyncpg.Connection[asyncpg.Record]",
    database_url: str,
    redis_url: str,
) -> None:
    other = await open_shop()
    await live(shop)
    await live(other)
    before, others = await shop.events(), await other.events()
    for each in (shop, other):
        await database.execute(
            """
            INSERT INTO webhook_attempts
                (endpoint_id, tenant, at, message_id, type, outcome, status, milliseconds, answer)
            VALUES (gen_random_uuid(), $1, now(), '1-1', 'new_order', 'rejected', 400, 5, $2)
            """,
            each.slug,
            f"who is {NAME}?",
        )
    steps = {"status": "cancelled", "reason": f"{NAME} called"}
    path = shop.path(f"orders/{before[0]['data']['orderId']}/status")
    stepped = await shop.http.patch(path, json=steps, headers=bearer(shop.terminal_key))
    assert stepped.status_code == 200
    before = await shop.events()
    result = await asyncio.to_thread(run_forget, database_url, redis_url, shop.slug, "+49 (170) 555 12 345")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(
        "2 orders, 1 loyalty accounts and 1 gift cards are nobody's now; 4 events"
    )
    after = await shop.events()
    seen = orjson.dumps(after).decode() + await everything_of(database, shop.slug)
    # A ledger is never changed: what was written as a reason stays in it.
    seen = seen.replace(f"{NAME}'s", "", 1)
    for secret in ("55512345", EMAIL, EMAIL.upper(), NAME):
        assert secret not in seen
    answers = "SELECT answer FROM webhook_attempts WHERE tenant = $1"
    assert await database.fetchval(answers, shop.slug) == ""
    assert await database.fetchval(answers, other.slug) == f"who is {NAME}?"
    envelope = ("type", "tenant", "offset", "id", "timestamp")
    assert [[e[name] for name in envelope] for e in after] == [[e[name] for name in envelope] for e in before]
    assert [set(e["data"]) for e in after] == [set(e["data"]) for e in before]
    assert after[0]["data"]["totalAmount"] == before[0]["data"]["totalAmount"]
    assert [after[n] for n in (1, 4)] == [before[n] for n in (1, 4)]
    assert await other.events() == others
    assert await stream_entries(redis_url, shop.slug) == []
    gone = await shop.http.get(f"/api/{shop.slug}/loyalty/4917055512345", headers=bearer(shop.terminal_key))
    assert gone.status_code == 404
    shown = await shop.http.get(
        shop.path(f"orders/{before[0]['data']['orderId']}"), headers=bearer(shop.terminal_key)
    )
    order = shown.json()
    assert (order["totalAmount"], order["tableNumber"], order["items"][0]["sku"]) == (2, "12a", "TEA")
    assert order["adjustments"] == [{"kind": "tip", "name": "Tip", "amount": 0.5, "included": False}]
    assert order["payments"] == [{"method": "card", "amount": 2, "status": "paid"}]
    assert (order["deliveryAddress"], order["courier"], order["metadata"]) == (None, None, None)
    # The shop goes on.
    assert (await shop.order())["offset"] == "1-7"
    again = await asyncio.to_thread(run_forget, database_url, redis_url, shop.slug, PHONE)
    assert again.stdout.startswith("0 orders, 0 loyalty accounts")


async def test_who_paid_for_a_card_and_why_money_went_back_is_nobodys_and_the_amounts_stay(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]", database_url: str, redis_url: str
) -> None:
    order = (await shop.order(customerPhone=PHONE, customerEmail=EMAIL))["orderId"]
    others = (await shop.order(customerPhone="+49 170 999"))["orderId"]
    own = (await shop.sell_card(10, recipientEmail=EMAIL))["cardNumber"]
    gift = (await shop.sell_card(10))["cardNumber"]
    for number, paid in ((own, others), (gift, order), (gift, others)):
        assert (await shop.redeem_card(number, 2, orderId=paid)).status_code == 200
    why = f"{NAME} called"
    for number, what, body in (
        (own, "top-up", {"amount": 1, "purchasedBy": NAME}),
        (own, "refund", {"amount": 1, "orderId": others, "reason": why}),
        (gift, "refund", {"amount": 1, "orderId": order, "reason": why}),
        (own, "void", {"reason": why}),
        (gift, "top-up", {"amount": 1, "purchasedBy": "Grace"}),
        (gift, "refund", {"amount": 1, "orderId": others, "reason": "cold"}),
    ):
        assert (await shop.move_card(number, what, **body)).status_code == 200
    before = await shop.events()
    result = await asyncio.to_thread(run_forget, database_url, redis_url, shop.slug, PHONE)
    assert result.returncode == 0, result.stderr
    after = await shop.events()
    assert NAME not in orjson.dumps(after).decode() + await everything_of(database, shop.slug)
    for was, now in zip(before[-6:-2], after[-6:-2], strict=True):
        blanked = {
            name: "(erased)" if name == "purchasedBy" else None if name == "reason" else value
            for name, value in was["data"].items()
        }
        assert (now["data"], was["data"] != blanked) == (blanked, True)
    # Another customer's.
    assert after[-2:] == before[-2:]
    assert after[-2]["data"]["purchasedBy"] == "Grace"


async def test_while_it_waits_for_a_card_a_cancel_may_have_the_customers_points(
    shop: Shop,
    database: "asyncpg.Connection[asyncpg.Record]",
    database_url: str,
    redis_url: str,
) -> None:
    await live(shop)
    async with database.transaction():
        # As a cancel does that gives back: it has the card, and asks for the account then.
        await database.fetch("SELECT FROM gift_cards WHERE tenant = $1 FOR UPDATE", shop.slug)
        forgetting = asyncio.create_task(
            asyncio.to_thread(run_forget, database_url, redis_url, shop.slug, PHONE)
        )
        while not await database.fetchval(WAITS_FOR_ME):
            assert not forgetting.done(), forgetting.result()
            await asyncio.sleep(0.05)
        points = await database.fetch(
            "SELECT FROM loyalty_accounts WHERE tenant = $1 FOR UPDATE NOWAIT", shop.slug
        )
        assert len(points) == 2
    assert (await forgetting).returncode == 0
    assert NAME not in str(
        await database.fetch("SELECT c::text FROM gift_cards c WHERE tenant = $1", shop.slug)
    )


async def test_with_redis_away_it_says_what_is_left_to_do(
    shop: Shop, database_url: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await live(shop)
    away = f"redis://127.0.0.1:{free_port()}/0"
    result = await asyncio.to_thread(run_forget, database_url, away, shop.slug, PHONE)
    assert result.returncode == 1
    assert "Redis could not be told" in result.stderr
    assert EMAIL not in await everything_of(database, shop.slug)
    wrong = await asyncio.to_thread(run_forget, database_url, away, shop.slug, "nobody")
    assert wrong.returncode == 1
    assert "must be a phone number" in wrong.stderr


@given(st.integers(0, 10**10), st.text(max_size=20))
def test_amounts_and_what_is_not_personal_come_through_as_they_were(cents: int, name: str) -> None:
    amount = f"{cents // 100}.{cents % 100:02d}"
    payload = (
        b'{"type":"new_order","offset":"1-1","data":{"customerName":%b,"totalAmount":%b,'
        b'"items":[{"name":"Ayran","quantity":1,"unitPrice":%b,"notes":%b}]}}'
        % (orjson.dumps(name), amount.encode(), amount.encode(), orjson.dumps(name))
    )
    expected = payload.replace(orjson.dumps(name) + b',"total', b'"(erased)","total')
    assert anonymous_event("new_order", payload) == expected.replace(
        b'"notes":' + orjson.dumps(name), b'"notes":null'
    )
    assert anonymous_event("gift_card_redeemed", payload) == payload
