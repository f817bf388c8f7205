"""The console: the installation as it is, acts that are audited, and a key that nothing of the page outlives."""

import asyncio
import re
import signal
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from api.db.operator_keys import create_operator_key, revoke_operator_key
from backbone.contract.keys import hash_key, key_name
from infra.local.chromium import ARGUMENTS, find_chromium
from infra.local.cluster import Cluster
from tests.gateway.till import open_till
from tests.shop import Operator, Shop, bearer
from tests.web.axe import serious
from tests.web.conftest import OpenContext, Watch

HOSTILE = "<img src=x onerror=document.title='broken'>‮\"';--"
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
KEPT = """async key => {
  const found = [document.documentElement.outerHTML, location.href, window.name, document.cookie, document.referrer];
  for (const field of document.querySelectorAll("input, textarea, select")) found.push(field.value);
  for (const store of [localStorage, sessionStorage]) found.push(JSON.stringify(store));
  const kept = [history.state, await indexedDB.databases(), await caches.keys(), performance.getEntries()];
  found.push(...kept.map((one) => JSON.stringify(one)));
  return found.filter((text) => text?.includes(key.slice(6)));
}"""
# Each frame that is shown, with what the row of a pod says then.
FRAMES = """pod => {
  window.frames_seen = [];
  const at = document.querySelector("header time");
  new MutationObserver(() => {
    const row = [...document.querySelectorAll("#pods tbody tr")].find((one) => one.textContent.includes(pod));
    window.frames_seen.push(row?.textContent ?? "");
  }).observe(at, { attributes: true, attributeFilter: ["datetime"] });
}"""


@pytest.fixture
async def page(open_context: OpenContext) -> Page:
    # A colour that is under way to another is none that axe is to judge.
    page = await (await open_context(reduced_motion="reduce")).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


async def enter(page: Page, key: str, where: str = "") -> None:
    """Open the console, as a person does."""
    await page.goto(f"/console{where}")
    await page.get_by_label("Operator key").fill(key)
    await page.keyboard.press("Enter")
    await expect(light(page)).to_have_text("Live")


def light(page: Page) -> Any:
    return page.locator("header .light")


async def is_shut(page: Page) -> None:
    """There is a door, and nothing behind it."""
    await expect(page.get_by_label("Operator key")).to_have_value("")
    await expect(light(page)).to_be_hidden()
    await expect(page.locator(".view")).to_have_count(0)


async def deeds(shop: Shop) -> list[str]:
    answer = await shop.http.get(shop.path("audit"), headers=bearer(shop.operator_key))
    return [entry["action"] for entry in answer.json()["entries"]]


async def test_a_gateway_that_is_killed_is_shown_within_five_frames(cluster: Cluster, page: Page) -> None:
    await enter(page, cluster.operator_key)
    for pod in cluster.pods:
        row = page.locator("#pods tbody tr", has_text=pod.name)
        await expect(row).to_contain_text("ready")
    victim = cluster.gateways[-1]
    row = page.locator("#pods tbody tr", has_text=victim.name)
    died = re.compile(r"one died at [\d:]+")
    before = died.findall(await row.inner_text())
    await page.evaluate(FRAMES, victim.name)
    victim.kill()
    news = page.locator(".troubles").get_by_text(re.compile(f"{victim.name} (has said nothing|died)"))
    await expect(news.first).to_be_visible()

    async def frames_until_shown() -> int:
        frames: list[str] = await page.evaluate("window.frames_seen")
        shown = (n for n, text in enumerate(frames, 1) if "silent" in text or died.findall(text) != before)
        return next(shown, 0)

    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not (shown := await frames_until_shown()):
            await asyncio.sleep(0.1)
    assert shown <= 5
    await expect(row).to_contain_text("ready")


async def test_the_key_is_in_no_storage_and_gone_with_the_page(cluster: Cluster, page: Page) -> None:
    key = cluster.operator_key
    await page.goto("/console")
    await page.get_by_label("Operator key").fill(key)
    # A text that was typed and not used is not put back either.
    await page.reload()
    await is_shut(page)
    await enter(page, key, "#/shops")
    assert await page.evaluate(KEPT, key) == []
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.headers.get("authorization", "")))
    await page.reload()
    await is_shut(page)
    await page.goto("/console?again#/shops")
    await is_shut(page)
    await page.go_back()
    await is_shut(page)
    assert await page.evaluate(KEPT, key) == []
    assert [one for one in sent if one] == []
    # The address is kept, so that one is where one was.
    await enter(page, key, "#/audit")
    await expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    await page.get_by_role("button", name="Forget key").click()
    await is_shut(page)
    assert await page.evaluate(KEPT, key) == []


