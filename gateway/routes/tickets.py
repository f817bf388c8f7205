"""The gateway's way from a ticket to its holder, and to the one place in a stream that it is good for.

Those that come together share a statement, as keys do; see `backbone.eventlog.tickets`.

Why: docs/decisions/0106-tickets.md
"""

from collections.abc import Mapping
from uuid import UUID

from backbone.contract.errors import Problem, Violation
from backbone.contract.tickets import hash_ticket
from backbone.eventlog.access import KEYS_A_STATEMENT, STATEMENTS_AT_ONCE, Principal
from backbone.eventlog.postgres import Database
from backbone.eventlog.tickets import find_tickets, use_tickets
from backbone.runtime.batcher import Batcher
from gateway import metrics


class Tickets:
    """Looks tickets up and uses them. Look-ups begin `apart_seconds` from each other, for who expects crowds."""

    def __init__(self, database: Database, apart_seconds: float = 0.0) -> None:
        self._database = database
        self._lookups: Batcher[bytes, Principal] = Batcher(
            self._find, most=KEYS_A_STATEMENT, at_once=STATEMENTS_AT_ONCE, apart_seconds=apart_seconds
        )
        self._uses: Batcher[tuple[bytes, UUID], bool] = Batcher(
            self._use, most=KEYS_A_STATEMENT, at_once=STATEMENTS_AT_ONCE
        )

    async def find(self, ticket: str) -> Principal | None:
        """Return whom a ticket speaks for, or None when it is not good, or not any more.

        Raises:
            Unavailable: PostgreSQL.
        """
        ticket_hash = hash_ticket(ticket)
        found = None if ticket_hash is None else await self._lookups.ask(ticket_hash)
        if found is None:
            metrics.TICKETS_REFUSED.inc()
        return found

    async def use(self, ticket: str, reading: UUID) -> None:
        """Use a ticket up for this reading, which has its place.

        Raises:
            Violation: somebody else has used it in the meantime.
            Unavailable: PostgreSQL.
        """
        ticket_hash = hash_ticket(ticket)
        assert ticket_hash is not None
        if not await self._uses.ask((ticket_hash, reading)):
            metrics.TICKETS_REFUSED.inc()
            raise no_ticket()
        metrics.TICKETS_USED.inc()

    async def _find(self, hashes: list[bytes]) -> Mapping[bytes, Principal]:
        return await find_tickets(self._database, hashes)

    async def _use(self, asked: list[tuple[bytes, UUID]]) -> Mapping[tuple[bytes, UUID], bool]:
        # Of several readings that bring the same one, the first.
        first = dict(reversed(asked))
        used = await use_tickets(self._database, list(first))
        return {(ticket_hash, first[ticket_hash]): True for ticket_hash in used}


def no_ticket() -> Violation:
    """The one answer for a ticket that never was, was used, is too old, or whose key has ended."""
    return Violation(Problem.UNAUTHORIZED, "the ticket is not good, or not any more: ask for another one")
