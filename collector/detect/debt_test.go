package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// debtor drives an engine that hears of good results either as they come, or,
// while it is calm, only when it asks for them.
type debtor struct {
	e      *Engine
	lazy   bool
	fleet  []Site
	checks []fleet.Check
	place  map[string]int // of a target
	debt   map[[2]int]int
	last   map[[2]int]time.Time // arrival of the latest result owed
	ticked time.Time
	votes  []pledge
	log    []string
}

// pledge is a vote on its way.
type pledge struct {
	at   time.Time
	site int
	vote Vote
}

const (
	debtEvery = 10 * time.Second
	debtTotal = 80 * time.Millisecond
)

func newDebtor(now time.Time, fleet []Site, cfg fleet.Config, lazy bool) *debtor {
	d := &debtor{e: New(Options{NoVerdicts: true}), lazy: lazy, fleet: fleet, checks: cfg.Checks, place: map[string]int{}, debt: map[[2]int]int{}, last: map[[2]int]time.Time{}}
	d.e.SetFleet(now, fleet)
	d.e.SetConfig(now, cfg)
	for i, t := range cfg.Targets {
		d.place[t.ID] = i
	}
	for _, s := range fleet {
		d.e.Hello(now, s.Agents[0], true, 0, nil)
		d.e.Health(now, s.Agents[0], Health{RefsOK: 5, RefsAsked: 5, Voting: true})
	}
	return d
}

func (d *debtor) pay(site, check int) {
	k := [2]int{site, check}
	if n := d.debt[k]; n > 0 {
		delete(d.debt, k)
		d.e.Quiet(d.last[k], d.fleet[site].Agents[0], uint32(check), n, debtEvery, d.last[k].Add(-debtTotal), debtTotal)
	}
}

func (d *debtor) payWhere(which func(site, target int) bool) {
	for s := range d.fleet {
		for c := range d.checks {
			if which(s, d.place[d.checks[c].Target]) {
				d.pay(s, c)
			}
		}
	}
}

func (d *debtor) payAll() { d.payWhere(func(int, int) bool { return true }) }

func (d *debtor) heed(now time.Time) {
	for _, s := range d.fleet {
		d.e.Contact(now, s.Agents[0])
	}
	d.e.Heeded(func(t int) { d.payWhere(func(_, at int) bool { return at == t }) },
		func(s int) { d.payWhere(func(at, _ int) bool { return at == s }) })
}

func (d *debtor) tick(now time.Time) {
	if d.heed(now); d.e.Explains(now) && !d.e.Hopeless(now) {
		d.payAll()
	}
	d.e.Tick(now)
	d.ticked = now
	d.drain(now)
}

func (d *debtor) good(now time.Time, site, check int) {
	if d.lazy && d.e.Calm(now) {
		d.debt[[2]int{site, check}]++
		d.last[[2]int{site, check}] = now
		return
	}
	d.payAll()
	d.e.Observe(now, Observation{Agent: d.fleet[site].Agents[0], Check: uint32(check), Start: now.Add(-debtTotal), Result: probes.Result{Outcome: probes.Up, Total: debtTotal}})
	d.drain(now)
}

// attend pays what a failure may read.
func (d *debtor) attend(now time.Time, site, check int) {
	target := d.place[d.checks[check].Target]
	for s := range d.fleet {
		d.pay(s, check)
	}
	for s := range d.fleet {
		for c := range d.checks {
			ofSite, ofTarget := d.e.Excursion(site, target)
			if at := d.place[d.checks[c].Target]; ofSite && s == site || ofTarget && at == target {
				d.pay(s, c)
			}
		}
	}
	if now.Sub(d.ticked) >= time.Second {
		d.tick(now)
	}
	d.heed(now)
}

func (d *debtor) bad(now time.Time, site, check int) {
	d.attend(now, site, check)
	agent := d.fleet[site].Agents[0]
	d.e.Observe(now, Observation{Agent: agent, Check: uint32(check), Start: now.Add(-time.Second), Result: probes.Result{Outcome: probes.Down, Cause: probes.TCPTimeout, Total: time.Second}})
	d.drain(now)
	d.attend(now, site, check)
	d.e.Suspect(now, agent, Suspicion{Check: uint32(check), Cause: probes.TCPTimeout, Age: time.Second})
	d.drain(now)
}

