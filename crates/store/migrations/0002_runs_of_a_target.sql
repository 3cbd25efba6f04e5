-- What holds a target, what was done there lately, and which plans a short code fits: however many runs there are.
CREATE INDEX runs_by_target ON runs (json_extract(row, '$.target'), created_at, id);
CREATE INDEX runs_holding ON runs (json_extract(row, '$.target'), created_at, id)
    WHERE open = 1 OR json_extract(row, '$.status') = 'undo_failed';
CREATE INDEX runs_by_code ON runs (substr(json_extract(row, '$.fingerprint'), 1, 4), created_at, id);
