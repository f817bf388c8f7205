"""The middle of every write: the tenant's turn, the commit, and at once after it the announcement."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request

from api.combiner import Combiner
from api.core.idempotency import HEADER, fingerprint, parse_key
from api.db.orders import Placing
from api.db.writes import Attempt, Written
from api.http.header import header_values
from api.metrics import count_committed
from api.publisher import Publisher
from api.tenant_slots import TenantSlots
from backbone.contract.errors import Problem, Refused
from backbone.contract.trace import HEADER as TRACEPARENT
from backbone.contract.trace import parse_traceparent
from backbone.eventlog.postgres import Database
from backbone.runtime.faults import FAULTS

_KEY, _TRACEPARENT = HEADER.lower().encode(), TRACEPARENT.encode()


def attempt_of(request: Request, tenant: str, plain: Any) -> Attempt:
    """Return whose write a request is, and by what a second one like it is known.

    Raises:
        Violation: the Idempotency-Key is not one.
    """
    keys = header_values(request, _KEY)
    key = parse_key(keys[0] if keys else None)
    trace = parse_traceparent(header_values(request, _TRACEPARENT))
    if key is None:
        return Attempt(tenant, None, None, trace)
    asked = fingerprint(request.method, request.scope["route"].path, request.path_params, plain)
    return Attempt(tenant, key, asked, trace)


class Committer:
    """Runs writes."""

    def __init__(
        self, database: Database, turns: TenantSlots, combiner: Combiner, publisher: Publisher
    ) -> None:
        self._combiner = combiner
        self._database = database
        self._turns = turns
        self._publisher = publisher

    async def commit(self, tenant: str, write: Callable[[Database], Awaitable[Written]]) -> Written:
        """Run `write` and announce the events that it committed.

        Raises:
            Refused: a request with the same key is still running, or came with another body.
            Violation: as the write.
            Unavailable: PostgreSQL, or too many writes of this tenant.
        """
        async with self._turns.turn(tenant):
            if FAULTS:
                await FAULTS.pause("before_write")
            written = await write(self._database)
        return await self._finish(tenant, written)

    async def place(self, placing: Placing) -> Written:
        """Place an order, in one commit with others of its tenant that wait, and announce it. Raises as `commit`."""
        if FAULTS:
            await FAULTS.pause("before_write")
        return await self._finish(placing.attempt.tenant, await self._combiner.place(placing))

    async def _finish(self, tenant: str, written: Written) -> Written:
        if FAULTS:
            await FAULTS.pause("after_commit")
        for event in written.events:
            self._publisher.announce(tenant, event)
            count_committed(event.type)
        if written.outcome == "still_running":
            raise Refused(Problem.STILL_RUNNING, "Ask again in a moment")
        if written.outcome == "key_reused":
            raise Refused(Problem.KEY_REUSED, "Use a new key for another request")
        return written