async def test_a_page_that_the_browser_keeps_whole_comes_back_without_its_key(
    cluster: Cluster, browser: Browser
) -> None:
    tool = find_chromium()
    kept = await browser.browser_type.launch(
        executable_path=tool.path,
        args=list(ARGUMENTS[1:]),
        env=dict(tool.environment()),
        # Playwright switches off what this is about.
        ignore_default_args=["--disable-back-forward-cache"],
    )
    try:
        page = await kept.new_page(base_url=cluster.url)
        await enter(page, cluster.operator_key)
        await page.evaluate("""() => {
          window.wasKept = false;
          addEventListener("pageshow", ({ persisted }) => { window.wasKept = persisted; });
        }""")
        await page.goto("/pages/common/tokens.css")
        # A page out of memory is not loaded, and says so to nobody.
        await page.go_back(wait_until="commit")
        await is_shut(page)
        # It is the same page, out of the browser's memory: that was tried, and not only a page loaded anew.
        assert await page.evaluate("window.wasKept") is True
        assert await page.evaluate(KEPT, cluster.operator_key) == []
    finally:
        await kept.close()


async def test_a_key_that_is_none_and_one_that_ends_are_said(
    cluster: Cluster, corner: Shop, page: Page, watch: Watch
) -> None:
    watch.expected.append("401")
    said = page.locator("form [role=alert]")
    await page.goto("/console")
    for typed, words in (
        ("", "Type or paste"),
        (corner.terminal_key, "key of a shop or a till"),
        ("bw_op_nobodys", "No operator has this key"),
    ):
        await page.get_by_label("Operator key").fill(typed)
        await page.get_by_role("button", name="Open").click()
        await expect(said).to_contain_text(words)
        await expect(page.get_by_label("Operator key")).to_be_focused()
    key = await create_operator_key(cluster.database_url)
    await enter(page, key)
    digest = hash_key(key)
    assert digest is not None
    await revoke_operator_key(cluster.database_url, key_name(digest))
    await expect(said).to_contain_text("valid no more")
    await is_shut(page)


async def test_a_stream_that_falls_silent_or_breaks_is_said_and_comes_back(
    cluster: Cluster, page: Page, watch: Watch
) -> None:
    watch.expected += ["ERR_", "50[234]"]
    await enter(page, cluster.operator_key)
    figures = page.locator(".figures dd").first
    pod = cluster.apis[0]
    pod.send(signal.SIGSTOP)
    try:
        await expect(light(page)).to_contain_text("No word since")
        # The figures stay, and look old.
        await expect(page.locator("main")).to_have_attribute("data-stale", "true")
        await expect(figures).not_to_have_text("–")
    finally:
        pod.kill()
    await expect(light(page)).to_contain_text("trying again")
    await expect(light(page)).to_have_text("Live", timeout=2 * PATIENCE_MS)
    await expect(page.locator("main")).not_to_have_attribute("data-stale", "true")


async def test_acts_are_asked_about_done_and_audited(
    cluster: Cluster, town: Operator, corner: Shop, page: Page
) -> None:
    hook = await town.http.post(
        corner.path("webhooks"), json={"url": "http://127.0.0.1:9/"}, headers=bearer(town.key)
    )
    assert hook.status_code == 201, hook.text
    await corner.add_terminal("spare")
    await enter(page, town.key, f"#/shop/{corner.slug}")
    dialog = page.get_by_role("dialog")

    async def act(button: str, yes: str) -> None:
        await page.get_by_role("button", name=button, exact=True).click()
        await dialog.get_by_role("button", name=yes, exact=True).click()

    async def noted(action: str) -> None:
        audit = page.get_by_role("region", name="Audit")
        await expect(audit.get_by_text(action, exact=True).first).to_be_visible()

    # Nothing is done to whoever says no.
    await act("Revoke: spare", "Cancel")
    await act("Pause", "Cancel")
    before = await deeds(corner)
    assert not {"terminal.revoked", "tenant.changed"} & set(before)

    await page.get_by_role("button", name="Pause", exact=True).click()
    await dialog.get_by_label("Reason").fill(HOSTILE)
    await dialog.get_by_role("button", name="Pause").click()
    await expect(page.get_by_text(f"paused: {HOSTILE}")).to_be_visible()
    await noted("tenant.changed")
    await act("Open again", "Open again")
    await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()

    await page.get_by_role("button", name="Pair a till").click()
    await dialog.get_by_label("Name of the till").fill("window")
    await dialog.get_by_role("button", name="Pair a till").click()
    code = await dialog.locator("output").inner_text()
    paired = await town.http.post("/api/terminals/pair", json={"code": code})
    assert paired.status_code == 201, paired.text
    await dialog.get_by_role("button", name="I have noted it").click()
    await noted("pairing.made")

    await page.get_by_role("button", name="Rotate: spare").click()
    await dialog.get_by_label("The old key is valid for").select_option("0")
    await dialog.get_by_role("button", name="Rotate").click()
    key = await dialog.locator("output").inner_text()
    assert (await town.http.get("/api/whoami", headers=bearer(key))).status_code == 200
    await dialog.get_by_role("button", name="I have noted it").click()
    await noted("terminal.rotated")

    await act("Revoke: spare", "Revoke")
    await noted("terminal.revoked")
    await expect(page.get_by_role("button", name="Revoke: spare")).to_have_count(0)

    await act("Test: http://127.0.0.1:9/", "Test")
    await expect(dialog).to_contain_text("unreachable")
    await dialog.get_by_role("button", name="Close").click()
    await noted("webhook.tested")
    assert key not in await page.content()
    assert await page.title() != "broken"

    gateway = cluster.gateways[0].name
    await page.get_by_role("link", name="Overview").click()
    await act(f"Drain {gateway}", "Drain")
    await act(f"Resume {gateway}", "Resume")
    row = page.locator("#pods tbody tr", has_text=gateway)
    await expect(row).to_contain_text("ready")
    await page.get_by_role("link", name="Audit").click()
    for action in ("gateway.drained", "gateway.resumed", "overview.watched"):
        await expect(page.get_by_text(action, exact=True).first).to_be_visible()


