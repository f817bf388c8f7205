"""`python -m benchmarks paint`: how much of a page goes over the line, and when it is first seen.

A whole cluster, Debian's Chromium, and each page in a browser that has seen none of it before; then once more in the
same one, which has its files and asks after each of them. Times are from the click to the first words on the screen.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playwright.async_api import Browser, Page

from infra.screenshots.studio import browsing, running

NAMES = ("tour", "shop", "wall", "till", "console")
MOST_BYTES = 200_000
MOST_MS = 300.0
SIZE = {"width": 1280, "height": 800}
# Bodies as they came, packed where they were; a head is some 900 bytes more, and the same for all.
_WEIGHT = """() => {
  const got = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const calls = /\\/(api|demo\\/(sessions|about))/;
  const files = got.filter(({ name }) => name.startsWith(location.origin) && !calls.test(name));
  return { files: files.length, bytes: files.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) };
}"""
_PAINT = """() => new Promise((resolve) => {
  new PerformanceObserver((list) => {
    const [first] = list.getEntriesByName("first-contentful-paint");
    if (first) resolve(first.startTime);
  }).observe({ type: "paint", buffered: true });
})"""


@dataclass(frozen=True, slots=True)
class Opening:
    """A page opened in a new browser, and once more in the same. Bodies in bytes, times in milliseconds."""

    page: str
    files: int
    page_bytes: int
    first_ms: float
    again_ms: float


async def weigh(page: Page) -> tuple[int, int]:
    """The files that the page is made of by now, and their bytes."""
    found = await page.evaluate(_WEIGHT)
    return int(found["files"]), int(found["bytes"])


async def measure(runs: int) -> list[Opening]:
    """Open every page so many times, in turns."""
    with running() as (cluster, pages, _):
        own = pages.addresses(cluster.url)
        addresses = {name: own.get(name, f"{cluster.url}/{name}") for name in NAMES}
        async with browsing(own_type=False) as browser:
            return [
                await opening(browser, name, address)
                for _ in range(runs)
                for name, address in addresses.items()
            ]


async def opening(browser: Browser, name: str, address: str) -> Opening:
    """One page in a browser of its own."""
    context = await browser.new_context(viewport={"width": SIZE["width"], "height": SIZE["height"]})
    page = await context.new_page()
    await page.goto(address, wait_until="load")
    first = await page.evaluate(_PAINT)
    files, page_bytes = await weigh(page)
    await page.goto("about:blank")
    await page.goto(address, wait_until="load")
    again = await page.evaluate(_PAINT)
    await context.close()
    return Opening(name, files, page_bytes, first, again)


def table(found: Sequence[Opening]) -> str:
    """A row a page, with the medians, and the slowest of the first times."""
    of: Mapping[str, list[Opening]] = {name: [one for one in found if one.page == name] for name in NAMES}
    rows = [
        "| page | files | kB over the line | first paint, ms: median (slowest) | again |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, some in of.items():
        first = [one.first_ms for one in some]
        again = statistics.median(one.again_ms for one in some)
        rows.append(
            f"| {name} | {some[0].files} | {some[0].page_bytes / 1000:.0f} | "
            f"{statistics.median(first):.0f} ({max(first):.0f}) | {again:.0f} |"
        )
    heavy = [name for name, some in of.items() if max(one.page_bytes for one in some) > MOST_BYTES]
    slow = [name for name, some in of.items() if statistics.median(one.first_ms for one in some) > MOST_MS]
    rows += ["", f"above {MOST_BYTES // 1000} kB: {', '.join(heavy) or 'none'}"]
    rows += [f"above {MOST_MS:.0f} ms: {', '.join(slow) or 'none'}"]
    return "\n".join(rows)
