"""Tenants over HTTP: an operator opens a shop."""

import secrets
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.db.tenants import create_tenant
from api.door.answer import json_answer
from api.door.body import Body, Name, read_body
from api.door.documents import TenantOpened
from api.door.entry import Entry
from backbone.contract.errors import Problem, Refused
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, make_key
from backbone.contract.slug import SLUG_PATTERN
from backbone.eventlog.postgres import Database
from backbone.runtime.described import About, DescribedRoute


class TenantBody(Body):
    """A shop to open."""

    slug: Annotated[str, Field(pattern=SLUG_PATTERN)]
    name: Name


class TenantRoutes:
    """The one route."""

    def __init__(self, entry: Entry, writes: Database) -> None:
        self._entry = entry
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where it is."""
        about = About(
            "Tenants",
            "Open a shop.",
            (KeyKind.OPERATOR,),
            TenantOpened,
            201,
            says="The storefront key is in this answer and nowhere else.",
            body=TenantBody,
            problems=(Problem.TENANT_EXISTS,),
        )
        return [DescribedRoute("POST", "/api/tenants", self.create, about)]

    async def create(self, request: Request) -> Response:
        """`POST /api/tenants`. The storefront key is in the answer and nowhere else."""
        await self._entry.admit(request)
        body = (await read_body(request, TenantBody)).model
        key = make_key(KeyKind.STOREFRONT, secrets.token_bytes(KEY_BYTES))
        key_hash = hash_key(key)
        assert key_hash is not None
        if not await create_tenant(self._writes, body.slug, body.name, key_hash):
            raise Refused(Problem.TENANT_EXISTS, f"There is a tenant {body.slug} already")
        return json_answer({"tenant": body.slug, "storefrontKey": key}, 201)
