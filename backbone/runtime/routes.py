"""A route with its description beside it: what it does, who may, what goes in, what comes out.

The one source of three things: the door admits the kinds of key that stand here, `/openapi.json` and `/docs` are
written from here, and a test fails for a route without a description.

Why: docs/decisions/0060-described-routes.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.routing import BaseRoute, Route

from backbone.contract.errors import Problem
from backbone.contract.keys import KeyKind

ANYBODY: tuple[KeyKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One parameter of the query string; `schema` is JSON Schema."""

    name: str
    says: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RouteDoc:
    """The promise of a route.

    `problems` are those of its own; what every route with a key, a body, a query or an Idempotency-Key can meet is
    known from these. `answer` is a model, a media type for what is not JSON, or None for an answer without a body.
    """

    group: str
    summary: str
    keys: tuple[KeyKind, ...]
    answer: type[BaseModel] | str | None
    status: int = 200
    says: str = ""
    body: type[BaseModel] | None = None
    query: tuple[Query, ...] = ()
    idempotent: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Every problem with which this route may answer, once each, by status."""
        found = set(self.problems)
        if self.keys:
            found |= {
                Problem.BAD_REQUEST,
                Problem.KEY_IN_QUERY,
                Problem.UNAUTHORIZED,
                Problem.FORBIDDEN,
                Problem.NOT_FOUND,
            }
            # A parameter that the route does not know is a wrong field.
            found |= {Problem.TOO_MANY, Problem.UNAVAILABLE, Problem.INVALID_FIELDS}
        if self.body is not None:
            found |= {Problem.BAD_REQUEST, Problem.BAD_JSON, Problem.TOO_LARGE, Problem.INVALID_FIELDS}
            found.add(Problem.UNKNOWN_ENCODING)
        if self.query:
            found.add(Problem.BAD_REQUEST)
        if self.idempotent:
            found |= {
                Problem.BAD_REQUEST,
                Problem.STILL_RUNNING,
                Problem.KEY_REUSED,
                Problem.TOO_MANY_ANSWERS,
            }
        return tuple(sorted(found, key=lambda problem: (problem.status, problem.code)))


class DescribedRoute(Route):
    """A route for one method that knows what it promises."""

    def __init__(self, method: str, path: str, endpoint: Callable[..., Any], doc: RouteDoc) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        self.doc = doc
        self.parameters = frozenset(query.name for query in doc.query)


class Undescribed(Exception):
    """A route has no description; the text names it."""


def described(routes: list[BaseRoute]) -> list[DescribedRoute]:
    """Return the HTTP routes as what they are.

    Raises:
        Undescribed: one of them has no description.
    """
    found = []
    for route in routes:
        if isinstance(route, DescribedRoute):
            found.append(route)
        elif isinstance(route, Route):
            raise Undescribed(f"the route {route.path} has no description")
    return found
