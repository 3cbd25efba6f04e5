-- What is worth keeping and is no history: what the pager last said, and where each trigger stands. `value` is JSON.
CREATE TABLE kept (
    key TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID, STRICT;
