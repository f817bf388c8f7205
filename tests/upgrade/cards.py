"""Gift cards and points at pods of two releases: money that one of them takes goes back by the other, once.

A pod of the release before knows neither refunds nor names of redemptions, and names orders by any text.
"""

from typing import Any

import httpx

from infra.local.pods import Pod
from tests.shop import Operator


async def cards_across(old: Pod, new: Pod, operator_key: str) -> list[str]:
    """Redeem and cancel at both pods, and return what is wrong in words."""
    complaints: list[str] = []

    def expect(what: str, found: Any, right: Any) -> None:
        if found != right:
            complaints.append(f"{what}: {found!r} and not {right!r}")

    async with (
        httpx.AsyncClient(base_url=old.url, timeout=10) as before,
        httpx.AsyncClient(base_url=new.url, timeout=10) as now,
    ):
        here = await Operator(now, operator_key).open_shop()
        there = here.at(before)
        number = (await there.sell_card(50))["cardNumber"]
        for asked, cancels in ((there, here), (here, there), (there, there)):
            order = (await asked.order())["orderId"]
            expect("used", (await asked.redeem_card(number, 10, orderId=order)).status_code, 200)
            expect(
                "used at the other", (await cancels.redeem_card(number, 2, orderId=order)).status_code, 200
            )
            part = await here.move_card(number, "refund", amount=3, orderId=order)
            expect("given back in part", (part.status_code, part.json().get("balance")), (200, 41))
            expect("cancelled", (await cancels.step(order, "cancelled")).status_code, 200)
            expect("all came back", await there.balance(number), 50)
            more = await here.move_card(number, "refund", amount=0.01, orderId=order)
            expect("nothing is left", more.status_code, 409)
            # The old pod has no other word for it, and takes nothing.
            refused = await there.redeem_card(number, 1, orderId=order)
            expect("for a cancelled order", refused.json().get("type", "")[-20:], "insufficient-balance")
        named = await there.redeem_card(number, 1, orderId="the till's 17th")
        expect("for what is no order", (named.status_code, named.json().get("balance")), (200, 49))
        back = await here.move_card(number, "refund", amount=1, orderId="the till's 17th")
        expect("that goes back", (back.status_code, back.json().get("balance")), (200, 50))
        # One redemption by whichever pod a retry comes to; and one that is refused.
        order = (await here.order())["orderId"]
        answers = [
            await shop.redeem_card(number, 4, "retried", orderId=order) for shop in (here, there, here)
        ]
        expect("a retry", len({answer.text for answer in answers}), 1)
        await here.step(order, "cancelled")
        answers = [
            await shop.redeem_card(number, 4, "refused", orderId=order) for shop in (here, there, here)
        ]
        expect("a refusal", [answer.status_code for answer in answers], [409, 409, 409])
        await here.move_card(number, "top-up", amount=25, purchasedBy="Ada")
        expect("topped up", (await there.redeem_card(number, 70)).json().get("balance"), 5)
        await here.move_card(number, "void")
        expect("voided", (await there.redeem_card(number, 1)).status_code, 409)
        expect("points", (await there.change_points("5551234", "add", 9)).status_code, 200)
        order = (await there.order())["orderId"]
        paid = await here.change_points("5551234", "redeem", 4, orderId=order)
        expect("points for an order", paid.json().get("newBalance"), 5)
        await there.step(order, "cancelled")
        after = await there.change_points("5551234", "redeem", 9)
        expect("points came back", (after.status_code, after.json().get("newBalance")), (200, 0))
        offsets = [event["offset"] for event in await there.events()]
        expect("the log", offsets, [f"1-{n}" for n in range(1, len(offsets) + 1)])
    return complaints
