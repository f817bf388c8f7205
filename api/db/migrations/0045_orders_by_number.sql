-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- Orders of a customer are found by the number, however it was written. This is what order_phone says, word for word: a
-- restore, which looks for names nowhere, could not call a function that calls another one.
CREATE INDEX CONCURRENTLY orders_by_number ON orders (
    tenant,
    (CASE WHEN customer_number IS NULL THEN phone_digits(customer_phone) ELSE nullif(ltrim(customer_number, '+'), '') END),
    order_seq DESC
) WHERE (
    CASE WHEN customer_number IS NULL THEN phone_digits(customer_phone) ELSE nullif(ltrim(customer_number, '+'), '') END
) IS NOT NULL
