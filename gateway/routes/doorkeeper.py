"""A key or a ticket at a gateway's door: its holder, and whether it may come in, before anything of a room is touched.

Strangers are counted by their address, a valid key for itself, and a tenant for what was let in alone. Refusals are
noted for the audit trail.

Why: docs/decisions/0100-strangers.md, docs/decisions/0110-refusals-are-counted.md
"""

import logging

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from backbone.contract.errors import Problem, Refused, TooMany, Violation
from backbone.contract.keys import KeyKind, hash_key, key_name
from backbone.contract.origin import AllowedOrigins, is_own
from backbone.eventlog.access import Access, Principal
from backbone.eventlog.refusals import Refusals
from backbone.runtime.caller_limits import CallerLimits, CallerRates
from backbone.runtime.client import Client, client_of
from backbone.runtime.seldom_log import SeldomLog
from gateway import metrics
from gateway.routes.ask import Credential
from gateway.routes.tickets import Tickets, no_ticket
from gateway.settings import GatewaySettings

log = logging.getLogger("bellwire.access")

_NO_KEY = "send the key as 'Authorization: Bearer …', at the WebSocket or as a subprotocol, or a ticket as '?ticket=…'"


def origin_allowed(headers: Headers, allowed: AllowedOrigins) -> bool:
    """Whether a browser's page may connect: one of our own origin, or one that is listed. No Origin: no browser."""
    return all(
        allowed.holds(origin) or is_own(origin, headers.get("host", ""))
        for origin in headers.getlist("origin")
    )


class Doorkeeper:
    """Says who asks, or refuses."""

    def __init__(
        self,
        settings: GatewaySettings,
        allowed_origins: AllowedOrigins,
        access: Access,
        tickets: Tickets,
        refusals: Refusals,
    ) -> None:
        self._trust_forwarded_for = settings.trust_forwarded_for
        self._allowed_origins = allowed_origins
        self._access = access
        self._tickets = tickets
        self._refusals = refusals
        self._seldom = SeldomLog(log)
        rates = CallerRates(
            settings.key_handshakes,
            settings.tenant_handshakes,
            settings.stranger_rate,
            settings.stranger_lookups,
        )
        self._limits = CallerLimits(rates, metrics.LIMITED)

    def client(self, connection: HTTPConnection) -> Client:
        """Where a request comes from."""
        return client_of(
            connection.scope["headers"],
            connection.scope["client"],
            trust_forwarded_for=self._trust_forwarded_for,
        )

    async def identify(
        self, connection: HTTPConnection, credential: Credential | None, route: str
    ) -> Principal:
        """Return the terminal's principal; it is counted as let in. `route` is the door's path without its values.

        Raises:
            Violation: no valid key, no good ticket.
            Refused: the wrong tenant, kind of key or origin.
            TooMany: too many with this key, of its tenant, or of strangers from there.
            Unavailable: PostgreSQL.
        """
        try:
            return await self._identify(connection, credential, route)
        except TooMany:
            self._seldom.say("access.limited", self.client(connection).address, route=route)
            raise

    async def _identify(
        self, connection: HTTPConnection, credential: Credential | None, route: str
    ) -> Principal:
        if credential is not None and credential.is_ticket:
            principal = await self._bearer(connection, credential.text, route)
        else:
            key = None if credential is None else credential.text
            principal = await self._holder(connection, key, route)
        asked: str = connection.path_params["tenant"]
        if principal.tenant is not None and principal.tenant != asked:
            self._note_forbidden(connection, principal, route)
            raise Refused(Problem.NOT_FOUND, "no such tenant")
        if principal.kind is not KeyKind.TERMINAL:
            self._note_forbidden(connection, principal, route)
            raise Refused(Problem.FORBIDDEN, "a terminal's key is needed here")
        if not origin_allowed(connection.headers, self._allowed_origins):
            raise Refused(Problem.ORIGIN, "this origin is not in BELLWIRE_ALLOWED_ORIGINS")
        # Handshakes that were refused are not counted here: a stranger could use up a shop's share.
        self._limits.charge_tenant(principal.tenant)
        return principal

    async def _holder(self, connection: HTTPConnection, key: str | None, route: str) -> Principal:
        principal = None if key is None else self._access.remembered(key)
        if principal is None:
            # Only one that is not known yet is asked where it comes from.
            address = self.client(connection).address or ""
            self._limits.look_at_stranger(address, key)
            principal = None if key is None else await self._access.find(key)
            if principal is None or key is None:
                self._seldom.say("access.refused", address, route=route)
                if key is not None:
                    self._refusals.wrong_key(connection.path_params["tenant"], address, hash_key(key), route)
                self._limits.refuse_stranger(address, key)
                raise Violation(Problem.UNAUTHORIZED, _NO_KEY if key is None else "the key is not valid")
        assert key is not None
        self._limits.charge_key(key)
        return principal

    async def _bearer(self, connection: HTTPConnection, ticket: str, route: str) -> Principal:
        address = self.client(connection).address or ""
        self._limits.look_at_stranger(address, ticket)
        principal = await self._tickets.find(ticket)
        if principal is None:
            # No wrong key for the audit trail: a page's `EventSource` comes back with what it has used, every time.
            self._seldom.say("access.refused", address, route=route)
            self._limits.refuse_stranger(address, ticket)
            raise no_ticket()
        # As the key that asked, which is not here, so by its name.
        self._limits.charge_key(key_name(principal.key_hash))
        return principal

    def _note_forbidden(self, connection: HTTPConnection, principal: Principal, route: str) -> None:
        address = self.client(connection).address
        self._refusals.forbidden(principal, connection.path_params["tenant"], address, route)
        self._seldom.say(
            "access.forbidden", address, route=route, key_id=key_name(principal.key_hash), tenant=principal.tenant,
            terminal=None if principal.terminal is None else str(principal.terminal),
        )  # fmt: skip
