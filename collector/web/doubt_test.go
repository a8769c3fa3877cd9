package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

func TestWhatMostlyIsUnseenIsNotGreen(t *testing.T) {
	s := calm()
	for k, v := range s.snap.Verdicts {
		if k > 4 {
			v.State = detect.NoData
		}
		s.snap.Verdicts[k] = v
	}
	below(t, page(t, s, "/targets"), `class="verdict s-no-data"`, "5 targets healthy, 7 have no data.")
	s.snap.Verdicts[5].State, s.snap.Verdicts[6].State = detect.OK, detect.OK
	below(t, page(t, s, "/targets"), `class="verdict s-ok"`, "7 targets healthy, 5 have no data.")

	for k := range s.snap.Sites[1:] {
		s.snap.Sites[k].Eligible = false
	}
	below(t, page(t, s, "/targets"), `class="verdict s-no-data"`, "7 targets healthy, 5 have no data; 11 sites do not vote yet.")
	below(t, page(t, s, "/incidents"), `class="verdict s-no-data"`, "No incident is open.", "11 sites do not vote yet.")
	s.snap.Sites[11].Eligible = false
	below(t, page(t, s, "/incidents"), `class="verdict s-no-data"`, "No incident is open.", "Nothing can be said now: none of 12 sites may vote.")
	below(t, page(t, calm(), "/incidents"), `class="verdict s-ok"`, "No incident is open.")

	s = calm()
	for k := range s.snap.Cells[4:] {
		s.snap.Cells[k].State = detect.NoData
	}
	if v := Sentence(s.snap, s.Provider); v.State != "no-data" || v.Text != "1 of 3 providers are healthy as seen from 12 sites on 6 ISPs." {
		t.Errorf("%s: %s", v.State, v.Text)
	}
}

func TestAnOldOpenIncidentIsStillListed(t *testing.T) {
	s := calm()
	for k := range someIncidents + 20 {
		i := outage().incidents[2]
		i.ID = fmt.Sprint("r", k)
		s.incidents = append(s.incidents, i)
	}
	s.incidents = append(s.incidents, outage().incidents[1]) // older than all of them
	html := page(t, s, "/incidents")
	below(t, html, "1 incident open.", "Confirmed: Borealis north: outage.", "Borealis north: outage</a>", "Lost contact with acme/madrid</a>", "Older ones too")
	if n := strings.Count(html, "Borealis north: outage</a>"); n != 1 {
		t.Errorf("listed %d times", n)
	}
	below(t, page(t, s, "/incidents?show=open"), "Borealis north: outage</a>")
}

