-- release: 0.2.0
-- phase: post
--
-- No pod is left that keeps no readings: nothing is kept for them, and nothing that they say silences an alarm.
-- `terminal_acks` goes a release later: until its retention has passed, orders from before have their receipts there.
DROP TRIGGER terminals_acked_before ON terminals;
DROP FUNCTION silence_as_before();
CREATE OR REPLACE FUNCTION silence_as_before(p_tenant text, p_epoch integer, p_seq bigint) RETURNS void
LANGUAGE sql AS $$ $$;
CREATE OR REPLACE FUNCTION mirror_acks(p_readings uuid[]) RETURNS void
LANGUAGE sql AS $$ $$;
CREATE OR REPLACE FUNCTION old_gateways() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;
