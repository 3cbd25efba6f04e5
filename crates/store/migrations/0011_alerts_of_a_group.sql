-- What of a group fires, or is looked at again, is found without what has ended.
CREATE INDEX alerts_group_now ON alerts (source, grp, joined_at DESC, fingerprint)
    WHERE incident IS NOT NULL AND (firing = 1 OR watched = 1);
