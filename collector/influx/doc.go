// Package influx writes Picket's points to InfluxDB, and is the only door to
// its client library.
//
// # What is used of the library, and what is not
//
// influxdb-client-go's blocking WriteRecord: one call is one POST, and nil means
// that the server said 2xx. Its asynchronous API drops partial writes, evicts
// from a queue in memory and retries only when more is written; its point
// encoder costs forty times ours; its gzip is the slow one. So the lines are
// encoded here (append.go, no allocation per point), compression happens in a
// RoundTripper (klauspost's gzip at level 1, and none at all over loopback,
// where it costs more than it saves), and retrying is the caller's, who holds
// the data until it is acknowledged.
//
// # What a status means
//
//	2xx            durable in InfluxDB; Write returns nil
//	400 422        a line is bad: found by bisecting, set aside, the rest is
//	               written; Write returns nil
//	413            too much at once: written in halves
//	401 403 404 …  [AlarmError]: nothing is wrong with the data, somebody must
//	               mend the configuration; keep the data, try again slowly
//	408 429 5xx 0  [BusyError]: keep the data, try again after RetryAfter or a
//	               backoff of your own
//
// Writing the same lines again is harmless: same series and timestamp is the
// same point, and the timestamps come from the agents. That is what makes an
// unknown outcome (a timeout, a crash) safe to repeat.
//
// # Bad lines
//
// InfluxDB 1.8 and 2.x store the good points of a "partial write" and refuse the
// bad ones (a field that was an integer becomes a float, a point older than the
// retention), without saying which lines those were. So a refused batch is
// written again in halves until single lines remain. If the server says that it
// dropped as many points as were sent, all are bad and no halves are needed. A
// Write spends at most [maxSalvage] requests so; what is undecided then is set
// aside as a whole, because a batch that can never succeed would stop every
// result behind it. On servers that store partially the good ones among it are
// stored nevertheless.
//
// Lines set aside go to the dead-letter file, one JSON object with the server's
// reason per line, so that nothing is lost without a trace; the file is bounded
// and turned over once.
//
// # Schema
//
// Every point that the Picket server writes is encoded here, and what a dashboard
// or somebody's own query may rely on is what the encoders write:
//
//	probe      one result of one check; a DNS probe names the resolver that it asked
//	verdict    what was judged of a target, every 30 s and on change
//	incident   what was found; one point for each, written again when it changes
//	agent      how an agent is, every 30 s
//	collector  how the Picket server itself is, every 30 s
//	notify     an alert that arrived on one route, or was given up
//	official   what a cloud says of itself, of each place that is watched, every 30 s
//	notice     something that a cloud posted
//
// On the 30 s grid a verdict says whether the state is known and whether the target
// is in maintenance. It has `good` only where it is known and not in maintenance, so
// that mean("good") is the availability and mean("known") the coverage. An incident
// that concerns everybody has the client "*": a field that is absent could not be
// asked for. States of `official` are ordered so that the worst is the largest, and
// what is not known is worse than what is well.
//
// Field types are fixed for ever: a field that changes its type is refused by every
// shard that knows it. Tags are bounded sets (never addresses, errors or ids, but
// those of `incident` and `notice`); empty tags and phases that did not happen
// are left out. Timestamps are milliseconds.
//
// Tokens never appear in errors or logs.
package influx
