-- release: 0.2.0
-- phase: pre
--
-- Tickets: a page opens one stream with one instead of the terminal's key. Kept as a hash; good once, for a minute, and
-- for as long as the key that asked for it. A row goes when it is used, and an hour after its time at the latest.
CREATE TABLE tickets (
    ticket_hash bytea PRIMARY KEY CHECK (octet_length(ticket_hash) = 32),
    -- the key that asked for it; refers to nothing, since a ticket without its key opens nothing
    key_hash    bytea NOT NULL,
    terminal_id uuid NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX tickets_terminal ON tickets (terminal_id, expires_at);
