"""Tenants in the database."""

from decimal import Decimal

from backbone.eventlog.postgres import Database

_SET_POINTS = "UPDATE tenants SET points_per_unit = $2 WHERE tenant = $1 RETURNING points_per_unit"


async def set_points_per_unit(database: Database, slug: str, points: Decimal | None) -> bool:
    """Say what a unit of money earns from now on, None is nothing; False when there is no such tenant.

    Raises:
        Unavailable: PostgreSQL.
    """
    return await database.fetch_row(_SET_POINTS, slug, points) is not None


_CREATE = """
    WITH made AS (
        INSERT INTO tenants (tenant, name, ack_deadline_seconds) VALUES ($1, $2, $4)
        ON CONFLICT (tenant) DO NOTHING RETURNING tenant
    ), stream AS (
        INSERT INTO tenant_streams (tenant) SELECT tenant FROM made
    ), storefront AS (
        INSERT INTO api_keys (key_hash, kind, tenant) SELECT $3, 'store', tenant FROM made
    )
    SELECT tenant FROM made
"""


async def create_tenant(
    database: Database, slug: str, name: str, storefront_key_hash: bytes, ack_deadline_seconds: int
) -> bool:
    """Make a tenant with its stream and its storefront key; False when the slug is taken.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_CREATE, slug, name, storefront_key_hash, ack_deadline_seconds)
    return row is not None
