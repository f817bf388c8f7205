"""The audit finds nothing in a shop that only the API touched, and whatever somebody else did to it."""

import asyncio
import subprocess
import sys

import asyncpg
import httpx

from api.db.audit import RULES, finding_of
from api.db.operator_keys import create_operator_key
from tests.conftest import ROOT, MakeDatabase, StartApiPod
from tests.shop import Operator, Shop

# Each breaks one rule, which stands beside it. The tables' guards are switched off for the moment.
DAMAGE = [
    (
        "UPDATE gift_cards SET balance_cents = balance_cents - 1 WHERE balance_cents > 0",
        "a gift card's ledger sums to its balance",
    ),
    (
        "UPDATE pos_gift_card_transactions SET balance_after_cents = 7 WHERE transaction_type = 'redeem'",
        "each line of a gift card's ledger follows from the one before",
    ),
    (
        """
        INSERT INTO pos_gift_card_transactions
            (tenant, card_id, transaction_type, amount_cents, balance_after_cents, order_id, gives_back)
        SELECT tenant, card_id, transaction_type, 1, 0, order_id, gives_back
        FROM pos_gift_card_transactions WHERE transaction_type = 'refund'
        """,
        "a redemption is given back once, to the card that paid",
    ),
    (
        "UPDATE pos_gift_card_transactions SET gives_back = 0 WHERE transaction_type = 'refund'",
        "a redemption is given back once, to the card that paid",
    ),
    (
        "UPDATE pos_gift_card_transactions SET order_id = 'ORD-1' WHERE transaction_type = 'refund'",
        "a redemption is given back once, to the card that paid",
    ),
    (
        "DELETE FROM pos_gift_card_transactions WHERE transaction_type = 'refund'",
        "a cancelled order keeps nothing of a gift card, but of a voided one, or what went back outside",
    ),
    (
        "UPDATE gift_cards SET topped_up_cents = topped_up_cents + 1",
        "a gift card's ledger has each top-up, and its end",
    ),
    (
        "UPDATE gift_cards SET voided_at = now(), balance_cents = 0",
        "a gift card's ledger has each top-up, and its end",
    ),
    (
        "DELETE FROM pos_loyalty_transactions WHERE gives_back IS NOT NULL",
        "points that paid for an order came back if it was cancelled, once",
    ),
    (
        "UPDATE orders SET status = 'pending' WHERE status = 'cancelled'",
        "points that paid for an order came back if it was cancelled, once",
    ),
    ("UPDATE loyalty_accounts SET points = points + 1", "a loyalty ledger sums to its points"),
    (
        "UPDATE pos_loyalty_transactions SET balance_after = 99 WHERE transaction_type = 'redeem'",
        "each line of a loyalty ledger follows from the one before",
    ),
    (
        "UPDATE orders SET total_cents = total_cents + 1 WHERE order_seq = 1",
        "an order's items and adjustments sum to its total",
    ),
    (
        "UPDATE order_items SET line_cents = 1",
        "a line without modifiers costs its quantity times its price",
    ),
    (
        "UPDATE order_refunds SET amount_cents = amount_cents + 10000, total_after_cents = total_after_cents + 10000",
        "no more of an order's money goes back than was paid",
    ),
    (
        "UPDATE order_payments SET amount_cents = amount_cents + 100000",
        "an order's payments come to no more than its total and what went back",
    ),
    (
        "UPDATE order_refunds SET total_after_cents = total_after_cents + 1",
        "each line of an order's refunds follows from the one before",
    ),
    ("UPDATE orders SET status = 'ready' WHERE order_seq = 2", "an order's history ends with its status"),
    (
        "UPDATE order_claims SET terminal_id = gen_random_uuid()",
        "a claim is of an order and of a terminal of its tenant",
    ),
    ("UPDATE tenant_streams SET order_seq = order_seq + 1", "orders are numbered without a hole"),
    ("DELETE FROM pos_sync_logs WHERE seq = 2", "the log has no hole and ends at the head"),
    ("UPDATE tenant_streams SET seq = seq + 1", "the log has no hole and ends at the head"),
    (
        "UPDATE orders SET event_seq = 3 WHERE order_seq = 2",
        "an online order has its event, as far back as the log is retained",
    ),
    (
        "UPDATE pos_sync_logs SET type = 'new_order' WHERE type = 'gift_card_purchased'",
        "a new_order event has its order",
    ),
]


def run_audit(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bellwire", "audit", "--database-url", url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def live(shop: Shop) -> None:
    """Do something of everything."""
    await shop.order()
    order = await shop.order()
    await shop.order(orderSource="phone")
    assert (await shop.pay_order(order["orderId"], 12, status="paid")).status_code == 201
    assert (await shop.refund_order(order["orderId"], 2.5)).status_code == 201
    assert (await shop.refund_order(order["orderId"], 1)).status_code == 201
    await shop.step(order["orderId"], "preparing")
    assert (await shop.claim(order["orderId"], "print")).status_code == 200
    card = await shop.sell_card(10)
    assert (await shop.redeem_card(card["cardNumber"], 2.5)).status_code == 200
    assert (await shop.change_points("5551234", "add", 5)).status_code == 200
    assert (await shop.change_points("5551234", "redeem", 2)).status_code == 200
    paid = (await shop.order())["orderId"]
    assert (await shop.redeem_card(card["cardNumber"], 2, orderId=paid)).status_code == 200
    assert (await shop.move_card(card["cardNumber"], "refund", amount=0.5, orderId=paid)).status_code == 200
    assert (
        await shop.move_card(card["cardNumber"], "top-up", amount=3, purchasedBy="Ada")
    ).status_code == 200
    assert (await shop.change_points("5551234", "redeem", 1, orderId=paid)).status_code == 200
    ended = (await shop.sell_card(4))["cardNumber"]
    assert (await shop.redeem_card(ended, 1, orderId=paid)).status_code == 200
    assert (await shop.move_card(ended, "void")).status_code == 200
    assert (await shop.step(paid, "cancelled")).status_code == 200


async def test_the_audit_is_content_with_what_the_api_did_and_names_whatever_was_done_behind_its_back(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase
) -> None:
    url = await migrated_database()
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": url})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        shop = await Operator(http, await create_operator_key(url)).open_shop("audited")
        await live(shop)
    pod.stop(10)
    content = await asyncio.to_thread(run_audit, url)
    assert (content.returncode, content.stdout.count("ok")) == (0, len(RULES)), content.stdout
    connection = await asyncpg.connect(url)
    try:
        for statement, name in DAMAGE:
            damage = connection.transaction()
            await damage.start()
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(statement)
            findings = [finding_of(rule, await connection.fetch(rule.sql)) for rule in RULES]
            await damage.rollback()
            assert name in {finding.rule for finding in findings if finding.broken}, statement
            assert any(example.startswith("audited: ") for found in findings for example in found.examples)
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(DAMAGE[0][0])
    finally:
        await connection.close()
    broken = await asyncio.to_thread(run_audit, url)
    assert broken.returncode == 1
    assert f"BROKEN 1     {DAMAGE[0][1]}\n               audited: card " in broken.stdout


def test_every_rule_can_be_broken() -> None:
    assert {name for _, name in DAMAGE} == {rule.name for rule in RULES}


def test_without_a_database_it_says_so() -> None:
    result = run_audit("postgresql://nobody@127.0.0.1:1/nothing")
    assert result.returncode not in (0, None)
    assert "PostgreSQL is unavailable" in result.stderr
    assert "Traceback" not in result.stderr
