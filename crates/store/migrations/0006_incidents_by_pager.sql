-- What the pager tells is about an incident by its id there, however many there are.
CREATE INDEX incidents_by_pager ON incidents (row ->> '$.pager_id');
