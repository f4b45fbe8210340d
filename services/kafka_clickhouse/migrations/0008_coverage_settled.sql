-- Up to when (by insertion) trades had all their hours in the ledger, at the time a row was written. A process that ends in
-- the middle of a pass has written rows of some hours and not of others: the next one goes on from here.

ALTER TABLE trade_coverage
    ADD COLUMN IF NOT EXISTS settled_until DateTime64(3, 'UTC') DEFAULT updated_at - toIntervalSecond(60);
