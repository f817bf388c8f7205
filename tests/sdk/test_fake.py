"""The fake server that integrators test with does what the cluster does, and its faults reach the till."""

import asyncio
import contextlib
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bellwire_terminal import (
    ClaimLost,
    Conflict,
    Outbox,
    Pending,
    Replaced,
    Revoked,
    Terminal,
    TerminalError,
)
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


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/a", {"amount": Decimal("5.00")}),
        ("/a", {"amount": float("nan")}),
        ("/a", {"reason": "\ud800"}),
        ("/a b", None),
        ("/\u00fc", None),
        ("a", None),
    ],
)
async def test_a_command_that_cannot_be_sent_is_an_error_at_once_and_stands_in_nobodys_way(
    path: str, body: dict[str, Any] | None, tmp_path: Path
) -> None:
    async with FakeBellwire() as fake:
        for outbox in (Outbox(), Outbox(tmp_path / "outbox")):
            async with a_till(fake, outbox=outbox) as till:
                with pytest.raises((TypeError, ValueError)):
                    await asyncio.wait_for(outbox.submit("POST", path, body), 20)
                assert outbox.waiting == 0
                await taken(await till.step("a", "preparing"))


async def taken(pending: Pending) -> None:
    """Wait until a command is answered, whatever the answer."""
    with contextlib.suppress(Conflict):
        await asyncio.wait_for(pending, 20)


async def test_a_command_is_what_it_was_when_it_was_given() -> None:
    told: list[dict[str, Any]] = []
    outbox = Outbox(
        on_done=lambda command, _: told.append(command), on_conflict=lambda command, _: told.append(command)
    )
    async with FakeBellwire() as fake, a_till(fake, outbox=outbox):
        body = {"status": "preparing"}
        pending = await outbox.submit("PATCH", f"/api/tenant/{fake.tenant}/orders/a/status", body)
        body["status"] = "cancelled"
        await taken(pending)
    assert [command["body"] for command in told] == [{"status": "preparing"}]


async def test_an_owner_whose_callback_raises_holds_up_no_command() -> None:
    def raises(*_: object) -> None:
        raise RuntimeError("the screen is gone")

    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))
    outbox = Outbox(on_done=raises, on_conflict=raises)
    async with FakeBellwire() as fake, a_till(fake, outbox=outbox) as till:
        for _ in range(2):
            await taken(await till.step("a", "preparing"))
        assert outbox.waiting == 0
    assert [str(told["exception"]) for told in faults] == ["the screen is gone"] * 2


async def test_an_owner_whose_state_callback_raises_is_told_by_the_iteration_and_the_till_is_not_left_standing() -> (
    None
):
    def raises(_: object) -> None:
        raise RuntimeError("the screen is gone")

    async with FakeBellwire() as fake, a_till(fake, on_state=raises) as till:
        fake.place_order()
        with pytest.raises(RuntimeError, match="the screen is gone"):
            await take(till, 2)


async def test_a_command_that_is_given_while_the_outbox_closes_is_answered_and_no_wait_is_for_ever(
    tmp_path: Path,
) -> None:
    async with FakeBellwire() as fake:
        outbox = Outbox(tmp_path / "outbox")
        async with a_till(fake, outbox=outbox):
            given = asyncio.create_task(outbox.submit("POST", "/a", {}))
            # It has begun, and the disk has not been asked yet.
            await asyncio.sleep(0)
        with contextlib.suppress(TerminalError):
            await asyncio.wait_for(given, 20)


@pytest.mark.parametrize("door", ["websocket", "sse", "poll"])
async def test_the_key_is_in_no_line_of_the_log_however_much_it_tells(
    door: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with FakeBellwire() as fake, a_till(fake, doors=[door]) as till:
            fake.place_order()
            await take(till, 1)
            assert fake.key not in repr(till)
        ours = [line for line in caplog.records if "server" not in line.name]
    assert not [line.getMessage() for line in ours if fake.key in line.getMessage()]
