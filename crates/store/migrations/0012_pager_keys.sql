-- By its key a page finds the alerts of its group. What was told before has none until it is told again, and is looked through.
ALTER TABLE alerts ADD COLUMN pager_key TEXT;
CREATE INDEX alerts_by_pager_key ON alerts (pager_key) WHERE incident IS NOT NULL AND pager_key IS NOT NULL;
CREATE INDEX alerts_without_key ON alerts (source, grp) WHERE incident IS NOT NULL AND grp IS NOT NULL AND pager_key IS NULL;
