-- release: 0.2.0
-- phase: post
--
-- No pod is left that reckons with two decimals: currencies with others are taken.
CREATE OR REPLACE FUNCTION any_decimals() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT true $$;
