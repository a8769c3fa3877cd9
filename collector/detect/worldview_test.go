package detect

import (
	"fmt"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func (w *simWorld) open() []Incident { return w.e.Snapshot(w.now).Open }

// when says how long after from an incident of the kind was first told with at
// least the confidence.
func (w *simWorld) when(from time.Time, k Kind, c Confidence) (time.Duration, Incident, bool) {
	for _, ev := range w.history {
		if ev.Incident.Kind == k && ev.Incident.Confidence.Rank() >= c.Rank() && ev.What != Closed {
			at := ev.Incident.Confirmed
			if at.IsZero() || ev.Incident.Kind != k {
				at = ev.Incident.Opened
			}
			return at.Sub(from), ev.Incident, true
		}
	}
	return 0, Incident{}, false
}

func (w *simWorld) forbid(kinds ...Kind) {
	w.t.Helper()
	for _, ev := range w.history {
		for _, k := range kinds {
			if ev.Incident.Kind == k {
				w.t.Errorf("%s incident %s at +%v: %s | %s", k, ev.What, ev.Incident.Opened.Sub(w.start), ev.Incident.Title, ev.Incident.Summary)
				return
			}
		}
	}
}

// tell prints the story on failure, or with -v.
func (w *simWorld) tell() {
	for n, ev := range w.history {
		i := ev.Incident
		w.t.Logf("+%v %-8s %s %-16s %-10s %-9s %d/%d on %d/%d | %s | %s", w.toldAt[n].Sub(w.start), ev.What, i.ID, i.Kind, i.State, i.Confidence, i.DownSites, i.Sites, i.DownNetworks, i.Networks, i.Title, i.Summary)
	}
}

func (w *simWorld) state(target string) VerdictState {
	for _, v := range w.e.Snapshot(w.now).Verdicts {
		if v.Target == target {
			return v.State
		}
	}
	w.t.Fatalf("no verdict for %s", target)
	return NoData
}

func countAnswers(in Incident, answer string) (n int) {
	for _, ev := range in.Evidence {
		if ev.Answer == answer {
			n++
		}
	}
	return n
}

// labelWithin asserts when an open incident first had the kind.
func (w *simWorld) labelWithin(t0 time.Time, k Kind, d time.Duration) {
	w.t.Helper()
	for i, ev := range w.history {
		if ev.Incident.Kind == k {
			if at := w.toldAt[i].Sub(t0); at > d {
				w.t.Errorf("labelled %s after %v, want within %v", k, at, d)
			}
			return
		}
	}
	w.t.Errorf("never labelled %s", k)
}

func (w *simWorld) firstIs(c Confidence) bool {
	return len(w.history) > 0 && w.history[0].Incident.Confidence == c
}

// testConfig watches 3 providers x 4 regions x 2 services, and one reference.
func testConfig(kinds []probes.Kind, every time.Duration) fleet.Config {
	cfg := fleet.Config{ID: 1}
	for _, p := range []string{"azure", "aws", "gcp"} {
		for r := range 4 {
			for _, s := range []string{"storage", "compute"} {
				id := fmt.Sprintf("%s-%s-r%d", p, s, r+1)
				cfg.Targets = append(cfg.Targets, fleet.Target{ID: id, Provider: p, Service: s, Region: fmt.Sprintf("r%d", r+1)})
				for _, k := range kinds {
					cfg.Checks = append(cfg.Checks, fleet.Check{ID: id + "/" + k.String(), Target: id, Interval: every, Spec: probes.Spec{Kind: k, Host: id}})
				}
			}
		}
	}
	cfg.Targets = append(cfg.Targets, fleet.Target{ID: "ref", Reference: true})
	return cfg
}

// cut takes sites off the collector; heal brings them back with their spools.
func (w *simWorld) cut(match func(*Site) bool) {
	for _, a := range w.agents {
		if match(a.site) && a.cut.IsZero() {
			a.cut = w.now
		}
	}
}

func (w *simWorld) heal() {
	for _, a := range w.agents {
		if a.cut.IsZero() {
			continue
		}
		away := w.now.Sub(a.cut)
		a.cut = time.Time{}
		w.e.Hello(w.now, a.id, false, away, nil)
		w.health(a)
		for _, o := range a.spool {
			o.Late = true
			w.e.Observe(w.now, o)
		}
		a.spool = nil
	}
	w.drain()
}
