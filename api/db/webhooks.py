"""Webhook endpoints in the database: what a shop registers, and the leases under which pods deliver to them."""

from dataclasses import dataclass, replace
from uuid import UUID

from api.core.signing import Signing
from api.db.audit_trail import Entry, noted_where
from backbone.contract.event_filter import EventFilter, filter_of
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database, Row
from backbone.runtime.metrics import ACK_SECONDS

ROTATION_HOURS = 24

# It starts at the head: what was before it is nobody's surprise. The tenant's row is locked, so that many at once are
# counted one after another: by a function, which sees what was committed while this statement waited.
_CREATE = f"""
    WITH shop AS MATERIALIZED (
        SELECT tenant FROM tenants WHERE tenant = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
    ), stream AS MATERIALIZED (
        SELECT s.tenant, s.epoch, s.seq, registered_webhooks(s.tenant) AS endpoints
        FROM shop JOIN tenant_streams s USING (tenant)
    ), made AS (
        INSERT INTO webhook_endpoints (
            endpoint_id, tenant, url, types, epoch, seq, counts, secret_id, stations, categories
        )
        SELECT $2, tenant, $3, $4, epoch, seq, $6, $7, $8, $9 FROM stream WHERE endpoints < $5
        RETURNING endpoint_id
    ), {noted_where("made", 10)}
    SELECT EXISTS (SELECT 1 FROM made) AS made FROM stream
"""  # noqa: S608 - put together from constants


async def create_endpoint(
    database: Database,
    tenant: str,
    endpoint: UUID,
    url: str,
    filter_: EventFilter,
    secret_id: bytes,
    entry: Entry,
    *,
    counts: bool,
    most: int,
) -> bool | None:
    """Register an endpoint, and note it; False when the tenant has `most`, None when there is no such tenant.

    `counts`: its 2xx for an order is that order's receipt. `secret_id` names the pods' secret that its own is of.

    Raises:
        Unavailable: PostgreSQL.
    """
    types, *names = filter_.columns
    row = await database.fetch_row(
        _CREATE, tenant, endpoint, url, types, most, counts, secret_id, *names, *entry.values
    )
    return None if row is None else row["made"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as its shop sees it. `lag` is how many events of the log it has not been taken through."""

    endpoint_id: UUID
    url: str
    types: list[str] | None
    stations: list[str] | None
    categories: list[str] | None
    counts: bool
    created_at: str
    enabled: bool
    disabled_reason: str | None
    delivered_offset: str
    lag: int
    failures: int
    next_attempt_at: str | None
    last_attempt_at: str | None
    last_outcome: str | None


_COLUMNS = """
    e.endpoint_id, e.url, e.types, e.stations, e.categories, e.counts,
    rfc3339(e.created_at) AS created_at, e.disabled_at IS NULL AS enabled,
    e.disabled_reason, e.epoch || '-' || e.seq AS delivered_offset, greatest(s.seq - e.seq, 0) AS lag, e.failures,
    CASE WHEN e.disabled_at IS NULL AND e.failures > 0 THEN rfc3339(e.next_attempt_at) END AS next_attempt_at,
    rfc3339(e.last_attempt_at) AS last_attempt_at, e.last_outcome
"""

_LIST = f"""
    SELECT {_COLUMNS} FROM webhook_endpoints e JOIN tenant_streams s USING (tenant)
    WHERE e.tenant = $1 AND ($2::uuid IS NULL OR e.endpoint_id = $2) ORDER BY e.created_at, e.endpoint_id
"""  # noqa: S608 - put together from constants


async def list_endpoints(database: Database, tenant: str, endpoint: UUID | None = None) -> list[Endpoint]:
    """Return the tenant's endpoints, oldest first; with `endpoint` that one, if it is the tenant's.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_LIST, tenant, endpoint)
    return [Endpoint(**dict(row.items())) for row in rows]


_DELETE = f"""
    WITH gone AS (
        DELETE FROM webhook_endpoints WHERE tenant = $1 AND endpoint_id = $2 RETURNING endpoint_id
    ), attempts AS (
        DELETE FROM webhook_attempts a USING gone WHERE a.endpoint_id = gone.endpoint_id
    ), {noted_where("gone", 3)}
    SELECT endpoint_id FROM gone
"""  # noqa: S608 - put together from constants


