// Package alert tells people about incidents: it decides who is told what and
// when, writes it in words, and delivers it until it has arrived.
//
// # Three parts
//
// [Decide] is a pure function of what a route was last told, the incident as it
// is, the route and the time. It returns a typed [Reason] also when nothing is
// sent, so that "why was I not called?" has an answer.
//
// [Planner] holds for every incident and route what was told last. It turns an
// incident's change, or the passing of time, into [Letter]s. It does no I/O and
// has no clock: the collector asks it, saves the letters in the same transaction
// as the incident, and tells it so with [Planner.Enqueued]. A crash between
// the two loses nothing: what every route was told follows from the letters in
// the store, and [Planner.Restore] reads it back.
//
// [Sender] works the outbox: one goroutine per route, so that a receiver that
// hangs holds up nobody else, and per incident and route strictly in order, so
// that nobody hears "resolved" before "opened".
//
// # What is told, and what is not
//
// A route's delay counts from the decision (when the incident reached the
// confidence that the route wants), and only if the condition still holds: an
// incident that is gone by then is never told. "Resolved" waits until health has
// lasted for the route's resolve delay, counted from the recovery; until then a
// relapse needs no message, because for the receiver it never ended. After
// "opened" only what changes the reader's mind is told: a higher confidence, another
// label or severity, evidence that a line is down. Counts move all the time and
// are no news. A route that was told of an incident also hears its end, whatever
// became of its kind.
//
// # Delivery
//
// At least once: a crash after the POST and before the note of it sends again.
// The Idempotency-Key header is the same each time, "incident.route.sequence",
// and a receiver that keeps the keys of a day sees every letter exactly once.
//
// 2xx is delivered. Redirects are not followed, because a signed message about a
// customer goes where its owner said and nowhere else. A definite no (any other
// 4xx than 408, 425 and 429, or a redirect) is tried 6 times over about 3 minutes
// and then given up, since the same bytes will meet the same no and the letters
// behind it should not wait for a day; 410 Gone is given up at once. Everything
// else (no connection, timeout, 408, 425, 429, 5xx) backs off from 5 s to 15 min
// with jitter, honours Retry-After up to an hour, and is given up 24 hours after
// the letter was written. What was given up stays in the store, marked dead.
//
// # Signature
//
//	X-Picket-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">
//
// [Verify] is the receiver's side, for whoever writes one in Go. Neither secret
// nor URL is ever put into an error or a log: webhook URLs often are secrets.
package alert
