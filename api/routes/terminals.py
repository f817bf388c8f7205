"""Terminals over HTTP: an operator registers and revokes them, the shop sees which of them listen."""

import secrets
import uuid

from starlette.requests import Request
from starlette.responses import Response

from api.core.shared_key import is_shared
from api.db.audit_trail import Entry, log_end
from api.db.journeys import connections_of
from api.db.shared_keys import held_connections
from api.db.terminals import create_terminal, list_terminals, revoke_terminal
from api.http.answer import json_answer, ready_json
from api.http.body import Body, Name, Word, path_uuid, read_body
from api.http.documents.terminals import ConnectionList, TerminalList, TerminalRegistered
from api.http.guard import Guard, unknown_tenant
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, key_name, make_key
from backbone.eventlog.log_reads import read_heads
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc


class TerminalBody(Body):
    """A terminal to register."""

    name: Name
    role: Word | None = None


_CREATE = RouteDoc(
    "Terminals",
    "Register a terminal.",
    (KeyKind.OPERATOR,),
    TerminalRegistered,
    201,
    says="Its key is in this answer and nowhere else.",
    body=TerminalBody,
    problems=(Problem.TOO_MANY_TERMINALS,),
)
_LIST = RouteDoc(
    "Terminals",
    "The terminals of a tenant, and which of them listen.",
    (KeyKind.OPERATOR, KeyKind.STOREFRONT),
    TerminalList,
)
_REVOKE = RouteDoc(
    "Terminals",
    "Take a terminal's key away for ever.",
    (KeyKind.OPERATOR,),
    None,
    204,
    says="Its sockets are closed with 4403 within 2 s.",
)


_CONNECTIONS = RouteDoc(
    "Terminals",
    "A terminal's last 50 connections, newest first.",
    (KeyKind.OPERATOR, KeyKind.STOREFRONT),
    ConnectionList,
    says="`address` and `agent` are for operators alone; an address is kept for 30 days. `sharedKey` says that two "
    "devices use the terminal's key: in the last ten minutes they kept replacing each other's connection.",
)


class TerminalRoutes:
    """The four routes."""

    def __init__(self, guard: Guard, reads: Database, writes: Database) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/terminals"
        return [
            DescribedRoute("POST", path, self.create, _CREATE),
            DescribedRoute("GET", path, self.list, _LIST),
            DescribedRoute("DELETE", path + "/{terminalId}", self.revoke, _REVOKE),
            DescribedRoute("GET", path + "/{terminalId}/connections", self.connections, _CONNECTIONS),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/terminals`. The key is in the answer and nowhere else."""
        caller = await self._guard.authorize(request)
        body = (await read_body(request, TerminalBody)).model
        key = make_key(KeyKind.TERMINAL, secrets.token_bytes(KEY_BYTES))
        key_hash = hash_key(key)
        assert key_hash is not None
        terminal_id = uuid.uuid4()
        facts = {"terminalId": str(terminal_id), "name": body.name, "keyId": key_name(key_hash)}
        entry = Entry(self._guard.actor(request, caller), caller.tenant, "terminal.registered", facts)
        made = await create_terminal(
            self._writes,
            caller.tenant,
            terminal_id,
            body.name,
            body.role,
            key_hash,
            entry,
            most=caller.quotas.terminals,
        )
        if made is None:
            raise unknown_tenant()
        if not made:
            raise caller.quotas.refusal("terminals")
        document = {"terminalId": str(terminal_id), "name": body.name, "role": body.role, "key": key}
        return json_answer(document, 201)

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/terminals`."""
        caller = await self._guard.authorize(request)
        terminals = await list_terminals(self._reads, caller.tenant)
        if not terminals and caller.tenant not in await read_heads(self._reads, [caller.tenant]):
            raise unknown_tenant()
        return json_answer(
            {
                "terminals": [
                    {
                        "terminalId": str(terminal.terminal_id),
                        "name": terminal.name,
                        "role": terminal.role,
                        "online": terminal.online,
                        "gateway": terminal.gateway,
                        "lastSeen": terminal.last_seen,
                        "ackedOffset": terminal.acked_offset,
                        "lag": terminal.lag,
                    }
                    for terminal in terminals
                ]
            }
        )

    async def revoke(self, request: Request) -> Response:
        """`DELETE /api/tenant/{tenant}/terminals/{terminalId}`."""
        caller = await self._guard.authorize(request)
        terminal = path_uuid(request, "terminalId", "terminal")
        actor = self._guard.actor(request, caller)
        entry = Entry(actor, caller.tenant, "terminal.revoked", {"terminalId": str(terminal)})
        if not await revoke_terminal(self._writes, caller.tenant, terminal, entry):
            raise Refused(Problem.NOT_FOUND, "There is no such terminal")
        log_end(entry)
        return Response(status_code=204)

    async def connections(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/terminals/{terminalId}/connections`."""
        caller = await self._guard.authorize(request)
        terminal = path_uuid(request, "terminalId", "terminal")
        secret = caller.kind is not KeyKind.OPERATOR
        found = await connections_of(self._reads, caller.tenant, terminal, without_addresses=secret)
        if found is None:
            raise Refused(Problem.NOT_FOUND, "There is no such terminal")
        held, now = (await held_connections(self._reads, [terminal])).get(terminal, ([], 0.0))
        return json_answer({"connections": ready_json(found), "sharedKey": is_shared(held, now)})
