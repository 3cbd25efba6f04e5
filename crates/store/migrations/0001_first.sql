-- Times are microseconds since 1970 in UTC.

-- The journal. Order is (stream, seq), never time.
CREATE TABLE events (
    stream TEXT    NOT NULL REFERENCES streams (stream),
    seq    INTEGER NOT NULL,
    bytes  BLOB    NOT NULL,
    hash   BLOB    NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- The store-wide chain: a link for every stream that is opened and for every checkpoint.
CREATE TABLE openings (
    n    INTEGER NOT NULL PRIMARY KEY,
    kind TEXT    NOT NULL CHECK (kind IN ('stream', 'checkpoint')),
    body BLOB    NOT NULL,
    hash BLOB    NOT NULL
) STRICT;

-- Which link opened a stream, and how far checkpoints have covered it. Derived from the two above.
CREATE TABLE streams (
    stream       TEXT    NOT NULL PRIMARY KEY,
    n            INTEGER NOT NULL UNIQUE REFERENCES openings (n),
    checkpointed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- A slip of ours cannot rewrite history; who edits the file on purpose is found by the chains.
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER openings_stay BEFORE UPDATE ON openings BEGIN SELECT RAISE(ABORT, 'links are never changed'); END;
CREATE TRIGGER openings_remain BEFORE DELETE ON openings BEGIN SELECT RAISE(ABORT, 'links are never deleted'); END;

CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- body is NULL once the message is done; the row stays, so that a redelivery still falls away.
CREATE TABLE inbox (
    n           INTEGER NOT NULL PRIMARY KEY,
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    body        BLOB,
    received_at INTEGER NOT NULL,
    state       TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'kept')),
    reason      TEXT,
    UNIQUE (source, id)
) STRICT;
CREATE INDEX inbox_pending ON inbox (n) WHERE state = 'pending';
CREATE INDEX inbox_kept ON inbox (n) WHERE state = 'kept';

-- place orders a group. retry_at is set by a failed attempt and outlasts being asked for again.
-- payload is NULL once the message has left; the key stays, so that it is not sent twice.
CREATE TABLE outbox (
    key        TEXT    NOT NULL PRIMARY KEY,
    place      INTEGER NOT NULL UNIQUE,
    version    INTEGER NOT NULL,
    lane       INTEGER NOT NULL,
    grp        TEXT    NOT NULL,
    payload    TEXT,
    due        INTEGER NOT NULL,
    retry_at   INTEGER,
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    state      TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    error      TEXT
) STRICT;
CREATE INDEX outbox_waiting ON outbox (grp, place) WHERE state = 'waiting';

CREATE TABLE timers (
    key    TEXT    NOT NULL PRIMARY KEY,
    due    INTEGER NOT NULL,
    stream TEXT    NOT NULL,
    what   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_by_due ON timers (due, key);

CREATE TABLE tokens (
    sha256     TEXT    NOT NULL PRIMARY KEY,
    person     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    sha256 TEXT NOT NULL PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

-- Read models: the row as JSON, and the columns that are asked for.
CREATE TABLE incidents (
    id     TEXT    NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    open   INTEGER NOT NULL,
    row    TEXT    NOT NULL
) STRICT;
CREATE INDEX incidents_by_number ON incidents (number);
CREATE INDEX incidents_open ON incidents (number) WHERE open = 1;

CREATE TABLE runs (
    id         TEXT    NOT NULL PRIMARY KEY,
    incident   TEXT,
    open       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    row        TEXT    NOT NULL
) STRICT;
CREATE INDEX runs_by_age ON runs (created_at, id);
CREATE INDEX runs_by_incident ON runs (incident, created_at, id);
CREATE INDEX runs_open ON runs (created_at, id) WHERE open = 1;
