"""Read from a request's headers, route and body whose write it is, and by which key a repeat of it is known.

Knows HTTP, and not what the write does.
"""

from typing import Any

from starlette.requests import Request

from api.core.currency import Currency
from api.core.idempotency import HEADER, fingerprint, parse_key
from api.db.writes import NO_CURRENCY, Attempt
from api.http.guard import Caller
from api.http.header import header_values
from backbone.contract.errors import Problem, Violation
from backbone.contract.trace import HEADER as TRACEPARENT
from backbone.contract.trace import parse_traceparent

_KEY, _TRACEPARENT = HEADER.lower().encode(), TRACEPARENT.encode()


def attempt_of(request: Request, caller: Caller, plain: Any, currency: Currency | None = None) -> Attempt:
    """Return the attempt that a caller's request is; `plain` is its parsed body, whose amounts were read in `currency`.

    Raises:
        Violation: the Idempotency-Key is not one, or there are two.
    """
    key = idempotency_key(request)
    trace = parse_traceparent(header_values(request, _TRACEPARENT))
    read_in = "" if currency is None else currency.code or NO_CURRENCY
    if key is None:
        return Attempt(caller.tenant, None, None, trace, caller.by, currency=read_in)
    asked = fingerprint(request.method, request.scope["route"].path, request.path_params, plain)
    return Attempt(caller.tenant, key, asked, trace, caller.by, caller.quotas.answers, read_in)


def idempotency_key(request: Request) -> str | None:
    """Return the request's Idempotency-Key, if it has one.

    Raises:
        Violation: it is none, or there are two.
    """
    keys = header_values(request, _KEY)
    if len(keys) > 1:
        raise Violation.field(Problem.BAD_REQUEST, HEADER, "is given twice")
    return parse_key(keys[0] if keys else None)
