"""The gateways' head check: in one statement, the heads that differ from what a gateway knows, its terminals that
came elsewhere, were revoked, or had a key that ended, and its tenants that forgot a customer.

For PostgreSQL's primary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from backbone.contract.erasure import Erasure
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database


@dataclass(frozen=True, slots=True)
class Change:
    """A terminal whose connection may no longer be the one that counts.

    `ended_key` is the hash of one of its keys that has ended: then nothing but that is said.
    """

    tenant: str
    terminal: UUID
    connection: UUID | None
    revoked: bool
    ended_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class HeadCheck:
    """The answer to a head check. `moment` is the database's clock: hand it back next time as `since`.

    `heads` has those that differ from what was known. `epoch` is None when the database's history forked and the new
    epoch is not entered yet: then `heads` are of a history that is over.
    """

    moment: datetime
    epoch: int | None
    heads: dict[str, Offset]
    changes: tuple[Change, ...]
    erasures: dict[str, Erasure] = field(default_factory=dict)


# Changes are asked for from a little before the last check on, so that a transaction under way then is not missed.
# A terminal that came to the asking gateway is no news to it: in a storm that would be all its terminals, each second.
# Neither is a head that it has. So a check costs what it finds, not what there is. For that, what is recent is taken
# first, by its index (MATERIALIZED), and asked for as a range, which the planner takes for few rows whatever the moment
# is: by its own choice it went through all terminals of all tenants. Known heads come as three strings: joined in C,
# where the driver would make an array of them a value at a time.
_CHECK = """
    WITH known AS (
        SELECT * FROM unnest(
            string_to_array($1, ','), string_to_array($4, ',')::bigint[], string_to_array($5, ',')::bigint[]
        ) AS k (tenant, epoch, seq)
    ), changed AS MATERIALIZED (
        SELECT tenant, terminal_id, connection_id, gateway, revoked_at IS NOT NULL AS revoked FROM terminals
        WHERE changed_at BETWEEN $2::timestamptz - interval '15 seconds' AND 'infinity'
    ), ended AS MATERIALIZED (
        SELECT tenant, terminal_id, key_hash FROM api_keys
        WHERE expires_at BETWEEN $2::timestamptz - interval '15 seconds' AND clock_timestamp() AND kind = 'term'
    ), disabled AS MATERIALIZED (
        SELECT tenant FROM tenants WHERE disabled_at BETWEEN $2::timestamptz - interval '15 seconds' AND 'infinity'
    ), erased AS MATERIALIZED (
        SELECT tenant, times, seq FROM erasures
        WHERE erased_at BETWEEN $2::timestamptz - interval '15 seconds' AND 'infinity'
    )
    SELECT NULL AS tenant, settled_epoch() AS epoch, NULL::bigint AS seq, NULL::uuid AS terminal_id,
           NULL::uuid AS connection_id, NULL::boolean AS revoked, clock_timestamp() AS moment,
           NULL::bytea AS ended_key
    UNION ALL
    SELECT s.tenant, s.epoch, s.seq, NULL, NULL, NULL, NULL, NULL
    FROM known JOIN tenant_streams s USING (tenant)
    WHERE (s.epoch, s.seq) <> (known.epoch, known.seq)
    UNION ALL
    SELECT c.tenant, NULL, NULL, c.terminal_id, c.connection_id, c.revoked OR n.disabled_at IS NOT NULL, NULL, NULL
    FROM changed c JOIN known USING (tenant) JOIN tenants n USING (tenant)
    WHERE c.gateway IS DISTINCT FROM $3 OR c.revoked OR n.disabled_at IS NOT NULL
    UNION ALL
    SELECT t.tenant, NULL, NULL, t.terminal_id, t.connection_id, true, NULL, NULL
    FROM disabled JOIN known USING (tenant) JOIN terminals t USING (tenant)
    UNION ALL
    SELECT e.tenant, NULL, NULL, e.terminal_id, NULL, false, NULL, e.key_hash
    FROM ended e JOIN known USING (tenant)
    UNION ALL
    SELECT e.tenant, e.times, e.seq, NULL, NULL, NULL, $2, NULL FROM erased e JOIN known USING (tenant)
"""

_CLOCK = "SELECT clock_timestamp() AS moment"


class KnownHeads:
    """The heads that a gateway has, each as PostgreSQL is told it: as text, made when it moved and kept until it does.

    >>> known = KnownHeads({"pizza": Offset(1, 7)})
    >>> known["sushi"] = Offset(1, 2)
    >>> known.as_text()
    ('pizza,sushi', '1,1', '7,2')
    """

    def __init__(self, heads: Mapping[str, Offset] | None = None) -> None:
        self._epochs: dict[str, str] = {}
        self._seqs: dict[str, str] = {}
        for tenant, head in (heads or {}).items():
            self[tenant] = head

    def __setitem__(self, tenant: str, head: Offset) -> None:
        self._epochs[tenant], self._seqs[tenant] = str(head.epoch), str(head.seq)

    def keep_only(self, tenants: Mapping[str, object]) -> None:
        """Forget those who are not among the tenants; each of these is known."""
        if len(self._seqs) > len(tenants):
            for tenant in self._seqs.keys() - tenants.keys():
                del self._epochs[tenant], self._seqs[tenant]

    def as_text(self) -> tuple[str, str, str]:
        """Tenants, epochs and seqs, in one order."""
        return ",".join(self._seqs), ",".join(self._epochs.values()), ",".join(self._seqs.values())


async def check_heads(database: Database, known: KnownHeads, since: datetime, gateway: str) -> HeadCheck:
    """Compare the `known` heads of tenants, and ask for their terminals that changed elsewhere since `since`.

    Raises:
        Unavailable: PostgreSQL.
    """
    tenants, epochs, seqs = known.as_text()
    rows = await database.fetch(_CHECK, tenants, since, gateway, epochs, seqs)
    found: dict[str, Offset] = {}
    changes = []
    erasures: dict[str, Erasure] = {}
    moment, epoch = since, None
    for row in rows:
        if row["tenant"] is None:
            moment, epoch = row["moment"], row["epoch"]
        elif row["moment"] is not None:
            erasures[row["tenant"]] = Erasure(row["epoch"], row["seq"])
        elif row["terminal_id"] is None:
            found[row["tenant"]] = Offset(row["epoch"], row["seq"])
        else:
            changes.append(
                Change(
                    row["tenant"], row["terminal_id"], row["connection_id"], row["revoked"], row["ended_key"]
                )
            )
    return HeadCheck(moment, epoch, found, tuple(changes), erasures)


async def read_clock(database: Database) -> datetime:
    """Return the database's time.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_CLOCK)
    assert row is not None
    moment: datetime = row["moment"]
    return moment
