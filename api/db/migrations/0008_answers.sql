-- What answers are made of, and the index by which unseen orders are found.

-- A moment as clients read it: RFC 3339, UTC, milliseconds.
CREATE FUNCTION rfc3339(p_moment timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT to_char(p_moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

-- Pending online orders by position: those later than the tenant's newest ack are the unseen ones.
CREATE INDEX orders_unseen ON orders (tenant, event_epoch, event_seq)
    WHERE status = 'pending' AND event_seq IS NOT NULL;
