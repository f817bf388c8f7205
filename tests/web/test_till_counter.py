"""The counter's side of the till: gift cards, points, the day's totals and its report."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.shop import Shop, bearer
from tests.waiting import eventually
from tests.web.axe import serious
from tests.web.conftest import OpenContext, Watch
from tests.web.till_page import PATIENCE_MS, TillPage

TEA = {"items": [{"name": "Tea", "quantity": 2, "unitPrice": 2.5}]}


@pytest.fixture
async def till(open_context: OpenContext, corner: Shop) -> TillPage:
    page: Page = await (await open_context(viewport={"width": 1024, "height": 768})).new_page()
    page.set_default_timeout(PATIENCE_MS)
    till = TillPage(page)
    await till.pair(corner)
    return till


async def open_from_menu(till: TillPage, name: str) -> Locator:
    await till.page.get_by_role("button", name="Menu").click()
    await till.page.get_by_role("dialog").get_by_role("button", name=name).click()
    return till.page.get_by_role("dialog")


async def test_a_gift_card_pays_an_order_and_gets_it_back(till: TillPage, corner: Shop, watch: Watch) -> None:
    watch.expected.append("40[49]")
    placed = await corner.order(**TEA)
    card = await corner.sell_card(7)
    await expect(till.card(placed["orderId"])).to_contain_text("To pay")
    panel = await open_from_menu(till, "Gift cards")
    await panel.get_by_label("Card number").fill("AAAA BBBB CCCC DDDD")
    await till.page.keyboard.press("Enter")
    await expect(panel.get_by_role("status")).to_have_text("There is no such number.")
    await panel.get_by_label("Card number").fill(card["cardNumber"])
    await till.page.keyboard.press("Enter")
    await expect(panel.locator(".figure")).to_have_text("7.00")
    await panel.get_by_label("For the order").select_option(index=1)
    await expect(panel.get_by_label("Amount").first).to_have_value("5")
    await panel.get_by_role("button", name="Take it").click()
    await expect(panel.get_by_role("status")).to_have_text("Done. 2.00 are left.")
    await expect(till.card(placed["orderId"])).to_contain_text("Paid")
    await panel.get_by_role("button", name="Take it").click()
    await expect(panel.get_by_role("status")).to_have_text("There is not that much on the card.")
    # A form says it: no message says it again.
    await expect(till.page.locator(".toast")).to_have_count(0)
    await panel.get_by_text("Give back to the card").click()
    assert await serious(till.page) == []
    await panel.get_by_label("Order that the card paid").fill(placed["orderNumber"].lower())
    await panel.get_by_label("Amount").last.fill("1,5")
    await panel.get_by_role("button", name="Give it back").click()
    await expect(panel.get_by_role("status")).to_have_text("Done. 3.50 are on the card.")
    assert await corner.balance(card["cardNumber"]) == 3.5
    await expect(till.card(placed["orderId"])).to_contain_text("1.50 to pay")


async def test_what_is_given_without_a_network_is_kept_and_done_once(
    till: TillPage, corner: Shop, watch: Watch
) -> None:
    watch.expected.append(r"WebSocket connection to|net::ERR_|Failed to load resource")
    card = await corner.sell_card(20)
    panel = await open_from_menu(till, "Gift cards")
    await panel.get_by_label("Card number").fill(card["cardNumber"])
    await till.page.keyboard.press("Enter")
    await expect(panel.locator(".figure")).to_have_text("20.00")
    await till.page.context.set_offline(True)
    await till.is_in("offline")
    await panel.get_by_label("Amount").first.fill("7.50")
    await panel.get_by_role("button", name="Take it").click()
    await expect(panel.get_by_role("status")).to_contain_text("Not sent yet")
    await till.page.reload()
    await expect(till.page.locator(".waiting-count")).to_be_visible()
    await till.page.context.set_offline(False)
    await till.has_sent_all()
    assert await corner.balance(card["cardNumber"]) == 12.5


async def test_points_are_added_and_redeemed(till: TillPage, corner: Shop, watch: Watch) -> None:
    watch.expected.append("40[49]")
    panel = await open_from_menu(till, "Loyalty points")
    await panel.get_by_label("Phone number").fill("+44 7700 900123")
    await till.page.keyboard.press("Enter")
    await expect(panel.get_by_role("status")).to_have_text("This number has no points yet.")
    await panel.get_by_label("Points", exact=True).fill("20")
    await panel.get_by_label("Reason").fill("<b>birthday</b>")
    await panel.get_by_role("button", name="Add").click()
    await expect(panel.get_by_role("status")).to_have_text("Done. The customer has 20.")
    await expect(panel.get_by_role("row")).to_contain_text("<b>birthday</b>")
    await panel.get_by_label("Points", exact=True).fill("50")
    await panel.get_by_role("button", name="Redeem").click()
    await expect(panel.get_by_role("status")).to_have_text("There are not that many points.")
    await panel.get_by_label("Points", exact=True).fill("5")
    await panel.get_by_role("button", name="Redeem").click()
    await expect(panel.locator(".figure")).to_have_text("15")
    assert await serious(till.page) == []


async def test_the_day_is_summed_up_and_reported(till: TillPage, corner: Shop) -> None:
    orders = [await corner.order(**TEA) for _ in range(3)]
    assert (await corner.step(orders[0]["orderId"], "cancelled")).status_code == 200
    await till.has("pending", orders[2]["orderId"], orders[1]["orderId"])
    panel = await open_from_menu(till, "Today")
    await expect(panel.locator(".tile").first).to_have_text("Sales10.00")
    await expect(panel.get_by_role("img", name=re.compile("^Orders by hour: "))).to_be_visible()
    await expect(panel.get_by_role("row", name="Tea 4×")).to_be_visible()
    assert await serious(till.page) == []
    await panel.get_by_role("button", name="Send the day's report").click()
    await expect(panel.locator(".outcome")).to_have_text(re.compile("^The report is there"))
    answer = await corner.http.get(corner.path("daily-reports"), headers=bearer(corner.storefront_key))
    (report,) = answer.json()["reports"]
    names = ("orders", "cancelled", "open", "gross", "average")
    assert [report["totals"][name] for name in names] == [3, 1, 2, 10, 5]


async def test_an_order_in_full_has_whom_to_call_and_who_did_what(till: TillPage, corner: Shop) -> None:
    placed = await corner.order(
        items=[{"name": f"Dish {n}", "quantity": 1, "unitPrice": 1} for n in range(30)],
        deliveryAddress={"line1": "1 High St", "city": "Leeds", "instructions": "third floor"},
    )
    assert (await corner.step(placed["orderId"], "preparing")).status_code == 200
    await eventually(lambda: corner.receipts(placed["orderId"]), bool)
    card = till.card(placed["orderId"], "preparing")
    await expect(card).to_contain_text("1 High St, Leeds")
    await card.get_by_role("button", name="and 18 more items").click()
    panel = till.page.get_by_role("dialog")
    await expect(panel).to_contain_text("Dish 29")
    await expect(panel).to_contain_text("+49 170 1234567")
    await expect(panel).to_contain_text("Seen by: Pass")
    await expect(panel.get_by_role("row", name="being prepared counter")).to_be_visible()
    assert await serious(till.page) == []
