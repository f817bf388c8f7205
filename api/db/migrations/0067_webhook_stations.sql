-- release: 0.2.0
-- phase: pre
--
-- A webhook endpoint may ask for the orders of some stations and categories. Pods of the version before deliver all that
-- passes its types. See docs/decisions/0122-stations.md.
ALTER TABLE webhook_endpoints ADD COLUMN stations text[], ADD COLUMN categories text[];

-- Whether an event passes a filter; backbone/contract/event_filter.py has the same rule, and a test compares the two.
CREATE FUNCTION event_passes(
    p_types text[], p_stations text[], p_categories text[], e_type text, e_stations text[], e_categories text[]
) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT (p_types IS NULL OR e_type = ANY (p_types))
       AND (p_stations IS NULL OR coalesce(e_stations, '{}') = '{}' OR p_stations && e_stations)
       AND (p_categories IS NULL OR coalesce(e_categories, '{}') = '{}' OR p_categories && e_categories)
$$;
