"""Phones at pods of two releases: an order has one number, and its customer one account, whichever pod is asked.

A pod of the release before reads digits alone and writes no number beside the text.
"""

from typing import Any
from urllib.parse import quote

import httpx

from infra.local.pods import Pod
from tests.shop import Operator, Shop, bearer

WRITTEN = ("+44 7700 900123", "0044 7700 900123", "447700900123")


async def phones_across(old: Pod, new: Pod, operator_key: str) -> list[str]:
    """Order, complete and ask by all spellings at both pods, and return every broken promise in words."""
    complaints: list[str] = []
    async with httpx.AsyncClient(base_url=new.url, timeout=10) as http:
        here = await Operator(http, operator_key).open_shop()
        await http.patch(f"/api/tenant/{here.slug}", json={"pointsPerUnit": 1}, headers=bearer(operator_key))
        async with httpx.AsyncClient(base_url=old.url, timeout=10) as other:
            there = here.at(other)
            placed = []
            for phone in WRITTEN:
                for shop, later in ((there, here), (here, there)):
                    order = await shop.order(customerPhone=phone)
                    placed.append((phone, order["orderId"]))
                    for status in ("preparing", "ready", "completed"):
                        await later.step(order["orderId"], status)
                    await shop.change_points(quote(phone), "add", 1)
            # 17.05 is 17 points, and one by hand.
            for shop in (here, there):
                found = [(await _account(shop, phone)) for phone in WRITTEN]
                if found != [(200, 18 * len(placed))] * len(WRITTEN):
                    complaints.append(f"accounts at {shop.http.base_url}: {found}")
        complaints += await _orders(here, placed)
    return complaints


async def _account(shop: Shop, phone: str) -> tuple[int, Any]:
    answer = await shop.http.get(
        f"/api/{shop.slug}/loyalty/{quote(phone)}", headers=bearer(shop.terminal_key)
    )
    return answer.status_code, answer.json().get("newBalance")


async def _orders(shop: Shop, placed: list[tuple[str, str]]) -> list[str]:
    answer = await shop.http.get(
        shop.path("orders"), params={"phone": WRITTEN[0], "limit": 200}, headers=bearer(shop.terminal_key)
    )
    numbers = {order["orderId"]: order["customerPhoneNumber"] for order in answer.json()["orders"]}
    wanted = {order: "447700900123" if phone[0] == "4" else "+447700900123" for phone, order in placed}
    return [] if numbers == wanted else [f"found {numbers}, and not {wanted}"]
