"""Tenants in the database: their settings, and their end."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import orjson

from api.core.order_sources import OrderSource
from api.db.audit_trail import Entry, noted_where
from backbone.contract.errors import BellwireError
from backbone.eventlog.postgres import Database, Row

LOOKED_THROUGH = 2000
"""So many tenants a page looks through at most."""


class CurrencyInUse(BellwireError):
    """The tenant has an order, a card or points: its currency stays."""


class TooEarly(BellwireError):
    """A currency with other decimals than two, while pods of the release before may run."""


_CURRENCY_IN_USE = "BW005"
_TOO_EARLY = "BW006"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant and its settings. `alarm_roles` None is every role, `points_per_unit` None is no points.

    `order_sources` are those besides the built-in ones.
    """

    tenant: str
    name: str
    ack_deadline_seconds: int
    alarm_repeats: int
    alarm_roles: tuple[str, ...] | None
    alarm_scope: str
    points_per_unit: Decimal | None
    currency: str | None
    order_sources: tuple[OrderSource, ...]
    time_zone: str
    preparation_minutes: int
    country: str | None
    paused: bool
    paused_reason: str | None
    disabled: bool
    is_test: bool
    created_at: str


# The settings that are taken when a tenant is made and later, and their types in SQL.
_SETTINGS = {
    "name": "text",
    "ack_deadline_seconds": "integer",
    "alarm_repeats": "integer",
    "alarm_roles": "text[]",
    "alarm_scope": "text",
    "points_per_unit": "numeric",
    "currency": "text",
    "order_sources": "jsonb",
    "time_zone": "text",
    "preparation_minutes": "integer",
    "country": "text",
    "paused": "boolean",
    "paused_reason": "text",
}
_COLUMNS = f"""
    n.tenant, {", ".join("n." + name for name in _SETTINGS)}, n.disabled_at IS NOT NULL AS disabled,
    n.is_test, rfc3339(n.created_at) AS created_at
"""


def _column(name: str) -> str:
    return "disabled_at" if name == "disabled" else name


def _value(name: str, number: int, row: str = "") -> str:
    """The value of a setting, which is the statement's parameter of this number, for a row that is there or not."""
    if name == "disabled":
        # Off stays off since when it is: that is what gateways look for.
        since = f"coalesce({row}disabled_at, clock_timestamp())" if row else "clock_timestamp()"
        return f"CASE WHEN ${number}::boolean THEN {since} END"
    return f"${number}::{_SETTINGS[name]}"


async def create_tenant(
    database: Database,
    slug: str,
    storefront_key_hash: bytes,
    settings: Mapping[str, Any],
    entry: Entry,
    *,
    is_test: bool,
) -> bool:
    """Make a tenant with its stream and its storefront key, and note it; False when the slug is taken, or was once.

    Raises:
        TooEarly: as it says.
        Unavailable: PostgreSQL.
    """
    names = ", ".join(_column(name) for name in settings)
    values = ", ".join(_value(name, number) for number, name in enumerate(settings, start=4))
    noted = noted_where("made", 4 + len(settings))
    sql = f"""
        WITH made AS (
            INSERT INTO tenants (tenant, is_test, {names}) VALUES ($1, $3, {values})
            ON CONFLICT (tenant) DO NOTHING RETURNING tenant
        ), stream AS (
            INSERT INTO tenant_streams (tenant) SELECT tenant FROM made
        ), storefront AS (
            INSERT INTO api_keys (key_hash, kind, tenant) SELECT $2, 'store', tenant FROM made
        ), {noted}
        SELECT tenant FROM made
    """  # noqa: S608 - put together from constants
    values_of = (*settings.values(), *entry.values)
    return await _written(database, sql, slug, storefront_key_hash, is_test, *values_of) is not None


async def _written(database: Database, sql: str, *arguments: Any) -> Row | None:
    try:
        return await database.fetch_row(sql, *arguments)
    except asyncpg.PostgresError as exc:
        if exc.sqlstate == _CURRENCY_IN_USE:
            raise CurrencyInUse from exc
        if exc.sqlstate == _TOO_EARLY:
            raise TooEarly from exc
        raise


_CURRENCY = "SELECT currency FROM tenants WHERE tenant = $1"


async def currency_of(database: Database, slug: str) -> str | None:
    """Return a tenant's currency; None when it has none, or is none.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_CURRENCY, slug)
    return None if row is None else row["currency"]


_GET = f"SELECT {_COLUMNS} FROM tenants n WHERE n.tenant = $1 AND n.deleted_at IS NULL"  # noqa: S608


async def get_tenant(database: Database, slug: str) -> Tenant | None:
    """Return a tenant; None when there is none, or none any more.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_GET, slug)
    return None if row is None else _tenant_of(row)


