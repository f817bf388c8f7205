"""The first bytes of a crowd are read in slices, in its order; a few at once, and a bug of one is its own."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.transport.first_reads import AT_ONCE, SLICE_SECONDS, FirstReads


async def test_a_few_are_read_at_once_and_a_crowd_in_its_order() -> None:
    line, read = FirstReads(), list[int]()
    for number in range(AT_ONCE + 100):
        line.enqueue(lambda number=number: read.append(number))  # type: ignore[misc]
    assert read == list(range(AT_ONCE))
    async with asyncio.timeout(10):
        while len(read) < AT_ONCE + 100:
            await asyncio.sleep(0)
    assert read == list(range(AT_ONCE + 100))
    line.enqueue(lambda: read.append(-1))
    assert read[-1] == -1


async def test_the_loop_looks_around_between_the_slices_of_a_crowd() -> None:
    line, turns = FirstReads(), list[int]()
    turn = 0

    def read() -> None:
        turns.append(turn)
        time.sleep(SLICE_SECONDS / 2)

    for _ in range(AT_ONCE + 20):
        line.enqueue(read)
    async with asyncio.timeout(10):
        while len(turns) < AT_ONCE + 20:
            await asyncio.sleep(0)
            turn += 1
    # The clock is looked at between two: a slice ends with the one that was under way.
    assert max(turns.count(number) for number in set(turns) - {0}) <= 2


async def test_one_that_fails_takes_nothing_from_those_behind_it() -> None:
    line, read = FirstReads(), list[int]()
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def fail() -> None:
        raise RuntimeError("a bug")

    reads: list[Callable[[], None]] = [fail, lambda: read.append(1), fail, lambda: read.append(2)]
    for _ in range(AT_ONCE):
        line.enqueue(lambda: None)
    for each in reads:
        line.enqueue(each)
    async with asyncio.timeout(10):
        while read != [1, 2]:
            await asyncio.sleep(0)
    assert len(told) == 2


async def test_one_that_fails_at_once_says_so_to_its_caller() -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        FirstReads().enqueue(fail)
