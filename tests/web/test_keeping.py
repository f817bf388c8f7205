"""A page's memory in IndexedDB: whole after any crash, an error where it is hurt, and never a silent skip."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from infra.local.child import Child
from infra.local.chromium import find_chromium, show
from infra.local.cluster import Cluster
from tests.shop import Shop
from tests.web.conftest import OpenContext
from tests.web.tabs import ADDRESS, blank, offsets, open_tab
from tests.web.till_page import TillPage

PROGRAM = Path(__file__).with_name("keeping.js").read_text("utf-8")
KEPT = {"tenant": "küche", "filter": {"stations": ["bar"]}, "offset": "1-42"}
SECONDS = 60.0


@pytest.fixture
async def page(open_context: OpenContext) -> Page:
    """A page with the SDK, and a way into its database."""
    page = (await blank(await open_context())).page
    await page.evaluate(PROGRAM)
    return page


async def test_a_cursor_and_a_log_give_back_what_was_written(page: Page) -> None:
    found = await page.evaluate(
        """async (kept) => {
          const [cursor, log] = [new sdk.IndexedCursor("a"), new sdk.IndexedLog("a")];
          const before = [await cursor.load(), await log.load()];
          await cursor.save({ ...kept, offset: "1-41" });
          await cursor.save(kept);
          for (const n of [1, 2, 3]) await log.append({ n });
          await log.rewrite([{ n: 3 }]);
          await log.append({ n: 4 });
          return [before, await new sdk.IndexedCursor("a").load(), await new sdk.IndexedLog("a").load()];
        }""",
        KEPT,
    )
    assert found == [[None, []], KEPT, [{"n": 3}, {"n": 4}]]


async def test_a_cursor_that_is_hurt_at_any_sign_is_damaged_and_says_where(page: Page) -> None:
    whole, wrong = await page.evaluate(
        """async (kept) => {
          await new sdk.IndexedCursor("till").save(kept);
          const whole = await raw("cursors", (store) => store.get("till"));
          const hurt = [""];
          for (let at = 0; at < whole.length; at += 1) {
            hurt.push(whole.slice(0, at), `${whole.slice(0, at)}?${whole.slice(at + 1)}`);
          }
          const wrong = [];
          for (const text of [...hurt, `${whole}x`, 7, null, new Uint8Array(3)]) {
            await raw("cursors", (store) => store.put(text, "till"));
            wrong.push(await failure(() => new sdk.IndexedCursor("till").load()));
          }
          return [whole, wrong];
        }""",
        KEPT,
    )
    assert len(wrong) == 2 * len(whole) + 5
    assert all(each.get("name") == "Damaged" and "IndexedDB, till" in each["message"] for each in wrong)


async def test_a_log_s_record_that_is_hurt_at_any_sign_or_missing_is_damage(page: Page) -> None:
    wrong = await page.evaluate(
        """async () => {
          const log = new sdk.IndexedLog("till");
          for (const n of [1, 2, 3]) await log.append({ n });
          const wrong = [];
          for (const number of [1, 2, 3]) {
            const whole = await raw("records", (store) => store.get(["till", number]));
            for (let at = 0; at < whole.length; at += 1) {
              for (const text of [whole.slice(0, at), `${whole.slice(0, at)}?${whole.slice(at + 1)}`]) {
                await raw("records", (store) => store.put(text, ["till", number]));
                wrong.push(await failure(() => new sdk.IndexedLog("till").load()));
              }
            }
            await raw("records", (store) => store.put(whole, ["till", number]));
          }
          await raw("records", (store) => store.delete(["till", 2]));
          wrong.push(await failure(() => new sdk.IndexedLog("till").load()));
          return wrong;
        }"""
    )
    assert {each.get("name") for each in wrong} == {"Damaged"}
    assert "record 2 is missing" in wrong[-1]["message"]


async def test_whoever_holds_a_name_has_it_and_an_earlier_holder_changes_nothing(page: Page) -> None:
    found = await page.evaluate(
        """async (kept) => {
          const [old, young] = [0, 1].map(() => ({ cursor: new sdk.IndexedCursor("b"), log: new sdk.IndexedLog("b") }));
          for (const one of [old, young]) {
            await one.cursor.hold();
            await one.log.hold();
            await one.log.load();
            await failure(() => one.log.append({ of: one === old ? "old" : "young" }));
          }
          const wrong = [
            await failure(() => old.cursor.save(kept)),
            await failure(() => old.log.append({ of: "old again" })),
            await failure(() => old.log.rewrite([])),
          ];
          return [wrong.map(({ name }) => name), await young.cursor.load(), await young.log.load()];
        }""",
        KEPT,
    )
    assert found == [["InUse"] * 3, None, [{"of": "old"}, {"of": "young"}]]


async def test_a_till_goes_on_from_the_page_s_own_cursor_and_one_that_is_hurt_opens_nothing(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    tab = await open_tab(context, corner, acks=False)
    placed = await offsets(corner, 3)
    await tab.has(*placed)
    await tab.until("tab.till.offset === wanted", placed[-1])
    await tab.close()
    # The server was told nothing: this is the page's own memory.
    tab = await open_tab(context, corner, acks=False)
    later = await offsets(corner, 1)
    await tab.has(*later)
    await tab.close()
    tab = await blank(context)
    await tab.page.evaluate(PROGRAM)
    wishes = {"tenant": corner.slug, "key": corner.terminal_key}
    said = await tab.page.evaluate(
        """async (wishes) => {
          const [name] = await raw("cursors", (store) => store.getAllKeys());
          const whole = await raw("cursors", (store) => store.get(name));
          await raw("cursors", (store) => store.put(whole.replace("1-", "2-"), name));
          return [await failure(() => begin(wishes)), tab.states, name];
        }""",
        wishes,
    )
    assert said[0]["name"] == "CursorDamaged"
    assert said[1] == ["connecting", "stopped"]
    assert corner.terminal_key not in said[2]
    again = await open_tab(context, corner, onDamage="acked")
    assert [report["kind"] for report in await again.get("reports")] == ["cursor-damaged"]


async def test_a_page_says_where_it_keeps_what_it_keeps_if_that_is_not_indexed_db(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    await context.add_init_script("delete globalThis.indexedDB; delete Window.prototype.indexedDB")
    tab = await open_tab(context, corner, acks=False)
    assert [report["in"] for report in await tab.get("reports")] == ["localStorage"]
    placed = await offsets(corner, 2)
    await tab.has(*placed)
    await tab.until("tab.till.offset === wanted", placed[-1])
    await tab.close()
    await context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError') } })"
    )
    tab = await open_tab(context, corner)
    assert [report["in"] for report in await tab.get("reports")] == ["memory"]
    await tab.has(*placed)


async def test_a_database_that_the_browser_emptied_is_told_and_the_server_s_word_counts(
    open_context: OpenContext, corner: Shop
) -> None:
    context = await open_context()
    tab = await open_tab(context, corner, acks=False)
    placed = await offsets(corner, 2)
    await tab.has(*placed)
    await tab.until("tab.till.offset === wanted", placed[-1])
    await tab.close()
    tab = await blank(context)
    await tab.page.evaluate("new Promise((done) => (indexedDB.deleteDatabase('bellwire').onsuccess = done))")
    await tab.close()
    tab = await open_tab(context, corner)
    assert [(report["kind"], report["lost"]) for report in await tab.get("reports")] == [("store", True)]
    await tab.has(*placed)


@contextlib.asynccontextmanager
async def a_browser(profile: Path) -> AsyncIterator[tuple[Child, Page]]:
    """Chromium with a profile that stays, and one page of it."""
    port = profile / "DevToolsActivePort"
    port.unlink(missing_ok=True)
    browser = show(find_chromium(), "about:blank", profile, "--remote-debugging-port=0")
    try:
        async with asyncio.timeout(SECONDS), async_playwright() as playwright:
            while not port.exists() or not port.read_text().count("\n"):
                await asyncio.sleep(0.05)
            address = f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
            context = (await playwright.chromium.connect_over_cdp(address)).contexts[0]
            yield browser, await context.new_page()
    finally:
        browser.kill()


# Write numbers for as long as it lives, and confirm each that is on the disk.
WRITE = """async (first) => {
  const [cursor, log] = [new sdk.IndexedCursor("till"), new sdk.IndexedLog("till")];
  await log.load();
  const write = async () => {
    for (let n = first; ; n += 1) {
      await log.append({ n, filling: "x".repeat(2_000) });
      await cursor.save({ tenant: "kitchen", filter: {}, offset: String(n) });
      confirmed(n);
    }
  };
  write();
}"""
READ = """async () => {
  const values = await new sdk.IndexedLog("till").load();
  const kept = await new sdk.IndexedCursor("till").load();
  return [values.map(({ n }) => n), kept === null ? -1 : Number(kept.offset)];
}"""
ENOUGH = 25


class Writer:
    """The numbers that a page confirms, and the moment at which they are enough."""

    def __init__(self) -> None:
        self.confirmed: list[int] = []
        self.enough = asyncio.Event()

    def confirm(self, number: int) -> None:
        """The page says that this one is on the disk."""
        self.confirmed.append(number)
        if len(self.confirmed) == ENOUGH:
            self.enough.set()


async def test_a_browser_that_is_killed_while_it_writes_keeps_all_that_it_confirmed_and_no_half_of_the_rest(
    cluster: Cluster, tmp_path: Path
) -> None:
    last = -1
    for _ in range(4):
        async with a_browser(tmp_path) as (browser, page):
            writer = Writer()
            await page.goto(f"{cluster.url}{ADDRESS}")
            await page.evaluate(PROGRAM)
            numbers, offset = await page.evaluate(READ)
            # The one that was on its way may be there or not, and the cursor is written behind the log.
            assert numbers == list(range(len(numbers)))
            assert len(numbers) - 1 >= offset >= last
            assert offset >= len(numbers) - 2
            await page.expose_function("confirmed", writer.confirm)
            await page.evaluate(WRITE, len(numbers))
            await writer.enough.wait()
            browser.kill()
            last = writer.confirmed[-1]


async def test_a_till_whose_commands_are_hurt_says_so_and_starts_again_when_a_person_asks(
    open_context: OpenContext, corner: Shop
) -> None:
    till = TillPage(await (await open_context()).new_page())
    await till.pair(corner)
    change = """([change, ...more]) => new Promise((resolve, reject) => {
      const request = indexedDB.open("bellwire");
      request.onsuccess = () => {
        const transaction = request.result.transaction("records", "readwrite");
        transaction.objectStore("records")[change](...more);
        transaction.oncomplete = () => (request.result.close(), resolve());
        transaction.onabort = reject;
      };
    })"""
    place = ["bellwire till outbox", 1]
    await till.page.evaluate(change, ["put", "torn", place])
    await till.page.reload()
    await till.is_in("stopped")
    await expect(till.page.locator(".light")).to_contain_text("record 1")
    placed = (await corner.order())["orderId"]
    await till.page.evaluate(change, ["delete", place])
    await till.page.get_by_role("button", name="Start again").click()
    await till.is_in("live")
    await till.has("pending", placed)
