package simulate

import (
	"slices"
	"testing"
	"time"

	"picket/collector/detect"
	"picket/probes"
)

// seen is what the observer of a run saw of one pair.
type seen struct {
	at          time.Duration
	site, check int
	r           probes.Result
}

// watched plays s and returns the run and all results.
func watched(t testing.TB, s Scenario, seed uint64) (*Run, []seen) {
	var all []seen
	r := play(t, s, RunOptions{Seed: seed, Observer: func(at time.Duration, site, check int, r probes.Result) {
		all = append(all, seen{at, site, check, r})
	}})
	return r, all
}

// checkID is the check's name in the default scenario.
func checkID(s *Scenario, check int) (target string, kind probes.Kind) {
	w := world{s: s}
	w.watch()
	return w.checks[check].Target, w.checks[check].Spec.Kind
}

// TestHowHitsWhatItShould: every way to fail hits the kinds that need the
// broken phase, with its cause, at its price, and nothing else.
func TestHowHitsWhatItShould(t *testing.T) {
	kinds := []probes.Kind{probes.DNS, probes.Ping, probes.TCP, probes.TLS, probes.HTTP}
	type hit struct {
		kinds string // of dns, ping, tcp, tls, http
		cause probes.Cause
		hangs bool
	}
	for how, want := range map[string]hit{
		Refused:        {"tcp tls http", probes.TCPRefused, false},
		Reset:          {"tcp tls http", probes.TCPReset, false},
		Blackhole:      {"ping tcp tls http", probes.TCPTimeout, true},
		DNSServfail:    {"dns ping tcp tls http", probes.DNSServfail, false},
		DNSTimeout:     {"dns ping tcp tls http", probes.DNSTimeout, true},
		DNSEmpty:       {"dns ping tcp tls http", probes.DNSEmpty, false},
		DNSNXDomain:    {"dns ping tcp tls http", probes.DNSNXDomain, false},
		Resolver:       {"dns ping tcp tls http", probes.DNSTimeout, true},
		TLSHang:        {"tls http", probes.TLSTimeout, true},
		TLSAlert:       {"tls http", probes.TLSAlert, false},
		TLSExpired:     {"tls http", probes.TLSExpired, false},
		TLSIntercepted: {"tls http", probes.TLSIntercepted, false},
		HTTP500:        {"http", probes.HTTPStatus, false},
		HTTP503:        {"http", probes.HTTPStatus, false},
		HTTPBody:       {"http", probes.HTTPBody, false},
		Blocked:        {"http", probes.Blocked, false},
	} {
		s := with(time.Minute, Fault{What: What{Targets: []string{"x"}}, How: How{Name: how}})
		s.Targets = []Target{{ID: "x", Provider: "p", Kinds: kinds, RTT: map[string]time.Duration{"default": 20 * time.Millisecond}, Interval: 10 * time.Second, Families: []probes.Family{4}}}
		w := newWorld(&s, RunOptions{})
		a := w.agents[0]
		for i, k := range kinds {
			var r probes.Result
			a.attempt(&w.checks[i], &a.pairs[i], time.Second, 0, false, &r)
			if !slices.Contains(fields(want.kinds), k.String()) {
				if r.Outcome != probes.Up || r.Total != w.checks[i].trips()*20*time.Millisecond {
					t.Errorf("%s: %v is %v %v after %v, and should be well", how, k, r.Outcome, r.Cause, r.Total)
				}
				continue
			}
			cause := want.cause
			if k == probes.Ping && cause == probes.TCPTimeout {
				cause = probes.PingTimeout
			}
			outcome := probes.Down
			if cause == probes.Blocked || cause == probes.TLSIntercepted {
				outcome = probes.Unknown
			}
			if r.Cause != cause || r.Outcome != outcome {
				t.Errorf("%s: %v is %v %v, want %v %v", how, k, r.Outcome, r.Cause, outcome, cause)
			}
			if full := r.Total == probes.DefaultTimeout(k); full != want.hangs {
				t.Errorf("%s: %v took %v", how, k, r.Total)
			}
			var before probes.Result
			if a.attempt(&w.checks[i], &a.pairs[i], -time.Second, 0, false, &before); before.Outcome != probes.Up {
				t.Errorf("%s: %v fails before the fault begins", how, k)
			}
		}
	}
}

func fields(s string) []string {
	var out []string
	for len(s) > 0 {
		i := slices.Index([]byte(s), ' ')
		if i < 0 {
			return append(out, s)
		}
		out, s = append(out, s[:i]), s[i+1:]
	}
	return out
}

