"""The state of one locust process in a run: its shops, its terminals, its record, and the course's clock.

Every process that has users has one, at `environment.running`. A master has one without users, which adds up what its
workers counted.
"""

import os
import random
import time
from collections import deque
from typing import Any

import gevent
import gevent.pool
import requests
from locust.env import Environment

from loadtests.core.histogram import edge_of
from loadtests.core.ledger import reached
from loadtests.core.profiles import Stage
from loadtests.core.record import Record
from loadtests.core.rows import split
from loadtests.hosts import HostProcess
from loadtests.own import Own, memory_bytes
from loadtests.plan import Plan, Shop

WATCHED_RATE = 0.5
LOOKS = 300
AT_ONCE = 16
HEAD_SECONDS = 10.0
TILLS_SECONDS = 15.0


class Running:
    """The part of a run that this process has."""

    def __init__(self, environment: Environment, plan: Plan) -> None:
        self.environment, self.plan, self.course = environment, plan, plan.course
        self.record = Record()
        self.began: float | None = None
        self.settling = False
        self.broken: str | None = None
        # Of the shops that have probes, whose terminals' words are all known; looked at when all is over.
        self.placed: deque[tuple[str, str, str]] = deque(maxlen=LOOKS)
        self.board: deque[tuple[Shop, str, str, float]] = deque(maxlen=5000)
        self.cards: deque[tuple[Shop, str]] = deque(maxlen=200)
        self.said: dict[str, str | None] = {}
        self.problems: list[str] = []
        self._promised: dict[str, str] = {}
        self._probed = {seat.tenant for seat in plan.probes}
        self._chance = random.Random()
        self.hosts: list[HostProcess] = []
        self._clients = list(plan.clients)
        self._tills: set[str] = set()
        self._parent = os.getppid()

    # The course.

    def open(self) -> None:
        """Bring the terminals in.

        Raises:
            HostFailed: some do not come.
        """
        plan = self.plan
        for people, seats in (("probe", plan.probes), ("crowd", plan.crowd)):
            if seats:
                self.hosts.append(HostProcess(people, seats, plan, self.count, self._broken))
        for host in self.hosts:
            host.await_ready()
        self.problems += [
            f"no webhook was tested: {host.why_no_webhooks}" for host in self.hosts if host.why_no_webhooks
        ]

    def _broken(self, why: str) -> None:
        """A part of the load test is of no use any more: the run is over, and has measured nothing."""
        self.broken = self.broken or why
        self.settling = True

    def begin(self, moment: float) -> None:
        """The course begins at `moment`, a Unix time."""
        self.began = moment
        gevent.spawn(self._tick)
        for act in self.course.acts:
            if act.what in ("cut", "vanish"):
                gevent.spawn_later(max(0.0, moment + act.at - time.time()), self._act, act.what, act.share)

    def _tick(self) -> None:
        """Once a second: what this very process costs."""
        own, part = Own(), self.plan.part("generator")
        while self.hosts:
            gevent.sleep(1.0)
            self.record.value(f"cpu {part}", int(time.time()), own.cores())
            self.record.value(f"memory {part}", int(time.time()), memory_bytes())
            if not self.plan.worker and os.getppid() != self._parent:
                # The one who judges, and deletes the tenants, is gone: nobody needs this load.
                runner = self.environment.runner
                assert runner is not None
                runner.quit()

    def _act(self, what: str, share: float) -> None:
        # The probes stay: they are what tells whether others notice.
        for host in self.hosts:
            if host.people == "crowd":
                host.act(what, share)

    @property
    def elapsed(self) -> float:
        """Seconds since the course began."""
        return 0.0 if self.began is None else time.time() - self.began

    def stage(self) -> Stage | None:
        """The stage that we are in; None before the begin, behind the end and while all settles."""
        return None if self.began is None or self.settling else self.course.stage_at(self.elapsed)

    def pick(self) -> Shop:
        """The shop of the next order."""
        stage, plan = self.stage(), self.plan
        if plan.watched is not None and (
            # One for certain, so that a short run has its alarm, too.
            plan.watched.slug not in self._promised
            or self._chance.random() < min(0.1, WATCHED_RATE / plan.size.rate)
        ):
            return plan.watched
        hot = 0 if stage is None else min(stage.hot_shops, len(plan.shops) - 1)
        if hot and stage is not None:
            if self._chance.random() < stage.hot_share:
                return self._chance.choice(plan.shops[:hot])
            return self._chance.choice(plan.shops[hot:])
        return self._chance.choice(plan.shops)

    # The word of users.

    def accepted(self, shop: Shop, order_id: str, offset: str) -> None:
        """An order was answered with 201: every terminal of its shop is owed this offset."""
        if not reached(self._promised.get(shop.slug), offset):
            self._promised[shop.slug] = offset
        if shop.slug in self._probed:
            self.placed.append((shop.slug, order_id, offset))

    def fault(self, kind: str, text: str) -> None:
        """The cluster broke a promise."""
        self.record.fault(kind, text)
        self._show(kind, text)

    def client(self) -> Any:
        """A terminal's seat for one more user that runs the SDK's machine; None where there is no more."""
        if not self._clients:
            return None
        seat = self._clients.pop()
        self._tills.add(seat.terminal_id)
        return seat

    def client_left(self, terminal_id: str, offset: str | None) -> None:
        """Such a terminal is over, and acked that far."""
        self.said[terminal_id] = offset
        self._tills.discard(terminal_id)

    def count(self, delta: dict[str, Any]) -> None:
        """A process of terminals counted this: into the record, and into locust's own tables."""
        self.record.add(delta)
        stats = self.environment.stats
        for row, seconds in delta["rows"].items():
            kind, name = split(row)
            entry = stats.get(name, kind)
            for failures, size, buckets in seconds.values():
                count = sum(buckets.values())
                for bucket, times in buckets.items():
                    for _ in range(times):
                        entry.log(round(edge_of(int(bucket))), size // count)
                for _ in range(failures):
                    entry.log_error(None)
        for kind, texts in delta["examples"].items():
            for text in texts:
                self._show(kind, text)

    def _show(self, kind: str, text: str) -> None:
        self.environment.events.request.fire(
            request_type="FAULT", name=kind, response_time=0, response_length=0, exception=RuntimeError(text),
            context={},
        )  # fmt: skip

    # The end.

    def settle(self) -> None:
        """Everything that was promised comes now, or is lost."""
        self.settling = True
        gevent.sleep(0.5)
        owed = self._heads()
        gevent.joinall([gevent.spawn(host.settle, owed) for host in self.hosts], raise_error=True)
        until = time.monotonic() + TILLS_SECONDS
        while self._tills and time.monotonic() < until:
            gevent.sleep(0.05)
        for host in self.hosts:
            self.said |= host.said

    def close(self) -> None:
        """End the terminals."""
        for host in self.hosts:
            host.stop()
        self.hosts = []

    def _heads(self) -> dict[str, str]:
        """How far each shop's log has come; never less than an answer promised."""
        pool = gevent.pool.Pool(AT_ONCE)
        found = dict(pool.imap_unordered(self._head, self.plan.all_shops))
        for slug, offset in self._promised.items():
            if not reached(found.get(slug), offset):
                found[slug] = offset
        return {slug: offset for slug, offset in found.items() if offset is not None}

    def _head(self, shop: Shop) -> tuple[str, str | None]:
        try:
            answer = requests.get(
                f"{self.plan.url}/api/tenant/{shop.slug}/status",
                headers={"Authorization": f"Bearer {shop.storefront_key}"},
                timeout=HEAD_SECONDS,
                verify=self.plan.ca_file or True,
            )
            return shop.slug, answer.json()["head"]
        except (requests.RequestException, ValueError, KeyError):
            return shop.slug, None
