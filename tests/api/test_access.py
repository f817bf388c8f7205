"""The principal of a key is remembered for a moment, for so many keys, and never longer."""

from collections.abc import AsyncIterator

import pytest

from backbone.contract.keys import KeyKind, make_key
from backbone.eventlog import access
from backbone.eventlog.access import REMEMBER_SECONDS, Access
from backbone.eventlog.postgres import Database, open_database
from backbone.runtime.settings import PodSettings, load_settings
from tests.shop import Shop

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")


@pytest.fixture
async def reads(database_url: str, redis_url: str) -> AsyncIterator[Database]:
    settings = load_settings(PodSettings, database_url=database_url, redis_url=redis_url)
    database = await open_database(settings, size=2, application="test-access")
    yield database
    await database.close()


async def test_a_key_is_remembered_until_its_moment_is_over_and_a_wrong_one_never(
    reads: Database, shop: Shop
) -> None:
    now = 100.0
    known = Access(reads, clock=lambda: now)
    assert known.remembered(shop.storefront_key) is None
    found = await known.find(shop.storefront_key)
    assert found is not None
    assert found.tenant == shop.slug
    for later in (0.0, REMEMBER_SECONDS / 2, REMEMBER_SECONDS - 0.001):
        now = 100.0 + later
        # Asked again, it is not remembered for longer: what revokes it has to be seen.
        assert await known.find(shop.storefront_key) == known.remembered(shop.storefront_key) == found
    now = 100.0 + REMEMBER_SECONDS
    assert known.remembered(shop.storefront_key) is None
    wrong = make_key(KeyKind.TERMINAL, b"0" * 32)
    assert await known.find(wrong) is None
    assert known.remembered(wrong) is None


async def test_keys_without_number_take_bounded_room_and_the_oldest_goes_first(
    reads: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(access, "REMEMBER_KEYS", 3)
    known = Access(reads, clock=lambda: now)
    terminals = [await shop.add_terminal(f"till {number}") for number in range(5)]
    for terminal in terminals:
        await known.find(terminal.key)
    assert [known.remembered(terminal.key) is not None for terminal in terminals] == [
        False,
        False,
        *[True] * 3,
    ]
    now += REMEMBER_SECONDS
    await known.find(terminals[2].key)
    # An entry that is over goes when the next one comes, not only when room is short; asked for again, it is the
    # newest.
    assert len(known._known) == 1
