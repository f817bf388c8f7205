"""A till in several tabs of one browser: one connection, every event in each tab, and the rest goes on without one."""

import asyncio
import json

from websockets.asyncio.client import connect

from infra.local.cluster import Cluster
from tests.shop import Shop
from tests.web.conftest import OpenContext, Watch
from tests.web.tabs import PATIENCE_MS, Tab, acked, offsets, open_tab

SECONDS = PATIENCE_MS / 1000


def sockets(*tabs: Tab) -> list[int]:
    """How many WebSockets each tab ever opened."""
    return [len(tab.sockets) for tab in tabs]


async def test_two_tabs_share_one_connection_and_each_has_every_event_and_the_one_that_is_left_goes_on(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    first = await open_tab(context, corner)
    before = await offsets(corner, 2)
    await first.has(*before)
    second = await open_tab(context, corner)
    both = await offsets(corner, 3)
    await first.has(*before, *both)
    await second.has(*both)
    assert sockets(first, second) == [1, 0]
    assert [await tab.get("till.isLeading") for tab in (first, second)] == [True, False]
    await first.close()
    after = await offsets(corner, 3)
    await second.has(*both, *after)
    assert await second.get("till.isLeading")
    third = await open_tab(context, corner)
    await second.close()
    last = await offsets(corner, 1)
    await third.has(*last)
    assert sockets(first, second, third) == [1, 1, 1]


async def test_a_tab_that_begins_with_the_open_orders_has_each_that_follows_once(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    shown = [(await corner.order())["orderId"] for _ in range(3)]
    tabs = [await open_tab(context, corner, start="snapshot") for _ in range(2)]
    behind = await offsets(corner, 3)
    for tab in tabs:
        await tab.until("tab.handled.includes(wanted)", behind[-1])
        found = await tab.get("handled")
        assert (sorted(found[:3]), found[3:]) == (sorted(shown), behind)
    assert sockets(*tabs) == [1, 0]


async def test_a_tab_whose_filter_is_another_one_has_its_own_events_and_takes_nobodys_place(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    everything = await open_tab(context, corner)
    bar = await open_tab(context, corner, stations=["bar"], start="head")
    items = [{"name": "Pils", "quantity": 1, "unitPrice": 4}]
    placed = [
        (await corner.order(items=[{**items[0], "station": station}]))["offset"]
        for station in ("bar", "grill", "bar")
    ]
    await everything.has(*placed)
    await bar.has(placed[0], placed[2])
    assert sockets(everything, bar) == [1, 0]


async def test_a_tab_that_hangs_in_its_handler_holds_up_no_other_and_takes_nothing_back_when_it_goes_on(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    hung = await open_tab(context, corner, hangs=True)
    other = await open_tab(context, corner)
    placed = await offsets(corner, 3)
    await other.has(*placed)
    await hung.has(placed[0])
    await acked(corner, placed[-1])
    # To hold the second one is to have handled the first.
    await hung.page.evaluate("tab.goOn()")
    await hung.has(*placed[:2])
    await hung.close()
    await other.close()
    # An event that one tab has handled comes to no later one.
    later = await open_tab(context, corner)
    placed = await offsets(corner, 1)
    await later.has(*placed)


async def test_a_tab_that_says_nothing_any_more_loses_the_lead_and_follows_when_it_goes_on(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    leader = await open_tab(context, corner)
    other = await open_tab(context, corner)
    # A question that a person leaves open stops all that a page does.
    async with leader.page.expect_event("dialog") as dialog:
        await leader.page.evaluate("() => { setTimeout(() => confirm('Close the shop?')) }")
    question = await dialog.value
    order = await corner.order()
    await other.page.evaluate("order => { accept(order) }", order["orderId"])
    await other.until("tab.till.isLeading && tab.answers.length")
    await other.has(order["offset"])
    placed = await offsets(corner, 2)
    await other.has(order["offset"], *placed)
    await question.dismiss()
    await leader.until("!tab.till.isLeading && tab.states.at(-1) === 'live'")
    await leader.has(order["offset"], *placed)


async def test_gateways_that_are_killed_repeat_and_skip_nothing_in_any_tab(
    open_context: OpenContext, corner: Shop, cluster: Cluster, watch: Watch
) -> None:
    # Where there is no WebSocket, the page asks whether anything is there at all.
    watch.expected += [r"WebSocket connection", r"503", r"404", r"ERR_"]
    context = await open_context()
    tabs = [await open_tab(context, corner) for _ in range(2)]
    placed: list[str] = []
    for _ in range(2):
        placed += await offsets(corner, 2)
        for pod in cluster.gateways:
            pod.kill()
        placed += await offsets(corner, 2)
        for tab in tabs:
            await tab.has(*placed)


async def test_commands_of_every_tab_go_through_one_outbox_and_outlive_the_tab_that_leads(
    open_context: OpenContext, corner: Shop, watch: Watch
) -> None:
    watch.expected.append(r"ERR_INTERNET_DISCONNECTED")
    context = await open_context()
    orders = [(await corner.order())["orderId"] for _ in range(3)]
    leader = await open_tab(context, corner)
    other = await open_tab(context, corner)
    await other.page.evaluate("order => accept(order)", orders[0])
    await other.until("tab.answers.length === 1")
    for tab in (leader, other):
        await tab.until("tab.told.length === 1")
    assert await other.get("answers") == ["preparing"]
    await context.set_offline(True)
    await leader.page.evaluate("order => accept(order)", orders[1])
    await other.page.evaluate("order => accept(order)", orders[2])
    for tab in (leader, other):
        await tab.until("tab.till.outbox.waiting === 2")
    await leader.close()
    await other.until("tab.till.isLeading")
    await context.set_offline(False)
    await other.until("tab.answers.length === 2 && tab.till.outbox.waiting === 0")
    assert await other.get("answers") == ["preparing", "preparing"]
    assert [(await corner.get_order(order))["status"] for order in orders] == ["preparing"] * 3


async def test_of_two_tabs_one_does_what_is_claimed(
    open_context: OpenContext, corner: Shop, watch: Watch
) -> None:
    # The one that comes later is told that it is done.
    watch.expected.append(r"409 \(Conflict\)")
    context = await open_context()
    tabs = [await open_tab(context, corner, claims="print") for _ in range(2)]
    placed = await offsets(corner, 4)
    for tab in tabs:
        await tab.has(*placed)
        await tab.until("tab.till.offset === wanted", placed[-1])
    done = [offset for tab in tabs for offset in await tab.get("done")]
    assert sorted(done) == sorted(placed)


async def test_another_device_with_this_key_is_asked_about_in_each_tab_and_none_comes_back_by_itself(
    open_context: OpenContext, corner: Shop, cluster: Cluster
) -> None:
    context = await open_context()
    stays = await open_tab(context, corner, takesBack=False)
    other = await open_tab(context, corner, takesBack=False)
    url = f"{cluster.url.replace('http', 'ws', 1)}/ws/pos/{corner.slug}"
    headers = {"Authorization": f"Bearer {corner.terminal_key}"}
    async with connect(url, additional_headers=headers, proxy=None) as device:
        for tab in (stays, other):
            await tab.until("tab.error === 'Replaced'")
            assert await tab.get("asked") == 1
        order = await corner.order()
        async with asyncio.timeout(SECONDS):
            async for text in device:
                if json.loads(text).get("offset") == order["offset"]:
                    break
        # A new tab is opened by a person: it is the till.
        third = await open_tab(context, corner, start="head")
        placed = await offsets(corner, 1)
        await third.has(*placed)


async def test_tabs_that_do_not_share_replace_each_other_and_say_so(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    first = await open_tab(context, corner, share=False, takesBack=False)
    await open_tab(context, corner, share=False)
    await first.until("tab.error === 'Replaced'")