async def delete_endpoint(database: Database, tenant: str, endpoint: UUID, entry: Entry) -> bool:
    """Forget an endpoint, and note it; False when there is none by this id. An attempt under way may still arrive.

    Raises:
        Unavailable: PostgreSQL.
    """
    return await database.fetch_row(_DELETE, tenant, endpoint, *entry.values) is not None


_ROTATE = f"""
    WITH rotated AS (
        UPDATE webhook_endpoints
        SET generation = generation + 1, previous_until = clock_timestamp() + make_interval(hours => $3),
            previous_secret_id = coalesce(secret_id, first_secret_id()), secret_id = $4
        WHERE tenant = $1 AND endpoint_id = $2
        RETURNING generation, rfc3339(previous_until) AS previous_until
    ), {noted_where("rotated", 5)}
    SELECT * FROM rotated
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class Rotation:
    """The secret's new generation, and until when the one before signs too."""

    generation: int
    previous_until: str


async def rotate_secret(
    database: Database, tenant: str, endpoint: UUID, secret_id: bytes, entry: Entry
) -> Rotation | None:
    """Give an endpoint its next secret, derived from the pods' one of this name, and note it.

    None when the tenant has no endpoint by this id.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_ROTATE, tenant, endpoint, ROTATION_HOURS, secret_id, *entry.values)
    return None if row is None else Rotation(row["generation"], row["previous_until"])


# A row that names no secret stands under the first one.
_SIGNING = """
    e.generation, coalesce(e.previous_until > clock_timestamp(), false) AS rotating,
    coalesce(e.secret_id, first_secret_id()) AS secret_id,
    coalesce(e.previous_secret_id, first_secret_id()) AS previous_secret_id
"""


def _signing_of(row: Row) -> Signing:
    return Signing(row["generation"], row["rotating"], row["secret_id"], row["previous_secret_id"])


_SIGNED = f"""
    SELECT e.url, {_SIGNING} FROM webhook_endpoints e WHERE tenant = $1 AND endpoint_id = $2
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class Signed:
    """An endpoint's address, and which of its secrets sign."""

    url: str
    signing: Signing


async def signed_endpoint(database: Database, tenant: str, endpoint: UUID) -> Signed | None:
    """Return what a message to an endpoint needs; None when the tenant has none by this id.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_SIGNED, tenant, endpoint)
    return None if row is None else Signed(row["url"], _signing_of(row))


_ENABLE = f"""
    WITH enabled AS (
        UPDATE webhook_endpoints
        SET disabled_at = NULL, disabled_reason = NULL, failures = 0, next_attempt_at = clock_timestamp()
        WHERE tenant = $1 AND endpoint_id = $2 RETURNING endpoint_id
    ), {noted_where("enabled", 3)}
    SELECT endpoint_id FROM enabled
"""  # noqa: S608 - put together from constants


async def enable_endpoint(database: Database, tenant: str, endpoint: UUID, entry: Entry) -> bool:
    """Switch an endpoint on again, from where it stopped, and note it; tried at once. False when there is none.

    Raises:
        Unavailable: PostgreSQL.
    """
    return await database.fetch_row(_ENABLE, tenant, endpoint, *entry.values) is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """An endpoint whose turn is this pod's, for as long as its lease lasts."""

    endpoint: UUID
    lease: UUID
    tenant: str
    url: str
    filter: EventFilter
    position: Offset
    failures: int
    refusals: int
    signing: Signing


# Endpoints that failed have places of their own, so that any number of dead ones keeps none waiting that works.
_DUE = """
    SELECT e.endpoint_id FROM webhook_endpoints e JOIN tenant_streams s USING (tenant) JOIN tenants t USING (tenant)
    WHERE e.disabled_at IS NULL AND t.disabled_at IS NULL AND (e.epoch, e.seq) < (s.epoch, s.seq)
      AND e.next_attempt_at <= clock_timestamp() AND coalesce(e.leased_until <= clock_timestamp(), true)
      AND e.failures {failing} 0
      AND (coalesce(e.secret_id, first_secret_id()) = ANY ($4::bytea[])) IS NOT FALSE
    ORDER BY e.next_attempt_at LIMIT {limit} FOR UPDATE OF e SKIP LOCKED
"""

