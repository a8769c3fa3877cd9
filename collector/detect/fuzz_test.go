package detect

import (
	"fmt"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// FuzzEngine drives an engine with arbitrary events from a small fleet and
// holds what must hold whatever happens: no panic, no confirmed provider-side
// incident from one network or fewer than three sites, events that tell of
// known incidents in a sane order, timers that lie ahead.
func FuzzEngine(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"), uint8(3))
	f.Add([]byte("\x01\x00\x00\x02\x00\x00\x02\x01\x00\x02\x02\x00\x02\x03\x00\x02\x04\x00\x07\x10\x00"), uint8(12))
	f.Add([]byte("\x05\x01\x01\x09\x02\x03\x0a\x03\x03\x0b\x01\x01\x07\xff\xff\x07\xff\xff"), uint8(5))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		d := newDriver(t, int(size)%13+1)
		for len(data) >= 3 && d.steps < 3000 {
			d.step(data[0], data[1], data[2])
			data = data[3:]
		}
		d.finish()
	})
}

func TestRandomEventsKeepTheInvariants(t *testing.T) {
	t.Parallel()
	runs := 60
	if testing.Short() {
		runs = 15
	}
	for seed := range runs {
		w := newWorld(t, worldOptions{sites: 1, networks: 1, clients: 1, seed: uint64(seed)})
		rng := w.rng
		d := newDriver(t, rng.IntN(13)+1)
		for range 600 {
			d.step(byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256)))
		}
		d.finish()
	}
}

type driver struct {
	t     testing.TB
	e     *Engine
	now   time.Time
	sites []Site
	cfg   fleet.Config
	asks  []Ask
	state map[string]State
	last  map[string]Incident
	steps int
	log   []Event // what was drained
}

func newDriver(t testing.TB, n int) *driver {
	d := &driver{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), state: map[string]State{}, last: map[string]Incident{}}
	for i := range n {
		id := fmt.Sprintf("c%d/s%d", i%3, i)
		d.sites = append(d.sites, Site{ID: id, Client: fmt.Sprint("c", i%3), Region: fmt.Sprint("r", i%2), Metered: i == 4,
			Network: fleet.Network{Name: fmt.Sprint("as", i/2), Basis: fleet.Basis(min(i, 2))}, Agents: []string{id}})
	}
	d.cfg = testConfig([]probes.Kind{probes.TLS, probes.HTTP}, 10*time.Second)
	onCDN(&d.cfg)
	if n%4 == 3 {
		overBoth(&d.cfg)
	}
	d.e = New(Options{})
	d.e.SetFleet(d.now, d.sites)
	d.e.SetConfig(d.now, d.cfg)
	for _, s := range d.sites {
		d.e.Hello(d.now, s.ID, true, 0, nil)
		d.e.Health(d.now, s.ID, Health{RefsOK: 5, RefsAsked: 5, Voting: true})
	}
	return d
}

func (d *driver) step(op, a, b byte) {
	d.steps++
	s := d.sites[int(a)%len(d.sites)].ID
	c := uint32(b) % uint32(len(d.cfg.Checks))
	cause := []probes.Cause{probes.TCPTimeout, probes.TLSTimeout, probes.HTTPStatus, probes.Blocked}[int(a>>6)]
	switch op % 17 {
	case 0, 1:
		d.e.Suspect(d.now, s, Suspicion{Check: c, Cause: cause, Age: time.Duration(b) * 10 * time.Millisecond})
	case 2, 3, 4:
		d.vote(a, b, cause)
	case 5:
		d.e.Observe(d.now, Observation{Agent: s, Check: c, Start: d.now, Result: probes.Result{Outcome: probes.Down, Cause: cause, Total: time.Second}})
	case 6:
		d.e.Observe(d.now, Observation{Agent: s, Check: c, Start: d.now.Add(-time.Duration(a) * time.Second), Late: b%2 == 0,
			Result: probes.Result{Outcome: probes.Outcome(b % 4), Cause: cause, Edge: []string{"", "lon", "iad"}[int(b>>4)%3]}})
	case 7, 8:
		d.pass(time.Duration(a)*20*time.Millisecond + time.Duration(b%4)*time.Millisecond)
	case 9:
		d.e.Goodbye(d.now, s, "test")
	case 10:
		d.e.Hello(d.now, s, b%2 == 0, time.Duration(b)*time.Second, []Standing{{Check: c, Since: time.Minute, Cause: cause}})
	case 11:
		d.e.Health(d.now, s, Health{RefsOK: int(b % 6), RefsAsked: 5, Voting: a%8 != 0, Offset: time.Duration(b) * time.Second})
	case 12:
		d.configure(b)
	case 13:
		d.e.SetFleet(d.now, d.sites[:1+int(b)%len(d.sites)])
	case 14: // everybody sees a provider down
		for _, v := range d.sites {
			d.e.Contact(d.now, v.ID)
			d.e.Suspect(d.now, v.ID, Suspicion{Check: c, Cause: probes.TCPTimeout})
		}
		for _, v := range d.sites {
			for _, ask := range d.asks {
				d.e.Vote(d.now, v.ID, Vote{Round: ask.Round, Attempt: ask.Attempt, Answer: vantage.Down, Cause: probes.TCPTimeout, RefsOK: 3, RefsAsked: 3})
			}
		}
	case 15:
		d.e.Quiet(d.now, s, c, 1+int(a)%40, time.Duration(a)*10*time.Millisecond, d.now.Add(-time.Duration(b%16)*100*time.Millisecond), time.Duration(b%8)*10*time.Millisecond)
	default:
		for _, v := range d.sites {
			d.e.Contact(d.now, v.ID)
		}
	}
	d.drain()
}

