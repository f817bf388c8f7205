"""Named places in the code at which a fault can be had on purpose. Off unless `BELLWIRE_FAULT` is set.

`BELLWIRE_FAULT=after_commit:kill:0.05` kills the process with -9 at one in twenty passes of that point; several such
words are joined with commas. When off, `FAULTS` is None and a fault point costs one name look-up. **Never set this in
production.**

Why: docs/decisions/0041-fault-points.md
"""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from backbone.runtime.settings import InvalidSettings

STOP_SECONDS = 5.0
DELAY_SECONDS = 0.3

POINTS = {
    "before_write": "API: a write has its tenant's slot, nothing was sent to PostgreSQL",
    "after_commit": "API: PostgreSQL has committed, nobody knows yet",
    "before_publish": "API: a batch is about to go to Redis",
    "after_publish": "API: a batch has gone to Redis",
    "before_alarm": "API: an alarm is due, nothing was sent to PostgreSQL",
    "after_alarm": "API: PostgreSQL has committed an alarm or its end, nobody knows yet",
    "webhook_answered": "API: a webhook endpoint has answered 2xx, its cursor stands where it stood",
    "webhook_moved": "API: a webhook endpoint's cursor has moved, the pod does not know yet",
    "subscribed": "gateway: Redis confirmed a subscription",
    "read": "gateway: an event came in on the live channel",
    "appended": "gateway: an event is in the tenant's log, no socket has it",
    "mid_send": "gateway: one socket has the event, others not yet",
    "ack_before_persist": "gateway: acks are about to be stored",
}
ACTIONS = ("kill", "stop", "raise", "delay")


class FaultInjected(Exception):
    """A bug on purpose: no voice of ours, so nothing is prepared for it."""


class WrongFault(InvalidSettings):
    """`BELLWIRE_FAULT` is not what it should be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The effect of a fault point, and how often it comes: `chance` of 1 is every time."""

    point: str
    action: str
    chance: float


class Faults:
    """The faults that are switched on in this process."""

    def __init__(self, faults: Mapping[str, Fault], chance: random.Random) -> None:
        self._faults = faults
        self._chance = chance

    def hit(self, point: str) -> None:
        """Pass a point; a delay or a stop takes the whole process with it.

        Raises:
            FaultInjected: that is this point's fault.
        """
        match self._due(point):
            case "delay":
                time.sleep(DELAY_SECONDS)
            case action:
                self._act(point, action)

    async def pause(self, point: str) -> None:
        """Pass a point where waiting is allowed: a delay holds only this caller up, others overtake it.

        Raises:
            FaultInjected: that is this point's fault.
        """
        match self._due(point):
            case "delay":
                await asyncio.sleep(self._chance.uniform(0, DELAY_SECONDS))
            case action:
                self._act(point, action)

    def _due(self, point: str) -> str:
        fault = self._faults.get(point)
        return fault.action if fault is not None and self._chance.random() < fault.chance else ""

    @staticmethod
    def _act(point: str, action: str) -> None:
        match action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                # Somebody else has to wake us.
                wake = f"sleep {STOP_SECONDS}; kill -CONT {os.getpid()}"
                subprocess.Popen(["/bin/sh", "-c", wake], start_new_session=True)  # noqa: S603 - words of our own
                os.kill(os.getpid(), signal.SIGSTOP)
            case "raise":
                raise FaultInjected(point)


def load_faults(text: str) -> Faults | None:
    """Read `point:action:chance,…`; None of nothing.

    Raises:
        WrongFault: there is no such point or action, or the chance is none.
    """
    faults = {}
    for word in filter(None, text.split(",")):
        point, _, rest = word.partition(":")
        action, _, chance = rest.partition(":")
        try:
            fault = Fault(point, action, float(chance or "1"))
        except ValueError:
            raise WrongFault(f"BELLWIRE_FAULT: {chance!r} is no chance from 0 to 1") from None
        if point not in POINTS or action not in ACTIONS or not 0 <= fault.chance <= 1:
            raise WrongFault(
                f"BELLWIRE_FAULT: {word!r} is not point:action:chance with a point of {', '.join(POINTS)} "
                f"and an action of {', '.join(ACTIONS)}"
            )
        faults[point] = fault
    return Faults(faults, random.Random()) if faults else None  # noqa: S311 - a fault is no secret


FAULTS = load_faults(os.environ.get("BELLWIRE_FAULT", ""))
