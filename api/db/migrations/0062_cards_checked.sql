-- release: 0.2.0
-- phase: pre
--
-- What holds for every card and every line from now on held before, too.
ALTER TABLE gift_cards VALIDATE CONSTRAINT gift_cards_holds_what_was_paid;
ALTER TABLE gift_cards VALIDATE CONSTRAINT gift_cards_voided_is_empty;
ALTER TABLE pos_gift_card_transactions VALIDATE CONSTRAINT pos_gift_card_transactions_is_a_move;
