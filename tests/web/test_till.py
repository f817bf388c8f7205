"""The till: orders come at once, steps are done once, and a cut, a second window or a lost key is said and mended."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, Route, expect

from infra.local.cluster import Cluster
from tests.shop import Operator, Shop, bearer
from tests.waiting import eventually
from tests.web.axe import serious
from tests.web.conftest import OpenContext, Watch
from tests.web.till_page import PATIENCE_MS, TillPage, statuses

HOSTILE = "<img src=x onerror=document.title='broken'>‮\"';--"
# The browser itself says so when a network is gone under its page.
CUT = r"WebSocket connection to|net::ERR_|Failed to load resource"
ONE_TEA = [{"name": "Tea", "quantity": 1, "unitPrice": 2}]
TABLET = {"width": 1024, "height": 768}


@pytest.fixture
async def page(open_context: OpenContext) -> Page:
    context = await open_context(viewport=TABLET)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


@pytest.fixture
def till(page: Page) -> TillPage:
    return TillPage(page)


async def test_an_order_is_on_the_till_and_accepted_there_it_is_on_the_storefront(
    till: TillPage, corner: Shop
) -> None:
    await till.pair(corner)
    await till.rings(False)
    placed = await corner.order(
        items=[{"name": "Döner", "quantity": 2, "unitPrice": 7.5, "notes": "no nuts"}]
    )
    card = till.card(placed["orderId"], "pending")
    await expect(card).to_contain_text("Döner")
    await expect(card.locator(".item-note.allergy")).to_have_text(re.compile("no nuts$"))
    await till.rings(True)
    await card.get_by_role("button", name="ready in 25 minutes").click()
    await till.rings(False)
    await till.has("preparing", placed["orderId"])
    await till.has_sent_all()
    order = await corner.get_order(placed["orderId"])
    assert order["status"] == "preparing"
    step = order["history"][-1]
    assert step["by"]["name"] == "Pass"
    assert step["readyAt"] is not None
    await till.page.get_by_role("button", name="Undo").click()
    await till.has("pending", placed["orderId"])
    await till.rings(True)


async def test_a_person_needs_no_mouse(till: TillPage, corner: Shop) -> None:
    await till.pair(corner)
    first, second = [(await corner.order())["orderId"] for _ in range(2)]
    await till.has("pending", second, first)
    keyboard = till.page.keyboard
    await till.page.evaluate("document.activeElement.blur()")
    await keyboard.press("ArrowDown")
    await expect(till.card(second)).to_be_focused()
    await keyboard.press("4")
    await till.has("preparing", second)
    # The order that took its place has the focus.
    await expect(till.card(first)).to_be_focused()
    await keyboard.press("Enter")
    await till.has("preparing", second, first)
    await till.card(first).focus()
    await keyboard.press("ArrowUp")
    await expect(till.card(second)).to_be_focused()
    await keyboard.press("Enter")
    await till.has("ready", second)
    await till.card(second).focus()
    await keyboard.press("b")
    await till.has("preparing", second, first)
    await till.card(first).focus()
    await keyboard.press("c")
    await till.page.get_by_label("Reason").fill("sold out")
    await keyboard.press("Enter")
    await till.has("preparing", second)
    await till.has_sent_all()
    assert statuses(await corner.get_order(second)) == ["pending", "preparing", "ready", "preparing"]
    gone = await corner.get_order(first)
    assert (gone["status"], gone["history"][-1]["reason"]) == ("cancelled", "sold out")


async def test_offline_nothing_is_lost_and_steps_are_done_once(
    till: TillPage, corner: Shop, watch: Watch
) -> None:
    watch.expected.append(CUT)
    await till.pair(corner)
    known = (await corner.order())["orderId"]
    await expect(till.card(known, "pending")).to_be_visible()
    # The page's files are kept by now.
    await till.page.wait_for_function(
        "async () => (await (await caches.open('bellwire.till')).match('/pages/till/main.js')) !== undefined"
    )
    await till.page.context.set_offline(True)
    await till.is_in("offline")
    await expect(till.page.get_by_text(re.compile(r"^Offline since \d\d:\d\d$"))).to_be_visible()
    meanwhile = [(await corner.order())["orderId"] for _ in range(3)]
    await till.card(known).get_by_role("button", name="ready in 15 minutes").click()
    await expect(till.card(known, "preparing")).to_contain_text("Not sent yet")
    # Somebody loads the page again: it is there all the same, with all that it knew.
    await till.page.reload()
    await expect(till.card(known, "preparing")).to_contain_text("Not sent yet")
    assert (await corner.get_order(known))["status"] == "pending"
    await till.page.context.set_offline(False)
    await till.is_in("live")
    await till.has("pending", *reversed(meanwhile))
    await till.has_sent_all()
    assert statuses(await corner.get_order(known)) == ["pending", "preparing"]


async def test_gateways_that_are_killed_cost_no_order_and_no_reload(
    till: TillPage, corner: Shop, cluster: Cluster, watch: Watch
) -> None:
    watch.expected.append(CUT)
    await till.pair(corner)
    await till.page.evaluate("window.isTheSame = true")
    for pod in cluster.gateways:
        pod.kill()
    placed = [(await corner.order())["orderId"] for _ in range(3)]
    await till.has("pending", *reversed(placed))
    await till.is_in("live")
    assert await till.page.evaluate("window.isTheSame")


async def test_a_second_window_takes_over_and_gives_back(till: TillPage, corner: Shop) -> None:
    await till.pair(corner)
    second = TillPage(await till.page.context.new_page())
    await second.page.goto("/till")
    await second.is_in("live")
    await till.is_in("elsewhere")
    placed = (await corner.order())["orderId"]
    await expect(second.card(placed, "pending")).to_be_visible()
    await second.rings(True)
    await till.rings(False)
    await till.page.get_by_role("button", name="Use this window").click()
    await till.is_in("live")
    await second.is_in("elsewhere")
    await till.has("pending", placed)
    await till.rings(True)


async def test_a_second_device_takes_over_and_a_person_decides_to_take_it_back(
    till: TillPage, corner: Shop, open_context: OpenContext
) -> None:
    await till.paste(corner.terminal_key)
    await till.is_in("live")
    other = TillPage(await (await open_context(viewport=TABLET)).new_page())
    await other.paste(corner.terminal_key)
    await other.is_in("live")
    await till.is_in("replaced")
    placed = (await corner.order())["orderId"]
    await expect(other.card(placed, "pending")).to_be_visible()
    await till.page.get_by_role("button", name="Use this window").click()
    await till.is_in("live")
    await till.has("pending", placed)
    await other.is_in("replaced")


async def test_two_tills_that_accept_the_same_order_learn_who_was_first(
    till: TillPage, corner: Shop, watch: Watch
) -> None:
    watch.expected.append("409")
    await till.pair(corner)
    placed = (await corner.order())["orderId"]
    await expect(till.card(placed, "pending")).to_be_visible()
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await till.page.route("**/status", hold)
    await till.card(placed).focus()
    await till.page.keyboard.press("Enter")
    await expect(till.card(placed, "preparing")).to_contain_text("Not sent yet")
    assert (await corner.step(placed, "preparing")).status_code == 200
    held.set()
    await expect(till.page.locator(".toast.bad")).to_contain_text("counter was first, it is being prepared")
    await till.has("preparing", placed)
    await till.has_sent_all()


async def test_a_key_that_is_revoked_is_said_and_another_code_makes_it_a_till_again(
    till: TillPage, corner: Shop, watch: Watch
) -> None:
    watch.expected.append(CUT)
    await till.paste(corner.terminal_key)
    await till.is_in("live")
    path = corner.path(f"terminals/{corner.terminals[0].terminal_id}")
    assert (await corner.http.delete(path, headers=bearer(corner.operator_key))).status_code == 204
    await till.is_in("revoked")
    await till.page.get_by_role("button", name="Pair again").click()
    answer = await corner.http.post(
        corner.path("pairings"), json={"name": "new"}, headers=bearer(corner.operator_key)
    )
    await till.page.locator("#code").fill(answer.json()["code"])
    await till.page.keyboard.press("Enter")
    await till.is_in("live")


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("code", "ZZZZ-ZZZZ", "This code is not known"),
        ("key", "bw_store_" + "A" * 43, "key of another kind"),
        ("key", "bw_term_" + "A" * 43, "not the key of a terminal"),
    ],
)
async def test_what_opens_nothing_is_said(
    till: TillPage, watch: Watch, field: str, typed: str, words: str
) -> None:
    watch.expected.append(CUT)
    await till.page.goto("/till")
    if field == "key":
        await till.page.get_by_role("button", name="I have a key").click()
    await till.page.locator(f"#{field}").fill(typed)
    await till.page.keyboard.press("Enter")
    await expect(till.page.get_by_role("alert")).to_contain_text(words)
    assert await serious(till.page) == []


async def test_a_customer_who_writes_html_has_written_a_text(till: TillPage, corner: Shop) -> None:
    await till.pair(corner)
    item = {
        "name": HOSTILE,
        "quantity": 1,
        "unitPrice": 1,
        "notes": HOSTILE,
        "modifiers": [{"name": HOSTILE}],
    }
    placed = await corner.order(
        customerName=HOSTILE,
        items=[item],
        specialInstructions=HOSTILE,
        tableNumber=HOSTILE,
        orderType=HOSTILE,
    )
    card = till.card(placed["orderId"], "pending")
    await expect(card.get_by_text("<img src=x").first).to_be_visible()
    assert await card.locator("img").count() == 0
    await card.focus()
    await till.page.keyboard.press("c")
    await till.page.get_by_label("Reason").fill(HOSTILE)
    await till.page.keyboard.press("Enter")
    await till.has("pending")
    assert "broken" not in await till.page.title()
    assert not await till.overflows()


async def test_axe_finds_nothing_that_keeps_people_out(
    till: TillPage, corner: Shop, open_context: OpenContext
) -> None:
    await till.pair(corner)
    for status in ("pending", "preparing", "ready"):
        placed = (await corner.order())["orderId"]
        for step in {"preparing": ["preparing"], "ready": ["preparing", "ready"]}.get(status, []):
            assert (await corner.step(placed, step)).status_code == 200
        await expect(till.card(placed, status)).to_be_visible()
    later = await corner.order(scheduledFor=(datetime.now(UTC) + timedelta(days=300)).isoformat())
    await expect(till.card(later["orderId"], "later")).to_be_visible()
    for scheme in ("light", "dark"):
        # Nothing is on its way from one colour to another.
        await till.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await serious(till.page) == []
    await till.page.get_by_role("button", name="Menu").click()
    assert await serious(till.page) == []
    await till.page.keyboard.press("Escape")
    # In a language that is read from the other side nothing sticks out, on a phone neither.
    await till.page.evaluate("document.dir = 'rtl'")
    assert not await till.overflows()
    await till.page.set_viewport_size({"width": 360, "height": 740})
    assert not await till.overflows()
    assert await serious(till.page) == []


async def test_a_station_is_shown_its_own_orders_and_its_acks_speak_for_no_other(
    till: TillPage, corner: Shop
) -> None:
    await till.pair(corner)
    bar, grill = [
        (await corner.order(items=[{"name": name, "quantity": 1, "unitPrice": 1, "station": name}]))[
            "orderId"
        ]
        for name in ("Bar", "Grill")
    ]
    await till.has("pending", grill, bar)
    await eventually(lambda: corner.receipts(grill), bool)
    await till.page.get_by_role("button", name="Station: All stations").click()
    await till.page.get_by_role("button", name="Bar", exact=True).click()
    await till.has("pending", bar)
    await till.is_in("live")
    other, mine = [
        (await corner.order(items=[{"name": name, "quantity": 1, "unitPrice": 1, "station": name}]))[
            "orderId"
        ]
        for name in ("Grill", "bar")
    ]
    await till.has("pending", mine, bar)
    await eventually(lambda: corner.receipts(mine), bool)
    assert await corner.receipts(other) == []
    await till.page.reload()
    await till.has("pending", mine, bar)


async def test_five_hundred_open_orders_are_all_there(till: TillPage, town: Operator) -> None:
    corner = await town.open_shop()
    for _ in range(20):
        await asyncio.gather(*(corner.order(items=ONE_TEA) for _ in range(25)))
    await till.pair(corner)
    count = till.column("pending").locator("h2 .count")
    await expect(count).to_have_text("500", timeout=PATIENCE_MS)
    # The newest are there; the others come as somebody scrolls down.
    cards = till.column("pending").locator(".order")
    shown = await cards.count()
    assert shown < 100
    await cards.last.scroll_into_view_if_needed()
    await expect(cards.nth(shown)).to_be_attached()
    for number in ("ORD-1", "ORD-257"):
        await till.page.get_by_label("Find an order").fill(number)
        await expect(till.page.get_by_role("heading", name=number, exact=True)).to_be_visible()
    await till.page.get_by_label("Find an order").fill("")
    await expect(count).to_have_text("500")


async def test_an_order_is_printed_once_over_all_tills(
    till: TillPage, corner: Shop, open_context: OpenContext, watch: Watch
) -> None:
    watch.expected.append("409")
    await till.pair(corner)
    other = TillPage(await (await open_context(viewport=TABLET)).new_page())
    await other.pair(corner, "Bar")
    placed = await corner.order(customerName=HOSTILE)
    for one in (till, other):
        # A browser without a window prints nothing: what would be on the paper is taken down.
        await one.page.evaluate(
            """() => {
              window.print = () => { window.paper = document.querySelector(".receipt").textContent; };
            }"""
        )
        await one.card(placed["orderId"]).get_by_role("button", name=f"Print {placed['orderNumber']}").click()
        if one is till:
            await one.page.get_by_role("button", name="Yes, it is there").click()
            assert "Print 1" in await one.page.evaluate("window.paper")
            journey = await eventually(
                lambda: claims_of(corner, placed["orderId"]), lambda found: bool(found[0]["doneAt"])
            )
            assert [(claim["purpose"], claim["name"]) for claim in journey] == [("print", "Pass")]
    await expect(other.page.get_by_role("dialog")).to_contain_text("It was printed by Pass.")
    await other.page.get_by_role("button", name="Print a copy").click()
    paper = await eventually(lambda: other.page.evaluate("window.paper"), bool)
    assert "Copy" in paper
    assert HOSTILE in paper


async def claims_of(shop: Shop, order_id: str) -> list[dict[str, str]]:
    answer = await shop.http.get(shop.path(f"orders/{order_id}/journey"), headers=bearer(shop.storefront_key))
    claims: list[dict[str, str]] = answer.json()["claims"]
    return claims


async def test_a_till_that_is_forgotten_leaves_nothing(till: TillPage, corner: Shop) -> None:
    await till.pair(corner)
    placed = (await corner.order())["orderId"]
    await expect(till.card(placed)).to_be_visible()
    await till.page.get_by_role("button", name="Menu").click()
    await till.page.get_by_role("button", name="Forget this till").click()
    await till.page.get_by_role("button", name="Forget it").click()
    await expect(till.page.locator("#code")).to_be_visible()
    kept = await till.page.evaluate(
        """async () => [Object.entries(localStorage).flat().join(" "),
        (await indexedDB.databases()).map(({ name }) => name).join(" ")]"""
    )
    assert not [text for text in kept if "bw_term" in text or "bellwire.till" in text], kept


async def test_the_till_speaks_another_language(corner: Shop, open_context: OpenContext) -> None:
    page = await (await open_context(viewport=TABLET, locale="de-DE")).new_page()
    await page.goto("/till")
    await expect(page.get_by_role("heading", name="Diese Kasse verbinden")).to_be_visible()
    assert await page.locator("html").get_attribute("lang") == "de"
