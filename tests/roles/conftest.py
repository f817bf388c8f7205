"""A database as an installation with three roles has it: its owner is no superuser, and pods are not its owner."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import pytest

from api.db.migrate import migrate
from api.db.privileges import PodKind
from api.db.separate_roles import Wanted, separate_roles
from infra.local.postgres import Postgres
from tests.conftest import as_role

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OWNER = Wanted("house_owner", "a password of the owner")
POD_ROLES = {kind: Wanted(f"house_{kind.value}", f"a password of {kind.value}") for kind in PodKind}


@dataclass(frozen=True, slots=True)
class House:
    """The addresses of one database: as its owner, and as each kind of pods."""

    owner_url: str

    def url(self, kind: PodKind) -> str:
        return as_role(self.owner_url, POD_ROLES[kind])

    async def connect(self, kind: PodKind | None = None) -> Connection:
        return await asyncpg.connect(self.owner_url if kind is None else self.url(kind))


async def build(postgres: Postgres) -> House:
    """A new, empty database, whose owner may make roles and nothing else."""
    name = f"house_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(postgres.url)
    try:
        if not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", OWNER.role):
            await admin.execute(f"CREATE ROLE {OWNER.role} LOGIN CREATEROLE PASSWORD '{OWNER.password}'")
        await admin.execute(f"CREATE DATABASE {name} OWNER {OWNER.role}")
    finally:
        await admin.close()
    return House(as_role(f"{postgres.url.rsplit('/', 1)[0]}/{name}", OWNER))


@pytest.fixture(scope="module")
async def house(postgres: Postgres) -> House:
    """The one that a file's tests share, ready for pods."""
    found = await build(postgres)
    await migrate(found.owner_url)
    await separate_roles(found.owner_url, POD_ROLES)
    return found


@pytest.fixture
async def owner(house: House) -> AsyncIterator[Connection]:
    """A connection as its owner."""
    connection = await house.connect()
    yield connection
    await connection.close()