// TestFaultHitsWhomItShould: selectors, and nobody else.
func TestFaultHitsWhomItShould(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	for name, c := range map[string]struct {
		f    Fault
		hits func(s *Site, target string, t *Target) bool
	}{
		"network and provider": {Fault{Who: Who{Networks: []string{"AS64502"}}, What: What{Providers: []string{"aws"}}},
			func(s *Site, _ string, t *Target) bool {
				return s.Network == "AS64502" && t != nil && t.Provider == "aws"
			}},
		"region and depends": {Fault{Who: Who{Regions: []string{"ap"}}, What: What{Depends: []string{"cdn-b"}}},
			func(s *Site, _ string, t *Target) bool {
				return s.Region == "ap" && t != nil && slices.Contains(t.Depends, "cdn-b")
			}},
		"edge": {Fault{What: What{Edges: []string{"cdn-a-pacific"}}},
			func(s *Site, _ string, t *Target) bool { return t != nil && t.Edge[s.Region] == "cdn-a-pacific" }},
		"client, everything": {Fault{Who: Who{Clients: []string{"c3"}}, What: What{All: true}},
			func(s *Site, _ string, t *Target) bool { return s.Client == "c3" }},
		"one reference": {Fault{What: What{References: []string{Defaults().References[0].ID}}},
			func(s *Site, id string, t *Target) bool { return id == Defaults().References[0].ID }},
		"service in a region": {Fault{What: What{Services: []string{"compute"}, Regions: []string{"eastus"}}},
			func(s *Site, _ string, t *Target) bool {
				return t != nil && t.Service == "compute" && t.Region == "eastus"
			}},
	} {
		c.f.How = How{Name: Blackhole}
		c.f.Uplink = c.f.What.All
		s := with(30*time.Second, c.f)
		_, all := watched(t, s, 3)
		targets := map[string]*Target{}
		for i := range s.Targets {
			targets[s.Targets[i].ID] = &s.Targets[i]
		}
		n := 0
		for _, v := range all {
			if v.r.Start.Before(epoch) || v.at < 6*time.Second {
				continue
			}
			id, _ := checkID(&s, v.check)
			want := c.hits(&s.Fleet.Sites[v.site], id, targets[id])
			if got := v.r.Outcome == probes.Down; got != want {
				t.Errorf("%s: %s at %s: down %v, want %v (%v)", name, id, s.Fleet.Sites[v.site].ID, got, want, v.r.Cause)
			}
			n++
		}
		if n < 1000 {
			t.Errorf("%s: only %d results", name, n)
		}
	}
}

// TestLowestLayerWins: of two faults the one in the lower phase is seen.
func TestLowestLayerWins(t *testing.T) {
	s := with(time.Minute, Fault{How: How{Name: HTTP503}}, Fault{How: How{Name: TLSExpired}}, Fault{At: 30 * time.Second, How: How{Name: DNSServfail}})
	w := newWorld(&s, RunOptions{})
	a := w.agents[0]
	i := slices.IndexFunc(w.checks, func(c check) bool { return c.Spec.Kind == probes.HTTP })
	for at, want := range map[time.Duration]probes.Cause{10 * time.Second: probes.TLSExpired, 40 * time.Second: probes.DNSServfail} {
		var r probes.Result
		a.attempt(&w.checks[i], &a.pairs[i], at, 0, false, &r)
		if r.Cause != want {
			t.Errorf("at %v: %v, want %v", at, r.Cause, want)
		}
	}
}

// TestRatesRampsWavesAndShares: how much of what is asked fails, over time.
func TestRatesRampsWavesAndShares(t *testing.T) {
	s := with(100*time.Second,
		Fault{What: What{Providers: []string{"azure"}}, Rate: 0.3, How: How{Name: HTTP500}},
		Fault{What: What{Providers: []string{"aws"}}, Ramp: 100 * time.Second, How: How{Name: HTTP500}},
		Fault{What: What{Providers: []string{"gcp"}}, Every: 20 * time.Second, How: How{Name: HTTP500}},
		Fault{What: What{Providers: []string{"m365"}}, Who: Who{Share: 0.5}, Spread: 50 * time.Second, How: How{Name: HTTP500}})
	w := newWorld(&s, RunOptions{Seed: 5})
	count := func(provider string, at time.Duration) (share float64, sites int) {
		n, down, hit := 0, 0, map[int]bool{}
		for k := range time.Duration(200) {
			for _, a := range w.agents {
				for i := range w.checks {
					if c := &w.checks[i]; c.target != nil && c.target.Provider == provider && c.Spec.Kind == probes.HTTP {
						var r probes.Result
						a.attempt(c, &a.pairs[i], at+k*time.Millisecond, 0, false, &r)
						if n++; r.Outcome == probes.Down {
							down++
							hit[a.site.i] = true
						}
					}
				}
			}
		}
		return float64(down) / float64(n), len(hit)
	}
	near := func(what string, got, want, by float64) {
		if got < want-by || got > want+by {
			t.Errorf("%s: %.3f, want %.2f", what, got, want)
		}
	}
	share, _ := count("azure", 50*time.Second)
	near("rate 0.3", share, 0.3, 0.02)
	for _, at := range []time.Duration{10, 50, 90} {
		share, _ = count("aws", at*time.Second)
		near("ramp", share, float64(at)/100, 0.02)
	}
	for at, want := range map[time.Duration]float64{10: 1, 30: 0, 50: 1, 70: 0} {
		share, _ = count("gcp", at*time.Second)
		near("square wave", share, want, 0)
	}
	_, early := count("m365", time.Second)
	_, late := count("m365", 99*time.Second)
	if late != 6 || early >= late {
		t.Errorf("share 0.5 with a spread: %d sites at the start, %d at the end, want 6 at the end and fewer before", early, late)
	}
}

