package drill

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// theatre is a fleet in virtual time: a production engine, its twin, and agents
// to whom all is well.
type theatre struct {
	cfg    fleet.Config
	sites  []detect.Site
	now    time.Time
	real   *detect.Engine
	twin   *detect.Engine // nil: no drill
	inject *Injector
	later  []Call
	votes  []Call // of real agents, on their way; Vote.Round is the twin's
	found  map[string]detect.Incident
	first  map[string]time.Time
	beside int // incidents that the production engine saw
}

func newTheatre() *theatre {
	cfg, _ := world()
	cfg.Targets = append(cfg.Targets, fleet.Target{ID: "gcp-web", Provider: "gcp", Service: "web", Region: "north"})
	cfg.Checks = append(cfg.Checks, fleet.Check{ID: "gcp-web-http", Target: "gcp-web", Interval: 10 * time.Second, Spec: probes.Spec{Kind: probes.HTTP, Host: "gcp.example"}})
	for k := range cfg.Checks {
		cfg.Checks[k].Interval = 10 * time.Second
	}
	w := &theatre{cfg: cfg, now: noon, real: detect.New(detect.Options{NoVerdicts: true}), found: map[string]detect.Incident{}, first: map[string]time.Time{}}
	for n := range 12 {
		id := fmt.Sprintf("c%d/s%d", n%4, n)
		w.sites = append(w.sites, detect.Site{ID: id, Client: fmt.Sprintf("c%d", n%4), Region: "eu", Network: fleet.Network{ID: uint32(n%6 + 1), Name: fmt.Sprintf("ISP %d", n%6), Basis: fleet.BasisTable},
			Agents: []string{fmt.Sprintf("a%d", n)}})
	}
	w.real.SetConfig(w.now, cfg)
	w.real.SetFleet(w.now, w.sites)
	for n := range w.sites {
		w.real.Hello(w.now, fmt.Sprintf("a%d", n), true, 0, nil)
		w.real.Health(w.now, fmt.Sprintf("a%d", n), detect.Health{RefsOK: 3, RefsAsked: 3, Voting: true})
	}
	return w
}

// run lets time pass. Results come every 10 s of each check and agent, spread evenly.
func (w *theatre) run(d time.Duration) {
	const step = 50 * time.Millisecond
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(step)
		tick := int(w.now.Sub(noon) / step)
		for n := range w.sites {
			agent := fmt.Sprintf("a%d", n)
			w.real.Contact(w.now, agent)
			if w.twin != nil && w.inject.Hears(agent) {
				w.twin.Contact(w.now, agent)
				w.twin.Health(w.now, agent, detect.Health{RefsOK: 3, RefsAsked: 3, Voting: true})
			}
			for k, c := range w.cfg.Checks {
				if (tick+n*17+k*41)%200 != 0 {
					continue
				}
				o := detect.Observation{Agent: agent, Config: w.cfg.ID, Check: uint32(k), Start: w.now.Add(-40 * time.Millisecond),
					Result: probes.Result{Kind: c.Spec.Kind, Outcome: probes.Up, Total: 30 * time.Millisecond}}
				w.real.Observe(w.now, o)
				if w.twin != nil {
					w.later = append(w.later, w.inject.Observe(w.now, o)...)
				}
			}
		}
		w.flush()
	}
}

func (w *theatre) flush() {
	w.real.Tick(w.now)
	for _, e := range w.real.Drain() {
		if _, ok := e.(detect.IncidentEvent); ok {
			w.beside++
		}
	}
	if w.twin == nil {
		return
	}
	w.votes = slices.DeleteFunc(w.votes, func(c Call) bool {
		if c.Due.After(w.now) {
			return false
		}
		w.later = append(w.later, w.inject.Vote(w.now, c.Agent, *c.Vote)...)
		return true
	})
	w.later = slices.DeleteFunc(w.later, func(c Call) bool {
		if c.Due.After(w.now) {
			return false
		}
		c.Do(w.now, w.twin)
		return true
	})
	w.twin.Tick(w.now)
	for _, e := range w.twin.Drain() {
		switch e := e.(type) {
		case detect.Ask:
			w.inject.Asked(w.now, e)
			for _, agent := range e.Agents {
				w.votes = append(w.votes, Call{Due: w.now.Add(50 * time.Millisecond), Agent: agent,
					Vote: &detect.Vote{Round: e.Round, Attempt: e.Attempt, Answer: vantage.Up, Age: 40 * time.Millisecond, RefsOK: 3, RefsAsked: 3}})
			}
		case detect.IncidentEvent:
			if i := e.Incident; w.inject.Concerns(&i) {
				w.found[i.ID] = i
				if w.first[i.ID].IsZero() {
					w.first[i.ID] = w.now
				}
			}
		}
	}
}

