"""Keep what terminals have received: a position a terminal that only rises, and a receipt when it does."""

from collections.abc import Sequence
from uuid import UUID

from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database

# The rows are locked in one order, so that pods with overlapping batches wait for each other, not for ever.
# A position later than the head is passed over, and so is one behind a fork, which was an event of a history that is
# over: either would hide orders that are still to come.
_STORE = """
    WITH said AS (
        SELECT DISTINCT ON (a.terminal_id) a.terminal_id, a.tenant, a.epoch, a.seq
        FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[])
             AS a (terminal_id, tenant, epoch, seq)
        JOIN tenant_streams s ON s.tenant = a.tenant
        WHERE (a.epoch, a.seq) <= (s.epoch, s.seq) AND a.seq > 0 AND NOT EXISTS (
            SELECT FROM stream_forks f WHERE f.tenant = a.tenant AND f.epoch > a.epoch AND f.fork_seq < a.seq
        )
        ORDER BY a.terminal_id, a.epoch DESC, a.seq DESC
    ), locked AS (
        SELECT t.terminal_id FROM terminals t JOIN said USING (terminal_id, tenant)
        WHERE t.acked_seq IS NULL OR (t.acked_epoch, t.acked_seq) < (said.epoch, said.seq)
        ORDER BY t.terminal_id FOR NO KEY UPDATE OF t
    ), moved AS (
        UPDATE terminals t SET acked_epoch = said.epoch, acked_seq = said.seq, acked_at = clock_timestamp()
        FROM said JOIN locked USING (terminal_id)
        WHERE t.terminal_id = said.terminal_id AND t.tenant = said.tenant
          AND (t.acked_seq IS NULL OR (t.acked_epoch, t.acked_seq) < (said.epoch, said.seq))
        RETURNING t.terminal_id, t.acked_seq, t.tenant, t.acked_at
    )
    INSERT INTO terminal_acks (terminal_id, acked_seq, tenant, acked_at)
    SELECT terminal_id, acked_seq, tenant, acked_at FROM moved
    ON CONFLICT DO NOTHING
"""


async def store_acks(database: Database, acks: Sequence[tuple[UUID, str, Offset]]) -> None:
    """Store `(terminal, tenant, offset)` for any number of terminals, in one statement.

    An earlier offset than the one that is stored changes nothing, and neither does one later than the
    tenant's head or of a terminal that is not the tenant's.

    Raises:
        Unavailable: PostgreSQL.
    """
    if not acks:
        return
    await database.fetch(
        _STORE,
        [terminal for terminal, _, _ in acks],
        [tenant for _, tenant, _ in acks],
        [offset.epoch for _, _, offset in acks],
        [offset.seq for _, _, offset in acks],
    )