// drain notes what came out, and answers: sites that fail say so, most others are well.
func (d *debtor) drain(now time.Time) {
	for _, ev := range d.e.Drain() {
		switch ev := ev.(type) {
		case Ask:
			d.log = append(d.log, fmt.Sprint(now.Sub(d.e.born), " ask ", ev.Check, ev.Attempt, ev.Agents, ev.Deadline))
			for s, v := range d.fleet {
				if slices.Contains(ev.Agents, v.Agents[0]) {
					luck := rand.New(rand.NewPCG(ev.Round, uint64(s)+uint64(ev.Attempt)<<8))
					vote := Vote{Round: ev.Round, Attempt: ev.Attempt, Answer: vantage.Up, RefsOK: 3, RefsAsked: 3, Age: 300 * time.Millisecond}
					if d.e.agents[v.Agents[0]].cells[ev.Check].outcome == probes.Down && luck.IntN(2) == 0 {
						vote.Answer, vote.Cause = vantage.Down, probes.TCPTimeout
					}
					d.votes = append(d.votes, pledge{now.Add(time.Duration(300+luck.IntN(600)) * time.Millisecond), s, vote})
				}
			}
		case IncidentEvent:
			d.log = append(d.log, fmt.Sprint(now.Sub(d.e.born).Round(time.Second), ev.What, ev.Incident.Title, ev.Incident.DownSites))
		}
	}
}

func (d *debtor) vote(now time.Time, p pledge) {
	r := d.e.rounds[p.vote.Round]
	if r != nil {
		d.pay(p.site, int(r.check))
	}
	if r != nil && d.e.ExplainsAfter(p.vote.Round, p.vote.Answer == vantage.Up) {
		at := r.t.i
		d.payWhere(func(_, t int) bool { return t == at })
		d.heed(now)
		if !d.e.Hopeless(now) {
			d.payAll()
		}
	}
	d.e.Vote(now, d.fleet[p.site].Agents[0], p.vote)
	d.drain(now)
}

// sums is all that the pools and the cells hold.
func (d *debtor) sums() []string {
	var out []string
	for _, t := range d.e.targets {
		out = append(out, fmt.Sprint(t.ID, " ", t.pool.sum, t.pool.alarm, t.pool.recent))
		for i := range t.regional {
			out = append(out, fmt.Sprint(t.ID, " in region ", i, " ", t.regional[i].sum, t.regional[i].recent))
		}
	}
	for _, s := range d.e.sites {
		out = append(out, fmt.Sprint(s.ID, " ", s.pool.sum, s.pool.alarm, s.pool.recent, s.trust.against))
		for i, c := range s.agents[0].cells {
			c.pace = pace{}
			out = append(out, fmt.Sprintf("%s %d %+v", s.ID, i, c))
		}
	}
	return append(out, fmt.Sprint("base rate ", d.e.pools.hours))
}

// TestWhatIsOwedChangesNothing: two engines see the same noise of failures and
// rounds. One hears of each good result at once; the other, while it is calm,
// only of those that it asks for. Both ask the same questions at the same moments,
// and in the end hold the same sums.
func TestWhatIsOwedChangesNothing(t *testing.T) {
	t.Parallel()
	owed, seeds := 0, uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 7))
		sites := feederSites(9, 5)
		cfg := testConfig([]probes.Kind{probes.TCP, probes.HTTP}, debtEvery)
		now := time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC)
		eager, lazy := newDebtor(now, sites, cfg, false), newDebtor(now, sites, cfg, true)
		both := []*debtor{eager, lazy}
		pairs := len(sites) * len(cfg.Checks)
		step := debtEvery / time.Duration(pairs)
		for n := range 100 * pairs {
			now = now.Add(step)
			for _, d := range both {
				for len(d.votes) > 0 {
					slices.SortStableFunc(d.votes, func(a, b pledge) int { return a.at.Compare(b.at) })
					if d.votes[0].at.After(now) {
						break
					}
					p := d.votes[0]
					d.votes = d.votes[1:]
					d.vote(now, p)
				}
				next, due := d.e.NextRound()
				if !d.lazy || !d.e.Calm(now) {
					next, due = d.e.Next()
				}
				if due && !next.After(now) {
					d.tick(now)
				}
			}
			pair := n % pairs
			site, check := pair%len(sites), pair/len(sites)
			fails := rng.Float64() < 0.004 || n/pairs > 2 && seed%2 == 0 && check == 3 && site%2 == 0 && rng.Float64() < 0.06
			for _, d := range both {
				if n < 3*pairs || !fails {
					d.good(now, site, check)
				} else {
					d.bad(now, site, check)
				}
			}
			owed = max(owed, len(lazy.debt))
		}
		lazy.payAll()
		for _, d := range both {
			d.tick(now.Add(time.Second))
		}
		if len(eager.log) < 20 || !slices.Equal(eager.log, lazy.log) {
			for i := range min(len(eager.log), len(lazy.log)) {
				if eager.log[i] != lazy.log[i] {
					t.Fatalf("seed %d, after %d things\ntold at once: %s\ntold late:    %s", seed, i, eager.log[i], lazy.log[i])
				}
			}
			t.Fatalf("seed %d: %d things when told at once, %d when told late", seed, len(eager.log), len(lazy.log))
		}
		a, b := eager.sums(), lazy.sums()
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("seed %d\ntold at once: %s\ntold late:    %s", seed, a[i], b[i])
			}
		}
	}
	if owed < 50 {
		t.Errorf("never more than %d results were owed", owed)
	}
}
