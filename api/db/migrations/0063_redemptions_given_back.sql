-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- What was given back of a redemption is found by its line.
CREATE INDEX CONCURRENTLY redemptions_given_back ON pos_gift_card_transactions (gives_back)
WHERE gives_back IS NOT NULL