async def change_tenant(
    database: Database, slug: str, settings: Mapping[str, Any], entry: Entry
) -> Tenant | None:
    """Change some settings, at least one, note it, and return the tenant as it is then; None when there is none.

    Raises:
        CurrencyInUse, TooEarly: as they say; nothing is changed then.
        Unavailable: PostgreSQL.
    """
    changes = ", ".join(
        f"{_column(name)} = {_value(name, number, 'n.')}" for number, name in enumerate(settings, start=2)
    )
    sql = f"""
        WITH changed AS (
            UPDATE tenants n SET {changes} WHERE n.tenant = $1 AND n.deleted_at IS NULL RETURNING {_COLUMNS}
        ), {noted_where("changed", 2 + len(settings))}
        SELECT * FROM changed
    """  # noqa: S608 - put together from constants
    row = await _written(database, sql, slug, *settings.values(), *entry.values)
    return None if row is None else _tenant_of(row)


# Each page looks through so many slugs, and says where it stopped.
_LIST = f"""
    WITH looked AS MATERIALIZED (
        SELECT n.* FROM tenants n WHERE n.tenant > $1 AND n.deleted_at IS NULL ORDER BY n.tenant LIMIT {LOOKED_THROUGH}
    ), page AS MATERIALIZED (
        SELECT n.* FROM looked n
        WHERE position(lower($2) IN n.tenant) > 0 OR position(lower($2) IN lower(n.name)) > 0
        ORDER BY n.tenant LIMIT $3
    )
    SELECT CASE WHEN (SELECT count(*) FROM looked) = {LOOKED_THROUGH} THEN (SELECT max(tenant) FROM looked) END
               AS reached, p.*
    FROM (SELECT 1) AS one LEFT JOIN (SELECT {_COLUMNS} FROM page n) p ON true ORDER BY p.tenant
"""  # noqa: S608 - put together from constants


async def list_tenants(database: Database, after: str, limit: int, q: str) -> tuple[list[Tenant], str | None]:
    """Return up to `limit` tenants behind the slug `after`, by slug, whose slug or name holds `q`; and where to go on.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_LIST, after, q, limit + 1)
    found = [_tenant_of(row) for row in rows if row["tenant"] is not None]
    if len(found) > limit:
        return found[:limit], found[limit - 1].tenant
    return found, rows[0]["reached"]


_KNOWN_ZONE = """
    SELECT 1 FROM pg_timezone_names WHERE name = $1 AND name !~ '^(posix|right)/|^(posixrules|localtime|Factory)$'
"""


async def is_time_zone(database: Database, name: str) -> bool:
    """Whether PostgreSQL knows the zone by this very name.

    Raises:
        Unavailable: PostgreSQL.
    """
    return await database.fetch_row(_KNOWN_ZONE, name) is not None


# `disabled_at` is what everybody looks at: keys, gateways, webhooks, alarms.
_DELETE = f"""
    WITH gone AS (
        UPDATE tenants SET deleted_at = clock_timestamp(), disabled_at = coalesce(disabled_at, clock_timestamp())
        WHERE tenant = $1 AND is_test AND deleted_at IS NULL RETURNING 1
    ), {noted_where("gone", 2)}
    SELECT 1 FROM gone
"""  # noqa: S608 - put together from constants


async def delete_test_tenant(database: Database, slug: str, entry: Entry) -> bool:
    """Take a test tenant's keys and connections away, note it, and have its rows go; False when it is no test tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    return await database.fetch_row(_DELETE, slug, *entry.values) is not None


_TO_PURGE = """
    SELECT tenant FROM tenants WHERE deleted_at < clock_timestamp() - interval '10 seconds' AND purged_at IS NULL
    ORDER BY deleted_at LIMIT $1
"""


async def tenants_to_purge(database: Database, limit: int) -> list[str]:
    """Return deleted tenants that still have rows. Raises Unavailable."""
    return [row["tenant"] for row in await database.fetch(_TO_PURGE, limit)]


_PURGE = "SELECT purge_deleted_tenant($1, $2) AS gone"


async def purge_tenant(database: Database, slug: str, limit: int) -> int:
    """Delete about `limit` rows of a deleted tenant; 0 when nothing is to do for this pod. Raises Unavailable."""
    row = await database.fetch_row(_PURGE, slug, limit)
    assert row is not None
    gone: int = row["gone"]
    return gone


def _tenant_of(row: Row) -> Tenant:
    roles = row["alarm_roles"]
    return Tenant(
        row["tenant"],
        row["name"],
        row["ack_deadline_seconds"],
        row["alarm_repeats"],
        None if roles is None else tuple(roles),
        row["alarm_scope"],
        row["points_per_unit"],
        row["currency"],
        tuple(OrderSource(one["name"], one["broadcast"]) for one in orjson.loads(row["order_sources"])),
        row["time_zone"],
        row["preparation_minutes"],
        row["country"],
        row["paused"],
        row["paused_reason"],
        row["disabled"],
        row["is_test"],
        row["created_at"],
    )
