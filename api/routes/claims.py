"""Claims over HTTP: a terminal takes on one thing to be done with an order, and says when it is done.

An `Idempotency-Key` is read and not kept: who asks again is known by its terminal and its fence, and an answer that was
stored would grant what somebody else holds by now.
"""

from typing import Annotated

import orjson
from pydantic import AfterValidator, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from api.core.claims import DEFAULT_TTL_SECONDS, MAX_PURPOSES, MAX_TTL_SECONDS, is_purpose, refusal
from api.db.claims import claim_order, finish_claim
from api.http.answer import raw_answer
from api.http.attempt import idempotency_key
from api.http.body import Body, path_uuid, read_body
from api.http.documents.claims import Claimed
from api.http.guard import Guard
from api.metrics import CLAIMS, CLAIMS_DONE
from api.tenant_slots import TenantSlots
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.faults import FAULTS
from backbone.runtime.routes import DescribedRoute, RouteDoc


def _purpose(value: str) -> str:
    if is_purpose(value):
        return value
    raise ValueError("must be 1 to 32 of a-z, 0-9 and -")


Purpose = Annotated[
    str,
    AfterValidator(_purpose),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9-]{1,32}$", "examples": ["print"]}),
]


class ClaimBody(Body):
    """The thing to be done, and for how long nobody else shall do it."""

    purpose: Purpose
    ttl_seconds: Annotated[int, Field(ge=1, le=MAX_TTL_SECONDS)] = DEFAULT_TTL_SECONDS


class DoneBody(Body):
    """The fence under which it was done."""

    fence: Annotated[int, Field(ge=1, le=2**53)]


_CLAIM = RouteDoc(
    "Orders",
    "Claim a thing to be done with an order.",
    (KeyKind.TERMINAL,),
    Claimed,
    says="Of several terminals one prints the order: the one that is answered 200. It may ask again for more time, and "
    "has the same `fence` then. A claim that ran out is given on, with a higher fence. Others get 409 with `holder` "
    f"and `expiresAt`, and when it is done, for ever, `done`. An order has {MAX_PURPOSES} purposes at most. Claims "
    "make no event.",
    body=ClaimBody,
    problems=(
        Problem.CLAIM_HELD,
        Problem.CLAIM_DONE,
        Problem.WRONG_STEP,
        Problem.TOO_MANY_CLAIMS,
    ),
)
_DONE = RouteDoc(
    "Orders",
    "Say that it is done.",
    (KeyKind.TERMINAL,),
    None,
    204,
    says="By its holder, with the claim's `fence`; again 204 when it is repeated, and when the claim ran out and "
    "nobody took it. A lower fence than the newest is 409 `stale-fence`: somebody else may have done it too.",
    body=DoneBody,
    problems=(Problem.STALE_FENCE, Problem.CLAIM_HELD, Problem.CLAIM_DONE),
)


class ClaimRoutes:
    """The two routes."""

    def __init__(self, guard: Guard, writes: Database, slots: TenantSlots) -> None:
        self._guard = guard
        self._writes = writes
        self._slots = slots

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/orders/{orderId}/claims"
        return [
            DescribedRoute("POST", path, self.claim, _CLAIM),
            DescribedRoute("POST", path + "/{purpose}/done", self.done, _DONE),
        ]

    async def claim(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/orders/{orderId}/claims`."""
        caller = await self._guard.authorize(request)
        asked = (await read_body(request, ClaimBody)).model
        order_id = path_uuid(request, "orderId", "order")
        idempotency_key(request)
        async with self._slots.occupy(caller.tenant):
            if FAULTS:
                await FAULTS.pause("before_write")
            outcome, result = await claim_order(
                self._writes, caller.tenant, order_id, caller.device, asked.purpose, asked.ttl_seconds
            )
        if FAULTS:
            await FAULTS.pause("after_commit")
        CLAIMS.labels(outcome.value).inc()
        refused = refusal(outcome, orjson.loads(result))
        if refused is not None:
            raise refused
        return raw_answer(result)

    async def done(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/orders/{orderId}/claims/{purpose}/done`."""
        caller = await self._guard.authorize(request)
        body = (await read_body(request, DoneBody)).model
        order_id = path_uuid(request, "orderId", "order")
        purpose = request.path_params["purpose"]
        idempotency_key(request)
        if not is_purpose(purpose):
            raise Refused(Problem.NOT_FOUND, "This was claimed by nobody")
        async with self._slots.occupy(caller.tenant):
            if FAULTS:
                await FAULTS.pause("before_write")
            outcome, facts = await finish_claim(
                self._writes, caller.tenant, order_id, caller.device, purpose, body.fence
            )
        if FAULTS:
            await FAULTS.pause("after_commit")
        CLAIMS_DONE.labels(outcome.value).inc()
        refused = refusal(outcome, facts)
        if refused is not None:
            raise refused
        return Response(status_code=204)
