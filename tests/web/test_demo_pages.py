"""The demo's own pages: keys for whoever has the token, faults that are real, and a wall that finds nothing lost."""

import asyncio
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from benchmarks.paint import MOST_BYTES, NAMES, weigh
from infra.local.cluster import Cluster
from infra.local.failure import CannotStart
from infra.local.pages.acts import FREEZE_SECONDS
from infra.local.pages.door import TOKEN_HEADER
from infra.local.pages.server import Pages
from infra.local.plan import Plan
from infra.local.shops import Shop, open_shop
from infra.local.waiting import wait_until
from infra.screenshots.__main__ import play
from infra.screenshots.scenes import SHOTS, Shot
from infra.screenshots.studio import Set
from tests.web.axe import serious
from tests.web.conftest import OpenContext, Watch
from tests.web.till_page import TillPage

PAIRING_CODE = re.compile(r"^[0-9A-Z-]{8,9}$")
HOSTILE = "<img src=x onerror=document.title='broken'>‮\"';--"
PATIENCE_MS = 20_000


@dataclass(frozen=True, slots=True)
class Stand:
    """A cluster with the demo's pages in front of it, and all that its processes wrote."""

    cluster: Cluster
    pages: Pages
    shop: Shop
    log: list[str]

    def address(self, page: str) -> str:
        return self.pages.addresses(self.cluster.url)[page]

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Somebody who sends these headers; a header that is empty is not sent."""
        ours = {TOKEN_HEADER: self.pages.token, **headers}
        given = {name: value for name, value in ours.items() if value}
        return httpx.AsyncClient(base_url=self.cluster.url, headers=given, timeout=30, trust_env=False)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    pages, log = Pages(), list[str]()
    settings = {"BELLWIRE_DRAIN_NOTICE_SECONDS": "0.2"}
    with Cluster(
        Plan(api_pods=1, gateway_pods=2),
        settings=settings,
        sink=lambda name, line: log.append(line),
        pages=pages.address,
    ) as cluster:
        headers = {"Authorization": f"Bearer {cluster.operator_key}"}
        with httpx.Client(base_url=cluster.url, headers=headers, timeout=30, trust_env=False) as client:
            shop = open_shop(client, "kitchen", "The Kitchen", ("counter",))
        pages.start(cluster, shop)
        try:
            yield Stand(cluster, pages, shop, log)
        finally:
            pages.stop()


@pytest.fixture(scope="module")
def cluster(stand: Stand) -> Cluster:
    """The browsers of this file look at this one."""
    return stand.cluster


@pytest.fixture
async def page(open_context: OpenContext) -> Page:
    context = await open_context()
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


async def open_wall(page: Page, stand: Stand) -> None:
    """The wall, with its six tills live."""
    await page.goto(stand.address("wall"))
    await expect(page.locator("#order button.main")).to_be_enabled(timeout=PATIENCE_MS)
    await expect(page.locator('.tile[data-state="live"]')).to_have_count(6)


async def figure(page: Page, name: str) -> int:
    return int((await page.inner_text(f"#figure-{name}")).replace(",", "") or "-1")


async def settled(page: Page, placed: int) -> None:
    """So many orders were placed, and every till was handed all of them, once."""
    await page.wait_for_function(
        """placed => {
          const figure = (name) => Number(document.getElementById(`figure-${name}`).textContent.replace(/,/g, ""));
          return figure("placed") >= placed && figure("underWay") === 0;
        }""",
        arg=placed,
        timeout=PATIENCE_MS * 2,
    )
    assert [await figure(page, name) for name in ("lost", "repeated", "forged")] == [0, 0, 0]


@pytest.mark.parametrize(
    "headers",
    [
        {TOKEN_HEADER: ""},
        {TOKEN_HEADER: "another"},
        {"Host": "demo.example:8080"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ],
    ids=["no token", "another token", "another host", "another origin", "an origin that is none"],
)
async def test_whoever_is_not_the_page_that_was_printed_gets_nothing(
    stand: Stand, headers: dict[str, str]
) -> None:
    before = [pod.pid for pod in stand.cluster.gateways]
    async with stand.client(**headers) as client:
        for method, path in (
            ("POST", "/demo/sessions/wall"),
            ("POST", "/demo/acts/kill-gateway"),
            ("POST", "/demo/pairings"),
            ("GET", "/demo/about"),
            ("GET", "/demo/sessions/abc/stream"),
            ("DELETE", "/demo/sessions/abc"),
        ):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
            assert stand.pages.token not in answer.text
        # A page holds no secret; its name alone has to be right.
        named = TOKEN_HEADER in headers
        assert (await client.get("/wall")).status_code == (200 if named else 403)
    assert [pod.pid for pod in stand.cluster.gateways] == before


async def test_a_page_gets_keys_of_its_own_which_end_with_it(stand: Stand) -> None:
    async with stand.client() as client:
        made = (await client.post("/demo/sessions/wall")).json()
        keys = [made["storefrontKey"], *(till["key"] for till in made["tills"])]
        assert len(set(keys)) == 7
        assert stand.shop.storefront_key not in keys

        async def statuses() -> list[int]:
            answers = [
                await client.get("/api/whoami", headers={"Authorization": f"Bearer {key}"}) for key in keys
            ]
            return [answer.status_code for answer in answers]

        assert await statuses() == [200] * 7
        kinds = await client.get("/api/whoami", headers={"Authorization": f"Bearer {keys[0]}"})
        assert kinds.json()["kind"] == "store"
        assert (await client.delete(f"/demo/sessions/{made['session']}")).status_code == 204
        deadline = time.monotonic() + 5
        while await statuses() != [401] * 7:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


async def test_a_shops_order_is_on_every_tile_and_its_progress_comes_back(
    stand: Stand, page: Page, open_context: OpenContext
) -> None:
    await open_wall(page, stand)
    shop = await (await open_context()).new_page()
    await shop.goto(stand.address("shop"))
    await expect(shop.locator("#listening")).to_contain_text("the kitchen is listening", timeout=PATIENCE_MS)
    await shop.get_by_label("Extra cheese").check()
    await shop.get_by_role("button", name="Add Margherita").click()
    await shop.get_by_role("button", name="Buy a gift card").click()
    await expect(shop.locator("#cards")).to_contain_text("25.00")
    await shop.get_by_label("Name").fill(HOSTILE)
    await shop.get_by_role("button", name="Place order").click()
    await expect(page.locator(".tile .last", has_text="<img src=x")).to_have_count(6, timeout=5_000)
    await expect(shop.locator(".progress")).to_contain_text("paid")
    await expect(shop.locator("#cards")).to_contain_text("14.00")

    number = await shop.locator(".progress strong").inner_text()
    async with stand.client(Authorization=f"Bearer {stand.shop.terminals[0].key}") as till:
        (order,) = (await till.get(f"/api/tenant/kitchen/orders?orderNumber={number}")).json()["orders"]
        assert order["amountDue"] == 0
        path = f"/api/tenant/kitchen/orders/{order['orderId']}/status"
        assert (await till.patch(path, json={"status": "preparing"})).status_code == 200
        await expect(shop.locator('.steps [aria-current="step"]')).to_have_text("Preparing")
        await till.patch(path, json={"status": "cancelled", "reason": HOSTILE})
    await expect(shop.locator(".progress .words")).to_contain_text("<img src=x")
    assert await shop.title() != "broken"
    assert await page.title() != "broken"
    assert await serious(shop) == []


async def test_a_till_with_the_tours_code_rings_for_a_shops_order_and_the_shop_sees_it_being_made(
    stand: Stand, page: Page, open_context: OpenContext
) -> None:
    await page.goto(stand.address("tour"))
    await page.get_by_role("button", name="Get a pairing code").click()
    await expect(page.locator("#code")).to_have_text(PAIRING_CODE)
    till = TillPage(await (await open_context()).new_page())
    await till.page.goto("/till")
    await till.type_code(await page.locator("#code").inner_text())

    await page.goto(stand.address("shop"))
    await expect(page.locator("#listening")).to_contain_text("the kitchen is listening", timeout=PATIENCE_MS)
    await page.get_by_label("Extra cheese").check()
    await page.get_by_role("button", name="Add Margherita").click()
    await page.get_by_label("Name").fill(HOSTILE)
    await page.get_by_label("Note for the kitchen").fill("allergic to nuts")
    await page.get_by_role("button", name="Place order").click()
    number = await page.locator(".progress strong").inner_text()
    # The shop is every test's here, and others' orders ring too: this one is judged by itself.
    named = till.page.get_by_role("button", name=number, exact=True)
    card = till.column("pending").locator(".order", has=named)
    await expect(card).to_contain_text("Extra cheese", ignore_case=True)
    await expect(card).to_contain_text("allergic to nuts")
    await till.rings(True)
    await card.get_by_role("button", name="ready in 25 minutes").click()
    await expect(till.column("preparing").locator(".order", has=named)).to_be_visible()
    await expect(card).to_have_count(0)
    await expect(page.locator('.steps [aria-current="step"]')).to_have_text("Preparing", timeout=PATIENCE_MS)
    await expect(page.locator(".progress .words")).to_contain_text("ready at")
    assert "broken" not in await till.page.title()


async def test_gateways_are_killed_and_redis_lies_under_a_burst_and_the_wall_finds_nothing_lost(
    stand: Stand, page: Page, watch: Watch
) -> None:
    # The browser itself says so when a gateway dies under its socket.
    watch.expected.append("WebSocket connection to")
    victim = max(stand.cluster.gateways, key=lambda pod: pod.age_seconds)
    assert wait_until(lambda: victim.age_seconds > 6.5, 10)
    await open_wall(page, stand)
    tiles = page.locator(".tile", has_text="gateway-")
    await expect(tiles).to_have_count(6)
    names = re.findall(r"gateway-\d", await page.inner_text("#tills"))
    await page.get_by_role("button", name="Burst of 1,000").click()
    await expect(page.locator("#figure-placed")).not_to_have_text("0", timeout=PATIENCE_MS)
    async with stand.client() as client:
        again = await client.post("/demo/acts/burst")
        assert (again.status_code, again.json()["detail"]) == (409, "A burst is under way; a moment.")
    await page.get_by_role("button", name="Forge a message").click()
    await page.get_by_role("button", name="Flush").click()
    await page.get_by_role("button", name=f"Kill {max(names, key=names.count)}").click()
    away = page.locator('.tile[data-state="away"]')
    await expect(away.first).to_be_visible(timeout=5_000)
    await expect(page.locator('.tile[data-state="live"]')).to_have_count(6, timeout=PATIENCE_MS)
    await settled(page, 1000)
    await expect(page.locator(".tile", has_text="replayed").first).to_be_visible()
    assert "FORGED" not in await page.inner_text("#tills")
    assert "FORGED" not in await page.inner_text("#score")
    await expect(page.locator("#redis")).not_to_contain_text("gateways: 0", timeout=5_000)
    assert await serious(page) == []


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_every_picture_of_the_readme_can_be_taken_again(
    stand: Stand, browser: Browser, shot: Shot
) -> None:
    content = await play(shot, Set(stand.cluster, stand.pages, stand.shop, browser))
    assert content[8:12] == b"WEBP"


async def test_there_is_no_picture_of_a_page_that_is_missing(stand: Stand, browser: Browser) -> None:
    with pytest.raises(CannotStart, match=r"no page cellar .* 404"):
        await Set(stand.cluster, stand.pages, stand.shop, browser).open("cellar", (400, 400))


@pytest.mark.parametrize("name", NAMES)
async def test_a_page_and_its_files_are_light(stand: Stand, browser: Browser, name: str) -> None:
    page = await Set(stand.cluster, stand.pages, stand.shop, browser).open(name, (1280, 800))
    await page.wait_for_load_state("load")
    files, page_bytes = await weigh(page)
    await page.context.close()
    assert files > 5
    assert page_bytes < MOST_BYTES


async def test_an_order_is_placed_by_keyboard_alone(stand: Stand, page: Page) -> None:
    await open_wall(page, stand)
    await page.get_by_label("Name").focus()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("Grace")
    await page.keyboard.press("Enter")
    await expect(page.locator(".tile .last", has_text="Grace")).to_have_count(6, timeout=5_000)
    await settled(page, 1)


async def test_the_tour_leads_to_every_page_and_gives_a_code_for_a_till(stand: Stand, page: Page) -> None:
    await page.goto(stand.address("tour"))
    links = await page.eval_on_selector_all(".doors a", "all => all.map((one) => one.href)")
    urls = [link.partition("#")[0].removeprefix(stand.cluster.url) for link in links]
    assert urls == ["/wall", "/shop", "/till", "/console"]
    # Pages that any pod serves learn no token.
    assert [stand.pages.token in link for link in links] == [True, True, False, False]
    await page.get_by_role("button", name="Get a pairing code").click()
    await expect(page.locator("#code")).to_have_text(PAIRING_CODE)
    assert await page.locator("#lines code").count() >= 4
    assert await serious(page) == []


async def test_a_token_leaves_the_address_and_its_page_outlives_a_reload(
    stand: Stand, page: Page, watch: Watch
) -> None:
    # A socket that the reload cuts, and a file without an icon.
    watch.expected.extend(["WebSocket connection to", "404"])
    for name in ("tour", "shop", "wall"):
        await page.goto(stand.address(name))
        assert "#" not in page.url
    await open_wall(page, stand)
    await page.reload()
    await expect(page.locator('.tile[data-state="live"]')).to_have_count(6)
    assert stand.pages.token not in page.url
    # Those that any pod serves, and whatever follows in this tab, find it nowhere.
    await page.goto(f"{stand.cluster.url}/demo/tour/page.js")
    kept = "JSON.stringify([history.state, localStorage, sessionStorage, name, document.referrer])"
    assert stand.pages.token not in await page.evaluate(kept)


async def test_the_token_of_a_new_demo_is_taken_where_it_is_typed_over_the_old_ones_address(
    stand: Stand, page: Page, watch: Watch
) -> None:
    watch.expected.append("403")
    await page.goto(stand.address("wall").partition("#")[0] + "#of-a-demo-before")
    await expect(page.locator("#trouble")).to_contain_text("of another demo")
    await expect(page.locator("#stream")).to_have_text("not connected")
    await page.goto(stand.address("wall"))
    await expect(page.locator('.tile[data-state="live"]')).to_have_count(6)
    await expect(page.locator("#trouble")).to_be_hidden()


async def test_a_page_without_its_token_says_what_it_needs(stand: Stand, page: Page, watch: Watch) -> None:
    watch.expected.append("403")
    await page.goto(stand.address("wall").partition("#")[0])
    await expect(page.locator("#trouble")).to_contain_text("the address that make demo printed")


async def test_a_freeze_that_is_cut_off_thaws_redis(stand: Stand) -> None:
    valkey = stand.cluster.own_valkey
    others = Pages()
    others.start(stand.cluster, stand.shop)
    headers = {TOKEN_HEADER: others.token, "Host": stand.cluster.url.removeprefix("http://")}
    async with httpx.AsyncClient(
        base_url=f"http://{others.address}", headers=headers, trust_env=False
    ) as client:
        freezing = asyncio.create_task(client.post("/demo/acts/freeze-redis", timeout=10))
        await asyncio.sleep(FREEZE_SECONDS / 10)
        assert not await asyncio.to_thread(wait_until, lambda: is_running(valkey.pid), 0.1)
        await asyncio.to_thread(others.stop)
        assert await asyncio.to_thread(wait_until, lambda: is_running(valkey.pid), 1.0)
        freezing.cancel()
    valkey.send(signal.SIGCONT)


def is_running(pid: int) -> bool:
    """Whether the process is not stopped by a signal."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "T"


def test_no_token_and_no_key_of_a_page_is_in_a_log(stand: Stand) -> None:
    written = "\n".join(stand.log)
    assert len(stand.log) > 20
    assert stand.pages.token not in written
    assert re.findall(r"bw_(?:op|store|term)_[\w-]{20,}", written) == []
