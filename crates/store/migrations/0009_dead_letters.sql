-- Dead letters are counted whenever somebody looks at the metrics, however much else was kept.
CREATE INDEX inbox_dead ON inbox (source) WHERE state = 'kept' AND substr(reason, 1, 13) = 'dead letter: ';
