"""Questions that come in the same moment, asked together and answered each for itself.

A question that comes alone goes at once. While as many calls as are allowed are under way, and for `apart_seconds`
after one has begun, the next ones gather; so a crowd costs few round trips. Knows tasks; not what is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

ANSWERS_A_TURN = 16
"""Callers that go on in one turn of the loop: what a crowd does with its answers must not keep others waiting."""


class Batcher(Generic[Q, A]):
    """Asks `answer` with up to `most` different questions at a time, in at most `at_once` calls at a time.

    A question never joins a call that has begun: what it is told is not older than itself.
    """

    def __init__(
        self,
        answer: Callable[[list[Q]], Awaitable[Mapping[Q, A]]],
        *,
        most: int,
        at_once: int,
        apart_seconds: float = 0.0,
    ) -> None:
        self._answer = answer
        self._most = most
        self._at_once = at_once
        self._waiting: dict[Q, list[asyncio.Future[A | None]]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._apart_seconds = apart_seconds
        self._not_before = float("-inf")
        self._due = False

    async def ask(self, question: Q) -> A | None:
        """Return the answer, or None when there is none. A caller that gives up takes nothing from the others.

        Raises:
            Whatever the call that carried the question raised.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[A | None] = loop.create_future()
        self._waiting.setdefault(question, []).append(waiter)
        self._look()
        return await waiter

    def _look(self) -> None:
        if self._waiting and not self._due and len(self._calls) < self._at_once:
            self._due = True
            # Never in this very moment: the rest of this turn of the loop may have questions too.
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, self._not_before - loop.time()), self._begin)

    def _begin(self) -> None:
        self._due = False
        self._not_before = asyncio.get_running_loop().time() + self._apart_seconds
        batch = {q: self._waiting.pop(q) for q in list(self._waiting)[: self._most]}
        # Questions that all callers gave up meanwhile are not asked.
        batch = {q: waiters for q, waiters in batch.items() if not all(w.done() for w in waiters)}
        if batch:
            task = asyncio.create_task(self._call(batch), name="batcher")
            self._calls.add(task)
            task.add_done_callback(lambda task: self._ended(task, batch))
        self._look()

    def _ended(self, task: asyncio.Task[None], batch: dict[Q, list[asyncio.Future[A | None]]]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            self._look()
            return
        # Maybe before it did anything.
        for waiter in (waiter for waiters in batch.values() for waiter in waiters):
            waiter.cancel()

    async def _call(self, batch: dict[Q, list[asyncio.Future[A | None]]]) -> None:
        waiters = [waiter for waiting in batch.values() for waiter in waiting]
        try:
            answers = await self._answer(list(batch))
        except Exception as exc:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(exc)
            return
        told = 0
        for question, waiting in batch.items():
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(answers.get(question))
                    told += 1
                    if told % ANSWERS_A_TURN == 0:
                        await asyncio.sleep(0)
