package detect

import (
	"math"
	"time"
)

// Rule is every number of the model. A zero field means the value of
// [DefaultRule], where each default names its source: "2.4" and "A3" are
// sections and amendments of the detection design, [S] simulated there, [E] a
// choice to be replaced by a measurement.
type Rule struct {
	// The quorum of one target.
	MinSites    int           // floor of K
	Quorum      float64       // K as a share of the sites that can tell
	SmallFleet  int           // below this many sites MFew networks suffice, else MMany
	MFew, MMany int           // least networks among DOWN
	Balance     float64       // least network-balanced failing share F
	BalanceFew  float64       // ... when there are FewNetworks networks or fewer
	FewNetworks int           //
	Coverage    float64       // least share of the former electorate that can tell
	Grace       time.Duration // wait for contradiction after the K-th DOWN, FarGrace after the asking at most
	FarGrace    time.Duration // ... of a vantage region that has said nothing, since the round was opened
	Revote      time.Duration // distance of re-votes of a contradicted round
	Patience    time.Duration // distance of re-votes of fleets with one or two networks or sites

	// Rounds.
	Electorate   int           // most sites asked
	RegionSeats  int           // seats of a vantage region that has as many sites
	Deadline     time.Duration // least D of a confirmation; the most is twice this
	AnswerWithin time.Duration // asked sites abstain at D + this
	Slack        time.Duration // jitter allowed between two ages of one moment
	RoundBudget  int           // asks per BudgetWindow: of one agent; rounds per Electorate sites of the fleet
	BudgetWindow time.Duration
	SuspectWait  time.Duration // a suspicion without a round is forgotten after this

	// Eligibility.
	Silent        time.Duration // no frame for so long: silent
	SilentMetered time.Duration
	References    float64       // least share of references that answer
	SickProviders float64       // share of unrelated providers that fail here alone
	SickNetworks  int           // other networks that must see the target up
	ClockLimit    time.Duration // larger offsets do not date the start of an incident
	Away, OnTrial time.Duration // absent longer than Away: abstains for OnTrial

	// The explainer.
	Tau        float64       // least balanced share of failing rows
	OKCost     float64       // what one healthy row costs an explanation
	MinCover   int           // least failing rows of an explanation
	Join       time.Duration // failures less than this apart are one disturbance
	EmitWait   time.Duration // longest wait for rounds of other targets
	Sibling    time.Duration // ... and of a target whose provider has just had an incident: it may be the same
	Hold       time.Duration // site, network and path explanations must persist
	Merge      time.Duration // a broader explanation upgrades an incident this young
	FreshShare float64       // share of an explanation's targets that need fresh rows
	FreshMany  int           // ... or this many targets

	// Silence.
	Group       time.Duration // silences in one window are one event
	GroupAfter  time.Duration // judged this long after the first
	NearlyAll   float64       // share of a network's sites
	HardlyAny   float64       // share of the others
	FleetShare  float64       // share of the fleet that raises the alarm and freezes
	FreezeLimit time.Duration // longest freeze: then the rest of the fleet is the fleet
	StoppedFor  time.Duration // a site stopped by a goodbye is an incident after this

	// Closing.
	CloseShare  float64       // F at or below it is health
	CloseSites  float64       // share of the formerly failing sites with CloseStreak OKs
	CloseStreak int           // consecutive good scheduled results
	CloseAfter  time.Duration // health must last
	MinOpen     time.Duration
	Reopen      time.Duration // the same trouble within this is the same incident
	Transient   time.Duration // gone within this: transient

	// Data.
	Fresh          time.Duration // an observation speaks for at least this long
	FreshIntervals float64       // ... or for this many intervals
	Late           time.Duration // older at receive: backfill
	Grid           time.Duration // verdict points

	// The quorum of a part of the fleet: a vantage region, an edge (judge_region.go).
	PartSites  int           // floor of its K
	OtherShare float64       // most balanced failing share of the rest
	PartRevote time.Duration // distance of re-votes where all of the part says DOWN and nobody else does
	// Recovery (recover.go).
	Recheck time.Duration // an open outage is asked about every so often

	// Flapping (flap.go).
	FlapTurns  int           // turned bad so often ...
	FlapWindow time.Duration // ... within this: intermittent
	Steady     time.Duration // closes what is intermittent

	// The long tail (linger.go).
	LingerShare float64       // of the peak: a rest
	LingerAfter time.Duration // a rest for so long lingers

	// Reputation (reputation.go).
	Liar       int           // votes against the settled truth that flag a site
	LiarFactor float64       // ... and this many times the fleet's median
	Forget     time.Duration // half of it is forgotten
	AloneFor   time.Duration // alone about a provider for so long: no witness about it
}

