"""The guard of the routes: a key in the header, for the tenant in the path, of a kind that may do this; in that order.

The tenant of everything behind this guard is the key's; only an operator's is the path's. An answer that takes a while
goes out only when the key is valid still.
"""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from api.db.audit_trail import Actor
from api.http.entry import Entry, is_old, keep_entry, look_again
from api.http.header import header_values
from api.limits import Limits
from api.quotas import Quotas
from api.request_metrics import OF_TEST_TENANT
from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import BellwireError, Problem, Refused, TooMany, Violation
from backbone.contract.keys import KeyKind, hash_key, key_name
from backbone.contract.parameters import refuse_unknown_parameters
from backbone.contract.slug import is_slug, is_test_slug
from backbone.eventlog.access import Access, Principal
from backbone.eventlog.refusals import Refusals
from backbone.runtime.client import Client, client_of
from backbone.runtime.routes import DescribedRoute
from backbone.runtime.seldom_log import SeldomLog

log = logging.getLogger("bellwire.access")


class Caller(NamedTuple):
    """Somebody who may do what was asked. `tenant` is empty only for an operator on a path without one.

    `quotas` are the tenant's.
    """

    kind: KeyKind
    tenant: str
    terminal: UUID | None
    key_hash: bytes
    quotas: Quotas

    @property
    def device(self) -> UUID:
        """The terminal that speaks; for routes that admit terminals only."""
        assert self.terminal is not None
        return self.terminal

    @property
    def by(self) -> str:
        """The writer, as the database keeps it: `kind/terminal/key`, the key by its name."""
        return f"{self.kind._value_}/{self.terminal or ''}/{key_name(self.key_hash)}"

    @property
    def guesser(self) -> object:
        """The owner of the wrong gift card numbers that are counted together: a terminal, or one key."""
        return self.terminal or self.key_hash


class Guard:
    """Lets a request in, or refuses it."""

    def __init__(
        self,
        access: Access,
        limits: Limits,
        refusals: Refusals,
        quotas: Quotas,
        trust_forwarded_for: bool,
        note_use: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._refusals = refusals
        self.quotas = quotas
        self._seldom = SeldomLog(log)
        self._note_use = note_use
        self._access = access
        self._limits = limits
        self._trust_forwarded_for = trust_forwarded_for

    async def authorize(self, request: Request) -> Caller:
        """Let a caller in, if the route's description says so.

        Raises:
            Violation: a key in the query string or two keys (400), no valid key (401), a parameter that the route
                does not know, or one given twice (422).
            Refused: the key is for another tenant (404), or of a kind that may not do this (403).
            TooMany: too often (429).
            Unavailable: PostgreSQL.
        """
        asked_at = time.monotonic()
        route: DescribedRoute = request.scope["route"]
        kinds = route.doc.keys
        if request.scope["query_string"]:
            refuse_key_in_query(request.query_params.multi_items())
        principal = await self._holder(request)
        asked = request.path_params.get("tenant")
        if is_test_slug(principal.tenant or asked or ""):
            request.scope[OF_TEST_TENANT] = True
        if asked is not None and not (is_slug(asked) and principal.tenant in (None, asked)):
            if principal.tenant is not None:
                self._note_forbidden(request, principal, asked)
            raise unknown_tenant()
        # Any other key ends with its tenant.
        if asked is not None and principal.tenant is None and not await self._access.is_tenant(asked):
            raise unknown_tenant()
        if principal.kind not in kinds:
            self._note_forbidden(request, principal, asked)
            allowed = " or ".join(f"bw_{kind.value}_" for kind in kinds)
            raise Refused(Problem.FORBIDDEN, f"This needs a key that begins with {allowed}")
        if request.scope["query_string"]:
            refuse_unknown_parameters(request.query_params.multi_items(), route.parameters)
        if principal.kind is not KeyKind.TERMINAL:
            self._note_use(principal.key_hash)
        keep_entry(request, Entry(self._access, principal.key_hash, asked_at))
        return Caller(
            principal.kind,
            principal.tenant or asked or "",
            principal.terminal,
            principal.key_hash,
            self.quotas,
        )

    def watched(self, route: DescribedRoute) -> DescribedRoute:
        """The same route; nothing is answered to a key that ended meanwhile, be it a refusal."""

        async def answer(request: Request) -> Response:
            try:
                response: Response = await route.endpoint(request)
            except BellwireError as exc:
                if isinstance(exc, TooMany):
                    self._seldom.say("access.limited", self.address(request), route=_route_of(request))
                await look_again(request)
                raise
            if is_old(request):
                await look_again(request)
            return response

        return DescribedRoute(route.method, route.path, answer, route.doc)

    def actor(self, request: Request, caller: Caller) -> Actor:
        """A caller that was let in, as the audit trail names it."""
        return Actor(caller.kind.value, key_name(caller.key_hash), caller.terminal, self.address(request))

    def note_forbidden(self, request: Request, caller: Caller) -> None:
        """A caller that was let in asks for what its key may not have."""
        principal = Principal(caller.kind, caller.tenant or None, caller.terminal, caller.key_hash)
        self._note_forbidden(request, principal, caller.tenant)

    def _note_forbidden(self, request: Request, principal: Principal, asked: str | None) -> None:
        address, route = self.address(request), _route_of(request)
        self._refusals.forbidden(principal, asked, address, route)
        self._seldom.say(
            "access.forbidden", address, route=route, key_id=key_name(principal.key_hash), tenant=principal.tenant,
            terminal=None if principal.terminal is None else str(principal.terminal),
        )  # fmt: skip

    async def _holder(self, request: Request) -> Principal:
        key = bearer_key(header_values(request, b"authorization"))
        principal = None if key is None else self._access.remembered(key)
        if principal is None:
            # Only who is not known yet is asked where it comes from.
            address = self.address(request)
            self._limits.callers.look_at_stranger(address, key)
            principal = None if key is None else await self._access.find(key)
            if principal is None or key is None:
                route = _route_of(request)
                self._seldom.say("access.refused", address, route=route)
                if key is not None:
                    asked = request.path_params.get("tenant")
                    self._refusals.wrong_key(asked, address, hash_key(key), route)
                self._limits.callers.refuse_stranger(address, key)
                raise Violation(Problem.UNAUTHORIZED, "Send a valid key as `Authorization: Bearer <key>`")
        assert key is not None
        self._limits.callers.charge_key(key)
        self._limits.callers.charge_tenant(principal.tenant)
        self._limits.in_flight.enter(request.scope, principal.key_hash)
        return principal

    def client(self, request: Request) -> Client:
        """Where a request comes from."""
        return client_of(
            request.scope["headers"], request.scope["client"], trust_forwarded_for=self._trust_forwarded_for
        )

    def address(self, request: Request) -> str:
        """Return where a request came from: the peer's address, or what a trusted balancer says of it."""
        return self.client(request).address or ""


def _route_of(request: Request) -> str:
    """A request's method and route, without any value of its path."""
    return f"{request.method} {request.scope['route'].path}"


def unknown_tenant() -> Refused:
    """The one answer for a tenant that does not exist and for one that is not the key's."""
    return Refused(Problem.NOT_FOUND, "There is no such tenant")