_CLAIM = f"""
    WITH healthy AS ({_DUE.format(failing="=", limit="$1")}), failing AS ({_DUE.format(failing=">", limit="$2")})
    UPDATE webhook_endpoints e
    SET lease = gen_random_uuid(), leased_until = clock_timestamp() + make_interval(secs => $3)
    FROM (SELECT * FROM healthy UNION ALL SELECT * FROM failing) due
    WHERE e.endpoint_id = due.endpoint_id
    RETURNING e.endpoint_id, e.lease, e.tenant, e.url, e.types, e.stations, e.categories, e.epoch, e.seq,
              e.failures, e.refusals,
              {_SIGNING}
"""  # noqa: S608 - put together from constants


async def claim_endpoints(
    database: Database, healthy: int, failing: int, lease_seconds: float, secret_ids: list[bytes]
) -> list[Claim]:
    """Take up to so many endpoints that have something to deliver, are due, and are nobody's at the moment.

    Those that stand under none of the secrets of these names are left to pods that have theirs.

    Raises:
        Unavailable: PostgreSQL.
    """
    return [
        _claim_of(row) for row in await database.fetch(_CLAIM, healthy, failing, lease_seconds, secret_ids)
    ]


def _claim_of(row: Row) -> Claim:
    return Claim(
        row["endpoint_id"],
        row["lease"],
        row["tenant"],
        row["url"],
        filter_of(row["types"], row["stations"], row["categories"]),
        Offset(row["epoch"], row["seq"]),
        row["failures"],
        row["refusals"],
        _signing_of(row),
    )


_ADVANCE = "SELECT generation, rotating, waited FROM advance_endpoint($1, $2, $3, $4, $5, $6, $7)"


async def advance(
    database: Database,
    claim: Claim,
    position: Offset,
    lease_seconds: float,
    outcome: str | None,
    *,
    order: bool,
) -> Claim | None:
    """Move the cursor to `position`, keep the lease, and return the claim as it is now.

    `order`: the `new_order` at `position` was delivered; that is its receipt, where the endpoint counts. None when the
    turn is over: the lease is another pod's, or the endpoint was deleted, switched off or rotated. With `outcome` None
    nothing was sent: what lay between does not pass its filter.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(
        _ADVANCE, claim.endpoint, claim.lease, position.epoch, position.seq, lease_seconds, outcome, order
    )
    if row is None or row["generation"] is None:
        return None
    if row["waited"] is not None:
        ACK_SECONDS.observe(row["waited"])
    if row["generation"] != claim.signing.generation:
        # With the next turn comes what signs now.
        await release(database, claim)
        return None
    return replace(
        claim, position=position, failures=0, signing=replace(claim.signing, rotating=row["rotating"])
    )


_POSTPONE = """
    UPDATE webhook_endpoints
    SET failures = $3, refusals = $7, next_attempt_at = clock_timestamp() + make_interval(secs => $4), lease = NULL,
        leased_until = NULL, last_attempt_at = clock_timestamp(), last_outcome = $5,
        disabled_at = CASE WHEN $6::text IS NULL THEN NULL ELSE clock_timestamp() END, disabled_reason = $6
    WHERE endpoint_id = $1 AND lease = $2
    RETURNING endpoint_id
"""


async def postpone(
    database: Database,
    claim: Claim,
    failures: int,
    seconds: float,
    outcome: str,
    disabled: str | None,
    *,
    refusals: int,
) -> bool:
    """Give the lease back behind a failed attempt, with the next one due in `seconds`, or switched off.

    `refusals`: how many of the last attempts in a row were refused for good.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(
        _POSTPONE, claim.endpoint, claim.lease, failures, seconds, outcome, disabled, refusals
    )
    return row is not None


_RELEASE = """
    UPDATE webhook_endpoints SET lease = NULL, leased_until = NULL, next_attempt_at = clock_timestamp()
    WHERE endpoint_id = $1 AND lease = $2
"""


async def release(database: Database, claim: Claim) -> None:
    """Give the lease back: the turn is over, and nothing failed.

    Raises:
        Unavailable: PostgreSQL; the lease ends by itself then.
    """
    await database.fetch(_RELEASE, claim.endpoint, claim.lease)
