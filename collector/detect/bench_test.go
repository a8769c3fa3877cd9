package detect

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// load drives an engine as a fleet at work does: every agent runs every check
// once in ten seconds, spread evenly, and delivers its results ten times a
// second; it is heard once a second; three results in a thousand fail; a
// question of the engine is answered; Tick is called when it is due.
type load struct {
	e      *Engine
	cfg    fleet.Config
	agents []string
	now    time.Time
	rng    *rand.Rand

	down    []bool // by check: it is broken
	agent   int    // delivers now
	check   int    // next one of its slice of this step
	step    int    // tenths of a second since the start
	results int
	asks    []Ask
	opened  int // incidents
}

const loadSteps = 100 // of 100 ms: one interval

// newLoad makes a fleet of that many sites in front of that many targets of a
// few providers, each asked in so many ways.
func newLoad(sites, networks, targets, providers, kinds int) *load {
	l := &load{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), rng: rand.New(rand.NewPCG(4, 4)), cfg: fleet.Config{ID: 1}}
	var list []Site
	for i := range sites {
		id := fmt.Sprintf("c%d/s%d", i%9, i)
		list = append(list, Site{ID: id, Client: fmt.Sprint("c", i%9), Region: fmt.Sprint("r", i%3), Agents: []string{id},
			Network: fleet.Network{Name: fmt.Sprint("as", i%networks), Basis: fleet.BasisTable}})
		l.agents = append(l.agents, id)
	}
	for i := range targets {
		id := fmt.Sprint("t", i)
		l.cfg.Targets = append(l.cfg.Targets, fleet.Target{ID: id, Provider: fmt.Sprint("p", i%providers),
			Service: fmt.Sprint("s", i/providers%3), Region: fmt.Sprint("g", i/providers/3%8)})
		for _, k := range []probes.Kind{probes.HTTP, probes.Ping, probes.TCP, probes.DNS}[:kinds] {
			l.cfg.Checks = append(l.cfg.Checks, fleet.Check{ID: id + "/" + k.String(), Target: id, Interval: 10 * time.Second, Spec: probes.Spec{Kind: k, Host: id}})
		}
	}
	l.e = New(Options{})
	l.e.SetFleet(l.now, list)
	l.e.SetConfig(l.now, l.cfg)
	for _, id := range l.agents {
		l.e.Hello(l.now, id, true, 0, nil)
		l.e.Health(l.now, id, Health{RefsOK: 5, RefsAsked: 5, Voting: true})
	}
	l.down = make([]bool, len(l.cfg.Checks))
	return l
}

// fail breaks a provider for everybody from now on.
func (l *load) fail(provider string) {
	for i := range l.down {
		t := l.e.checks[i].target
		l.down[i] = t.Provider == provider && l.e.checks[i].reach != probes.LayerNone
	}
}

// next delivers one result, and lets time pass between the steps.
func (l *load) next() {
	for l.check >= len(l.cfg.Checks) {
		if l.agent++; l.agent == len(l.agents) {
			l.pass()
		}
		l.check = (l.step + l.agent*37) % loadSteps
	}
	o := Observation{Agent: l.agents[l.agent], Config: 1, Check: uint32(l.check), Start: l.now.Add(-60 * time.Millisecond),
		Result: probes.Result{Outcome: probes.Up, Total: 40 * time.Millisecond}}
	if l.down[l.check] || l.rng.Uint32() < 1<<32*3/1000 {
		o.Result.Outcome, o.Result.Cause = probes.Down, probes.TCPTimeout
		if l.down[l.check] && l.step%50 == 0 {
			l.e.Suspect(l.now, o.Agent, Suspicion{Check: o.Check, Cause: o.Result.Cause, Age: 60 * time.Millisecond})
		}
	}
	l.e.Observe(l.now, o)
	l.results++
	l.check += loadSteps
}

// pass ends a step of 100 ms: heartbeats, answers, ticks, and what comes out.
func (l *load) pass() {
	l.agent, l.step = 0, l.step+1
	for i := l.step % 10; i < len(l.agents); i += 10 {
		l.e.Contact(l.now, l.agents[i])
	}
	asks := l.asks
	l.asks = nil
	for _, a := range asks {
		v := Vote{Round: a.Round, Attempt: a.Attempt, Answer: vantage.Up, Age: 50 * time.Millisecond, RefsOK: 3, RefsAsked: 3}
		if l.down[a.Check] {
			v.Answer, v.Cause = vantage.Down, probes.TCPTimeout
		}
		for _, id := range a.Agents {
			l.e.Vote(l.now, id, v)
		}
	}
	l.now = l.now.Add(100 * time.Millisecond)
	for next, ok := l.e.Next(); ok && !next.After(l.now); next, ok = l.e.Next() {
		l.e.Tick(l.now)
	}
	for _, ev := range l.e.Drain() {
		switch ev := ev.(type) {
		case Ask:
			l.asks = append(l.asks, ev)
		case IncidentEvent:
			if ev.What == Opened {
				l.opened++
			}
		}
	}
}

// run lets so many intervals pass.
func (l *load) run(intervals int) {
	for until := l.step + intervals*loadSteps; l.step < until; {
		l.next()
	}
}

// BenchmarkResults is the throughput of one core, everything that passing time
// costs included: verdicts, silences, rounds that noise raises, the grid.
func BenchmarkResults(b *testing.B) {
	for _, c := range []struct {
		name                                string
		sites, networks, targets, providers int
		broken                              bool
	}{
		{"12x26/calm", 12, 6, 26, 4, false},
		{"12x26/incident", 12, 6, 26, 4, true},
		{"1000x500/calm", 1000, 40, 500, 10, false},
		{"1000x500/incident", 1000, 40, 500, 10, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := newLoad(c.sites, c.networks, c.targets, c.providers, 4)
			l.run(2)
			if c.broken {
				l.fail("p1")
				l.run(2)
				if l.opened == 0 {
					b.Fatal("no incident")
				}
			} else if l.opened > 0 {
				b.Fatal("noise opened an incident")
			}
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			n := 0
			for b.Loop() {
				l.next()
				n++
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "results/s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n), "allocs/result")
		})
	}
}

// held is what the engine of a fleet holds after ten seconds, in bytes.
func held(sites, targets, kinds int) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := newLoad(sites, min(sites/2, 40), targets, 10, kinds)
	l.run(1)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(l)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

// BenchmarkState is what an engine holds of a pair of site and target, by the
// number of checks per target: all of it by the number of pairs, and what one
// pair more costs, without what a site, a target or a check costs by itself (the
// mixed difference of four fleets).
func BenchmarkState(b *testing.B) {
	for _, kinds := range []int{1, 2, 4} {
		for _, size := range []struct{ sites, targets int }{{12, 26}, {200, 100}, {1000, 500}} {
			b.Run(fmt.Sprintf("%dx%d/%d", size.sites, size.targets, kinds), func(b *testing.B) {
				var bytes float64
				for b.Loop() {
					bytes = held(size.sites, size.targets, kinds)
				}
				b.ReportMetric(bytes/float64(size.sites*size.targets), "B/pair")
			})
		}
		b.Run(fmt.Sprintf("one-more/%d", kinds), func(b *testing.B) {
			var bytes float64
			for b.Loop() {
				bytes = held(200, 200, kinds) - held(200, 100, kinds) - held(100, 200, kinds) + held(100, 100, kinds)
			}
			b.ReportMetric(bytes/(100*100), "B/pair")
		})
	}
}
