-- Alerts of monitoring systems, one row each however often it is told. Times are microseconds since 1970 in UTC.
CREATE TABLE alerts (
    source      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    incident    TEXT,
    grp         TEXT,
    firing      INTEGER NOT NULL,
    watched     INTEGER NOT NULL,
    joined_at   INTEGER,
    seen_at     INTEGER NOT NULL,
    row         TEXT    NOT NULL,
    PRIMARY KEY (source, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_incident ON alerts (incident, firing DESC, joined_at) WHERE incident IS NOT NULL;
CREATE INDEX alerts_by_age ON alerts (incident, joined_at) WHERE incident IS NOT NULL;
CREATE INDEX alerts_by_group ON alerts (source, grp, joined_at) WHERE incident IS NOT NULL AND grp IS NOT NULL;
CREATE INDEX alerts_loose ON alerts (seen_at) WHERE incident IS NULL;
CREATE INDEX alerts_watched ON alerts (seen_at) WHERE watched = 1;