func (d *driver) vote(a, b byte, cause probes.Cause) {
	if len(d.asks) == 0 {
		return
	}
	ask := d.asks[int(b)%len(d.asks)]
	id := ask.Agents[int(a)%len(ask.Agents)]
	d.e.Vote(d.now, id, Vote{Round: ask.Round, Attempt: ask.Attempt, Answer: vantage.Answer(b % 5), Cause: cause,
		Age: time.Duration(a%32) * 50 * time.Millisecond, RefsOK: 3 - int(a%3)/2, RefsAsked: 3})
}

func (d *driver) configure(b byte) {
	cfg := d.cfg
	cfg.ID = d.cfg.ID + uint64(b%3)
	n := len(cfg.Checks) - int(b)%len(cfg.Checks)/2
	cfg.Checks = cfg.Checks[:n]
	cfg.Targets = cfg.Targets[:len(cfg.Targets)-int(b%5)]
	d.e.SetConfig(d.now, cfg)
}

// pass lets time go by, waking the engine as it asks.
func (d *driver) pass(by time.Duration) {
	end := d.now.Add(by)
	for range 200 {
		next, ok := d.e.Next()
		if !ok || next.After(end) {
			break
		}
		if next.After(d.now) {
			d.now = next
		}
		d.e.Tick(d.now)
		d.drain()
		if again, _ := d.e.Next(); !again.After(d.now) {
			d.t.Fatalf("the engine wants to be woken at %v, which is now (%v)", again, d.now)
		}
	}
	d.now = end
}

func (d *driver) drain() {
	for _, ev := range d.e.Drain() {
		d.log = append(d.log, ev)
		switch ev := ev.(type) {
		case Ask:
			if len(ev.Agents) == 0 || ev.Deadline <= 0 {
				d.t.Fatalf("%+v", ev)
			}
			d.asks = append(d.asks, ev)
			if len(d.asks) > 8 {
				d.asks = d.asks[1:]
			}
		case IncidentEvent:
			d.check(ev)
		}
	}
}

func (d *driver) check(ev IncidentEvent) {
	in := ev.Incident
	state, known := d.state[in.ID]
	switch {
	case ev.What == Opened && known && state != Resolved, ev.What != Opened && !known, ev.What == Closed && in.State != Resolved,
		ev.What == Changed && !in.State.Open() && state != Resolved:
		d.t.Fatalf("%s of %s (%s, was %q)", ev.What, in.ID, in.State, state)
	}
	if in.Kind.ProviderSide() && in.Confidence == ConfidenceConfirmed && (in.DownNetworks < 2 || in.DownSites < 3) {
		d.t.Fatalf("confirmed with %d sites on %d networks: %s", in.DownSites, in.DownNetworks, in.Summary)
	}
	if ev.What == Opened && in.Kind.ProviderSide() && in.Confidence != ConfidenceSuspected && in.DownNetworks < 2 {
		d.t.Fatalf("one network opened %s: %s", in.Kind, in.Summary)
	}
	if in.Title == "" || in.Summary == "" || in.ID == "" || in.Kind == "" || in.Opened.IsZero() || in.Started.After(d.now) || len(in.Evidence) > maxEvidence {
		d.t.Fatalf("%+v", in)
	}
	if in.SupersededBy == in.ID {
		d.t.Fatal("superseded by itself")
	}
	d.state[in.ID], d.last[in.ID] = in.State, in
}

// finish lets everything run out and looks at the end.
func (d *driver) finish() {
	d.pass(20 * time.Second)
	s := d.e.Snapshot(d.now)
	for _, in := range s.Open {
		if !d.state[in.ID].Open() {
			d.t.Fatalf("open incident %s was last told as %q", in.ID, d.state[in.ID])
		}
	}
	if len(d.e.rounds) > maxRounds || len(d.e.troubles) > maxTroubles {
		d.t.Fatal("unbounded")
	}
}
