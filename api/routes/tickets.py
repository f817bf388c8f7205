"""Tickets over HTTP: a terminal's page asks for one, and opens a socket or a stream with it in the place of its key."""

import secrets

from starlette.requests import Request
from starlette.responses import Response

from api.db.tickets import create_ticket
from api.http.answer import json_answer
from api.http.documents.terminals import TicketMade
from api.http.guard import Guard
from api.metrics import TICKETS_MADE
from backbone.contract.keys import KeyKind
from backbone.contract.tickets import TICKET_BYTES, hash_ticket, make_ticket
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

_CREATE = RouteDoc(
    "Terminals",
    "Give a page a ticket for one stream.",
    (KeyKind.TERMINAL,),
    TicketMade,
    201,
    says="`?ticket=` opens `/ws/pos/{tenant}` or `/sse/pos/{tenant}` of a gateway in the place of a key, where a page "
    "cannot send one. It is good for 60 s and for one place in the stream, and ends with the key that asked for it. "
    "Of more than 50 that a terminal has open the oldest end.",
)


class TicketRoutes:
    """The one route."""

    def __init__(self, guard: Guard, writes: Database) -> None:
        self._guard = guard
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        return [DescribedRoute("POST", "/api/tenant/{tenant}/tickets", self.create, _CREATE)]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/tickets`. The ticket is in the answer and nowhere else."""
        caller = await self._guard.authorize(request)
        ticket = make_ticket(secrets.token_bytes(TICKET_BYTES))
        ticket_hash = hash_ticket(ticket)
        assert ticket_hash is not None
        expires_at = await create_ticket(self._writes, ticket_hash, caller.key_hash, caller.device)
        TICKETS_MADE.inc()
        return json_answer({"ticket": ticket, "expiresAt": expires_at}, 201)
