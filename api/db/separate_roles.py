"""Make the database roles of an installation, and give each what it needs: the owner's, the API pods', the gateways'.

Safe to run again, with the same names or others. Passwords go to the server as what it stores of them, so that they
stand in no log of its. Pods that connect as the owner go on meanwhile.

Why: docs/decisions/0108-three-database-roles.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from api.db import migration_log as book
from api.db.command_session import CONNECT_SECONDS, DatabaseTrouble, command_session
from api.db.migration_log import Connection
from api.db.ownership import hand_over
from api.db.pod_roles import keep_privileges, remember
from api.db.privileges import PodKind
from api.db.role_settings import store_settings

Say = Callable[[str], None]

SCRAM_ITERATIONS = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """A role that there is to be. Without a password it keeps the one that it has, if it has one."""

    role: str
    password: str | None = None


_READY = "SELECT to_regclass('pod_roles') IS NOT NULL"
_OWNER = """
    SELECT r.rolname AS owner, pg_has_role(current_user, r.oid, 'USAGE') AS ours
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = 'pos_sync_logs'::regclass
"""
_ROLE = """
    SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS strong, rolcanlogin,
           pg_has_role(oid, $2::text::regrole, 'MEMBER') AS owner
    FROM pg_roles WHERE rolname = $1
"""
# Statements made by the server itself, which quotes the names.
_MAKE = "SELECT format('CREATE ROLE %I LOGIN', $1::text)"
_PASSWORD = "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)"  # noqa: S105 - a statement
_DOORS = """
    SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), $1::text) AS statement
    WHERE NOT has_database_privilege($1::text, current_database(), 'CONNECT')
    UNION ALL
    SELECT format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), $1::text)
    WHERE NOT has_schema_privilege($1::text, current_schema(), 'USAGE')
    UNION ALL
    -- PostgreSQL before 15 lets everybody make tables.
    SELECT format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema())
    WHERE has_schema_privilege($1::text, current_schema(), 'CREATE')
"""
_MAY_MAKE_TABLES = "SELECT has_schema_privilege($1::text, current_schema(), 'CREATE')"


async def separate_roles(
    database_url: str,
    pods: Mapping[PodKind, Wanted],
    *,
    owner: Wanted | None = None,
    timeout_seconds: float = 3.0,
    say: Say = lambda _: None,
) -> None:
    """Make the roles that are not there yet; `owner` gets the tables and functions, the others their privileges.

    The address's role is the owner of the tables or may do as it does; to make a role, it needs CREATEROLE.

    Raises:
        DatabaseTrouble: a role cannot be what it is to be, or as `command_session`.
        Unavailable: PostgreSQL.
    """
    options: dict[str, Any] = {"command_timeout": CONNECT_SECONDS, "statement_cache_size": 0}
    async with command_session(database_url, **options) as connection:
        await _check(connection, pods, owner)
        if owner is not None:
            await _make(connection, owner, say)
            await hand_over(connection, owner.role, say)
        async with book.begin(connection):
            if not await book.try_lock(connection):
                raise DatabaseTrouble("`bellwire migrate` is at work: run this again when that has ended.")
            made: list[str] = []
            for wanted in pods.values():
                await _make(connection, wanted, made.append)
            await _refuse_strong(connection, pods)
            for wanted in pods.values():
                await _open_doors(connection, wanted.role)
            await remember(connection, {kind: wanted.role for kind, wanted in pods.items()})
            statements = await keep_privileges(connection)
        for line in (*made, f"{len(statements)} privileges were given or taken away"):
            say(line)
        for wanted in pods.values():
            await _store_settings(connection, wanted.role, timeout_seconds, say)


async def _check(connection: Connection, pods: Mapping[PodKind, Wanted], owner: Wanted | None) -> None:
    if not await connection.fetchval(_READY):
        raise DatabaseTrouble("The database does not have what this needs: run `bellwire migrate` first.")
    row = await connection.fetchrow(_OWNER)
    assert row is not None
    names = [wanted.role for wanted in pods.values()] + [owner.role if owner else row["owner"]]
    if len(set(names)) < len(names):
        raise DatabaseTrouble(f"Each has to be a role of its own, not {', '.join(names)}.")
    if not row["ours"]:
        raise DatabaseTrouble(
            f"The tables belong to {row['owner']}: give the address of that role, or of a superuser."
        )


async def _make(connection: Connection, wanted: Wanted, say: Say) -> None:
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", wanted.role):
        try:
            await connection.execute(await connection.fetchval(_MAKE, wanted.role))
        except asyncpg.InsufficientPrivilegeError as exc:
            raise DatabaseTrouble(
                f"The user of this address may make no role: have {wanted.role} made (CREATE ROLE … LOGIN), and run "
                "this again."
            ) from exc
        say(f"made the role {wanted.role}" + ("" if wanted.password else ", without a password"))
    if wanted.password:
        verifier = scram_verifier(wanted.password, secrets.token_bytes(16))
        await connection.execute(await connection.fetchval(_PASSWORD, wanted.role, verifier))


async def _refuse_strong(connection: Connection, pods: Mapping[PodKind, Wanted]) -> None:
    owner = await connection.fetchval(_OWNER)
    for wanted in pods.values():
        row = await connection.fetchrow(_ROLE, wanted.role, '"' + owner.replace('"', '""') + '"')
        assert row is not None
        if row["strong"] or row["owner"]:
            why = "has rights over the whole server" if row["strong"] else "is a member of the tables' owner"
            raise DatabaseTrouble(f"{wanted.role} {why}: pods need a role of their own.")
        if not row["rolcanlogin"]:
            raise DatabaseTrouble(f"{wanted.role} may not log in (ALTER ROLE … LOGIN).")


async def _open_doors(connection: Connection, role: str) -> None:
    for row in await connection.fetch(_DOORS, role):
        await connection.execute(row["statement"])
    if await connection.fetchval(_MAY_MAKE_TABLES, role):
        raise DatabaseTrouble(
            f"{role} may make tables all the same (CREATE on the schema): take that away first."
        )


async def _store_settings(connection: Connection, role: str, timeout_seconds: float, say: Say) -> None:
    try:
        await store_settings(connection, role, timeout_seconds)
    except asyncpg.InsufficientPrivilegeError:
        say(
            f"the session settings of {role} were not stored: this user may not, and only a pooler needs them"
        )


def check_password(name: str, password: str) -> None:
    """Refuse a password that clients might read in another way than we do.

    Raises:
        DatabaseTrouble: it is one; `name` says which.
    """
    if not (password.isascii() and password.isprintable() and len(password) >= 12):
        raise DatabaseTrouble(f"{name} has to be 12 or more visible ASCII characters.")


def scram_verifier(password: str, salt: bytes) -> str:
    """Return what PostgreSQL stores of a password, made here, so that the password itself is not sent."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{salt64}${stored64}:{server64}"
