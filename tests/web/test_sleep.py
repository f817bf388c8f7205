"""A page that slept for an hour: its connection is dead and was never told so, and the page has all that it missed."""

from collections.abc import Iterator

import pytest

from chaos.proxy import Network
from infra.local.cluster import Cluster
from tests.shop import Shop
from tests.web.conftest import OpenContext
from tests.web.tabs import offsets, open_tab

HOUR_MS = 3_600_000
# Longer than the longest first pause, and shorter than the five seconds after which a stream that says nothing is left.
AWAKE_MS = 2_500


@pytest.fixture
def network(cluster: Cluster) -> Iterator[Network]:
    """A way to the cluster that can leave connections half-open."""
    network = Network(int(cluster.url.rsplit(":", 1)[1]), seed=1)
    network.start()
    try:
        yield network
    finally:
        network.stop()


async def test_two_tabs_that_slept_for_an_hour_have_each_event_once_when_they_come_back(
    open_context: OpenContext, corner: Shop, network: Network
) -> None:
    context = await open_context()
    await context.clock.install()
    tabs = [await open_tab(context, corner, network.url) for _ in range(2)]
    before = await offsets(corner, 2)
    for tab in tabs:
        await tab.has(*before)
    network.abandon(1.0)
    meanwhile = await offsets(corner, 3)
    await context.clock.fast_forward(HOUR_MS)
    for tab in tabs:
        await tab.has(*before, *meanwhile)
        await tab.until("tab.states.at(-1) === 'live'")
    after = await offsets(corner, 1)
    for tab in tabs:
        await tab.has(*before, *meanwhile, *after)


async def test_a_sleep_that_the_platform_s_clock_passes_over_is_noticed_when_the_page_is_looked_at(
    open_context: OpenContext, corner: Shop, network: Network
) -> None:
    context = await open_context()
    await context.clock.install()
    tab = await open_tab(context, corner, network.url)
    before = await offsets(corner, 1)
    await tab.has(*before)
    now = await tab.page.evaluate("Date.now()")
    await context.clock.pause_at((now + 1_000) / 1_000)
    network.abandon(1.0)
    meanwhile = await offsets(corner, 2)
    ran = await tab.page.evaluate("performance.now()")
    await context.clock.set_system_time((now + HOUR_MS) / 1_000)
    assert await tab.page.evaluate("performance.now()") - ran < HOUR_MS / 2
    await tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert await tab.get("states.at(-1)") == "offline"
    await context.clock.run_for(AWAKE_MS)
    await tab.has(*before, *meanwhile)
