"""The till's page in a browser, in the words of one who stands before it."""

from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.shop import Shop, bearer
from tests.waiting import eventually

PATIENCE_MS = 30_000


@dataclass(frozen=True, slots=True)
class TillPage:
    """One window of a till."""

    page: Page

    async def pair(self, shop: Shop, name: str = "Pass") -> None:
        """Open the page with nothing kept, and type a code."""
        answer = await shop.http.post(
            shop.path("pairings"), json={"name": name}, headers=bearer(shop.operator_key)
        )
        assert answer.status_code == 201, answer.text
        await self.page.goto("/till")
        await self.type_code(answer.json()["code"].lower())

    async def type_code(self, code: str) -> None:
        await self.page.locator("#code").fill(code)
        await self.page.keyboard.press("Enter")
        await self.is_in("live")

    async def paste(self, key: str) -> None:
        """Open the page with nothing kept, and paste a key."""
        await self.page.goto("/till")
        await self.page.get_by_role("button", name="I have a key").click()
        await self.page.locator("#key").fill(key)
        await self.page.get_by_role("button", name="Connect").click()

    async def is_in(self, *states: str) -> None:
        """The light shows one of these states."""
        lights = ", ".join(f'.light[data-state="{state}"]' for state in states)
        await expect(self.page.locator(lights)).to_be_visible(timeout=PATIENCE_MS)

    def column(self, name: str) -> Locator:
        return self.page.locator(f'.column[data-column="{name}"]')

    def card(self, order_id: str, column: str = "") -> Locator:
        """An order's card, in this column where one is named."""
        within = f'[data-column="{column}"] ' if column else ""
        return self.page.locator(f'{within}.order[data-order="{order_id}"]')

    async def has(self, column: str, *order_ids: str) -> None:
        """The column holds these orders from the top down, each once, and no other column does."""
        look = """name => Array.from(
          document.querySelectorAll(`[data-column="${name}"] .order`), (one) => one.dataset.order)"""

        async def ids() -> list[str]:
            found: list[str] = await self.page.evaluate(look, column)
            return found

        await eventually(ids, lambda found: found == list(order_ids), PATIENCE_MS / 1000)
        for order_id in order_ids:
            await expect(self.card(order_id)).to_have_count(1)

    async def has_sent_all(self) -> None:
        """Nothing waits in the outbox."""
        await expect(self.page.locator(".waiting-count")).to_be_hidden(timeout=PATIENCE_MS)
        await expect(self.page.locator(".order.waits")).to_have_count(0, timeout=PATIENCE_MS)

    async def rings(self, wanted: bool) -> None:
        """Whether the bell rings."""
        await expect(self.page.locator("body")).to_have_attribute("data-ringing", str(wanted).lower())

    async def overflows(self) -> bool:
        """Whether anything sticks out at a side."""
        found: bool = await self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        return found


def statuses(order: dict[str, object]) -> list[str]:
    """The steps that an order took."""
    history = order["history"]
    assert isinstance(history, list)
    return [step["status"] for step in history]
