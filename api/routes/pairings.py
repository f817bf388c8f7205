"""Pairing over HTTP: a shop makes a code, a new till types it and is given a key of its own."""

import secrets
import uuid
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from api.core.pairing import CODE_BITS, code_hmac, read_code, write_code
from api.core.secret_ring import SecretRing
from api.db.audit_trail import Actor, Entry
from api.db.pairings import (
    MAX_OPEN,
    Paired,
    Pairing,
    create_pairing,
    delete_pairing,
    get_pairing,
    list_pairings,
    may_pair,
    pair_terminal,
)
from api.http.answer import json_answer
from api.http.body import Body, FilledText, Name, Word, path_uuid, read_body
from api.http.documents.keys import PairingList, PairingMade, PairingStanding
from api.http.documents.terminals import TerminalPaired
from api.http.guard import Caller, Guard
from api.pairing_guesses import PairingGuesses
from api.routes.keys import new_key
from backbone.contract.credentials import refuse_key_in_query
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KeyKind, key_name
from backbone.contract.parameters import refuse_unknown_parameters
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import ANYBODY, DescribedRoute, RouteDoc


class PairingBody(Body):
    """The terminal that a code is for."""

    name: Name
    role: Word | None = None


class PairBody(Body):
    """A code as somebody typed it."""

    code: FilledText


_MAY = (KeyKind.OPERATOR, KeyKind.STOREFRONT)
_SAYS = "A storefront's key may when it was made with `mayPair`."
_CREATE = RouteDoc(
    "Pairing",
    "Make a pairing code for a new terminal.",
    _MAY,
    PairingMade,
    201,
    says=f"The code is in this answer and nowhere else; it is good once, for ten minutes. {_SAYS}",
    body=PairingBody,
    problems=(Problem.TOO_MANY_PAIRINGS,),
)
_LIST = RouteDoc("Pairing", "The codes that may still be typed, oldest first.", _MAY, PairingList, says=_SAYS)
_GET = RouteDoc(
    "Pairing",
    "A code, for a day.",
    _MAY,
    PairingStanding,
    says=f"`terminalId` is the terminal that came of it. {_SAYS}",
)
_DELETE = RouteDoc("Pairing", "Take a code back.", _MAY, None, 204, says=_SAYS)
_PAIR = RouteDoc(
    "Pairing",
    "Type a pairing code, and get a terminal's key.",
    ANYBODY,
    TerminalPaired,
    201,
    says="Read without case and dashes, O as 0, I and L as 1. The key is in this answer and nowhere else. After five "
    "wrong codes an address waits for the rest of ten minutes.",
    body=PairBody,
    problems=(
        Problem.TOO_MANY_TERMINALS,
        Problem.KEY_IN_QUERY,
        Problem.NOT_FOUND,
        Problem.TOO_MANY,
        Problem.UNAVAILABLE,
    ),
)
_NO_CODE = Refused(Problem.NOT_FOUND, "There is no such code, or it is used up or too old")


class PairingRoutes:
    """The five routes. `ring` has what codes are kept under."""

    def __init__(self, guard: Guard, reads: Database, writes: Database, ring: SecretRing) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes
        self._ring = ring
        self._guesses = PairingGuesses()

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/pairings"
        return [
            DescribedRoute("POST", path, self.create, _CREATE),
            DescribedRoute("GET", path, self.list, _LIST),
            DescribedRoute("GET", path + "/{pairingId}", self.get, _GET),
            DescribedRoute("DELETE", path + "/{pairingId}", self.delete, _DELETE),
            DescribedRoute("POST", "/api/terminals/pair", self.pair, _PAIR),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/pairings`. The code is in the answer and nowhere else."""
        caller = await self._may(request)
        body = (await read_body(request, PairingBody)).model
        code = write_code(secrets.randbits(CODE_BITS))
        pairing_id = uuid.uuid4()
        made = await create_pairing(
            self._writes, caller.tenant, pairing_id, code_hmac(self._ring.newest, code), body.name, body.role,
            key_name(caller.key_hash), self._entry(request, caller, "pairing.made", pairing_id),
        )  # fmt: skip
        if made is None:
            raise Refused(Problem.TOO_MANY_PAIRINGS, f"A tenant may have {MAX_OPEN} open codes")
        return json_answer({**_document(made), "code": f"{code[:4]}-{code[4:]}"}, 201)

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/pairings`."""
        caller = await self._may(request)
        found = await list_pairings(self._reads, caller.tenant)
        return json_answer({"pairings": [_document(pairing) for pairing in found]})

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/pairings/{pairingId}`."""
        caller = await self._may(request)
        found = await get_pairing(self._reads, caller.tenant, _pairing_id(request))
        if found is None:
            raise Refused(Problem.NOT_FOUND, "There is no such pairing")
        return json_answer(_document(found))

    async def delete(self, request: Request) -> Response:
        """`DELETE /api/tenant/{tenant}/pairings/{pairingId}`."""
        caller = await self._may(request)
        pairing_id = _pairing_id(request)
        entry = self._entry(request, caller, "pairing.deleted", pairing_id)
        if not await delete_pairing(self._writes, caller.tenant, pairing_id, entry):
            raise Refused(Problem.NOT_FOUND, "There is no such pairing")
        return Response(status_code=204)

    async def pair(self, request: Request) -> Response:
        """`POST /api/terminals/pair`: without a key. The new key is in the answer and nowhere else."""
        refuse_key_in_query(request.query_params.multi_items())
        refuse_unknown_parameters(request.query_params.multi_items(), frozenset())
        body = (await read_body(request, PairBody)).model
        address = self._guard.address(request)
        terminal = uuid.uuid4()
        key, key_hash = new_key(KeyKind.TERMINAL)
        actor = Actor(None, None, terminal, address)
        # Only the database knows which tenant the code was of.
        entry = Entry(actor, None, "terminal.paired", {"keyId": key_name(key_hash)})
        with self._guesses.guess(address) as guess:
            code = read_code(body.code)
            paired: Paired | Literal[False] | None = None
            if code is not None:
                coded = [code_hmac(secret, code) for secret in self._ring.all]
                paired = await pair_terminal(
                    self._writes, coded, terminal, key_hash, entry, most=self._guard.quotas.terminals
                )
            guess.wrong = paired is None
        if paired is None:
            raise _NO_CODE
        if not paired:
            raise self._guard.quotas.refusal("terminals")
        document = {"tenant": paired.tenant, "terminalId": str(terminal), "name": paired.name, "key": key}
        return json_answer(document, 201)

    async def _may(self, request: Request) -> Caller:
        caller = await self._guard.authorize(request)
        if caller.kind is KeyKind.STOREFRONT and not await may_pair(self._reads, caller.key_hash):
            self._guard.note_forbidden(request, caller)
            raise Refused(Problem.FORBIDDEN, "This needs a storefront key that was made with mayPair")
        return caller

    def _entry(self, request: Request, caller: Caller, action: str, pairing_id: uuid.UUID) -> Entry:
        actor = self._guard.actor(request, caller)
        return Entry(actor, caller.tenant, action, {"pairingId": str(pairing_id)})


def _pairing_id(request: Request) -> uuid.UUID:
    return path_uuid(request, "pairingId", "pairing")


def _document(pairing: Pairing) -> dict[str, Any]:
    return {
        "pairingId": str(pairing.pairing_id),
        "name": pairing.name,
        "role": pairing.role,
        "createdAt": pairing.created_at,
        "createdBy": pairing.created_by,
        "expiresAt": pairing.expires_at,
        "terminalId": None if pairing.terminal_id is None else str(pairing.terminal_id),
    }
