package simulate

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"picket/collector/detect"
)

func play(t testing.TB, s Scenario, o RunOptions) *Run {
	t.Helper()
	r, err := Play(t.Context(), &s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func with(d time.Duration, faults ...Fault) Scenario {
	s := Defaults()
	s.Duration, s.Faults = d, faults
	return s
}

// figure is one thing that people or a summary see of a run.
type figure struct {
	at   time.Duration
	text string
}

// figures are the counts of a run, its incidents by their opening, with what they
// were at the end, and its alerts that told of one.
func figures(r *Run) []figure {
	out := []figure{{0, fmt.Sprint(r.Probes, r.Suspicions, r.Rounds, r.Confirms, r.MaxConfirmsPer10s, len(r.Notices))}}
	last := map[string]detect.Incident{}
	for _, e := range r.Events {
		last[e.Incident.ID] = e.Incident
	}
	for _, e := range r.Events {
		if i := last[e.Incident.ID]; e.What == detect.Opened {
			out = append(out, figure{e.At, fmt.Sprint(i.Kind, i.Site, i.Network, i.Provider, i.Service, i.Target, i.State, i.Confidence, i.Started, i.LineDown, i.Targets)})
		}
	}
	for _, p := range r.Pages {
		if p.Event == "opened" {
			out = append(out, figure{p.At, fmt.Sprint(p.Event, p.Incident.Kind, p.Incident.Started)})
		}
	}
	return out
}

// TestShortWaysChangeNothing: noise, episodes, an outage and a part of requests
// that fails come to the same suspicions, rounds, incidents and alerts, whether
// every probe is played by itself or the calm ones take the short ways.
func TestShortWaysChangeNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	outage := with(40*time.Minute, Fault{At: 15 * time.Minute, For: 5 * time.Minute, What: What{Services: []string{"run"}}, How: How{Name: Blackhole}})
	outage.Noise = calmNoise()
	outage.Noise.Uplink.PerYear, outage.Noise.SitePath.PerYear, outage.Noise.Path.PerYear = 3000, 600, 1200
	lossy := with(15*time.Minute, Fault{At: 2 * time.Minute, For: 6 * time.Minute, What: What{Targets: []string{"azure-compute-eastus"}}, How: How{Name: Reset}, Rate: 0.3},
		Fault{At: 9 * time.Minute, Who: Who{Sites: []string{"s05"}}, What: What{Targets: []string{"gcp-storage-us-central1"}}, How: How{Name: HTTP503}, Rate: 0.4},
		Fault{Who: Who{Regions: []string{"eu"}}, What: What{Targets: []string{"m365-teams", "aws-s3-us-east-1"}}, How: How{Name: HTTP503}, Rate: 0.15})
	lossy.Noise = calmNoise()
	noisy := with(2 * time.Hour)
	noisy.Noise = calmNoise()
	for name, s := range map[string]Scenario{"an outage and many episodes": outage, "a part fails": lossy, "the usual noise": noisy} {
		for seed := range uint64(2) {
			short := figures(play(t, s, RunOptions{Seed: seed + 1}))
			full := figures(play(t, s, RunOptions{Seed: seed + 1, Full: true}))
			if len(s.Faults) > 0 && len(full) < 3 {
				t.Fatalf("%s, seed %d: only %d things happened", name, seed+1, len(full))
			}
			for i := range min(len(full), len(short)) {
				// The engine's look of once a second may fall elsewhere within the second.
				if short[i].text != full[i].text || (short[i].at-full[i].at).Abs() > time.Second {
					t.Fatalf("%s, seed %d: the short run differs at %d of %d:\nfull  %v\nshort %v", name, seed+1, i, len(full), full[i], short[i])
				}
			}
			if len(short) != len(full) {
				t.Errorf("%s, seed %d: %d things in the short run, %d in the full one", name, seed+1, len(short), len(full))
			}
		}
	}
}

func BenchmarkPlay(b *testing.B) {
	s := with(10*time.Minute, Fault{At: time.Minute, For: 2 * time.Minute, What: What{Targets: []string{"azure-compute-eastus"}}, How: How{Name: Refused}})
	n := 0
	for i := range b.N {
		n += play(b, s, RunOptions{Seed: uint64(i)}).Probes
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/probe")
}

func BenchmarkCalmDay(b *testing.B) {
	s := with(24 * time.Hour)
	s.Noise = calmNoise()
	var st, en syscall.Rusage
	syscall.Getrusage(0, &st)
	n := 0
	for i := range b.N {
		r := play(b, s, RunOptions{Seed: uint64(i)})
		n += r.Probes
		b.Log(r.Probes, r.Suspicions, r.Rounds, r.Confirms, len(r.Events))
	}
	syscall.Getrusage(0, &en)
	cpu := float64(en.Utime.Nano() - st.Utime.Nano() + en.Stime.Nano() - st.Stime.Nano())
	b.ReportMetric(cpu/float64(n), "cpu-ns/probe")
	b.ReportMetric(cpu/1e9*365/float64(b.N), "cpu-s/year")
}

func calmNoise() Noise {
	return Noise{Fail: 0.003, ClearsOnRetry: 0.8, Uplink: Episodes{24, 15 * time.Minute}, ISP: Episodes{2, time.Hour}, Path: Episodes{6, 10 * time.Minute}, SitePath: Episodes{12, 5 * time.Minute}}
}
