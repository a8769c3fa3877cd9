package detect

import (
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// TestClassesHoldWhatTheirScopesHold: what is counted by class before a row is
// looked at is what a look at every row finds, whatever the fleet: several agents
// at a site, both IP versions, edges, sites that may not testify.
func TestClassesHoldWhatTheirScopesHold(t *testing.T) {
	scopes, worth := 0, 0
	look := func(rows []row, w *world) {
		if w == nil {
			return
		}
		x := weigh(rows, w)
		if x == nil {
			return
		}
		worth++
		for _, h := range x.every {
			scopes++
			fails, ok := 0, 0
			for i := range rows {
				if r := &rows[i]; inside(h, r) {
					if r.down {
						fails++
					} else {
						ok++
					}
				}
			}
			if h.fails != fails || h.ok != ok {
				t.Fatalf("%s: counted %d failing and %d good rows, there are %d and %d", h.name(), h.fails, h.ok, fails, ok)
			}
			x.fill([]*hypothesis{h})
			if len(h.rows) != fails+ok || h.fails != fails || h.ok != ok || h.cover != fails {
				t.Fatalf("%s: filled with %d rows (%d failing, %d good), there are %d and %d", h.name(), len(h.rows), h.fails, h.ok, fails, ok)
			}
		}
	}
	for seed := range 40 {
		e := eventful(t, seed)
		look(e.e.rows(e.now))
	}
	if worth < 10 || scopes < 500 {
		t.Errorf("only %d explanations with %d scopes", worth, scopes)
	}
}

// inside is the definition: the scope has the target, the site looks at it, the
// edge answers it, over that IP version; who may not testify blames no cloud.
func inside(h *hypothesis, r *row) bool {
	return h.has(&r.t.Target) && h.looks(r.s) && (h.kind != KindEdge || r.edge == h.edge) &&
		(h.family == 0 || r.family == h.family) && (r.able || !h.kind.ProviderSide())
}

// eventful is a random fleet in which a provider has just begun to fail at most sites.
func eventful(t *testing.T, seed int) *driver {
	d := newDriver(t, 5+seed%9)
	for i := range d.sites { // every second site has two agents
		if i%2 == 0 {
			d.sites[i].Agents = append(d.sites[i].Agents, d.sites[i].ID+"b")
		}
	}
	d.e.SetFleet(d.now, d.sites)
	for i, s := range d.sites {
		for k, id := range s.Agents {
			d.e.Hello(d.now, id, true, 0, nil)
			d.e.Health(d.now, id, Health{RefsOK: 5 - 3*(i%5/4), RefsAsked: 5, Voting: i%5 < 4})
			for c := range d.cfg.Checks {
				tg := d.e.checks[c].target
				o := Observation{Agent: id, Check: uint32(c), Start: d.now, Result: probes.Result{Outcome: probes.Up, Edge: []string{"", "lon", "iad"}[i%3]}}
				if (c+i+k)%7 != seed%7 { // else it has not been asked yet
					d.e.Observe(d.now, o)
				}
				if breaks(tg, seed, i) && (k == seed%2 || seed%3 == 0) {
					o.Start = d.now.Add(time.Millisecond)
					o.Result = probes.Result{Outcome: probes.Down, Cause: []probes.Cause{probes.TCPTimeout, probes.HTTPStatus}[seed%2]}
					d.e.Observe(d.now.Add(2*time.Millisecond), o)
				}
			}
		}
	}
	d.now = d.now.Add(time.Second)
	return d
}

func breaks(t *target, seed, site int) bool {
	all := []func(*fleet.Target) bool{
		func(t *fleet.Target) bool { return t.Provider == "azure" },
		func(t *fleet.Target) bool { return t.Region == "r1" },
		func(t *fleet.Target) bool { return len(t.Dependencies) > 0 },
		func(t *fleet.Target) bool { return site%4 == 1 },
	}
	return !t.Reference && all[seed%4](&t.Target) && site != seed%11
}

// TestVouchesIsTheViewAtALayer: of a pair that does not fail, the highest layer
// for which it vouches tells what a view at any layer would.
func TestVouchesIsTheViewAtALayer(t *testing.T) {
	n := 0
	for seed := range 40 {
		d := eventful(t, seed)
		for _, s := range d.e.sites {
			for _, tg := range d.e.targets {
				v := d.e.siteView(s, tg, d.now, 0, probes.LayerNone)
				for l := probes.LayerNone; l <= topLayer; l++ {
					if w := d.e.siteView(s, tg, d.now, 0, l); !v.down && w.has != (v.has && v.vouches >= l) {
						t.Fatalf("%s, %s, layer %s: a view has %v, but it vouches for %s", s.ID, tg.ID, l, w.has, v.vouches)
					} else if !v.down && v.has {
						n++
					}
				}
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d views", n)
	}
}

// TestLargeFleetExplainsTwiceASecond: with a hundred thousand pairs the rounds of
// an outage do not cost a look at all of them each, and the outage is found.
func TestLargeFleetExplainsTwiceASecond(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	l := newLoad(340, 20, 300, 6, 1)
	l.run(1)
	l.fail("p1")
	broke, last, n := l.now, l.e.explained, 0
	for l.now.Sub(broke) < 8*time.Second {
		l.next()
		if at := l.e.explained; !at.Equal(last) {
			if gap := at.Sub(last); gap < l.e.rule.EmitWait {
				t.Fatalf("explained again after %v", gap)
			}
			last = at
			n++
		}
	}
	if l.opened == 0 || n < 2 {
		t.Errorf("%d incidents after %d explanations", l.opened, n)
	}
}
