"""A process of terminals beside locust: started, told what to do, and listened to, in the greenlets of locust.

Why a process of its own: docs/decisions/0157-terminals-beside-locust.md
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from gevent.subprocess import PIPE, Popen

from loadtests.core.place import Place
from loadtests.plan import Plan

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 180.0
SETTLED_SECONDS = 60.0
OVER_SECONDS = 10.0
# The crowd gives way to the probes, which measure.
CROWD_NICENESS = 5


class HostFailed(Exception):
    """A process of terminals ended, or did not get ready; the text says which and why."""


class HostProcess:
    """One such process. `on_delta` gets what it counted, `on_failure` hears that it is of no use any more."""

    def __init__(
        self,
        people: str,
        seats: Sequence[Place],
        plan: Plan,
        on_delta: Callable[[dict[str, Any]], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self.people, self.count = people, len(seats)
        self.said: dict[str, str | None] = {}
        self.why_no_webhooks: str | None = None
        self._on_delta, self._on_failure = on_delta, on_failure
        self._ready, self._settled, self._over = Event(), Event(), Event()
        self._failed: str | None = None
        command = [sys.executable, "-m", "loadtests.terminals"]
        if people == "crowd":
            command = ["nice", "-n", str(CROWD_NICENESS), *command]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, cwd=ROOT, env={**os.environ})
        gevent.spawn(self._listen)
        shops = {shop.slug: shop.storefront_key for shop in plan.shops}
        self._send(
            {
                "url": plan.url,
                "people": people,
                "part": plan.part("probes" if people == "probe" else people),
                "caFile": plan.ca_file,
                "seats": [list(asdict(seat).values()) for seat in seats],
                "webhooks": [[slug, shops[slug]] for slug in plan.webhooks] if people == "probe" else [],
                "listen": plan.webhook_url,
            }
        )

    def await_ready(self) -> None:
        """Wait until every terminal is connected.

        Raises:
            HostFailed: they are not.
        """
        if not self._ready.wait(READY_SECONDS) or self._failed is not None:
            why = self._failed or f"they were not all connected after {READY_SECONDS:.0f} s"
            raise HostFailed(f"{self.count} terminals of the {self.people}: {why}")

    def act(self, what: str, share: float) -> None:
        """`cut` or `vanish`."""
        self._send({"do": what, "share": share})

    def settle(self, owed: dict[str, str]) -> None:
        """Wait until everything that is owed has come, or is lost.

        Raises:
            HostFailed: the process is gone.
        """
        self._send({"do": "settle", "owed": owed})
        if not self._settled.wait(SETTLED_SECONDS) or self._failed is not None:
            raise HostFailed(f"the {self.people} gave no last word: {self._failed or 'it hangs'}")

    def stop(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if not self._over.wait(OVER_SECONDS):
            self._process.kill()

    def _send(self, word: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(word).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            self._fail("its process is gone")

    def _listen(self) -> None:
        for line in self._process.stdout:
            word = json.loads(line)
            if "delta" in word:
                self._on_delta(word["delta"])
            elif "ready" in word:
                self.why_no_webhooks = word["webhooks"]
                self._ready.set()
            elif "settled" in word:
                self.said = word["said"]
                self._settled.set()
            elif "failed" in word:
                self._fail(word["failed"])
                self._on_failure(f"the {self.people}: {word['failed']}")
        self._over.set()
        if not self._settled.is_set():
            self._fail("its process ended")

    def _fail(self, why: str) -> None:
        self._failed = self._failed or why
        self._ready.set()
        self._settled.set()
