-- Where the attempts of a message went whose outcome is not known, as JSON: [{"channel": "C1", "thread": "1.5"}].
ALTER TABLE outbox ADD COLUMN tried TEXT;
