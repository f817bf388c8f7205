"""One locust process, or a master with its workers: who has which part of the run, and how their parts become one.

A master cuts the plan up, sends each worker its share, waits until all terminals are in, says when the course begins,
and adds up what they counted. A process by itself is its own only worker.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.hosts import HostFailed
from loadtests.outcome import Outcome
from loadtests.plan import Plan
from loadtests.running import Running

WORKERS_SECONDS = 240.0
SETTLED_SECONDS = 120.0
HEAD_START_SECONDS = 1.0
PLAN, READY, BEGIN, SETTLE, SETTLED = (
    f"bellwire_{name}" for name in ("plan", "ready", "begin", "settle", "settled")
)


class Distribution:
    """The run, as this process has it."""

    def __init__(self, environment: Environment, plan: Plan | None, outcome: Path | None) -> None:
        """A worker has no `plan` until its master sends it."""
        self.environment = environment
        self.running: Running | None = Running(environment, plan) if plan is not None else None
        self.ended: float | None = None
        self._outcome = outcome
        self._words: Counter[str] = Counter()
        self._heard = Event()
        self._placed: list[tuple[str, str, str]] = []
        self._failed: str | None = None

    @property
    def is_master(self) -> bool:
        return isinstance(self.environment.runner, MasterRunner)

    @property
    def is_worker(self) -> bool:
        return isinstance(self.environment.runner, WorkerRunner)

    @property
    def runner(self) -> Any:
        """Locust's own; local, a master's or a worker's."""
        return self.environment.runner

    def listen(self) -> None:
        """Hear what the other side says."""
        runner = self.runner
        if isinstance(runner, WorkerRunner):
            runner.register_message(PLAN, self._on_plan, concurrent=True)
            runner.register_message(BEGIN, self._on_begin)
            runner.register_message(SETTLE, self._on_settle, concurrent=True)
            self.environment.events.report_to_master.add_listener(self._on_report)
        elif isinstance(runner, MasterRunner):
            runner.register_message(READY, self._on_word)
            runner.register_message(SETTLED, self._on_word)
            self.environment.events.worker_report.add_listener(self._on_worker_report)

    def start(self) -> None:
        """Bring all terminals in, here and everywhere, and begin."""
        if self.is_worker:
            return
        assert self.running is not None
        try:
            if self.is_master:
                self._send_plans()
            else:
                self.running.open()
        except HostFailed as exc:
            self.give_up(str(exc))
            return
        begin = time.time() + (HEAD_START_SECONDS if self.is_master else 0.0)
        self.running.begin(begin)
        if self._outcome is not None:
            # For the one who changes the cluster at a moment of the course.
            self._outcome.with_suffix(".began").write_text(str(begin), encoding="utf-8")
        if self.is_master:
            self.runner.send_message(BEGIN, {"at": begin})

    def settle(self) -> None:
        """Wait for what is under way, here and everywhere."""
        assert self.running is not None
        try:
            if self.is_master:
                self._ask_all(SETTLE, SETTLED, SETTLED_SECONDS)
            else:
                self.running.settle()
                self._placed = list(self.running.placed)
        except HostFailed as exc:
            self._failed = str(exc)

    def give_up(self, why: str) -> None:
        """Nothing can be measured."""
        self._failed = why
        self.write()
        self.environment.process_exit_code = 2
        gevent.spawn(self.runner.quit)

    def stop(self) -> None:
        """The test was stopped, by its course or by a person."""
        if self.running is None:
            return
        if (
            not self.is_worker
            and self.ended is None
            and self.running.began is not None
            and self._failed is None
        ):
            self.ended = time.time()
            self.settle()
        self.running.close()
        if not self.is_worker:
            self.write()

    def write(self) -> None:
        """The outcome, for the one who judges."""
        running = self.running
        if running is None or self._outcome is None:
            return
        Outcome(
            began=running.began or time.time(),
            ended=self.ended or time.time(),
            record=running.record,
            said=running.said,
            placed=self._placed,
            problems=running.problems,
            failed=self._failed,
            workers=max(1, self._words[READY]),
        ).write(self._outcome)

    # A master.

    def _send_plans(self) -> None:
        assert self.running is not None
        workers = list(self.runner.clients.ready)
        if not workers:
            raise HostFailed("no worker is there")
        for number, worker in enumerate(workers):
            share = self.running.plan.share(number, len(workers))
            self.runner.send_message(PLAN, share.as_json(), client_id=worker.id)
        self._await(READY, len(workers), WORKERS_SECONDS)

    def _ask_all(self, question: str, answer: str, seconds: float) -> None:
        self.runner.send_message(question, {})
        self._await(answer, self._words[READY], seconds)

    def _await(self, word: str, count: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._words[word] < count and self._failed is None:
            if not self._heard.wait(max(0.0, until - time.monotonic())):
                raise HostFailed(f"{self._words[word]} of {count} workers said {word} within {seconds:.0f} s")
            self._heard.clear()
        if self._failed is not None:
            raise HostFailed(self._failed)

    def _on_word(self, msg: Any, **_: Any) -> None:
        assert self.running is not None
        data = msg.data or {}
        self._failed = self._failed or data.get("failed")
        self._words[msg.type] += 1
        self.running.said |= data.get("said", {})
        self.running.problems += data.get("problems", [])
        self._placed += [(slug, order, offset) for slug, order, offset in data.get("placed", [])]
        if "delta" in data:
            self.running.record.add(data["delta"])
        self._heard.set()

    def _on_worker_report(self, client_id: str, data: dict[str, Any]) -> None:
        if self.running is not None and "bellwire" in data:
            self.running.record.add(data["bellwire"])

    # A worker.

    def _on_plan(self, msg: Any, **_: Any) -> None:
        self.running = Running(self.environment, Plan.of(msg.data))
        word: dict[str, Any] = {}
        try:
            self.running.open()
            word["problems"] = self.running.problems
        except HostFailed as exc:
            word["failed"] = str(exc)
        self.runner.send_message(READY, word)

    def _on_begin(self, msg: Any, **_: Any) -> None:
        if self.running is not None:
            self.running.begin(msg.data["at"])

    def _on_settle(self, **_: Any) -> None:
        if self.running is None:
            return
        word: dict[str, Any] = {}
        try:
            self.running.settle()
        except HostFailed as exc:
            word["failed"] = str(exc)
        word |= {
            "said": self.running.said,
            "placed": list(self.running.placed),
            "delta": self.running.record.take(),
        }
        self.runner.send_message(SETTLED, word)

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        if self.running is not None:
            data["bellwire"] = self.running.record.take()
