"""Money at pods of two releases: a shop with a currency of two decimals, payments of orders that either pod took."""

from typing import Any

import httpx

from infra.local.pods import Pod
from tests.shop import Operator, bearer


async def money_across(old: Pod, new: Pod, operator_key: str) -> list[str]:
    """Sell, pay and refund at both pods in turn, and return what is wrong in words."""
    complaints: list[str] = []

    def expect(what: str, found: Any, right: Any) -> None:
        if found != right:
            complaints.append(f"{what}: {found!r} and not {right!r}")

    async with (
        httpx.AsyncClient(base_url=old.url, timeout=10) as before,
        httpx.AsyncClient(base_url=new.url, timeout=10) as now,
    ):
        operator = Operator(now, operator_key)
        yen = {"slug": "tokyo", "name": "Tokyo", "currency": "JPY"}
        refused = await now.post("/api/tenants", json=yen, headers=bearer(operator_key))
        expect("yen beside older pods", refused.status_code, 422)
        shop = await operator.open_shop(currency="EUR")
        there = shop.at(before)
        # The older pod knows no currency, and two decimals are right.
        for order in (await there.order(), await shop.order(currency="EUR")):
            number = order["orderId"]
            expect("the total", order["totalAmount"], 17.05)
            card = await there.sell_card(10)
            taken = await there.redeem_card(card["cardNumber"], 2.5, orderId=number)
            expect("a card at the old pod", (taken.status_code, taken.json()["balance"]), (200, 7.5))
            paid = (await shop.pay_order(number, 10)).json()
            expect("paid", (paid["amountPaid"], paid["amountDue"]), (12.5, 4.55))
            expect("refunded", (await shop.refund_order(number, 4)).json()["refundedTotal"], 4)
            shown = await there.get_order(number)
            expect("shown by the old pod", (shown["totalAmount"], shown["status"]), (17.05, "pending"))
            document = await shop.get_order(number)
            expect("the currency", document["currency"], "EUR")
            expect("what is paid at last", (document["amountPaid"], document["amountDue"]), (8.5, 8.55))
        types = [event["type"] for event in await there.events()]
        expect("told by the old pod", (types.count("order_paid"), types.count("order_refunded")), (2, 2))
        late = await now.patch(
            f"/api/tenant/{shop.slug}", json={"currency": "USD"}, headers=bearer(operator_key)
        )
        expect("another currency", late.status_code, 409)
    return complaints
