"""A cluster with the demo's pages, and a browser that takes pictures of them.

The pictures have Debian's Inter as the system's type, fetched as its Chromium is: a machine without a desktop has
hardly a type of its own, and nobody looks at a page there.
"""

import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.async_api import Browser, Page, async_playwright

from infra.local.chromium import ARGUMENTS, find_chromium
from infra.local.cluster import Cluster
from infra.local.debian_tool import fetch, private_folder
from infra.local.failure import CannotStart
from infra.local.pages.server import Pages
from infra.local.plan import Plan
from infra.local.shops import Shop, open_shop
from infra.local.workdir import Workdir

TYPE, TYPE_PACKAGE = "Inter", "fonts-inter"
PATIENCE_MS = 60_000
# Sharp on a dense screen, and lines of text without a halo.
SCALE = 1.5
QUALITY = 88


@dataclass(frozen=True, slots=True)
class Set:
    """Everything that a scene is played with: the cluster, its pages, and one shop with its keys."""

    cluster: Cluster
    pages: Pages
    shop: Shop
    browser: Browser

    def address(self, name: str) -> str:
        """Of the demo's own pages the printed address, of the others the path at the load balancer."""
        return self.pages.addresses(self.cluster.url).get(name, f"{self.cluster.url}/{name}")

    def open_shop(self, slug: str, name: str, terminals: tuple[str, ...]) -> Shop:
        """Another shop, in which nothing has happened yet."""
        with operator(self.cluster) as client:
            return open_shop(client, slug, name, terminals)

    def client(self, key: str) -> httpx.AsyncClient:
        """Somebody who has this key."""
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.cluster.url, headers=headers, timeout=30, trust_env=False)

    async def open(
        self, name: str, size: tuple[int, int], *, dark: bool = False, scale: float = SCALE
    ) -> Page:
        """The page of that name, in a window of its own.

        Raises:
            CannotStart: there is no such page.
        """
        width, height = size
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        answer = await page.goto(self.address(name))
        if answer is None or answer.status != 200:
            status = "nothing" if answer is None else answer.status
            raise CannotStart(f"There is no page {name} to take a picture of: it was answered with {status}.")
        return page


async def picture(page: Page) -> bytes:
    """The window as it is now, as WebP."""
    session = await page.context.new_cdp_session(page)
    taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    return base64.b64decode(taken["data"])


def operator(cluster: Cluster) -> httpx.Client:
    """The cluster's operator, at the load balancer."""
    headers = {"Authorization": f"Bearer {cluster.operator_key}"}
    return httpx.Client(base_url=cluster.url, headers=headers, timeout=30, trust_env=False)


@contextlib.contextmanager
def running() -> Iterator[tuple[Cluster, Pages, Shop]]:
    """The cluster that `make demo` runs, with one shop, at a port of its own."""
    pages = Pages()
    with Cluster(Plan(), say=print, pages=pages.address) as cluster:
        with operator(cluster) as client:
            shop = open_shop(client, "kitchen", "The Kitchen", ("counter", "kitchen-1", "kitchen-2", "bar"))
        pages.start(cluster, shop)
        try:
            yield cluster, pages, shop
        finally:
            pages.stop()


@contextlib.asynccontextmanager
async def browsing(*, own_type: bool = True) -> AsyncIterator[Browser]:
    """Chromium without a window, with our type for the system's, or with the machine's.

    Raises:
        CannotStart: our type is not here and cannot be had.
        ToolMissing: it is not here and cannot be had; the text has the command to type.
    """
    tool = find_chromium()
    keep = Workdir("type")
    try:
        env = tool.environment()
        if own_type:
            env["FONTCONFIG_FILE"] = str(type_settings(keep.path))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=tool.path, args=list(ARGUMENTS[1:]), env={**env}
            )
            yield browser
            await browser.close()
    finally:
        keep.remove()


def type_settings(folder: Path) -> Path:
    """A file by which a browser takes our type for the system's.

    Raises:
        CannotStart: Debian's package cannot be had.
    """
    fonts = private_folder() / TYPE_PACKAGE
    if not fonts.is_dir() and (why := fetch((TYPE_PACKAGE,), fonts)):
        raise CannotStart(
            f"The type {TYPE} could not be fetched ({why}); apt-get download {TYPE_PACKAGE} says more."
        )
    matches = "".join(
        f'<match target="pattern"><test name="family" compare="eq"><string>{family}</string></test>'
        f'<edit name="family" mode="prepend" binding="strong"><string>{TYPE}</string></edit></match>\n'
        for family in ("sans-serif", "system-ui")
    )
    path = folder / "fonts.conf"
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n'
        '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>\n'
        f"<dir>{fonts}</dir><cachedir>{folder}</cachedir>\n{matches}</fontconfig>\n"
    )
    return path
