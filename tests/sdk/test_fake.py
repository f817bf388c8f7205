"""The fake server that integrators test with does what the cluster does, and its faults reach the till."""

import asyncio
from typing import Any

import pytest

from bellwire_terminal import ClaimLost, Replaced, Revoked, Terminal
from bellwire_terminal.fake import FakeBellwire
from tests.sdk.test_terminal import take


def a_till(fake: FakeBellwire, **wishes: Any) -> Terminal:
    return Terminal(fake.url, fake.tenant, fake.key, **wishes)


@pytest.mark.parametrize("door", ["websocket", "sse", "poll"])
async def test_orders_come_over_cuts_once_in_order_and_are_acknowledged(door: str) -> None:
    async with FakeBellwire() as fake:
        placed = [fake.place_order() for _ in range(3)]
        async with a_till(fake, doors=[door], window=2) as till:
            seen = await take(till, 3)
            fake.cut(1012, "retry_ms=10") if door != "poll" else fake.cut()
            placed += [fake.place_order() for _ in range(2)]
            seen += await take(till, 2)
            fake.cut()
            placed += [fake.place_order() for _ in range(2)]
            seen += await take(till, 2)
            assert [event.offset for event in seen] == placed
            async with asyncio.timeout(20):
                while fake.acked != placed[-1]:
                    await asyncio.sleep(0.01)


async def test_a_reset_is_a_snapshot_that_is_acknowledged() -> None:
    async with FakeBellwire() as fake:
        fake.place_order(orderId="a")
        async with a_till(fake) as till:
            await take(till, 1)
            fake.fork()
            (snapshot,) = await take(till, 1)
            assert (snapshot.type, snapshot.data["reason"]) == ("snapshot", "epoch")
            assert [order["orderId"] for order in snapshot.data["orders"]] == ["a"]
            placed = fake.place_order()
            assert [event.offset for event in await take(till, 1)] == [placed]
            async with asyncio.timeout(20):
                while fake.acked_orders != {"a"}:
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize(("code", "kind"), [(4403, Revoked), (4401, Revoked), (4409, Replaced)])
async def test_a_close_code_that_ends_it_does(code: int, kind: type[Exception]) -> None:
    async with FakeBellwire() as fake, a_till(fake) as till:
        fake.place_order()
        await take(till, 1)
        fake.cut(code)
        with pytest.raises(kind):
            await asyncio.wait_for(anext(till), 20)


async def test_a_till_that_is_replaced_takes_its_place_back_where_its_owner_says_so() -> None:
    async def back() -> bool:
        return True

    async with FakeBellwire() as fake, a_till(fake, on_replaced=back) as till:
        fake.place_order()
        await take(till, 1)
        fake.cut(4409)
        placed = fake.place_order()
        assert [event.offset for event in await take(till, 1)] == [placed]


async def test_a_wrong_key_is_said_at_once() -> None:
    async with FakeBellwire() as fake:
        till = Terminal(fake.url, fake.tenant, "bw_term_wrong")
        async with till:
            with pytest.raises(Revoked):
                await asyncio.wait_for(anext(till), 20)


async def test_a_command_is_carried_out_once_although_its_first_answer_was_a_refusal() -> None:
    async with FakeBellwire() as fake, a_till(fake) as till:
        fake.place_order(orderId="a")
        await take(till, 1)
        fake.refuse_next(503, "unavailable", 0)
        assert (await (await till.accept("a")))["status"] == "preparing"
        assert [path for _, path, _ in fake.requests] == [f"/api/tenant/{fake.tenant}/orders/a/status"]


async def test_a_claim_is_held_and_done_and_then_nobody_s() -> None:
    async with FakeBellwire() as fake, a_till(fake) as till:
        fake.place_order(orderId="a")
        (event,) = await take(till, 1)
        async with till.claim(event, "print") as claim:
            assert claim
            assert claim.fence == 1
        async with till.claim(event, "print") as claim:
            assert not claim
            assert claim.done


async def test_a_claim_of_another_s_is_not_mine_and_one_that_was_taken_meanwhile_is_lost() -> None:
    async with FakeBellwire() as fake, a_till(fake) as till:
        fake.place_order(orderId="a")
        fake.claimed_by_another("a", "print")
        async with till.claim("a", "print") as claim:
            assert not claim
            assert claim.holder is not None
        claim = till.claim("a", "label")
        assert await claim.__aenter__()
        fake.claimed_by_another("a", "label")
        with pytest.raises(ClaimLost):
            await claim.__aexit__(None, None, None)


async def test_a_block_that_raises_leaves_its_claim_to_run_out() -> None:
    async with FakeBellwire() as fake, a_till(fake) as till:
        fake.place_order(orderId="a")
        with pytest.raises(RuntimeError):
            async with till.claim("a", "print"):
                raise RuntimeError("no paper")
        assert not fake.claims["a", "print"]["done"]
