"""Who may enter: a key in the header, for the tenant in the path, of a kind that may do this; in that order.

The tenant of everything behind this door is the key's; only an operator's is the path's.
"""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import Problem, Refused, Violation
from backbone.contract.keys import KeyKind
from backbone.contract.slug import is_slug
from backbone.eventlog.access import Access


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may do what was asked. `tenant` is empty only for an operator on a path without one."""

    kind: KeyKind
    tenant: str
    terminal: UUID | None

    @property
    def device(self) -> UUID:
        """The terminal that speaks; for routes that admit terminals only."""
        assert self.terminal is not None
        return self.terminal


class Entry:
    """The door."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def admit(self, request: Request) -> Caller:
        """Let a caller in, if the route's description says so.

        Raises:
            Violation: a key in the query string (400), no valid key (401).
            Refused: the key is for another tenant (404), or of a kind that may not do this (403).
            Unavailable: PostgreSQL.
        """
        kinds = request.scope["route"].about.keys
        refuse_key_in_query(request.query_params.multi_items())
        key = bearer_key(request.headers.getlist("authorization"))
        principal = None if key is None else await self._access.find(key)
        if principal is None:
            raise Violation(Problem.UNAUTHORIZED, "Send a valid key as `Authorization: Bearer <key>`")
        asked = request.path_params.get("tenant")
        if asked is not None and not (is_slug(asked) and principal.tenant in (None, asked)):
            raise unknown_tenant()
        if principal.kind not in kinds:
            allowed = " or ".join(f"bw_{kind.value}_" for kind in kinds)
            raise Refused(Problem.FORBIDDEN, f"This needs a key that begins with {allowed}")
        return Caller(principal.kind, principal.tenant or asked or "", principal.terminal)


def unknown_tenant() -> Refused:
    """The one answer for a tenant that does not exist and for one that is not the key's."""
    return Refused(Problem.NOT_FOUND, "There is no such tenant")