async def test_an_orders_journey_goes_from_its_post_to_each_terminals_ack(
    cluster: Cluster, town: Operator, corner: Shop, page: Page
) -> None:
    away = await corner.add_terminal(HOSTILE)
    async with open_till(cluster.gateways[0], corner.slug, corner.terminal_key) as till:
        await enter(page, town.key, f"#/shop/{corner.slug}")
        trace = page.get_by_role("region", name="Live trace")
        await trace.get_by_role("button", name="Start").click()
        await expect(trace).to_contain_text("Waiting for what follows")
        placed = await corner.order(customerName=HOSTILE)
        (event,) = await till.has(1)
        await till.say(type="ack", offset=event["offset"])
        # The trace had it too, took nobody's place, and knows no customer.
        await expect(trace).to_contain_text(placed["orderNumber"])
        await trace.locator("summary").click()
        assert "img src" not in await trace.inner_text()
        await corner.step(placed["orderId"], "preparing")
        cancel = {"status": "cancelled", "reason": HOSTILE}
        done = await town.http.patch(
            corner.path(f"orders/{placed['orderId']}/status"),
            json=cancel,
            headers=bearer(corner.terminal_key),
        )
        assert done.status_code == 200, done.text
        async with asyncio.timeout(30):
            while not await corner.receipts(placed["orderId"]):
                await asyncio.sleep(0.1)
        number = placed["orderNumber"].removeprefix("ORD-")
        await page.get_by_placeholder("ORD-15").fill(number)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name=placed["orderNumber"]).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(placed["orderNumber"])
        line = page.get_by_role("region", name="Time line").locator("li")
        await expect(line.first).to_contain_text("the POST was committed")
        counter = corner.terminals[0].name
        await expect(line.filter(has_text=f"{counter} acked it")).to_have_count(1)
        await expect(line.last).to_contain_text(f"cancelled, by {counter}: {HOSTILE}")
        lane = page.locator(".lanes li")
        await expect(lane.filter(has_text=counter)).to_contain_text("seen at +")
        await expect(lane.filter(has_text=away.name)).to_contain_text("was not there")
        await page.go_back()
        await page.get_by_role("button", name=f"Journal: {counter}").click()
        await expect(page.get_by_role("dialog")).to_contain_text("still there")
        assert await serious(page) == []
        assert await page.title() != "broken"
        assert await page.locator("img").count() == 0


async def test_a_shop_is_found_and_paused_by_keyboard_alone_and_axe_finds_nothing(
    town: Operator, corner: Shop, page: Page
) -> None:
    await page.goto("/console")
    assert await serious(page) == []
    await page.keyboard.type(town.key)
    await page.keyboard.press("Enter")
    await expect(light(page)).to_have_text("Live")

    async def tab_to(name: str, key: str = "Tab") -> None:
        for _ in range(20):
            await page.keyboard.press(key)
            focused: str = await page.evaluate(
                "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
            )
            if focused == name:
                return
        raise AssertionError(f"no {key} leads to {name}")

    assert await serious(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await serious(page) == []
    # The view begins at its heading; the other views are named before it.
    await tab_to("Shops", "Shift+Tab")
    await page.keyboard.press("Enter")
    await tab_to("Name or slug")
    await page.keyboard.type(corner.slug)
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("tbody tr")).to_contain_text(corner.slug)
    assert await serious(page) == []
    name = await page.locator("tbody a").inner_text()
    await tab_to(name)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    assert await serious(page) == []
    await tab_to("Pause")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Reason")).to_be_focused()
    await page.keyboard.type("Closed")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("paused: Closed")).to_be_visible()
    await tab_to("Open again")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_text("paused: Closed")).to_be_visible()
