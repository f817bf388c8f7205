"""Our four voices as answers: RFC 9457 `application/problem+json` for every error, on every pod."""

import logging
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backbone.contract.errors import (
    BellwireError,
    FieldError,
    Problem,
    Refused,
    TooMany,
    Unavailable,
    Violation,
)

log = logging.getLogger("bellwire.http")

_OF_STATUS = {400: Problem.BAD_REQUEST, 404: Problem.NOT_FOUND, 405: Problem.METHOD}


def problem_response(
    problem: Problem,
    detail: str,
    errors: tuple[FieldError, ...] = (),
    headers: dict[str, str] | None = None,
    **facts: Any,
) -> Response:
    """Return the problem document: `type`, `title`, `status`, `detail`, and `errors` when fields are wrong."""
    document: dict[str, Any] = {
        "type": f"urn:bellwire:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        **facts,
    }
    if errors:
        document["errors"] = [{"loc": error.loc, "msg": error.msg} for error in errors]
    return Response(orjson.dumps(document), problem.status, headers, "application/problem+json")


def response_of(error: BellwireError) -> Response:
    """Translate one of the voices."""
    match error:
        case TooMany():
            headers = {
                "Retry-After": str(error.retry_after),
                "RateLimit-Limit": str(error.count),
                "RateLimit-Remaining": "0",
                "RateLimit-Reset": str(error.retry_after),
            }
            return problem_response(error.problem, error.detail, headers=headers)
        case Refused():
            return problem_response(error.problem, error.detail, **error.facts)
        case Violation(problem=Problem.UNAUTHORIZED):
            return problem_response(error.problem, error.detail, headers={"WWW-Authenticate": "Bearer"})
        case Violation(problem=Problem.UNKNOWN_ENCODING):
            return problem_response(
                error.problem, error.detail, headers={"Accept-Encoding": "gzip, identity"}
            )
        case Violation():
            return problem_response(error.problem, error.detail, error.errors)
        case Unavailable():
            return problem_response(
                Problem.UNAVAILABLE, str(error), headers={"Retry-After": str(error.retry_after)}
            )
        case _:
            return problem_response(Problem.INTERNAL, "The fault is logged")


async def on_bellwire_error(_: Request, exc: Exception) -> Response:
    """Starlette's handler for `BellwireError`."""
    assert isinstance(exc, BellwireError)
    return response_of(exc)


async def on_http_error(_: Request, exc: Exception) -> Response:
    """Starlette's handler for its own errors: no such route, wrong method."""
    assert isinstance(exc, HTTPException)
    problem = _OF_STATUS.get(exc.status_code, Problem.BAD_REQUEST)
    return problem_response(problem, problem.title, headers=dict(exc.headers or {}))


async def on_bug(_: Request, exc: Exception) -> Response:
    """Starlette's handler for everything else: loud in the log, silent to the client."""
    log.error("http.bug", exc_info=exc)
    # The server closes a connection on which something went wrong: said aloud, or the next request runs into that.
    return problem_response(Problem.INTERNAL, "The fault is logged", headers={"Connection": "close"})


HANDLERS: dict[Any, Any] = {
    BellwireError: on_bellwire_error,
    HTTPException: on_http_error,
    Exception: on_bug,
}
