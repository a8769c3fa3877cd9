// Package simulate plays worlds with a known truth on the production code: the
// check states of internal/vantage, suspicions and rounds, and collector/detect,
// in virtual time and without sockets.
//
// # The file
//
// A scenario ([Scenario]) says who looks, what is watched, what breaks for whom,
// what must be declared by when, and what must never be. [Load] reads it and
// fills in every default; [Write] prints it; [Defaults] is what an empty file
// describes. The format may grow and never changes its meaning: files that
// others wrote must keep running. Every key is optional but ids, the network of
// a site, the provider of a target that is not private, and how a fault breaks:
//
//	id, title, seeds: 50, duration: 10m, cold: false, interval: 10s
//	fleet: {relay_delay: 30ms, sites: [{id, client, network, region, upstream, os, agents, clock, families}]}
//	targets: [{id, provider, service, region, client, depends, edge: {vantage region: edge}, kinds, rtt, interval, families}]
//	references: [{id, network, kinds}]
//	noise: {fail, clears_on_retry, uplink | isp | path | site_path: {per_year, lasts}, latency: {sigma, spikes, ar1}}
//	faults: [{at, for, ramp, every, spread, who, what, uplink, how, rate}]
//	who: {site, client, network, region, agent, os, family, share}
//	what: {all, provider, service, region, target, depends, edge, kind, reference}
//	expect: [{kind, scope and properties of an incident, within, of} | {any: [...], within, of} | {flagged, max_probes, ineligible}]
//	forbid: [{kind, scope and properties, page, after, before}]
//
// A selector takes one value or a list. Durations are Go's, with d for 24
// hours. The values of how are the constants from [Refused] to [Clock].
//
// # Decisions of the format
//
//   - A file with a mistake is not run: a misspelt key or a name that does not
//     exist would make a scenario that tests nothing and passes. So names in
//     selectors, expectations and prohibitions must be defined, and a fault must
//     hit somebody. All mistakes are told at once, each with its place. The
//     vantage regions of edge and rtt alone may be unknown: a list of targets
//     serves fleets of several places.
//   - "within: 3s" bounds the 95th percentile of the seeds, and the maximum by
//     twice that; {p95, max} sets both. Without it any time to the end will do.
//   - Time counts from the start of fault `of`. The times after, before, open_at
//     and closed_after are of the run.
//   - forbid knows three things that expect does not: kind any, kind
//     provider-side, and {page, count: n}, an n-th message that must not follow.
//   - collector_restart without `for` is down for 5 s.
//
// # What is real and what is played
//
// Every agent is a real [picket/internal/vantage.Vantage] on the production
// schedule's phases; the loops of package agent around it (ask, judge, doubt,
// confirm, answer, report, spool) are re-enacted event by event, and one real
// [picket/collector/detect.Engine] is driven as the collector drives it: ticked
// when Next says, drained after each call, restored from what was stored.
// Alerts are planned by [picket/collector/alert.Planner] for one route of
// everything that says nothing about delays, as a file without them makes it
// ([config.DefaultDelay]). Played are the network and the clouds: what an attempt meets is a pure
// function of who asks what at which moment, from the scenario's faults and the
// run's seed.
//
// All randomness comes from the seed, each pair of an agent and a check having
// dice of its own: what happens to one never changes another's luck. The wall
// clock at 0 differs by the seed, or every run would meet a fault in the same
// phase of the schedule.
//
// # What an attempt costs
//
// A good probe spends a round trip on each phase it has: name, connection, TLS,
// request. What fails quickly fails a round trip into its phase; what hangs costs
// the whole timeout; a refused connection on Windows costs 1.5 s more
// (detection.md, amendment 7). The lowest phase that breaks is what is seen. An
// edge tells its name in the header of an answer: when no answer comes, nobody
// learns it. What has `uplink` takes the resolver with it, so that names fail
// before connections do. A name that the site's own resolver does not know fails
// as the target's DNS does: that is what probes tell today.
//
// Noise: an attempt that fails by itself is lost or, half of the connections,
// reset; if a retry does not clear it, all attempts of the next five seconds
// fail, the two of a confirmation together. Independent ones would flatter us.
//
// # The short ways
//
// A fleet-year has 2.4 billion probes, nearly all of them good. Three short ways
// make it bearable, and none of them changes an outcome; a test plays noise,
// episodes, an outage and a part of requests that fails both ways and compares
// suspicions, rounds, incidents and alerts.
//
//   - A probe that ends well before its reply could be overdue is one event, at
//     the moment its result reaches the collector. Its agent learns of it one
//     relay later than it would.
//   - While answers take the same time always (no latency noise), good results
//     arrive in the same order in every interval: a pair whose next attempt is
//     certainly good takes a place on a ring instead of the heap. The agent's
//     vantage point is owed these results, and is told by its Quiet before anything
//     reads what they could change: that check, the references, everything at a
//     hello. A pair takes the ring only when it has been good for a while and is not
//     marked slow or lossy, and leaves it before an attempt that a fault, an episode
//     or its own raw failure may touch.
//   - While the engine says that it is calm, and every agent has a session, it is
//     owed these results, too (world_doze.go), and its timers but those of rounds
//     are left alone: nothing would come of them but verdicts, which no run records.
//     It is ticked before it is told of a failure, for a round asks who could vote
//     lately. Reports without news are taken as heartbeats meanwhile. What the
//     engine looks after once a second may so be told up to a second sooner or
//     later, and an update on the way to the same end be worded by what was known
//     then; where rounds wait for budget, a millisecond may change their order.
//
// What still costs are raw failures: each has a suspicion, a round and sixty
// probes behind it.
package simulate
