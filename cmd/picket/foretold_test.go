package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"picket/cmd/picket/simulate"
	"picket/collector/detect"
)

// TestTheForetoldScenariosHold plays the models of the demo and of the test in
// network namespaces as they stand in their files.
func TestTheForetoldScenariosHold(t *testing.T) {
	for _, file := range []string{"testdata/demo-region.yaml", "testdata/nat-region.yaml"} {
		foretold(t, file, 0)
	}
}

// asForetold holds a time to detect that was measured on real agents against
// what the simulator says of the same fleet, whose fault came so long after the
// last agent had started: within a second of what 50 seeds gave.
func asForetold(t *testing.T, file string, after, measured time.Duration) {
	t.Helper()
	all := foretold(t, file, after)
	least, most := all[0], all[len(all)-1]
	t.Logf("measured %.2f s", measured.Seconds())
	if measured < least-time.Second || measured > most+time.Second {
		t.Errorf("%s says %.2f to %.2f s from the fault to the confirmed incident, measured were %.2f s", file, least.Seconds(), most.Seconds(), measured.Seconds())
	}
}

// foretold returns how long after its only fault the scenario's region was
// confirmed to be down, with every seed, sorted. after moves the fault; 0 leaves it.
func foretold(t *testing.T, file string, after time.Duration) []time.Duration {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := simulate.Load(file, src)
	if err != nil {
		t.Fatal(err)
	}
	fault := &s.Faults[0]
	if after > 0 {
		fault.At = after
	}
	s.Duration = fault.At + 30*time.Second
	var all []time.Duration
	for seed := range s.Seeds {
		run, err := simulate.Play(t.Context(), s, simulate.RunOptions{Seed: uint64(seed)})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(run.Events, func(d simulate.Declared) bool {
			return d.Incident.Kind == detect.KindProviderRegion && d.Incident.Confidence == detect.ConfidenceConfirmed
		})
		if i < 0 {
			t.Fatalf("%s, seed %d: the region is not confirmed to be down: %+v", file, seed, run.Events)
		}
		all = append(all, run.Events[i].At-fault.At)
	}
	slices.Sort(all)
	t.Logf("%s, %d seeds, fault after %v: min %.2f, p50 %.2f, p95 %.2f, max %.2f s", s.ID, len(all), fault.At.Round(time.Second),
		all[0].Seconds(), all[len(all)/2].Seconds(), all[len(all)*95/100].Seconds(), all[len(all)-1].Seconds())
	return all
}
