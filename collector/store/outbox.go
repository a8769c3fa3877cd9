package store

// formatOutbox lets a route look at its own letters alone, and an incident at
// its own: a row carries the whole letter, and in a storm every route looks at
// the same time.
const formatOutbox = `
CREATE INDEX outbox_route ON outbox (route, due) WHERE state = 0;
CREATE INDEX outbox_incident ON outbox (incident, created);
DROP INDEX outbox_due;
`
