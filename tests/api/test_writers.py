"""Ledgers and histories say who did it: the terminal, or else the key."""

import asyncpg

from backbone.contract.keys import hash_key, key_name
from tests.shop import Operator, Shop, bearer


def key_of(key: str) -> dict[str, str]:
    key_hash = hash_key(key)
    assert key_hash is not None
    return {"kind": "store", "keyId": key_name(key_hash)}


def terminal_of(shop: Shop) -> dict[str, str]:
    terminal = shop.terminals[0]
    return {"kind": "term", "terminalId": terminal.terminal_id, "name": terminal.name}


async def test_each_step_of_an_order_names_the_terminal_or_the_key_that_made_it(
    shop: Shop, operator: Operator
) -> None:
    till, by_till = shop.terminals[0].terminal_id, terminal_of(shop)
    order = await shop.order()
    assert (await shop.step(order["orderId"], "preparing")).status_code == 200
    # A rotated terminal is the same one.
    rotated = await shop.http.post(shop.path(f"terminals/{till}/rotate"), headers=bearer(operator.key))
    path = shop.path(f"orders/{order['orderId']}/status")
    key = rotated.json()["key"]
    assert (await shop.http.patch(path, json={"status": "ready"}, headers=bearer(key))).status_code == 200
    document = await shop.http.get(shop.path(f"orders/{order['orderId']}"), headers=bearer(key))
    wanted = [key_of(shop.storefront_key), by_till, by_till]
    assert [step["by"] for step in document.json()["history"]] == wanted
    journey = await shop.http.get(
        shop.path(f"orders/{order['orderId']}/journey"), headers=bearer(shop.storefront_key)
    )
    assert [step["by"] for step in journey.json()["status"]] == wanted


async def test_each_line_of_a_points_ledger_names_who_wrote_it_and_nobody_where_nobody_knows(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert (await shop.change_points("5551234", "add", 5)).status_code == 200
    answer = await shop.http.post(
        f"/api/{shop.slug}/loyalty/5551234/add", json={"points": 2}, headers=bearer(shop.storefront_key)
    )
    assert answer.status_code == 200
    # As a pod of the release before does it.
    await database.execute(
        "SELECT change_loyalty($1, NULL, NULL, '5551234', 'add', 1, NULL, '{}')", shop.slug
    )
    account = await shop.http.get(f"/api/{shop.slug}/loyalty/5551234", headers=bearer(shop.terminal_key))
    lines = account.json()["transactions"]
    assert [line["by"] for line in lines] == [None, key_of(shop.storefront_key), terminal_of(shop)]
