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
// vote. Agreement settles at once, contradiction asks again.
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
// back or reword a silence, and open nothing.
//
// # Choices that the design left open
//
//   - A fleet on one ISP says "between the ISP and the provider" (likely), not
//     "provider": both sentences of the design hold that way.
//   - Failing towards unrelated providers disqualifies a site only if at least
//     two of them fail: with three providers in all, one broken path would.
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
//   - A stopped agent is a [Notice]; a site stopped for five minutes, or a third
//     of the fleet at once, is an incident of kind fleet.
//   - While the fleet is in trouble confirmations are capped at likely, for
//     fifteen minutes at most: then the rest of the fleet is the fleet.
//
// # What slots in later
//
// Partial failure, latency, dependencies, edges, vantage regions, flapping,
// reputation: new rows of the hypothesis table, new scopes for Judge, new
// fields of the cell. Kinds, states and codes are stored as text and are never
// renamed.
//
// # Cost
//
// About a quarter of a microsecond and no allocation per result, 40 bytes per
// (agent, check), so 160 per (site, target) with four checks. The explainer
// costs sites x targets and runs at most twice a second, and only while
// something is wrong.
package detect
