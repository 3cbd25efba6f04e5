-- What is due leaves in this order. Without it everything that waits is gone through for each message that leaves; the times are
-- in it so that what is not due yet is passed over without being read.
CREATE INDEX outbox_in_order ON outbox (lane, place, due, retry_at) WHERE state = 'waiting';
