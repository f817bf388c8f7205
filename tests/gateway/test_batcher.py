"""Questions of the same moment are asked together, and answered each for itself."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.runtime.batcher import ANSWERS_A_TURN, Batcher

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")


class Library:
    """Answers a number with its square, odd ones only; keeps what it was asked."""

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._fails = fails

    async def answer(self, questions: list[int]) -> dict[int, int]:
        self.asked.append(questions)
        await self.open.wait()
        if self._fails:
            raise ConnectionError("away")
        return {question: question * question for question in questions if question % 2}


@given(
    questions=st.lists(st.integers(0, 40), max_size=60),
    most=st.integers(1, 20),
    at_once=st.integers(1, 3),
    given_up=st.sets(st.integers(0, 59)),
    late=st.sets(st.integers(0, 59)),
)
def test_everybody_gets_the_own_answer_whoever_gives_up_and_however_many_ask(
    questions: list[int], most: int, at_once: int, given_up: set[int], late: set[int]
) -> None:
    async def play() -> None:
        library = Library()
        gather = Batcher(library.answer, most=most, at_once=at_once)
        library.open.clear()
        asking = []
        for index, question in enumerate(questions):
            asking.append(asyncio.create_task(gather.ask(question)))
            if index in late:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        for index in given_up:
            if index < len(asking):
                asking[index].cancel()
        await asyncio.sleep(0)
        library.open.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        for index, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            if index in given_up:
                assert isinstance(answer, asyncio.CancelledError)
            else:
                assert answer == (question * question if question % 2 else None)
        assert all(len(batch) <= most and len(set(batch)) == len(batch) for batch in library.asked)

    asyncio.run(play())


async def test_a_crowd_of_one_moment_costs_one_call() -> None:
    library = Library()
    gather = Batcher(library.answer, most=1000, at_once=2)
    assert await asyncio.gather(*(gather.ask(n) for n in range(1000))) == [
        n * n if n % 2 else None for n in range(1000)
    ]
    assert len(library.asked) == 1


async def test_a_question_never_joins_a_call_that_has_begun() -> None:
    library = Library()
    library.open.clear()
    gather = Batcher(library.answer, most=10, at_once=1)
    first = asyncio.create_task(gather.ask(7))
    while not library.asked:
        await asyncio.sleep(0)
    second = asyncio.create_task(gather.ask(7))
    await asyncio.sleep(0.05)
    assert library.asked == [[7]]
    library.open.set()
    assert (await first, await second) == (49, 49)
    assert library.asked == [[7], [7]]


async def test_calls_begin_apart_from_each_other_and_take_along_who_came_in_between() -> None:
    library = Library()
    gather = Batcher(library.answer, most=100, at_once=5, apart_seconds=0.2)
    await gather.ask(0)
    later = [asyncio.create_task(gather.ask(n)) for n in range(1, 4)]
    await asyncio.sleep(0.02)
    later.append(asyncio.create_task(gather.ask(4)))
    await asyncio.gather(*later)
    assert library.asked == [[0], [1, 2, 3, 4]]


async def test_a_failed_call_fails_each_of_its_questions_and_no_other() -> None:
    library = Library(fails=True)
    gather = Batcher(library.answer, most=10, at_once=1)
    for failure in await asyncio.gather(*(gather.ask(n) for n in range(25)), return_exceptions=True):
        assert isinstance(failure, ConnectionError)
    library._fails = False
    assert await gather.ask(3) == 9


async def test_the_end_of_a_call_ends_the_waiting_too() -> None:
    library = Library()
    library.open.clear()
    gather = Batcher(library.answer, most=10, at_once=1)
    asking = asyncio.create_task(gather.ask(1))
    while not gather._calls:
        await asyncio.sleep(0)
    for call in gather._calls:
        call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_the_loop_looks_around_while_a_crowd_goes_on_with_its_answers() -> None:
    turn, turns = 0, list[int]()
    gather = Batcher(Library().answer, most=1000, at_once=1)

    async def ask(question: int) -> None:
        assert await gather.ask(question) == question * question
        turns.append(turn)

    asking = [asyncio.create_task(ask(2 * number + 1)) for number in range(10 * ANSWERS_A_TURN)]
    async with asyncio.timeout(10):
        while not all(task.done() for task in asking):
            await asyncio.sleep(0)
            turn += 1
    await asyncio.gather(*asking)
    assert max(turns.count(number) for number in turns) == ANSWERS_A_TURN
