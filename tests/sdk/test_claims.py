"""Claims through the SDK: of several tills that want to print an order one does, and a dead one's claim runs out."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from bellwire_terminal import Refused, Terminal
from infra.local.cluster import Cluster
from tests.shop import Shop

# Seconds: long enough for a slow machine to ask for it again in time.
LIFE = 6
SECONDS = 90.0


@contextlib.asynccontextmanager
async def two_tills(town: Cluster, shop: Shop) -> AsyncIterator[tuple[Terminal, Terminal]]:
    """Two terminals of a shop, connected."""
    other = await shop.add_terminal("bar")
    async with (
        Terminal(town.url, shop.slug, shop.terminal_key) as first,
        Terminal(town.url, shop.slug, other.key) as second,
    ):
        yield first, second


async def test_two_tills_that_claim_the_same_orders_at_once_print_each_once(
    town: Cluster, corner: Shop
) -> None:
    placed = [(await corner.order())["orderId"] for _ in range(20)]
    printed: Counter[str] = Counter()

    async def print_all(till: Terminal) -> None:
        for order in placed:
            async with till.claim(order, "print") as claim:
                if claim:
                    printed[order] += 1

    async with two_tills(town, corner) as (first, second):
        await asyncio.gather(print_all(first), print_all(second))
        assert printed == Counter(placed)
        async with first.claim(placed[0], "print") as claim:
            assert not claim
            assert claim.done


async def test_a_till_that_dies_with_a_claim_leaves_it_to_another_with_a_higher_fence(
    town: Cluster, corner: Shop
) -> None:
    order = (await corner.order())["orderId"]
    async with two_tills(town, corner) as (first, second):
        mine = await first.claim(order, "print", ttl=LIFE).__aenter__()
        assert mine
        async with second.claim(order, "print", ttl=LIFE) as theirs:
            assert not theirs
            assert theirs.holder is not None
            assert theirs.holder["name"] == "counter"
        no_paper = RuntimeError("no paper")
        await mine.__aexit__(RuntimeError, no_paper, None)
        async with asyncio.timeout(SECONDS):
            while True:
                async with second.claim(order, "print") as theirs:
                    if theirs:
                        break
                await asyncio.sleep(0.2)
        assert (theirs.fence or 0) > (mine.fence or 0)


async def test_a_claim_is_kept_while_its_block_runs_longer_than_its_life(town: Cluster, corner: Shop) -> None:
    order = (await corner.order())["orderId"]
    async with two_tills(town, corner) as (first, second), first.claim(order, "print", ttl=LIFE) as mine:
        assert mine
        first_end = mine.expires_at
        async with asyncio.timeout(SECONDS):
            while mine.expires_at == first_end:
                await asyncio.sleep(0.1)
        async with second.claim(order, "print") as theirs:
            assert not theirs
        assert mine.fence == 1


async def test_a_cancelled_order_cannot_be_claimed(town: Cluster, corner: Shop) -> None:
    order = (await corner.order())["orderId"]
    assert (await corner.step(order, "cancelled")).status_code == 200
    async with two_tills(town, corner) as (first, _):
        with pytest.raises(Refused) as refused:
            await first.claim(order, "print").__aenter__()
        assert refused.value.problem == "wrong-step"
