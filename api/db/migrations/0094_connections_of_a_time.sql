-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- A terminal's connections of a given time, out of the thousands that it may have had; what goes on ends last of all.
-- None of the columns changes with an ack, so an ack writes no entry here.
CREATE INDEX CONCURRENTLY readings_of_time ON readings (
    terminal_id, coalesce(ended_at, 'infinity'), began_at, from_seq
)
