"""How a route answers. Bytes that the database made are passed on as they are."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from api.db.writes import WriteOutcome, Written
from backbone.contract.errors import Problem, Refused
from backbone.runtime.problems import response_of

JSON = "application/json"
_CONTENT_TYPE = (b"content-type", JSON.encode())
REPLAYED = "Idempotency-Replayed"

Refusals = Mapping[WriteOutcome, tuple[Problem, str]]
"""The problem that a client is told for each outcome of a write but `ok`; it has the members of the result."""

ORDER_REFUSALS: Refusals = {
    WriteOutcome.NO_ORDER: (Problem.NOT_FOUND, "There is no such order"),
    WriteOutcome.ORDER_CANCELLED: (Problem.WRONG_STEP, "The order is {status}"),
    WriteOutcome.TOO_MANY: (Problem.TOO_MANY_REDEMPTIONS, "An order may have 500 of them"),
}
"""Those of what pays for an order."""


def json_answer(document: Any, status: int = 200) -> Response:
    """Answer with a document."""
    return Response(orjson.dumps(document), status, media_type=JSON)


def raw_answer(body: bytes, status: int = 200) -> Response:
    """Answer with finished JSON, and the two headers that it has."""
    response = Response.__new__(Response)
    response.status_code = status
    response.background = None
    response.body = body
    response.raw_headers = [(b"content-length", b"%d" % len(body)), _CONTENT_TYPE]
    return response


def ready_json(text: str) -> orjson.Fragment:
    """JSON that is finished already, to stand in a document."""
    return orjson.Fragment(text)


def write_answer(written: Written, status: int, refusals: Refusals, body: bytes | None = None) -> Response:
    """Answer for a write: `status` and its result (or `body`) when it went well, else its problem."""
    if written.outcome is WriteOutcome.OK:
        response = raw_answer(written.result if body is None else body, status)
    else:
        problem, detail = refusals[written.outcome]
        facts = orjson.loads(written.result)
        response = response_of(Refused(problem, detail.format(**facts), **facts))
    if written.replayed:
        response.headers[REPLAYED] = "true"
    return response