func TestHistoryIsAskedForAsFarAsItIsKept(t *testing.T) {
	h := server(t, calm()).Handler()
	at := "/api/v1/targets/aurora-web-east/history?from="
	if w := ask(h, "GET", at+"-9504h", ""); w.Code != 200 {
		t.Errorf("396 days: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", at+"-9552h", ""); w.Code != 400 || !strings.Contains(w.Body.String(), "longer than 396 days") {
		t.Errorf("398 days: %d %s", w.Code, w.Body)
	}
}

func TestMeansAreOfWhatWasUp(t *testing.T) {
	a, b := Point{Good: 10, Mean: 10 * time.Millisecond}, Point{Good: 10, Slow: 90, Mean: 100 * time.Millisecond}
	if got := merge(a, b).Mean; got != 55*time.Millisecond {
		t.Errorf("merged mean %s", got)
	}
}

func TestARangeThatNobodyKnowsIsADay(t *testing.T) {
	for _, text := range []string{"", "nonsense"} {
		if c, _ := chosenRange(url.Values{"range": {text}}, "/t"); c.Name != "24h" {
			t.Errorf("%q: %s", text, c.Name)
		}
	}
}

func TestATableIsNoFinerThanItsPoints(t *testing.T) {
	all, step := momentsOf([]Point{{At: noon, Step: time.Hour, Good: 1}, {At: noon.Add(time.Hour), Step: time.Hour, Good: 1}}, 2*time.Hour)
	if step != time.Hour || len(all) != 2 {
		t.Errorf("%s %v", step, all)
	}
}

func TestAnotherYearIsSaid(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{{noon, "2 Feb 12:00:00"}, {noon.Add(-100 * 24 * time.Hour), "25 Oct 2025 12:00:00"}, {time.Time{}, "unknown"}} {
		if got := stamp(noon, c.at); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	s := outage()
	s.incidents[2].Started = noon.Add(-400 * 24 * time.Hour)
	below(t, page(t, s, "/incidents"), "29 Dec 2024 12:00:00")
	s.history["borealis-web-north"][0].At = noon.Add(-400 * 24 * time.Hour)
	below(t, page(t, s, "/targets/borealis-web-north"), `<p class="hint">What a site sees while its own line is down counts too.</p>`, "29 Dec 2024 12:00:00")
}

func TestACellCountsWhatItComesFrom(t *testing.T) {
	cell := detect.Cell{Provider: "acme-cloud", State: detect.Down, Targets: 1, Sites: 2, Networks: 1}
	own := detect.Verdict{Provider: "acme-cloud", Target: "own", Client: "acme", State: detect.Down, DownSites: 2, Sites: 2, Networks: 1}
	all := detect.Verdict{Provider: "acme-cloud", Target: "all", State: detect.Down, DownSites: 1, Sites: 9, Networks: 4}
	well := detect.Verdict{Provider: "acme-cloud", Target: "well", State: detect.OK, Sites: 9, Networks: 4}
	for _, c := range []struct {
		verdicts []detect.Verdict
		want     string
	}{
		{[]detect.Verdict{own}, "2 of 2 fail"}, {[]detect.Verdict{well, own}, "2 of 2 fail"}, {[]detect.Verdict{own, all, well}, "1 of 9 fail"},
		{nil, "2 sites, 1 ISP"}, // of a target that the reader may not see
	} {
		_, rows := matrix(noon, detect.Snapshot{Cells: []detect.Cell{cell}, Verdicts: c.verdicts}, nil, strings.ToUpper)
		if got := rows[0].Cells[0]; got.Counts != c.want || got.State != "down" {
			t.Errorf("%s %q, want %q", got.State, got.Counts, c.want)
		}
	}
	cell.Sites, cell.Networks, cell.Incident, all.Sites, all.DownSites, all.Incident = 0, 0, "i1", 0, 0, "i1"
	_, rows := matrix(noon, detect.Snapshot{Cells: []detect.Cell{cell}, Verdicts: []detect.Verdict{all}}, nil, strings.ToUpper)
	if got := rows[0].Cells[0]; got.State != "no-data" || got.Counts != "not over yet" || got.Link != "/incidents/i1" {
		t.Errorf("an outage that nobody sees now: %+v", got)
	}
}

// slow is a source that takes its time.
type slow struct {
	*scene
	asked atomic.Int32
	came  chan struct{} // one for each question
	free  chan struct{} // closed: it answers
}

func (s *slow) Status(ctx context.Context) (Status, error) {
	s.asked.Add(1)
	s.came <- struct{}{}
	<-s.free
	return s.scene.status, ctx.Err()
}

func TestDrawingHoldsUpNobodyElse(t *testing.T) {
	s := &slow{scene: calm(), came: make(chan struct{}, 100), free: make(chan struct{})}
	srv := server(t, s)
	reader := func(ctx context.Context) error {
		r := httptest.NewRequest("GET", "/events", nil).WithContext(as(ctx, access.Principal{Name: "tim", Role: access.Technician, Via: "session", Session: "1"}))
		_, err := srv.rendered(r)
		return err
	}
	first, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { reader(first) })
	<-s.came // the first one draws
	for range 5 {
		all.Go(func() {
			if err := reader(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	entered := make(chan bool, 1)
	go func() { // another stream, meanwhile
		end, ok := srv.enter(httptest.NewRequest("GET", "/events", nil))
		end()
		entered <- ok
	}()
	select {
	case <-entered:
	case <-time.After(10 * time.Second):
		t.Error("nobody enters while a page is drawn")
	}
	leave() // who draws goes; the others get their page
	close(s.free)
	all.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("drawn %d times", n)
	}
	if len(srv.drawings) != 0 || len(srv.fragments) != 1 {
		t.Errorf("%d drawings, %d fragments", len(srv.drawings), len(srv.fragments))
	}
}

func TestWhatCannotBeAnsweredIsAPage(t *testing.T) {
	s := outage()
	s.err = errors.New("disk on fire")
	var log bytes.Buffer
	srv, err := New(Options{Source: s, Actions: s, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/fleet", "/incidents"} {
		log.Reset()
		w := ask(srv.Handler(), "GET", path, "")
		if w.Code != 500 || !strings.Contains(w.Body.String(), "<h1><span") || !strings.Contains(w.Body.String(), "The Picket server could not answer.") || strings.Contains(w.Body.String(), "on fire") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if !strings.Contains(log.String(), "disk on fire") {
			t.Errorf("%s: the log does not say why: %s", path, &log)
		}
	}
	for path, on := range map[string]string{"/incidents/none": `href="/incidents">All incidents</a>`, "/targets/none": `href="/targets">All targets</a>`} {
		if w := ask(srv.Handler(), "GET", path, ""); w.Code != 404 || !strings.Contains(w.Body.String(), on) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