// TestEveryScenarioIsFoundAsWhatItPlays plays each on a fleet to which all is
// well: the twin finds one incident of the right kind, in time, and resolves it
// when the answers are real again; the production engine finds nothing.
func TestEveryScenarioIsFoundAsWhatItPlays(t *testing.T) {
	for _, c := range []struct {
		r        Request
		kind     detect.Kind
		severity detect.Severity
		layer    string
		within   time.Duration
		lasts    time.Duration
	}{
		{Request{Scenario: "region", Provider: "azure", Region: "west"}, detect.KindProviderRegion, detect.SeverityOutage, "", 10 * time.Second, time.Minute},
		{Request{Scenario: "blackhole", Provider: "azure", Region: "west"}, detect.KindProviderRegion, detect.SeverityOutage, "tcp", 12 * time.Second, time.Minute},
		{Request{Scenario: "service", Provider: "aws", Service: "web"}, detect.KindService, detect.SeverityOutage, "http", 10 * time.Second, time.Minute},
		{Request{Scenario: "dns", Provider: "azure"}, detect.KindProvider, detect.SeverityOutage, "dns", 10 * time.Second, time.Minute},
		{Request{Scenario: "partial", Provider: "azure", Region: "west"}, detect.KindProviderRegion, detect.SeverityPartial, "", 2 * time.Minute, 5 * time.Minute},
		{Request{Scenario: "line", Sites: []string{"c3/s3"}}, detect.KindSite, detect.SeverityUnseen, "", 10 * time.Second, time.Minute},
		{Request{Scenario: "isp", ISP: "ISP 2"}, detect.KindNetwork, detect.SeverityUnseen, "", 10 * time.Second, time.Minute},
		{Request{Scenario: "azure-web-west"}, detect.KindTarget, detect.SeverityOutage, "http", 10 * time.Second, time.Minute},
	} {
		t.Run(c.r.Scenario, func(t *testing.T) {
			w := newTheatre()
			w.run(3 * time.Minute)
			p, err := Resolve(c.r, w.cfg, w.sites)
			if err != nil {
				t.Fatal(err)
			}
			w.twin, w.inject = w.real.Twin(w.now, detect.Options{NoVerdicts: true}), NewInjector(p, w.cfg, w.sites)
			began := w.now
			w.run(c.lasts)
			var main detect.Incident
			for _, i := range w.found {
				t.Logf("%s %s (%s, %s) after %s, %s", i.Kind, i.Title, i.Severity, i.Layer, w.first[i.ID].Sub(began), i.State)
				if i.SupersededBy == "" && i.State.Open() && i.Kind == c.kind {
					main = i
				}
			}
			if main.ID == "" || main.Severity != c.severity || c.layer != "" && main.Layer != c.layer || w.first[main.ID].Sub(began) > c.within {
				t.Errorf("found %s %s %s after %s, want %s %s %s within %s", main.Kind, main.Severity, main.Layer, w.first[main.ID].Sub(began), c.kind, c.severity, c.layer, c.within)
			}
			w.inject.End()
			w.run(5 * time.Minute)
			for _, i := range w.found {
				if i.State.Open() {
					t.Errorf("%s is still open five minutes after the end", i.Title)
				}
			}
			if w.beside > 0 {
				t.Errorf("the production engine saw %d changes", w.beside)
			}
		})
	}
}
