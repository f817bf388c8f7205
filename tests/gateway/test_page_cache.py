"""Pages are kept for a moment, the newest of each room, in bounded memory."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter

from backbone.contract.erasure import NOTHING_ERASED
from gateway.core.tenant_log import Entry
from gateway.replay import page_cache
from gateway.replay.page_cache import Kept, PageCache

REPLAYED = Counter("replayed", "For the tests alone.", registry=CollectorRegistry())


def page(frame_bytes: int = 10, start: int = 0) -> Kept:
    """A page of one event that counts as twice its frame."""
    return Kept(
        (1, NOTHING_ERASED), start, [Entry(start + 1, "new_order", 0, b"x" * frame_bytes, 1)], REPLAYED
    )


async def test_the_newest_page_of_a_room_takes_the_place_of_the_one_before() -> None:
    cache: PageCache[str] = PageCache()
    cache.keep("kitchen", page())
    newer = page(start=5)
    cache.keep("kitchen", newer)
    assert cache.get("kitchen") is newer
    assert cache.get("bar") is None
    assert cache._bytes == 20


async def test_when_bytes_run_out_the_pages_that_were_kept_longest_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_cache, "KEEP_BYTES", 100)
    cache: PageCache[str] = PageCache()
    for room in ("first", "second", "third"):
        cache.keep(room, page(15))
    # Read a moment ago counts from the keeping, not from the use.
    assert cache.get("first") is not None
    cache.keep("fourth", page(15))
    assert [room for room in ("first", "second", "third", "fourth") if cache.get(room)] == [
        "second",
        "third",
        "fourth",
    ]
    cache.keep("second", page(51))
    assert cache.get("second") is not None, "a page that is too big takes nobody's place"
    assert cache._bytes == 90
    cache.keep("whole", page(50))
    assert [room for room in ("second", "third", "fourth", "whole") if cache.get(room)] == ["whole"]


async def test_a_page_ends_by_itself_though_nobody_asks_for_one_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_cache, "KEEP_SECONDS", 0.02)
    cache: PageCache[str] = PageCache()
    cache.keep("kitchen", page())
    async with asyncio.timeout(5):
        while cache._kept:
            await asyncio.sleep(0.005)
    assert cache._bytes == 0
