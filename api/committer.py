"""The middle of every write: wait for a slot of the tenant, commit, and announce at once what was committed."""

import logging
from collections.abc import Awaitable, Callable

from api.combiner import Combiner
from api.db.orders import Placing
from api.db.writes import AnswersFull, WriteOutcome, Written
from api.metrics import count_committed
from api.publisher import Publisher
from api.quotas import Quotas
from api.tenant_slots import TenantSlots
from backbone.contract.errors import Problem, Refused
from backbone.contract.event import Event
from backbone.contract.trace import trace_id, traceparent_of
from backbone.eventlog.postgres import Database
from backbone.runtime.faults import FAULTS

log = logging.getLogger("bellwire.commits")


class Committer:
    """Runs writes."""

    def __init__(
        self,
        database: Database,
        slots: TenantSlots,
        combiner: Combiner,
        publisher: Publisher,
        quotas: Quotas,
    ) -> None:
        self._quotas = quotas
        self._combiner = combiner
        self._database = database
        self._slots = slots
        self._publisher = publisher

    async def commit(self, tenant: str, write: Callable[[Database], Awaitable[Written]]) -> Written:
        """Run `write` and announce the events that it committed.

        Raises:
            Refused: a request with the same key is still running, or came with another body.
            TooManyAnswers: the tenant has as many answers stored as it may have.
            Violation: as the write.
            Unavailable: PostgreSQL, or too many writes of this tenant.
        """
        async with self._slots.occupy(tenant):
            if FAULTS:
                await FAULTS.pause("before_write")
            try:
                written = await write(self._database)
            except AnswersFull as exc:
                raise self._quotas.refusal("answers") from exc
        return await self._finish(tenant, written)

    async def place(self, placing: Placing) -> Written:
        """Place an order, in one commit with others of its tenant that wait, and announce it. Raises as `commit`."""
        if FAULTS:
            await FAULTS.pause("before_write")
        try:
            written = await self._combiner.place(placing)
        except AnswersFull as exc:
            raise self._quotas.refusal("answers") from exc
        return await self._finish(placing.attempt.tenant, written)

    def announce(self, tenant: str, event: Event) -> None:
        """Announce and count an event that was committed."""
        self._publisher.announce(tenant, event)
        count_committed(tenant, event.type)
        if log.isEnabledFor(logging.DEBUG):
            trace = trace_id(traceparent_of(event.payload))
            log.debug(
                "event.committed",
                extra={"tenant": tenant, "offset": str(event.offset), "type": event.type, "trace": trace},
            )

    async def _finish(self, tenant: str, written: Written) -> Written:
        if FAULTS:
            await FAULTS.pause("after_commit")
        for event in written.events:
            self.announce(tenant, event)
        if written.outcome is WriteOutcome.STILL_RUNNING:
            raise Refused(Problem.STILL_RUNNING, "Ask again in a moment")
        if written.outcome is WriteOutcome.KEY_REUSED:
            raise Refused(Problem.KEY_REUSED, "Use a new key for another request")
        if written.outcome is WriteOutcome.ANSWERS_FULL:
            raise self._quotas.refusal("answers")
        return written
