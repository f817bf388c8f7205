"""`python -m benchmarks board`: the till's page with five hundred open orders, while more arrive.

A whole cluster, and its page in Debian's Chromium without a window. The page's own observers say how long its tasks
were; a card counts when it is in the document. A page's weight and first paint: benchmarks/paint.py.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.async_api import Browser, Page

from infra.local.cluster import Cluster
from infra.local.shops import Shop, open_shop
from infra.screenshots.studio import browsing

AT_ONCE = 25
PATIENCE_MS = 60_000
SIZE = {"width": 1280, "height": 800}
LONG_MS = 50
ITEMS = [
    {
        "name": "Margherita",
        "quantity": 2,
        "unitPrice": 9.5,
        "modifiers": [{"name": "extra cheese", "unitPrice": 1}],
    },
    {"name": "Caesar salad", "quantity": 1, "unitPrice": 11, "notes": "dressing on the side"},
    {"name": "Lemonade", "quantity": 3, "unitPrice": 3.4},
]
# Before the page's own modules: how long its tasks are, and when the card of each order is there.
WATCH = """
globalThis.noted = { tasks: [], cards: {} };
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) noted.tasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });
new MutationObserver(() => {
  for (const { dataset } of document.querySelectorAll('[data-column="pending"] .order')) {
    noted.cards[dataset.order] ??= Date.now();
  }
}).observe(document, { childList: true, subtree: true });
"""


@dataclass(frozen=True, slots=True)
class Board:
    """One run. Times in milliseconds.

    `opening` is the longest task while the orders came from the list, `longest` while more arrived; `delays` are from
    before a POST to its card.
    """

    orders: int
    arrived: int
    opening: float
    longest: float
    long_tasks: int
    delays: tuple[float, ...]


async def measure(cluster: Cluster, orders: int, rate: int, seconds: float, runs: int) -> list[Board]:
    """Each run has a shop and a browser's profile of its own."""
    async with browsing(own_type=False) as browser:
        return [await _run(cluster, browser, n, orders, rate, seconds) for n in range(runs)]


async def _run(cluster: Cluster, browser: Browser, n: int, orders: int, rate: int, seconds: float) -> Board:
    shop = _open(cluster, n)
    async with _clients(cluster, shop) as (storefront, operator):
        for _ in range(orders // AT_ONCE):
            await asyncio.gather(*(_place(storefront) for _ in range(AT_ONCE)))
        context = await browser.new_context(base_url=cluster.url, viewport=SIZE)  # type: ignore[arg-type]
        await context.add_init_script(WATCH)
        page = await context.new_page()
        await page.goto("/till")
        await _pair(page, operator, shop, orders)
        opening = await _longest(page, 0)
        begun: dict[str, float] = {}
        started = await page.evaluate("performance.now()")
        waits = []
        for _ in range(int(rate * seconds)):
            waits.append(asyncio.create_task(_note(storefront, begun)))
            await asyncio.sleep(max(0.0, 1 / rate))
        await asyncio.gather(*waits)
        await _has(page, orders + len(waits))
        tasks = [length for at, length in await page.evaluate("noted.tasks") if at >= started]
        cards = await page.evaluate("noted.cards")
        await context.close()
    delays = tuple(cards[order] - at for order, at in begun.items() if order in cards)
    return Board(
        orders,
        len(waits),
        opening,
        max(tasks, default=0.0),
        sum(length > LONG_MS for length in tasks),
        delays,
    )


def _open(cluster: Cluster, n: int) -> Shop:
    headers = {"Authorization": f"Bearer {cluster.operator_key}"}
    with httpx.Client(base_url=cluster.url, headers=headers, timeout=30, trust_env=False) as client:
        return open_shop(client, f"board-{n}", "The Kitchen", ())


@asynccontextmanager
async def _clients(
    cluster: Cluster, shop: Shop
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    def client(key: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=cluster.url, headers=headers, timeout=30, trust_env=False)

    async with client(shop.storefront_key) as storefront, client(cluster.operator_key) as operator:
        yield storefront, operator


async def _place(storefront: httpx.AsyncClient) -> str:
    order: dict[str, Any] = {"orderType": "pickup", "customerName": "Ada Lovelace", "items": ITEMS}
    answer = await storefront.post("/api/tenant/orders/create", json=order)
    answer.raise_for_status()
    order_id: str = answer.json()["orderId"]
    return order_id


async def _note(storefront: httpx.AsyncClient, begun: dict[str, float]) -> None:
    at = time.time() * 1000
    begun[await _place(storefront)] = at


async def _pair(page: Page, operator: httpx.AsyncClient, shop: Shop, orders: int) -> None:
    answer = await operator.post(f"/api/tenant/{shop.slug}/pairings", json={"name": "board"})
    answer.raise_for_status()
    await page.fill("#code", answer.json()["code"])
    await page.keyboard.press("Enter")
    await _has(page, orders)


async def _has(page: Page, orders: int) -> None:
    """So many orders are new ones."""
    await page.wait_for_selector(f'[data-column="pending"][data-count="{orders}"]', timeout=PATIENCE_MS)


async def _longest(page: Page, since: float) -> float:
    # A task is told of when it is over, and a frame later.
    await page.wait_for_timeout(500)
    tasks: Sequence[tuple[float, float]] = await page.evaluate("noted.tasks")
    return float(max((length for at, length in tasks if at >= since), default=0))


def table(found: Sequence[Board]) -> str:
    """The medians over runs, as a table."""

    def median(name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in found))

    delays = sorted(delay for one in found for delay in one.delays)
    p50, p99 = (delays[min(len(delays) - 1, int(len(delays) * part))] for part in (0.5, 0.99))
    rows = [
        (f"longest task while {found[0].orders} orders come from the list", f"{median('opening'):.0f} ms"),
        (f"longest task while {found[0].arrived} more arrive", f"{median('longest'):.0f} ms"),
        ("tasks above 50 ms, each run", ", ".join(str(one.long_tasks) for one in found)),
        ("from before a POST to its card, p50", f"{p50:.0f} ms"),
        ("from before a POST to its card, p99", f"{p99:.0f} ms"),
    ]
    return "\n".join(f"| {name} | {value} |" for name, value in [("", ""), ("---", "---"), *rows])