// TestSameSeedSameRun, and another seed another one.
func TestSameSeedSameRun(t *testing.T) {
	t.Parallel()
	s := with(3*time.Minute, Fault{At: 30 * time.Second, For: time.Minute, What: What{Services: []string{"compute"}}, How: How{Name: Blackhole}, Rate: 0.8})
	s.Noise = Noise{Fail: 0.02, ClearsOnRetry: 0.8, Latency: Latency{Sigma: 0.1, Spikes: 0.05, AR1: 0.5}}
	key := func(seed uint64) []string {
		var out []string
		for _, e := range play(t, s, RunOptions{Seed: seed}).Events {
			out = append(out, e.At.String()+string(e.What)+e.Incident.ID+e.Incident.Title+e.Incident.Summary)
		}
		return out
	}
	a := key(7)
	if len(a) == 0 || !slices.Equal(a, key(7)) {
		t.Errorf("seed 7 plays differently the second time, or nothing happens: %d events", len(a))
	}
	if slices.Equal(a, key(8)) {
		t.Error("seeds 7 and 8 play the same")
	}
}

// TestNoiseHasItsRate: raw failures come as often as asked, in the history too.
func TestNoiseHasItsRate(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	s := with(10 * time.Minute)
	s.Noise = Noise{Fail: 0.01, ClearsOnRetry: 1}
	_, all := watched(t, s, 4)
	down := 0
	for _, v := range all {
		if v.r.Outcome == probes.Down {
			down++
		}
	}
	if share := float64(down) / float64(len(all)); share < 0.0085 || share > 0.0115 {
		t.Errorf("%.4f of %d results fail, want 0.01", share, len(all))
	}
}

// TestWhatIsDeclared: worlds from end to end, by what the people are told.
func TestWhatIsDeclared(t *testing.T) {
	t.Parallel()
	at := time.Minute
	for name, c := range map[string]struct {
		f      Fault
		kind   detect.Kind
		within time.Duration
	}{
		"a target refuses":     {Fault{What: What{Targets: []string{"aws-ec2-us-east-1"}}, How: How{Name: Refused}}, detect.KindTarget, 3 * time.Second},
		"a target is a hole":   {Fault{What: What{Targets: []string{"aws-ec2-us-east-1"}}, How: How{Name: Blackhole}}, detect.KindTarget, 4 * time.Second},
		"a cloud answers 503":  {Fault{What: What{Providers: []string{"azure"}}, How: How{Name: HTTP503}}, detect.KindProvider, 6 * time.Second},
		"a line is cut":        {Fault{Who: Who{Sites: []string{"s03"}}, What: What{All: true}, Uplink: true, How: How{Name: Blackhole}}, detect.KindSite, 10 * time.Second},
		"an ISP is cut":        {Fault{Who: Who{Networks: []string{"AS64502"}}, What: What{All: true}, Uplink: true, How: How{Name: Blackhole}}, detect.KindNetwork, 10 * time.Second},
		"the collector is cut": {Fault{How: How{Name: CollectorCut}}, detect.KindCollector, 10 * time.Second},
		"half of them crash":   {Fault{Who: Who{Share: 0.5}, How: How{Name: AgentCrash}}, detect.KindFleet, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c.f.At, c.f.For = at, 2*time.Minute
			for seed := range uint64(2) {
				r := play(t, with(8*time.Minute, c.f), RunOptions{Seed: seed})
				i := slices.IndexFunc(r.Events, func(e Declared) bool { return e.Incident.Kind == c.kind })
				if i < 0 {
					t.Errorf("seed %d: nothing of kind %s: %v", seed, c.kind, kinds(r))
					continue
				}
				if took := r.Events[i].At - at; took < 0 || took > c.within {
					t.Errorf("seed %d: %s after %v, want within %v", seed, c.kind, took, c.within)
				}
				if last := r.Events[len(r.Events)-1]; last.Incident.State != detect.Resolved {
					t.Errorf("seed %d: at the end %s is %s", seed, last.Incident.Title, last.Incident.State)
				}
				for _, e := range r.Events {
					if e.Incident.Kind.ProviderSide() && !c.kind.ProviderSide() {
						t.Errorf("seed %d: %s blames a cloud", seed, e.Incident.Title)
					}
				}
			}
		})
	}
}

func kinds(r *Run) (out []string) {
	for _, e := range r.Events {
		out = append(out, e.At.Round(time.Millisecond).String()+" "+string(e.What)+" "+string(e.Incident.Kind)+" "+e.Incident.Title)
	}
	return out
}
