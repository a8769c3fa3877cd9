package simulate

import (
	"slices"
	"testing"
	"time"

	"picket/collector/detect"
)

// TestOwnTroubles: what happens to Picket itself is never told as a cloud's
// trouble, and does not hide one.
func TestOwnTroubles(t *testing.T) {
	t.Parallel()
	outage := Fault{At: time.Minute, For: 3 * time.Minute, What: What{Targets: []string{"gcp-run-us-central1"}}, How: How{Name: Refused}}
	half := Who{Share: 0.5}
	for name, c := range map[string]struct {
		faults []Fault
		want   []detect.Kind // declared, in any order; others must not be
		opened int           // of KindTarget
	}{
		"the collector restarts in an outage": {[]Fault{outage, {At: 2 * time.Minute, For: 5 * time.Second, How: How{Name: CollectorRestart}}}, []detect.Kind{detect.KindTarget}, 1},
		"a new config is half rolled out":     {[]Fault{outage, {At: 30 * time.Second, For: 2 * time.Minute, How: How{Name: ConfigPush}}}, []detect.Kind{detect.KindTarget}, 1},
		"a config alone":                      {[]Fault{{At: time.Minute, For: time.Minute, How: How{Name: ConfigPush}}}, nil, 0},
		"gossip is cut":                       {[]Fault{outage, {How: How{Name: GossipCut}}}, []detect.Kind{detect.KindTarget}, 1},
		"clocks jump":                         {[]Fault{outage, {Who: half, At: 30 * time.Second, How: How{Name: Clock, D: time.Hour}}}, []detect.Kind{detect.KindTarget}, 1},
		"a line switches":                     {[]Fault{{At: time.Minute, Who: Who{Sites: []string{"s01"}}, How: How{Name: LineSwitch, Network: "AS64999"}}}, nil, 0},
		"one site is offline":                 {[]Fault{{At: time.Minute, For: 2 * time.Minute, Who: Who{Sites: []string{"s05"}}, How: How{Name: AgentOffline}}}, []detect.Kind{detect.KindSite}, 0},
		"an agent reboots":                    {[]Fault{{At: time.Minute, For: time.Minute, Who: Who{Sites: []string{"s05"}}, How: How{Name: AgentReboot}}}, nil, 0},
		"two liars":                           {[]Fault{{At: time.Minute, For: time.Minute, Who: Who{Sites: []string{"s01", "s04"}}, What: What{Providers: []string{"aws"}}, How: How{Name: LieDown}}}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := play(t, with(6*time.Minute, c.faults...), RunOptions{Seed: 11})
			opened := 0
			for _, e := range r.Events {
				if e.What == detect.Opened && e.Incident.Kind == detect.KindTarget {
					opened++
				}
				if !slices.Contains(c.want, e.Incident.Kind) && e.Incident.Confidence.Rank() > detect.ConfidenceSuspected.Rank() {
					t.Errorf("%v: %s %s (%s, %s)", e.At, e.What, e.Incident.Title, e.Incident.Kind, e.Incident.Confidence)
				}
			}
			for _, k := range c.want {
				if !slices.ContainsFunc(r.Events, func(e Declared) bool { return e.Incident.Kind == k }) {
					t.Errorf("nothing of kind %s: %v", k, kinds(r))
				}
			}
			if opened != c.opened {
				t.Errorf("%d target incidents were opened, want %d: %v", opened, c.opened, kinds(r))
			}
		})
	}
}

// TestLateResultsArrive: what an agent saw while it could not deliver reaches the
// collector afterwards, all of it, and says that its line worked.
func TestLateResultsArrive(t *testing.T) {
	s := with(5*time.Minute, Fault{At: time.Minute, For: 2 * time.Minute, Who: Who{Sites: []string{"s05"}}, How: How{Name: AgentOffline}})
	w := newWorld(&s, RunOptions{Seed: 2})
	w.begin()
	w.end = 170 * time.Second
	if err := w.loop(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := w.agents[4]
	if n := len(a.spool); n < 500 || a.linked {
		t.Fatalf("%d results are kept after 110 s offline, linked %v", n, a.linked)
	}
	w.end = 5 * time.Minute
	if err := w.loop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(a.spool) != 0 || !a.linked {
		t.Errorf("%d results are still kept, linked %v", len(a.spool), a.linked)
	}
	last := w.run.Events[len(w.run.Events)-1].Incident
	if last.Kind != detect.KindSite || last.State != detect.Resolved || last.LineDown {
		t.Errorf("at the end: %s, %s, line down %v", last.Title, last.State, last.LineDown)
	}
}
