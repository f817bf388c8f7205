"""Pages with a till of the JavaScript SDK, as their tests drive them."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, WebSocket

from tests.shop import Shop, bearer

PROGRAM = Path(__file__).with_name("tab.js").read_text("utf-8")
# Any document of this origin will do: the program is put into it.
ADDRESS = "/pages/sdk/index.js"
PATIENCE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab. `sockets` are the WebSockets that it opened, of which `open_sockets` live."""

    page: Page
    sockets: list[WebSocket] = field(default_factory=list)

    @property
    def open_sockets(self) -> int:
        """How many of them live."""
        return sum(not socket.is_closed() for socket in self.sockets)

    async def until(self, holds: str, arg: Any = None) -> None:
        """Wait until this is true of `tab`."""
        await self.page.wait_for_function(f"wanted => {holds}", arg=arg, timeout=PATIENCE_MS)

    async def has(self, *offsets: str) -> None:
        """Wait for the last of these, and see that it handled them all, once and in this order, and nothing else."""
        await self.until("tab.handled.includes(wanted)", offsets[-1])
        assert await self.get("handled") == list(offsets)

    async def get(self, name: str) -> Any:
        """A member of `tab`."""
        return await self.page.evaluate(f"tab.{name}")

    async def close(self) -> None:
        """Close it, as a person does: nothing is said to the page."""
        await self.page.close()


async def blank(context: BrowserContext, origin: str = "") -> Tab:
    """A tab with the program, and no till yet. `origin` is another way to the cluster."""
    page = await context.new_page()
    tab = Tab(page)
    page.on("websocket", lambda socket: tab.sockets.append(socket))
    # A browser asks for a picture of any document, and this one has none.
    await page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    await page.goto(f"{origin}{ADDRESS}")
    await page.evaluate(PROGRAM)
    return tab


async def open_tab(context: BrowserContext, shop: Shop, origin: str = "", **wishes: Any) -> Tab:
    """A tab with a till that is live."""
    tab = await blank(context, origin)
    await tab.page.evaluate(
        "wishes => begin(wishes)", {"tenant": shop.slug, "key": shop.terminal_key, **wishes}
    )
    await tab.until("tab.states.includes('live')")
    return tab


async def acked(shop: Shop, offset: str) -> None:
    """Wait until the server knows that everything up to here was seen."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while True:
            answer = await shop.http.get("/api/whoami", headers=bearer(shop.terminal_key))
            if answer.json()["ackedOffset"] == offset:
                return
            await asyncio.sleep(0.1)


async def offsets(shop: Shop, count: int) -> list[str]:
    """Orders, one after the other: where each is in the log."""
    return [(await shop.order())["offset"] for _ in range(count)]
