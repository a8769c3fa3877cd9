package detect

import (
	"fmt"
	"testing"
)

// TestTheRecordOfCoverageIsCoverage: as many sites on as many ISPs, and as sure,
// of the worst service of each region.
func TestTheRecordOfCoverageIsCoverage(t *testing.T) {
	for _, n := range [][2]int{{1, 1}, {2, 2}, {4, 1}, {5, 2}, {12, 6}} {
		w := newWorld(t, worldOptions{sites: n[0], networks: n[1], regions: 2, clients: 2})
		w.run(calm)
		type key struct{ provider, region, client string }
		want := map[key]Coverage{}
		for _, c := range w.e.Coverage(w.now) {
			k := key{c.Provider, c.Region, c.Client}
			if was, known := want[k]; !known || c.less(&was) {
				want[k] = c
			}
		}
		got := w.e.Witnesses(w.now)
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("%v: %d rows, want %d", n, len(got), len(want))
		}
		for _, x := range got {
			if c := want[key{x.Provider, x.Region, x.Client}]; x.Sites != c.Sites || x.Networks != c.Networks || x.Confidence != c.Confidence {
				t.Errorf("%v: %+v, want %d sites, %d ISPs, %q", n, x, c.Sites, c.Networks, c.Confidence)
			}
		}
	}
}

// BenchmarkWitnesses is what the record of coverage takes of the judge's time
// once a minute.
func BenchmarkWitnesses(b *testing.B) {
	for _, size := range []struct{ sites, targets int }{{12, 60}, {500, 100}} {
		b.Run(fmt.Sprintf("%dx%d", size.sites, size.targets), func(b *testing.B) {
			l := newLoad(size.sites, min(size.sites/2, 40), size.targets, 10, 1)
			l.run(1)
			n := 0
			for b.Loop() {
				n = len(l.e.Witnesses(l.now))
			}
			b.ReportMetric(float64(n), "rows")
		})
	}
}
