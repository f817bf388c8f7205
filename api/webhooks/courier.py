"""Deliver to webhook endpoints: claim those that are due, and take each through its tenant's log in order.

Leaderless: any number of pods do this at once, and a lease in PostgreSQL says whose turn an endpoint is. The cursor
moves behind each delivery, so a pod that dies repeats at most the message it was carrying, under the same id.

Why: docs/decisions/0053-webhooks.md
"""

import asyncio
import logging
import random
from datetime import UTC, datetime
from typing import Any

import orjson

from api.core.delivery import Again, Attempt, Outcome, after_failure, refused_for_good
from api.db.webhooks import Claim, advance, claim_endpoints, postpone, release
from api.metrics import WEBHOOK_DELIVERIES, WEBHOOKS_SWITCHED_OFF
from api.webhooks.carrier import Carrier, Recipient
from api.webhooks.message import Message, message_of, reset_message
from backbone.contract.errors import Unavailable
from backbone.contract.event import EventType
from backbone.contract.offset import Offset
from backbone.contract.resume import resume
from backbone.contract.slug import is_test_slug
from backbone.contract.trace import trace_id
from backbone.eventlog.log_reads import read_events, read_extent
from backbone.eventlog.postgres import Database
from backbone.runtime.faults import FAULTS

log = logging.getLogger("bellwire.webhooks")

LOOK_SECONDS = 0.5
TURN_SECONDS = 10.0
"""An endpoint that has more to take than this goes to the end of the line."""
LEASE_MARGIN_SECONDS = 15.0
"""How much longer a lease lasts than an attempt: writing down what became of it is bounded too."""
PAGE_EVENTS = 50


