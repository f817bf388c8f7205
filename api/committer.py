"""The middle of every write: the tenant's turn, the commit, and at once after it the announcement."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request

from api.core.idempotency import HEADER, fingerprint, parse_key
from api.db.writes import Attempt, Written
from api.metrics import COMMITTED
from api.publisher import Publisher
from api.tenant_turns import TenantTurns
from backbone.contract.errors import Problem, Refused
from backbone.eventlog.postgres import Database
from backbone.runtime.faults import FAULTS


def attempt_of(request: Request, tenant: str, plain: Any) -> Attempt:
    """Return whose write a request is, and by what a second one like it is known.

    Raises:
        Violation: the Idempotency-Key is not one.
    """
    key = parse_key(request.headers.get(HEADER))
    if key is None:
        return Attempt(tenant, None, None)
    asked = fingerprint(request.method, request.scope["route"].path, request.path_params, plain)
    return Attempt(tenant, key, asked)


class Committer:
    """Runs writes."""

    def __init__(self, database: Database, turns: TenantTurns, publisher: Publisher) -> None:
        self._database = database
        self._turns = turns
        self._publisher = publisher

    async def commit(self, tenant: str, write: Callable[[Database], Awaitable[Written]]) -> Written:
        """Run `write` and announce the event that it committed.

        Raises:
            Refused: a request with the same key is still running, or came with another body.
            Violation: as the write.
            Unavailable: PostgreSQL, or too many writes of this tenant.
        """
        async with self._turns.turn(tenant):
            if FAULTS:
                await FAULTS.pause("before_write")
            written = await write(self._database)
        if FAULTS:
            await FAULTS.pause("after_commit")
        if written.event is not None:
            self._publisher.announce(tenant, written.event)
            COMMITTED.labels(written.event.type).inc()
        if written.outcome == "still_running":
            raise Refused(Problem.STILL_RUNNING, "Ask again in a moment")
        if written.outcome == "key_reused":
            raise Refused(Problem.KEY_REUSED, "Use a new key for another request")
        return written
