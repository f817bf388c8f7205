"""An outbox that is closed leaves nobody waiting, and one that is compacted has what was given and nothing else."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bellwire_terminal import Outbox, Pending, StorageFailed, Terminal, TerminalError, Unfinished
from bellwire_terminal.fake import FakeBellwire
from bellwire_terminal.files import AppendLog

SECONDS = 60.0


def a_till(fake: FakeBellwire, outbox: Outbox) -> Terminal:
    return Terminal(fake.url, fake.tenant, fake.key, outbox=outbox)


async def awaited(pending: Pending) -> dict[str, Any]:
    """As a coroutine, which a task takes."""
    return await pending


def left_in(path: Path) -> list[str]:
    """The orders of the commands that the next outbox would carry out."""
    left: dict[str, str] = {}
    for entry in AppendLog(path).load():
        if "add" in entry:
            left[entry["add"]["id"]] = entry["add"]["path"].split("/")[-2]
        elif "end" in entry:
            left.pop(entry["end"], None)
    return list(left.values())


@pytest.mark.parametrize("is_kept", [True, False])
async def test_who_awaits_a_command_is_told_when_the_outbox_closes_and_the_next_outbox_carries_it_out(
    tmp_path: Path, is_kept: bool
) -> None:
    path = tmp_path / "outbox" if is_kept else None
    async with FakeBellwire() as fake:
        fake.place_order(orderId="a")
        fake.down = True
        async with a_till(fake, Outbox(path)) as till:
            pending = await till.accept("a")
            waiting = asyncio.create_task(awaited(pending))
            settled = asyncio.create_task(till.outbox.settled())
            await asyncio.sleep(0)
            await till.stop()
            for one in (waiting, settled):
                with pytest.raises(Unfinished, match="disk" if is_kept else "nobody knows") as told:
                    await asyncio.wait_for(one, SECONDS)
                assert told.value.kept is is_kept
            with pytest.raises(Unfinished):
                await asyncio.wait_for(awaited(pending), SECONDS)
            with pytest.raises(TerminalError, match="closed"):
                await till.accept("a")
        fake.down = False
        done: list[str] = []
        outbox = Outbox(path, on_done=lambda command, _: done.append(command["id"]))
        async with a_till(fake, outbox):
            await asyncio.wait_for(outbox.settled(), SECONDS)
        assert done == ([pending.id] if is_kept else [])


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_claim_whose_end_could_not_be_said_before_the_outbox_closed_is_an_error_where_nothing_keeps_it(
    tmp_path: Path, is_kept: bool
) -> None:
    path = tmp_path / "outbox" if is_kept else None
    async with FakeBellwire() as fake:
        fake.place_order(orderId="a")
        async with a_till(fake, Outbox(path)) as till:
            claim = await till.claim("a", "print").__aenter__()
            fake.down = True
            ending = asyncio.create_task(claim.__aexit__(None, None, None))
            async with asyncio.timeout(SECONDS):
                while not till.outbox.commands:
                    await asyncio.sleep(0.01)
            await till.stop()
            with contextlib.nullcontext() if is_kept else pytest.raises(Unfinished):
                await asyncio.wait_for(ending, SECONDS)
        fake.down = False
        if is_kept:
            outbox = Outbox(path)
            async with a_till(fake, outbox):
                await asyncio.wait_for(outbox.settled(), SECONDS)
            assert fake.claims["a", "print"]["done"]


async def test_on_a_disk_that_is_full_no_wait_is_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeBellwire() as fake:
        fake.down = True
        async with a_till(fake, Outbox(tmp_path / "outbox")) as till:
            pending = await till.accept("a")
            monkeypatch.setattr(AppendLog, "append", full)
            with pytest.raises(StorageFailed, match="no space"):
                await till.accept("b")
            for waiting in (awaited(pending), till.outbox.settled()):
                with pytest.raises(StorageFailed, match="no space"):
                    await asyncio.wait_for(waiting, SECONDS)
        monkeypatch.undo()
        assert left_in(tmp_path / "outbox") == ["a"]


def full(*_: object) -> None:
    raise OSError(28, "no space left on device")


@pytest.mark.parametrize("does_rewrite", [True, False])
async def test_a_log_that_is_compacted_while_commands_come_has_each_that_was_given_and_none_that_was_declined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does_rewrite: bool
) -> None:
    monkeypatch.setattr("bellwire_terminal.outbox.COMPACT_RECORDS", 3)
    monkeypatch.setattr("bellwire_terminal.core.dispatch.MOST_COMMANDS", 6)
    rewrites = 0
    rewrite: Callable[[AppendLog, list[Any]], None] = AppendLog.rewrite

    def counted(log: AppendLog, values: list[Any]) -> None:
        nonlocal rewrites
        rewrites += 1
        if not does_rewrite:
            full()
        rewrite(log, values)

    monkeypatch.setattr(AppendLog, "rewrite", counted)
    given: list[str] = []
    done: list[str] = []
    declined = 0
    outbox = Outbox(
        tmp_path / "outbox", on_done=lambda command, _: done.append(command["path"].split("/")[-2])
    )

    async def give(till: Terminal, number: int) -> None:
        nonlocal declined
        try:
            await till.accept(f"order-{number}")
            given.append(f"order-{number}")
        except TerminalError:
            declined += 1

    async with FakeBellwire() as fake:
        for number in range(100):
            fake.place_order(orderId=f"order-{number}")
        async with a_till(fake, outbox) as till:
            for start in range(0, 90, 9):
                # More at once than there is room for, while those before them end and the log is written anew.
                await asyncio.gather(*(give(till, number) for number in range(start, start + 9)))
            await asyncio.wait_for(outbox.settled(), SECONDS)
            fake.down = True
            for number in range(90, 95):
                await give(till, number)
    assert rewrites > 0
    assert declined > 0
    # Those at once come to the disk in the order in which they were given, and tell it in any.
    assert sorted(done + left_in(tmp_path / "outbox")) == sorted(given)
    assert left_in(tmp_path / "outbox") == [f"order-{number}" for number in range(90, 95)]
