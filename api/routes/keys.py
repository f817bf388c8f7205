"""Keys over HTTP: an operator makes, lists and ends a shop's storefront keys, and rotates a terminal's."""

import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, PlainValidator, StrictBool, WithJsonSchema
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from api.db.audit_trail import Entry, log_end
from api.db.keys import (
    Key,
    create_storefront_key,
    get_storefront_key,
    list_storefront_keys,
    revoke_storefront_key,
    rotate_terminal_key,
)
from api.http.answer import json_answer
from api.http.body import Body, Name, path_uuid, read_body
from api.http.documents.keys import KeyList, KeyMade, StorefrontKey
from api.http.documents.terminals import TerminalRotated
from api.http.guard import Guard
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, key_name, make_key
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, RouteDoc

DEFAULT_OVERLAP, MAX_OVERLAP = 86_400, 604_800


def parse_end(value: object) -> datetime:
    """Read a moment to come, with its offset from UTC (RFC 3339).

    Raises:
        ValueError: it is none.
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and len(value) >= 20 else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("must be a moment such as 2027-01-31T12:00:00Z")
    if moment <= datetime.now(UTC):
        raise ValueError("must be a moment to come")
    return moment


End = Annotated[
    datetime, PlainValidator(parse_end), WithJsonSchema({"type": "string", "format": "date-time"})
]


class KeyBody(Body):
    """A storefront key to make."""

    name: Name
    expires_at: End | None = None
    may_pair: StrictBool = False


class RotateBody(Body):
    """For how long the key of before is valid beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP)] = DEFAULT_OVERLAP


_OPERATOR = (KeyKind.OPERATOR,)
_CREATE = RouteDoc(
    "Keys",
    "Make a storefront key.",
    _OPERATOR,
    KeyMade,
    201,
    says="The key is in this answer and nowhere else. Several are valid at once. `mayPair`: it may make pairing codes.",
    body=KeyBody,
    problems=(Problem.TOO_MANY_KEYS,),
)
_LIST = RouteDoc(
    "Keys",
    "A shop's storefront keys that are valid, oldest first.",
    _OPERATOR,
    KeyList,
    says="`lastUsedAt` is right to five minutes.",
)
_GET = RouteDoc(
    "Keys",
    "A storefront key that is valid, by its name.",
    _OPERATOR,
    StorefrontKey,
    says="Never the key itself.",
)
_REVOKE = RouteDoc("Keys", "End a storefront key.", _OPERATOR, None, 204, says="It is refused within 2 s.")
_ROTATE = RouteDoc(
    "Terminals",
    "Give a terminal a new key.",
    _OPERATOR,
    TerminalRotated,
    says="The key of before is valid for `overlapSeconds` more (0 for a stolen one), then its sockets are closed with "
    "1012. Terminal, name and place in the stream stay.",
    body=RotateBody,
    problems=(Problem.TOO_MANY_KEYS,),
)


def new_key(kind: KeyKind) -> tuple[str, bytes]:
    """Return a new key and its hash."""
    key = make_key(kind, secrets.token_bytes(KEY_BYTES))
    key_hash = hash_key(key)
    assert key_hash is not None
    return key, key_hash


class KeyRoutes:
    """The five routes."""

    def __init__(self, guard: Guard, reads: Database, writes: Database) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/keys"
        return [
            DescribedRoute("POST", path, self.create, _CREATE),
            DescribedRoute("GET", path, self.list, _LIST),
            DescribedRoute("GET", path + "/{keyId}", self.get, _GET),
            DescribedRoute("DELETE", path + "/{keyId}", self.revoke, _REVOKE),
            DescribedRoute(
                "POST", "/api/tenant/{tenant}/terminals/{terminalId}/rotate", self.rotate, _ROTATE
            ),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/keys`. The key is in the answer and nowhere else."""
        caller = await self._guard.authorize(request)
        body = (await read_body(request, KeyBody)).model
        key, key_hash = new_key(KeyKind.STOREFRONT)
        made_by = key_name(caller.key_hash)
        facts = {"keyId": key_name(key_hash), "name": body.name}
        entry = Entry(self._guard.actor(request, caller), caller.tenant, "key.made", facts)
        made = await create_storefront_key(
            self._writes,
            caller.tenant,
            key_hash,
            body.name,
            made_by,
            body.expires_at,
            entry,
            may_pair=body.may_pair,
            most=caller.quotas.keys,
        )
        if made is None:
            raise caller.quotas.refusal("keys")
        return json_answer({**_document(made), "key": key}, 201)

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/keys`."""
        caller = await self._guard.authorize(request)
        found = await list_storefront_keys(self._reads, caller.tenant)
        return json_answer({"keys": [_document(key) for key in found]})

    async def get(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/keys/{keyId}`."""
        caller = await self._guard.authorize(request)
        key_id = request.path_params["keyId"]
        found = None if "\0" in key_id else await get_storefront_key(self._reads, caller.tenant, key_id)
        if found is None:
            raise Refused(Problem.NOT_FOUND, "There is no such key")
        return json_answer(_document(found))

    async def revoke(self, request: Request) -> Response:
        """`DELETE /api/tenant/{tenant}/keys/{keyId}`."""
        caller = await self._guard.authorize(request)
        key_id = request.path_params["keyId"]
        entry = Entry(self._guard.actor(request, caller), caller.tenant, "key.ended", {"keyId": key_id})
        if "\0" in key_id or not await revoke_storefront_key(self._writes, caller.tenant, key_id, entry):
            raise Refused(Problem.NOT_FOUND, "There is no such key")
        log_end(entry)
        return Response(status_code=204)

    async def rotate(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/terminals/{terminalId}/rotate`."""
        caller = await self._guard.authorize(request)
        body = (await read_body(request, RotateBody, optional=True)).model
        terminal = path_uuid(request, "terminalId", "terminal")
        key, key_hash = new_key(KeyKind.TERMINAL)
        facts = {
            "terminalId": str(terminal),
            "keyId": key_name(key_hash),
            "overlapSeconds": body.overlap_seconds,
        }
        entry = Entry(self._guard.actor(request, caller), caller.tenant, "terminal.rotated", facts)
        rotation = await rotate_terminal_key(
            self._writes,
            caller.tenant,
            terminal,
            key_hash,
            body.overlap_seconds,
            key_name(caller.key_hash),
            entry,
        )
        if rotation.outcome == "not_found":
            raise Refused(Problem.NOT_FOUND, "There is no such terminal")
        if rotation.outcome == "too_many":
            raise Refused(
                Problem.TOO_MANY_KEYS, "Two keys of this terminal are valid: overlapSeconds 0 ends both"
            )
        log_end(entry)
        document = {"terminalId": str(terminal), "key": key, "previousValidUntil": rotation.previous_until}
        return json_answer(document)


def _document(key: Key) -> dict[str, Any]:
    return {to_camel(name): value for name, value in asdict(key).items()}
