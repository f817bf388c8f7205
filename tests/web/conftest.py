"""One browser and one cluster for all tests of pages. An error on the console fails the test that caused it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from infra.local.chromium import ARGUMENTS, find_chromium
from infra.local.cluster import Cluster
from infra.local.debian_tool import ToolMissing
from infra.local.plan import Plan
from tests.shop import Operator, Shop

PATIENCE_MS = 15_000


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """HAProxy, an API pod and two gateways. A test that breaks something mends it."""
    settings = {
        "BELLWIRE_DRAIN_NOTICE_SECONDS": "0.2",
        "BELLWIRE_HEARTBEAT_SECONDS": "5",
        "BELLWIRE_KEY_RATE": "100000",
        "BELLWIRE_TENANT_RATE": "100000",
    }
    with Cluster(Plan(api_pods=1, gateway_pods=2), settings=settings) as cluster:
        yield cluster


@pytest.fixture(scope="session")
async def town(cluster: Cluster) -> AsyncIterator[Operator]:
    """The cluster's operator, at the load balancer."""
    async with httpx.AsyncClient(base_url=cluster.url, timeout=30, trust_env=False) as http:
        yield Operator(http, cluster.operator_key)


@pytest.fixture
async def corner(town: Operator) -> Shop:
    """A new shop with one terminal, for this test alone."""
    return await town.open_shop()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, without a window.

    A machine without Chromium and without a way to get it fails with the one sentence that says what to type.
    """
    missing = ""
    try:
        tool = find_chromium()
    except ToolMissing as exc:
        missing = str(exc)
    # Said here, and not in the handler, it is one sentence and no chain of two.
    if missing:
        pytest.fail(missing, pytrace=False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=tool.path, args=list(ARGUMENTS[1:]), env=dict(tool.environment())
        )
        yield browser
        await browser.close()


@dataclass(slots=True)
class Watch:
    """The complaints of pages. A test names what it causes itself, such as a network that it cuts."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Listen to all that this page says."""
        page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack or ''}"))
        page.on("console", lambda said: self._hear(said.type, said.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    @property
    def unexpected(self) -> list[str]:
        """Those that nobody named."""
        return [
            complaint
            for complaint in self.complaints
            if not any(re.search(pattern, complaint) for pattern in self.expected)
        ]


OpenContext = Callable[..., Awaitable[BrowserContext]]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    """The test's pages complain of nothing that it did not expect."""
    watch = Watch()
    yield watch
    assert watch.unexpected == []


@pytest.fixture
async def open_context(browser: Browser, cluster: Cluster, watch: Watch) -> AsyncIterator[OpenContext]:
    """Call it for a browser of its own: its own storage and its own network."""
    opened: list[BrowserContext] = []

    async def open_one(**wishes: Any) -> BrowserContext:
        context = await browser.new_context(
            base_url=cluster.url, locale=wishes.pop("locale", "en-GB"), **wishes
        )
        context.set_default_timeout(PATIENCE_MS)
        context.on("page", lambda page: watch.follow(page))
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        await context.close()
