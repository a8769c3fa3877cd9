// Package store is the collector's memory and SQLite's only door: enrolment
// (clients, sites, agents, join tokens), people (users, their logins, API
// tokens), networks, applied configs, how far each agent's results have been
// taken, rollups, incidents, what people did with them, silences, the alert
// outbox, provider notices and the audit trail. One file, one process, no server to run beside it.
//
// The package knows nothing of detection, alerts or YAML: an incident, a
// message and a config file are documents to it. What it does know is which
// things must become true together, and those are its transactions.
//
// # Joining
//
// A join token is for one agent, for the machines of a site, or for any machine
// of a client; the last kind makes requests that an admin decides about
// ([Store.Redeem], [Store.Approve]). Uses are counted when an agent joins, in the
// transaction that makes it. The same key asks for the same thing: a repeated
// request is the same request, and a repeated join the same agent. Requests are
// bounded by the uses of their token and [maxRequests], and are forgotten after
// two weeks.
//
// # Exactly once
//
// Agents send at least once. A result's identity is (agent, run, seq), and the
// mark of (agent, run) says up to which seq the results were taken. [Store.Commit]
// reads the mark, skips what is at or below it, adds the rest to the rollups and
// moves the mark, in one transaction: after a crash at any instant the marks
// and the rollups agree to the last result. Seqs that never came are counted
// as lost, with the reason the agent gave; they are no data, neither up nor
// down.
//
// Many deliveries share one transaction (group commit), because what a commit
// costs is mostly its one fsync.
//
// # Why synchronous=FULL
//
// When Commit returns, the collector acknowledges and the agent deletes its
// copy. In WAL mode synchronous=NORMAL does not sync the log at commit; a
// power cut may then take back transactions that were already acknowledged,
// and those results exist nowhere any more. FULL syncs the log at each commit.
// With group commit the price is one fsync for thousands of results; the
// benchmark in this package measures the two side by side.
//
// # One writer
//
// SQLite has one writer at a time whatever we do, so the package has exactly
// one write connection, and a queue in front of it ([database/sql] with one
// connection), instead of many that meet SQLITE_BUSY. Transactions begin
// immediate: one that reads before it writes can then not fail halfway because
// another one wrote in between. Readers are a separate pool, opened read-only;
// WAL lets them read while a commit runs.
//
// A second process on the same file is refused by a lock on a file beside it
// (".lock"), because two collectors would both hold marks, caches and sessions.
// The lock belongs to the process and vanishes with it, also by SIGKILL.
// Operator verbs therefore never open this file; they ask the collector.
//
// # Formats
//
// The format number lives in PRAGMA user_version, and PRAGMA application_id
// tells our file from any other SQLite file. Migrations only go forward, in
// order, each in its own transaction together with its number. Before the first
// one the old file is copied (VACUUM INTO) to "<file>.format<N>.bak". A file of
// a newer format is refused untouched: an old program that writes into a new
// schema destroys what it does not understand.
//
// # Copies
//
// [Store.Backup] copies the database while it is used: one read transaction
// (VACUUM INTO), so the copy is one moment and commits go on. Who goes on from
// a copy calls [Store.Restored] once, because the world has moved on since it
// was made: numbers given away after it must not be given to others, and
// logins and silences ended after it must not live again. Marks are as old as the copy: what
// agents delivered after it and deleted is gone, and counts as lost.
//
// # People
//
// Passwords, cookies and tokens are here as hashes only, made elsewhere. What
// the package holds by itself: rights that are taken away end the logins that
// had them, in the same transaction.
//
// Who took an incident on first, and when each client was first told of it, can
// never be changed: response times are made of them, and nobody can find them
// out afterwards. The same holds for planned work: a maintenance window is kept
// as it was applied, with what it covered, also when the file says otherwise later.
//
// What the providers' status feeds said, how many sites could judge each region
// of a cloud at each minute, and which line each site was on cannot be found out
// later either (records.go). A minute without a row is one in which the collector
// was not there.
//
// # Sizes
//
// Rollups are per check and vantage region, never per agent, so they grow with
// what is watched and not with who watches: a row is about 40 bytes. Minutes
// are kept for 14 days, hours, silences, records and the audit trail for 13 months ([Store.Prune]). Quantile sketches
// are not here yet; the rows have count, sum, minimum and maximum.
//
// Times are stored as Unix milliseconds, 0 meaning "never". Runs are random
// uint64 and stored bit for bit in SQLite's signed integers.
package store
