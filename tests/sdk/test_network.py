"""The system's word that there is a network again hastens every wait that was for want of one."""

import asyncio
from typing import TypeVar

import pytest

from bellwire_terminal import Terminal
from bellwire_terminal.fake import FakeBellwire
from bellwire_terminal.network import Network
from tests.sdk.test_terminal import take

SECONDS = 60.0
# Of a wait that nobody waits out.
LONG = 1e6

Result = TypeVar("Result")


async def test_a_pause_is_over_soon_after_the_network_is_back_also_where_it_came_back_during_the_try() -> (
    None
):
    network = Network()
    waiting = asyncio.create_task(network.pause(LONG, network.times))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    network.back()
    await asyncio.wait_for(waiting, SECONDS)
    await asyncio.wait_for(network.pause(LONG, network.times - 1), SECONDS)
    await asyncio.wait_for(network.pause(0.01, network.times), SECONDS)


async def test_a_claim_that_waits_for_a_network_is_asked_for_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bellwire_terminal.claims.FIRST_WAIT_SECONDS", LONG)
    async with FakeBellwire() as fake, Terminal(fake.url, fake.tenant, fake.key) as till:
        fake.place_order(orderId="a")
        await take(till, 1)
        fake.down = True
        asking = asyncio.create_task(till.claim("a", "print").__aenter__())
        await asyncio.sleep(0.1)
        fake.down = False
        till.online()
        assert await asyncio.wait_for(asking, SECONDS)
        await asking.result().__aexit__(None, None, None)
        assert fake.claims["a", "print"]["done"]


async def test_a_claim_is_renewed_when_the_network_is_back() -> None:
    async with FakeBellwire() as fake, Terminal(fake.url, fake.tenant, fake.key) as till:
        fake.place_order(orderId="a")
        await take(till, 1)
        async with till.claim("a", "print", ttl=3600) as claim:
            before = claim.expires_at
            till.online()
            async with asyncio.timeout(SECONDS):
                while claim.expires_at == before:
                    await asyncio.sleep(0.01)


async def test_what_a_thin_event_left_out_is_fetched_when_the_network_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FETCH_AGAIN_MS", "LONGEST_AGAIN_MS"):
        monkeypatch.setattr(f"bellwire_terminal.core.line.{name}", int(LONG * 1000))
    async with FakeBellwire() as fake, Terminal(fake.url, fake.tenant, fake.key) as till:
        fake.place_order()
        await take(till, 1)
        fake.down = True
        fake.place_order(orderId="a", itemsOmitted=True)
        taking = asyncio.create_task(take(till, 1))
        await asyncio.sleep(0.1)
        fake.down = False
        (event,) = await hastened(till, taking)
        assert not event.thin


async def test_an_ack_is_posted_when_the_network_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AGAIN_MS", "LONGEST_AGAIN_MS"):
        monkeypatch.setattr(f"bellwire_terminal.core.acks.{name}", int(LONG * 1000))
    async with FakeBellwire() as fake, Terminal(fake.url, fake.tenant, fake.key, doors=["sse"]) as till:
        fake.place_order()
        await take(till, 1)
        fake.down = True
        placed = fake.place_order()
        await take(till, 1)
        await asyncio.sleep(0.1)
        fake.down = False

        async def acked() -> None:
            while fake.acked != placed:
                await asyncio.sleep(0.01)

        await hastened(till, asyncio.create_task(acked()))


async def hastened(till: Terminal, work: asyncio.Task[Result]) -> Result:
    """Say that there is a network until this is done: at first the try may not have begun."""
    async with asyncio.timeout(SECONDS):
        while not work.done():
            till.online()
            await asyncio.sleep(0.5)
    return work.result()


async def test_what_was_claimed_and_done_is_done_though_the_server_has_not_heard_of_it() -> None:
    async with FakeBellwire() as fake, Terminal(fake.url, fake.tenant, fake.key) as till:
        fake.place_order(orderId="a")
        await take(till, 1)
        async with till.claim("a", "print", ttl=1) as claim:
            assert claim
            fake.down = True
        async with till.claim("a", "print") as again:
            assert not again
            assert again.done
        fake.down = False
        till.online()
        await asyncio.wait_for(till.outbox.settled(), SECONDS)
        assert fake.claims["a", "print"]["done"]
