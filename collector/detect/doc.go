// Package detect judges: results, votes, seats and time go in, incidents come
// out. It is pure. It does no I/O, starts no goroutine, reads no clock and
// draws no random number; every call carries its own now. A whole day of a
// fleet is a loop in a test, and a decision can be repeated from its inputs.
//
// # How a verdict is reached
//
// A suspicion (or a check that an agent already holds down when it says hello,
// or two failed results in a row that nobody was asked about) opens a round
// about one target. The round asks the electorate: all eligible sites, or
// fifteen of them drawn by rendezvous hash over networks and vantage regions.
// [Judge], a pure function with its table in the comment, turns the ballots
// into a [Decision]. Votes count per site, since a site is one line that can
// break, and are balanced per network, since one large ISP must not carry a
// vote. Agreement settles at once, contradiction asks again. Nobody waits for a
// contradiction longer than the farthest site takes for one (Rule.FarGrace), and
// what has held three times although some contradict it waits for nobody. What a
// round found more than Join ago about a target that is being asked about anew
// opens nothing before that round has spoken.
//
// What a round finds is put in place by the explainer (explain.go): a table of
// hypotheses, from one site up to a whole provider, of which the greedy
// smallest explanation of all failing pairs wins. Rounds decide whether;
// the explainer decides what. A provider-side label needs a round behind it.
// Site, network and path labels need none, but must hold for four seconds.
//
// An [Incident] keeps its id through everything: more evidence, a broader
// label (upgrade, within two minutes), a smaller one (when part of it has
// healed), recovery, a return within ninety minutes. Separate incidents that
// turn out to be one are superseded by the oldest.
//
// # The life of an incident
//
// While an outage is open a few of the failing sites are asked every two seconds
// whether it still is one (recover.go). When they say that it works the incident
// is easing: it stays open, and nobody is called. Health by scheduled results
// makes it recovering, a minute of that resolves it; gone within ten seconds it
// was transient. What turned bad three times in a quarter of an hour is
// intermittent and needs fifteen steady minutes (flap.go). When a fifth of the
// peak is left for ten minutes it lingers (linger.go). What is planned is left
// alone (maintenance.go), whose word does not hold is set aside (reputation.go),
// and what is no outage but in the way of seeing one is told as a notice
// (told.go). Outages that only late results show are declared and resolved in
// one breath, and nobody is called for them (late.go).
//
// # Silence is not failure
//
// A site that is not heard abstains. Four seconds after the first of a group
// of silences it is told what they look like together: everybody is the Picket
// server's own line, one network's sites are that network, many sites of many
// networks are the fleet (and freeze new confirmations), one site has lost
// contact. "Line down" is said only on evidence: two agents of a site that fell
// silent together, or the site's own spool, delivered later. Stopping an agent
// on purpose is never a line.
//
// # Time
//
// All times are the collector's. An age travels instead of a time where clocks
// might disagree, so a vote's start is now minus its age, and orders by
// reception. Results older than ten seconds at reception, and those that began
// inside a site's silence, tell of the past: they may date an open incident
// back, reword a silence, or show an outage that is over; they open nothing that
// stays open. The time of a clock that is off by more than ten seconds is not
// used: its live results begin when they were received, its late ones date nothing.
//
// # Choices that the design left open
//
//   - A fleet on one ISP says "between the ISP and the provider" (likely), not
//     "provider": both sentences of the design hold that way.
//   - Failing towards unrelated providers disqualifies a site only if at least
//     two of them fail: with three providers in all, one broken path would. And no
//     fewer ISPs must see those targets up than see them down, or two sites that say
//     that all is well would silence all who know better.
//   - A lone target of a provider that has just had an incident waits up to
//     three seconds for the explanation of both (one id instead of two).
//   - A good answer speaks against an explanation only at its layer: an open
//     port does not contradict a broken certificate.
//   - The window that finds chronically bad checks does not take in failures
//     that an open incident tells of.
//   - "Others reach it" is counted, never assumed: what blames a site, an ISP or
//     a path needs other sites that may vote and reach the same targets. A site
//     without its references is told of as unwell itself, and of no cloud.
//     When nobody can compare any more the incident says so (coverage lost).
//   - DOWN, when closing, is what it is when opening: confirmed by a vote or by
//     a second failure. Once health is reached its minute runs on while F stays
//     at or below CloseShare; only a share on two sites of two networks (two
//     sites of an ISP, a fifth of what a site sees) ends the recovery. Then the
//     counts begin anew, and the peak is told as the past.
//   - What the public address of a silent site does ([Engine.WANAddress]) words its
//     incident and opens none; the site's own results win over it.
//   - A stopped agent is a [Notice]; a site stopped for five minutes, or a third
//     of the fleet at once, is an incident of kind fleet.
//   - A site that holds one provider down alone is no liar for sure: a firewall
//     rule looks the same. So seven minutes of it set its word aside about that
//     provider only, until it agrees again. Only votes against a settled round, at
//     ten of them and five times the fleet's median, set it aside as a whole; what
//     fails towards one provider at a time is one of them, not one for each target.
//   - One agent may open three times its even part of the fleet's rounds: a liar
//     leaves most of the budget to the others.
//   - A pair in maintenance abstains, and its failures are forgotten, so that what
//     still fails afterwards is found anew by two results.
//   - While the fleet is in trouble confirmations are capped at likely, for
//     fifteen minutes at most: then the rest of the fleet is the fleet.
//
// # Where it is
//
// The table of hypotheses is in shapes.go, its tallies in hypothesis.go, the
// greedy pick in explain.go. Besides sites, ISPs, targets and clouds it knows
//
//   - shared components (dependencies), which a target may have several of, and
//     their edges: which one answered whom is remembered from good answers, since
//     a failing probe meets nobody. Edges come before ISPs.
//   - vantage regions: towards one endpoint, component or cloud, and as a whole.
//     The first three need a round in which that region had a quorum of its own,
//     three times (1.5 s apart where nobody contradicts, else 2.5 s), while the
//     rest was well ([JudgeRegion]); the whole internet of
//     a region blames a way, not a cloud: like an ISP it needs none and holds 4 s.
//   - the two IP versions, where a target is asked over both: it counts as two.
//     What blames one of them needs the other one to be there and well.
//   - references, by themselves (reference.go): no cloud, no site is concerned.
//
// Rounds about one region or edge wait for the oldest about the same cloud or
// component: one answer settles them all, and re-votes are paid by every agent.
// A round of an edge opens nothing by itself: whose edge it is only the explainer
// knows. Of three sites, two in one region are no region: the rest needs two
// sites on two networks to testify that it is well.
//
// An incident also says why it is not the label beside it (neighbours.go), from
// the tallies at the moment of the pick, and whom it reaches (impact.go).
//
// # Less than an outage
//
// Two detectors run beside the quorum. Failures pooled over the fleet (pool.go,
// partial.go) find what fails in part: severity partial. Agents that say by how
// much a check has become slower (slow.go) are rows of the same explainer:
// severity degraded, as is a line of ours that loses or is full. How
// severities live together is in mild.go.
//
//   - Where half or more of the requests fail the pools wait six seconds: the
//     votes, or an agent's word on its own line, explain that better. What stops
//     at once after the alarm is a blip and is not told.
//   - A target on its way to an alarm counts with a sibling that is in alarm, if it
//     fails like it, ten to one (along.go): three chance failures are on the way, too.
//     A vantage region's pool raises no alarm while the rest of the fleet fails like
//     it: it waits for the pool of all.
//   - A partial failure is narrowed to a vantage region by what the pools find for a
//     minute, never by each site's latest result. Slowness told of one region is told
//     of all once another is slow, not once it cannot tell.
//   - Pairs that have failed, or were asked too rarely to tell, are failing rows;
//     if no label fits that (some sites fail, always the same ones), everybody
//     who looks at an alarmed target is one.
//   - A pool that is in alarm is told until a minute was well; the share of
//     failing requests is not told smaller because it ends.
//
// # What stays
//
// Rows of partial and slow pairs go through the same explainRows as those of what
// is down. Kinds, states and codes are stored as text and are never renamed.
//
// # Cost
//
// Measured per second of CPU on one core of an AMD EPYC, four checks per target,
// everything that passing time costs included (BenchmarkResults, BenchmarkState).
// The same machine gave half of the calm figures in a slow hour and up to twice as
// much in a good one.
//
//	sites x targets                        12 x 26      1,000 x 500
//	results/s, 0.3 % of them failing       3,300,000    900,000
//	results/s, one provider down           490,000      310,000
//	allocations per result, calm           0.01         0.07
//	allocations per result, provider down  3.4          1.6
//	bytes per pair, 4/2/1 checks           631/399/293  183/100/58
//	bytes for one more pair, 4/2/1 checks  178/96/55
//
// 1,000 x 500 with four checks is 92 MB. Of a small fleet most is what a check, a
// target, a site and a provider cost by themselves (200 x 100: 213 bytes): one more
// pair costs its cells (40 bytes a check), 12 bytes for the pools, and one bit a check.
// An explanation of the largest fleet needs some 50 MB more for as long as it lasts.
//
//   - A cell is 40 bytes; beside the cells an agent has one bit per check, set while
//     the check is DOWN (agent.failing). Who looks for trouble reads those.
//   - A verdict depends on what is fresh and who may vote, which time changes, so
//     it is no running count. It is made for all targets that stirred, in one pass
//     through the agents in the order of memory (jury), tens of milliseconds for
//     the whole of 1,000 x 500, at most once a second; quiet targets every 5 s.
//   - Who is sick (findSick) is found from the failing checks alone.
//   - The explainer costs sites x targets. Rows are counted by class (classes.go),
//     what a class belongs to is looked up by number, and only the scopes whose
//     failing rows outweigh their healthy ones are given rows. Before it makes a
//     row while no outage is open, a scope that holds as many failing rows as its
//     kind needs must resist being outweighed by healthy ones (hopeless.go); noise
//     never does.
//   - From 100,000 pairs on (largeFleet) rounds that end wait for half a second to
//     have passed since the last explanation: up to that much later for a cheaper
//     outage of a thousand sites.
//   - An edge costs 2 bytes per check of agents that have ever seen one.
package detect
