"""Acks over HTTP, for terminals that poll."""

from starlette.requests import Request
from starlette.responses import Response

from api.http.body import Body, read_body, wrong_fields
from api.http.guard import Guard
from backbone.contract.errors import FieldError, Violation
from backbone.contract.keys import KeyKind
from backbone.contract.offset import Offset
from backbone.eventlog.acks import store_acks
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc


class AckBody(Body):
    """Up to where everything was received and stored."""

    offset: str


class AckRoutes:
    """The one route."""

    def __init__(self, guard: Guard, writes: Database) -> None:
        self._guard = guard
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        doc = RouteDoc(
            "Events",
            "A terminal's word that it has stored everything up to an offset.",
            (KeyKind.TERMINAL,),
            None,
            204,
            body=AckBody,
        )
        return [DescribedRoute("POST", "/api/tenant/{tenant}/acks", self.ack, doc)]

    async def ack(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/acks`."""
        caller = await self._guard.authorize(request)
        body = await read_body(request, AckBody)
        try:
            offset = Offset.parse(body.model.offset)
        except Violation as exc:
            raise wrong_fields([FieldError("offset", exc.detail)]) from exc
        head = (await read_heads(self._writes, [caller.tenant])).get(caller.tenant)
        if head is None or offset > head:
            raise wrong_fields([FieldError("offset", "is later than the newest event")])
        await store_acks(self._writes, [(caller.device, caller.tenant, offset)])
        return Response(status_code=204)