// DefaultRule is the rule that ships.
func DefaultRule() Rule {
	return Rule{
		MinSites: 3, Quorum: 0.6, SmallFleet: 6, MFew: 2, MMany: 3, // 2.4 [S]
		Balance: 0.6, BalanceFew: 0.8, FewNetworks: 3, // 2.4 [S]: removes the 5-site, 3-network corner
		Coverage: 0.5, Grace: 150 * time.Millisecond, // 2.4
		FarGrace: 1200 * time.Millisecond,                            // [E] four round trips of 200 ms and what a second attempt begins later
		Revote:   2500 * time.Millisecond, Patience: 5 * time.Second, // 2.4; 2.11 (10 s) and A6 (15 s)

		Electorate: 15, RegionSeats: 3, // A1
		Deadline: time.Second, AnswerWithin: 600 * time.Millisecond, // 2.2 (RFC 6298: RTO 1 s), A1
		Slack:       100 * time.Millisecond,                                           // [E] one-way delays differ
		RoundBudget: 9, BudgetWindow: 10 * time.Second, SuspectWait: 15 * time.Second, // S47: 20 attempts, two per ask, two are the agent's own; six at once (A2); 2.4

		Silent: 3 * time.Second, SilentMetered: 15 * time.Second, // A3
		References: 0.6, SickProviders: 0.3, SickNetworks: 2, ClockLimit: 10 * time.Second, // 2.3
		Away: 60 * time.Second, OnTrial: 30 * time.Second, // A4

		Tau: 0.6, OKCost: 0.5, MinCover: 3, // 2.5 [S]
		Join: 5 * time.Second, EmitWait: 500 * time.Millisecond, Sibling: 3 * time.Second, // A2; [E]: one interval/sites round
		Hold:  4 * time.Second,                                  // [E] outlives a Wi-Fi roam, keeps S03's 10 s
		Merge: 120 * time.Second, FreshShare: 0.6, FreshMany: 6, // 2.5, A2

		Group: 5 * time.Second, GroupAfter: 4 * time.Second, // A3
		NearlyAll: 0.8, HardlyAny: 0.1, FleetShare: 0.3, // A3; the first two [E]
		FreezeLimit: 15 * time.Minute, StoppedFor: 5 * time.Minute, // [E]

		CloseShare: 0.2, CloseSites: 0.6, CloseStreak: 2, // 2.4
		CloseAfter: 60 * time.Second, MinOpen: 60 * time.Second, // 2.4, A10
		Reopen: 90 * time.Minute, Transient: 10 * time.Second, // A16, A10

		Fresh: 10 * time.Second, FreshIntervals: 1.5, // 2.3(2)
		Late: 10 * time.Second, Grid: 30 * time.Second, // 2.6, storage schema

		PartSites: 2, OtherShare: 0.2, PartRevote: 1500 * time.Millisecond, // 2.4; [E]: A13 wants 8 s, of which an interval of a region's sites takes four
		Recheck:   2 * time.Second,                                           // [E] two answers within 5 s of an outage, before anybody is paged
		FlapTurns: 3, FlapWindow: 15 * time.Minute, Steady: 15 * time.Minute, // 2.4
		LingerShare: 0.2, LingerAfter: 10 * time.Minute, // A10
		Liar: 10, LiarFactor: 5, // 2.8
		Forget: 7 * 24 * time.Hour, AloneFor: 7 * time.Minute, // [E]; the latter outlives most trouble on a path (mean 5 min)
	}
}

// K is the least number of DOWN sites among n that can tell: all of them while
// there are fewer than MinSites.
func (r Rule) K(n int) int {
	if n < r.MinSites {
		return n
	}
	return max(r.MinSites, int(math.Ceil(r.Quorum*float64(n)-1e-9)))
}

// partK is K among the n sites of a part of the fleet.
func (r Rule) partK(n int) int {
	return max(r.PartSites, int(math.Ceil(r.Quorum*float64(n)-1e-9)))
}

