-- release: 0.2.0
-- phase: pre
-- transaction: none
--
-- Under which secrets cards stand is asked at each start of a pod, however many cards there are.
CREATE INDEX CONCURRENTLY gift_cards_by_secret ON gift_cards (secret_id)
