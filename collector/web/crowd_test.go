package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"picket/collector/detect"
)

// crowd is 1,000 targets of 20 providers in 50 regions, seen by 60 sites, with
// some trouble.
func crowd() *scene {
	s := calm()
	s.snap.Cells, s.snap.Verdicts, s.snap.Sites, s.targets = nil, nil, nil, nil
	for p := range 20 {
		for r := range 50 {
			provider, region := fmt.Sprintf("provider-%02d", p), fmt.Sprintf("region-%02d", r)
			state := detect.OK
			switch n := p*50 + r; {
			case n%97 == 3:
				state = detect.Down
			case n%53 == 5:
				state = detect.Disputed
			case n%41 == 7:
				state = detect.NoData
			}
			id := provider + "-web-" + region
			s.snap.Cells = append(s.snap.Cells, detect.Cell{Provider: provider, Region: region, State: state, Targets: 1, Sites: 60, Networks: 12, Age: time.Duration(r) * time.Second})
			s.snap.Verdicts = append(s.snap.Verdicts, detect.Verdict{Provider: provider, Region: region, Target: id, State: state, Sites: 60, Networks: 12, DownSites: int(max(0, state)) * 10, Since: noon.Add(-time.Hour), At: noon})
			s.targets = append(s.targets, Target{ID: id, Name: id, Provider: provider, Service: "web", Region: region, Checks: []Check{{ID: id + "/http", Kind: "http", Interval: time.Minute}}})
		}
	}
	for k := range 60 {
		s.snap.Sites = append(s.snap.Sites, detect.SiteStatus{ID: fmt.Sprintf("client-%d/site-%02d", k%9, k), Client: fmt.Sprintf("client-%d", k%9), Network: fmt.Sprintf("AS6450%d", k%12),
			VRegion: "eu", Agents: 1, Connected: k%20 != 0, Eligible: k%10 != 0, Why: "probation", LastSeen: noon})
	}
	return s
}

// BenchmarkNow draws the page of a large fleet on the server.
func BenchmarkNow(b *testing.B) {
	srv, err := New(Options{Source: crowd(), Now: func() time.Time { return noon }})
	if err != nil {
		b.Fatal(err)
	}
	h := srv.Handler()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "127.0.0.1"
	size := 0
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
		n, _ := io.Copy(io.Discard, w.Body)
		size = int(n)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/op")
	b.ReportMetric(float64(size)/1000, "kB")
}
