-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- Orders of a customer are found by the digits of the number, however it was written.
CREATE INDEX CONCURRENTLY orders_by_phone ON orders (tenant, phone_digits(customer_phone), order_seq DESC)
    WHERE phone_digits(customer_phone) IS NOT NULL