class Courier:
    """Turns under way, and the task's body (`run`) that begins them."""

    def __init__(
        self,
        database: Database,
        carrier: Carrier,
        *,
        at_once: int,
        timeout_seconds: float,
        retry_scale: float = 1.0,
    ) -> None:
        self._database = database
        self._carrier = carrier
        self._at_once = at_once
        self._lease_seconds = timeout_seconds + LEASE_MARGIN_SECONDS
        self._retry_scale = retry_scale
        self._turns: dict[asyncio.Task[None], Claim] = {}
        self._stopping = False

    async def run(self) -> None:
        """Look for what is due for ever; ends by cancellation only."""
        while True:
            try:
                for claim in await self._claim():
                    self._start(claim)
            except Unavailable:
                pass  # told by whoever watches PostgreSQL
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret

    async def finish(self, seconds: float) -> None:
        """Begin nothing new, let what is under way end, and cut what has not ended after `seconds`."""
        self._stopping = True
        if self._turns:
            _, late = await asyncio.wait(self._turns, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _claim(self) -> list[Claim]:
        free = self._at_once - len(self._turns)
        if free <= 0 or self._stopping:
            return []
        failing = sum(1 for claim in self._turns.values() if claim.failures > 0)
        places = max(0, min(free, self._at_once // 2 - failing))
        return await claim_endpoints(
            self._database, free - places, places, self._lease_seconds, self._carrier.secrets.ids
        )

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._turn(claim), name=f"webhook:{claim.endpoint}")
        self._turns[task] = claim
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        claim = self._turns.pop(task)
        error = None if task.cancelled() else task.exception()
        # Either way the lease ends by itself, and the endpoint has its turn again.
        if error is not None and not isinstance(error, Unavailable):
            log.error("webhook.bug", exc_info=error, extra={"endpoint": str(claim.endpoint)})

    async def _turn(self, claim: Claim) -> None:
        """Take one endpoint forward until it stands at the head, fails, or has had its time."""
        extent = await read_extent(self._database, claim.tenant)
        assert extent is not None
        start = resume(claim.position, floor=extent.floor, head=extent.head, forks=extent.forks)
        if start.reset is not None:
            told = await self._tell_reset(claim, start.position, start.reset)
            if told is None:
                return
            claim = told
        position = start.position
        ends = asyncio.get_running_loop().time() + TURN_SECONDS
        while asyncio.get_running_loop().time() < ends and not self._stopping:
            run = await read_events(self._database, claim.tenant, position, PAGE_EVENTS)
            if run.floor.seq > position.seq:
                # Retention was faster than we.
                told = await self._tell_reset(claim, run.floor, "retention")
                if told is None:
                    return
                claim, position = told, run.floor
            if not run.events:
                break
            for event in run.events:
                if claim.filter.takes(event):
                    order = event.type == EventType.NEW_ORDER.value
                    carried = await self._carry(claim, message_of(event), event.offset, order=order)
                    if carried is None:
                        return
                    claim = carried
                position = event.offset
        if position != claim.position:
            await advance(self._database, claim, position, self._lease_seconds, None, order=False)
        await release(self._database, claim)

    async def _tell_reset(self, claim: Claim, to: Offset, reason: str) -> Claim | None:
        message = reset_message(claim.tenant, to, reason, datetime.now(UTC))
        log.warning("webhook.reset", extra={"endpoint": str(claim.endpoint), "reason": reason})
        # It tells that history is missing; the order that stands at `to` was not delivered.
        return await self._carry(claim, message, to, order=False)

    async def _carry(self, claim: Claim, message: Message, position: Offset, *, order: bool) -> Claim | None:
        """Make one attempt and write down what became of it. `order`: the message is the `new_order` at `position`.

        Returns:
            The claim behind a delivery; None when the turn is over.
        """
        to = Recipient(claim.endpoint, claim.url, claim.signing)
        attempt = await self._carrier.carry(to, message)
        WEBHOOK_DELIVERIES.labels(attempt.outcome.value).inc()
        if attempt.outcome is Outcome.DELIVERED:
            if log.isEnabledFor(logging.DEBUG):
                log.debug("webhook.delivered", extra=_facts(claim, message, attempt))
            if FAULTS:
                await FAULTS.pause("webhook_answered")
            outcome = attempt.outcome.value
            moved = await advance(self._database, claim, position, self._lease_seconds, outcome, order=order)
            if FAULTS:
                await FAULTS.pause("webhook_moved")
            return moved
        await self._fail(claim, message, attempt)
        return None

    async def _fail(self, claim: Claim, message: Message, attempt: Attempt) -> None:
        failures = claim.failures + 1
        # A pod of the release before counts failures, and no refusals.
        refusals = (claim.refusals if claim.failures else 0) + 1 if refused_for_good(attempt) else 0
        next_step = after_failure(attempt, failures, random.random(), self._retry_scale)  # noqa: S311
        seconds = next_step.seconds if isinstance(next_step, Again) else 0.0
        reason = None if isinstance(next_step, Again) else next_step.reason
        await postpone(
            self._database, claim, failures, seconds, attempt.outcome.value, reason, refusals=refusals
        )
        facts = {**_facts(claim, message, attempt), "failures": failures, "refusals": refusals}
        if reason is not None:
            test = "true" if is_test_slug(claim.tenant) else "false"
            WEBHOOKS_SWITCHED_OFF.labels(reason, test).inc()
            log.warning("webhook.switched_off", extra={**facts, "reason": reason})
        else:
            log.info("webhook.failed", extra={**facts, "again_seconds": round(seconds, 1)})


def _facts(claim: Claim, message: Message, attempt: Attempt) -> dict[str, Any]:
    """An attempt as the log tells it. No address: what a shop registers may hold a password of its own."""
    return {
        "endpoint": str(claim.endpoint), "tenant": claim.tenant, "webhook_id": message.id, "type": message.type,
        "order_id": _order_of(message), "trace": trace_id(message.traceparent), "outcome": attempt.outcome.value,
        "status": attempt.status, "milliseconds": attempt.milliseconds,
    }  # fmt: skip


def _order_of(message: Message) -> str | None:
    data = orjson.loads(message.body).get("data")
    return data.get("orderId") if isinstance(data, dict) else None