// M is the least number of networks among the DOWN of n sites.
func (r Rule) M(n int) int {
	switch {
	case n <= r.MFew:
		return n
	case n < r.SmallFleet:
		return r.MFew
	}
	return r.MMany
}

// floor is Fmin, the least balanced share when the sites that can tell sit on
// that many networks.
func (r Rule) floor(networks int) float64 {
	if networks <= r.FewNetworks {
		return r.BalanceFew
	}
	return r.Balance
}

// filled replaces zero fields by the defaults.
func (r Rule) filled() Rule {
	d := DefaultRule()
	fill(&r.MinSites, d.MinSites)
	fill(&r.Quorum, d.Quorum)
	fill(&r.SmallFleet, d.SmallFleet)
	fill(&r.MFew, d.MFew)
	fill(&r.MMany, d.MMany)
	fill(&r.Balance, d.Balance)
	fill(&r.BalanceFew, d.BalanceFew)
	fill(&r.FewNetworks, d.FewNetworks)
	fill(&r.Coverage, d.Coverage)
	fill(&r.Grace, d.Grace)
	fill(&r.FarGrace, d.FarGrace)
	fill(&r.Revote, d.Revote)
	fill(&r.Patience, d.Patience)
	fill(&r.Electorate, d.Electorate)
	fill(&r.RegionSeats, d.RegionSeats)
	fill(&r.Deadline, d.Deadline)
	fill(&r.AnswerWithin, d.AnswerWithin)
	fill(&r.Slack, d.Slack)
	fill(&r.RoundBudget, d.RoundBudget)
	fill(&r.BudgetWindow, d.BudgetWindow)
	fill(&r.SuspectWait, d.SuspectWait)
	fill(&r.Silent, d.Silent)
	fill(&r.SilentMetered, d.SilentMetered)
	fill(&r.References, d.References)
	fill(&r.SickProviders, d.SickProviders)
	fill(&r.SickNetworks, d.SickNetworks)
	fill(&r.ClockLimit, d.ClockLimit)
	fill(&r.Away, d.Away)
	fill(&r.OnTrial, d.OnTrial)
	r.fillRest(d)
	return r
}

func (r *Rule) fillRest(d Rule) {
	fill(&r.Tau, d.Tau)
	fill(&r.OKCost, d.OKCost)
	fill(&r.MinCover, d.MinCover)
	fill(&r.Join, d.Join)
	fill(&r.EmitWait, d.EmitWait)
	fill(&r.Sibling, d.Sibling)
	fill(&r.Hold, d.Hold)
	fill(&r.Merge, d.Merge)
	fill(&r.FreshShare, d.FreshShare)
	fill(&r.FreshMany, d.FreshMany)
	fill(&r.Group, d.Group)
	fill(&r.GroupAfter, d.GroupAfter)
	fill(&r.NearlyAll, d.NearlyAll)
	fill(&r.HardlyAny, d.HardlyAny)
	fill(&r.FleetShare, d.FleetShare)
	fill(&r.FreezeLimit, d.FreezeLimit)
	fill(&r.StoppedFor, d.StoppedFor)
	fill(&r.CloseShare, d.CloseShare)
	fill(&r.CloseSites, d.CloseSites)
	fill(&r.CloseStreak, d.CloseStreak)
	fill(&r.CloseAfter, d.CloseAfter)
	fill(&r.MinOpen, d.MinOpen)
	fill(&r.Reopen, d.Reopen)
	fill(&r.Transient, d.Transient)
	fill(&r.Fresh, d.Fresh)
	fill(&r.FreshIntervals, d.FreshIntervals)
	fill(&r.Late, d.Late)
	fill(&r.Grid, d.Grid)
	fill(&r.PartSites, d.PartSites)
	fill(&r.OtherShare, d.OtherShare)
	fill(&r.PartRevote, d.PartRevote)
	fill(&r.Recheck, d.Recheck)
	fill(&r.FlapTurns, d.FlapTurns)
	fill(&r.FlapWindow, d.FlapWindow)
	fill(&r.Steady, d.Steady)
	fill(&r.LingerShare, d.LingerShare)
	fill(&r.LingerAfter, d.LingerAfter)
	fill(&r.Liar, d.Liar)
	fill(&r.LiarFactor, d.LiarFactor)
	fill(&r.Forget, d.Forget)
	fill(&r.AloneFor, d.AloneFor)
}

func fill[T comparable](p *T, d T) {
	var zero T
	if *p == zero {
		*p = d
	}
}
