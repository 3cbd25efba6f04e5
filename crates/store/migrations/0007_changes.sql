-- Changes of services, as whoever made them tells of them. Times are microseconds since 1970 in UTC.
CREATE TABLE changes (
    service TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    row     TEXT    NOT NULL,
    PRIMARY KEY (service, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_by_time ON changes (service, at DESC, key);
CREATE INDEX changes_by_age ON changes (at);
