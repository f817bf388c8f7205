"""The pictures, and what is done before each is taken. A further page is a row in `SHOTS` and a function above it.

A scene plays with the real thing, waits for what it wants to show, and never for a clock.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Page, expect

from infra.local.pods import SHORT_LIFE_SECONDS
from infra.local.waiting import wait_until
from infra.screenshots.guests import crowd, dine, once
from infra.screenshots.studio import PATIENCE_MS, Set

# All of it takes its time on a machine that has other work; a page that never gets there is the fault.
expect.set_options(timeout=PATIENCE_MS)

WIDE = (1360, 880)
TABLET = (1180, 820)
PHONE = (390, 844)
# Orders, so many a second, that charts have something to show.
RUSH = 80
RUSH_A_SECOND = 10
GUESTS = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tony", "Margaret", "Dennis")

Scene = Callable[[Page, Set], Awaitable[None]]


async def tour(page: Page, place: Set) -> None:
    """With a code for a new till."""
    await page.get_by_role("button", name="Get a pairing code").click()
    await expect(page.locator("#code")).not_to_be_empty()


async def wall(page: Page, place: Set) -> None:
    """A gateway was just killed under orders: its tills are away, the others go on."""
    tiles = page.locator(".tile")
    await expect(page.locator('.tile[data-state="live"]')).to_have_count(6)
    await expect(tiles.filter(has_text="gateway-")).to_have_count(6)
    for guest in GUESTS:
        await order(page, guest)
    # One that has just begun is left alone by the button.
    grown = SHORT_LIFE_SECONDS + 1
    await asyncio.to_thread(
        wait_until, lambda: all(pod.age_seconds > grown for pod in place.cluster.gateways), 2 * grown
    )
    pods = await page.locator(".tile .pod").all_inner_texts()
    await page.get_by_role("button", name=f"Kill {max(pods, key=pods.count)}").click()
    await expect(page.locator('.tile[data-state="away"]').first).to_be_visible()
    await expect(page.locator("#journal")).to_contain_text("SIGKILL")


async def order(page: Page, guest: str) -> None:
    """One order of the wall's form, on every tile."""
    await page.get_by_label("Name").fill(guest)
    await page.get_by_role("button", name="Place order").click()
    await expect(page.locator(".tile .last", has_text=guest)).to_have_count(6)


async def wall_again(page: Page, place: Set) -> None:
    """On a phone, after Redis was flushed between two orders: nothing lost."""
    await expect(page.locator('.tile[data-state="live"]')).to_have_count(6)
    await order(page, "Grace")
    await page.get_by_role("button", name="Flush Redis").click()
    await expect(page.locator("#journal")).to_contain_text("FLUSHALL")
    await order(page, "Ada")
    await expect(page.locator("#figure-underWay")).to_have_text("0")
    await expect(page.locator(".tile", has_text="gateway-")).to_have_count(6)
    await page.evaluate("scrollTo(0, 0)")


async def shop(page: Page, place: Set) -> None:
    """An order that was paid with a gift card, and the next one in the basket. Someone looks at the wall meanwhile."""
    others = await place.open("wall", WIDE)
    await expect(others.locator('.tile[data-state="live"]')).to_have_count(6)
    await expect(page.locator("#listening")).to_contain_text("listening: ")
    await page.get_by_role("button", name="Buy a gift card").click()
    await expect(page.locator("#cards li")).to_have_count(1)
    await page.get_by_label("Extra cheese").check()
    await page.get_by_role("button", name="Add Margherita").click()
    await page.get_by_role("button", name="Place order").click()
    await expect(page.locator(".progress")).to_contain_text("On 6 tills")
    await expect(page.locator(".progress")).to_contain_text("paid")
    await page.get_by_role("button", name="Add Minestrone").click()
    await page.get_by_role("button", name="Add Limonata").click()
    await page.get_by_label("Note for the kitchen").fill("allergic to nuts")
    await page.get_by_label("Note for the kitchen").blur()
    await page.evaluate("scrollTo(0, 0)")
    await others.context.close()


async def till(page: Page, place: Set) -> None:
    """The board of an evening."""
    shop = place.open_shop(f"trattoria-{secrets.token_hex(3)}", "Trattoria", ("Pass", "kitchen"))
    await page.get_by_role("button", name="I have a key").click()
    await page.locator("#key").fill(shop.terminals[0].key)
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator('.light[data-state="live"]')).to_be_visible()
    await dine(place, shop)
    for column, count in (("pending", 3), ("preparing", 2), ("ready", 1)):
        await expect(page.locator(f'[data-column="{column}"] .order')).to_have_count(count)


async def till_again(page: Page, place: Set) -> None:
    """On a phone, without a network: an order was accepted all the same, and waits to be sent."""
    await till(page, place)
    await page.context.set_offline(True)
    await expect(page.locator('.light[data-state="offline"]')).to_be_visible()
    await page.get_by_role("button", name=re.compile("^Accept .*15 minutes")).first.click()
    await page.locator('[data-tab="preparing"]').click()
    await expect(page.locator(".order.waits")).to_be_visible()
    await expect(page.locator(".toast")).to_have_count(0)
    await page.mouse.move(0, 0)


async def console(page: Page, place: Set) -> None:
    """The overview, while the wall's tills get a rush of orders."""
    others = await place.open("wall", WIDE)
    await expect(others.locator('.tile[data-state="live"]')).to_have_count(6)
    await page.get_by_label("Operator key").fill(place.cluster.operator_key)
    await page.keyboard.press("Enter")
    await expect(page.locator("header .light")).to_have_text("Live")
    async with place.client(place.shop.storefront_key) as guest:
        for order in crowd(RUSH):
            (await guest.post("/api/tenant/orders/create", json=order, headers=once())).raise_for_status()
            await asyncio.sleep(1 / RUSH_A_SECOND)
    await expect(page.locator(".figures")).to_contain_text("ms")
    await others.context.close()


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: its name, the page, what is played, and how large and how bright the window is."""

    name: str
    page: str
    scene: Scene
    size: tuple[int, int] = WIDE
    dark: bool = False


SHOTS = (
    Shot("wall", "wall", wall),
    Shot("wall-phone", "wall", wall_again, size=PHONE, dark=True),
    Shot("shop", "shop", shop),
    Shot("till", "till", till, size=TABLET),
    Shot("till-dark", "till", till, size=TABLET, dark=True),
    Shot("till-phone", "till", till_again, size=PHONE, dark=True),
    Shot("console", "console", console),
    Shot("tour", "tour", tour),
)
