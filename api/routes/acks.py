"""Acks over HTTP, for terminals that poll or read server-sent events, and for orders that a list showed."""

from typing import Annotated
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.http.body import Body, read_body, wrong_fields
from api.http.guard import Caller, Guard
from backbone.contract.errors import FieldError, Violation
from backbone.contract.keys import KeyKind
from backbone.contract.offset import Offset
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from backbone.eventlog.readings import ack_reading, see_orders
from backbone.runtime.routes import DescribedRoute, RouteDoc

MAX_ORDERS = 500


class AckBody(Body):
    """Up to where everything of a reading was received and stored, and orders that a list showed."""

    offset: str | None = None
    reading: str | None = None
    order_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_ORDERS)] | None = None


class AckRoutes:
    """The one route."""

    def __init__(self, guard: Guard, writes: Database) -> None:
        self._guard = guard
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        doc = RouteDoc(
            "Events",
            "A terminal's word of what it has.",
            (KeyKind.TERMINAL,),
            None,
            204,
            says="`offset`: it has stored everything up to there of the stream that `reading` names, as `hello` and "
            "pages do; without `reading`, of its only one. `orderIds`: it was shown these orders by a list. One of "
            "`offset` and `orderIds` is needed.",
            body=AckBody,
        )
        return [DescribedRoute("POST", "/api/tenant/{tenant}/acks", self.ack, doc)]

    async def ack(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/acks`."""
        caller = await self._guard.authorize(request)
        body = (await read_body(request, AckBody)).model
        offset, reading, orders = _read(body)
        # A wrong offset is refused before anything is written.
        if offset is not None:
            head = (await read_heads(self._writes, [caller.tenant])).get(caller.tenant)
            if head is None or offset > head:
                raise wrong_fields([FieldError("offset", "is later than the newest event")])
        if orders:
            await self._see(caller, orders)
        if offset is not None and not await ack_reading(
            self._writes, caller.tenant, caller.device, offset, reading
        ):
            raise _no_reading()
        return Response(status_code=204)

    async def _see(self, caller: Caller, orders: list[UUID]) -> None:
        unknown = set(await see_orders(self._writes, caller.tenant, caller.device, orders))
        if unknown:
            raise wrong_fields([_no_order(place) for place, order in enumerate(orders) if order in unknown])


def _read(body: AckBody) -> tuple[Offset | None, UUID | None, list[UUID]]:
    """Raises Violation, naming every wrong field."""
    errors: list[FieldError] = []
    offset = reading = None
    if body.offset is None and body.order_ids is None:
        errors.append(FieldError("offset", "is required where there are no orderIds"))
    if body.offset is not None:
        try:
            offset = Offset.parse(body.offset)
        except Violation as exc:
            errors.append(FieldError("offset", exc.detail))
    if body.reading is not None:
        reading = _uuid(body.reading)
        if reading is None:
            errors.extend(_no_reading().errors)
        elif body.offset is None:
            errors.append(FieldError("reading", "names what an offset belongs to, and there is none"))
    orders = [_uuid(text) for text in body.order_ids or ()]
    errors.extend(_no_order(place) for place, order in enumerate(orders) if order is None)
    if errors:
        raise wrong_fields(errors)
    return offset, reading, [order for order in orders if order is not None]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _no_reading() -> Violation:
    return wrong_fields([FieldError("reading", "is none of this terminal's")])


def _no_order(place: int) -> FieldError:
    return FieldError(f"orderIds.{place}", "is no order of this tenant")
