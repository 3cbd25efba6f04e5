-- What has ended long ago is found by when it was told last, however many alerts there are.
CREATE INDEX alerts_ended ON alerts (seen_at) WHERE firing = 0 AND watched = 0;
