package web

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"picket/collector/access"
	"picket/collector/detect"
)

func TestIncidentsOfTargetsThatAreGone(t *testing.T) {
	s := twoClients()
	gone := func(id string, f func(*detect.Incident)) {
		i := detect.Incident{ID: "inc-" + id, Kind: detect.KindTarget, Provider: "aurora", Title: "Ledger " + id + ": outage", Summary: "1 of 3 sites cannot reach Ledger.", Reason: detect.Reason{Text: "Ledger times out."},
			State: detect.Resolved, Targets: []string{"ledger"}, DownSites: 1, Sites: 3, Started: noon, Opened: noon, Resolved: noon}
		f(&i)
		s.incidents = append(s.incidents, i)
		s.snap.Recent = append(s.snap.Recent, i)
	}
	gone("nobodys", func(i *detect.Incident) { i.Target = "ledger" })
	gone("cloud", func(i *detect.Incident) { i.Kind = detect.KindProvider })
	gone("path", func(i *detect.Incident) { i.Kind, i.Network = detect.KindNetworkProvider, "AS3352 Telefonica" })
	gone("isp", func(i *detect.Incident) { i.Kind, i.Network = detect.KindNetwork, "AS3352 Telefonica" })
	gone("theirs", func(i *detect.Incident) { i.Client = "globex-" + mark })
	gone("beside", func(i *detect.Incident) { i.Targets = append(i.Targets, "priv-"+mark) })
	gone("mixed", func(i *detect.Incident) {
		i.Kind, i.Targets = detect.KindProvider, append(i.Targets, "aurora-web-east")
	})
	gone("ours", func(i *detect.Incident) { i.Client, i.Target = "acme", "ledger" })
	m := man(t, s, access.Options{})
	vic, ann := m.as(t, "vic"), m.as(t, "ann")
	for _, id := range []string{"nobodys", "cloud", "path", "isp", "theirs", "beside"} {
		for _, path := range []string{"/incidents/inc-" + id, "/api/v1/incidents/inc-" + id} {
			if w := vic.get(path); w.Code != 404 || strings.Contains(w.Body.String(), "Ledger") {
				t.Errorf("a viewer sees %s: %d", path, w.Code)
			}
			if w := ann.get(path); w.Code != 200 || !strings.Contains(w.Body.String(), "Ledger") {
				t.Errorf("an admin does not see %s: %d", path, w.Code)
			}
		}
		for _, path := range []string{"/", "/incidents", "/api/v1/incidents"} {
			if body := vic.get(path).Body.String(); strings.Contains(body, "inc-"+id) || strings.Contains(body, "Ledger "+id) {
				t.Errorf("%s stands at %s", id, path)
			}
		}
	}
	// One that tells of a target that it knows is shown, in words that name no other.
	if body := vic.get("/api/v1/incidents/inc-mixed").Body.String(); !strings.Contains(body, "aurora-web-east") || !strings.Contains(body, "1 of 3 sites") || strings.Contains(strings.ToLower(body), "ledger") {
		t.Errorf("%s", body)
	}
	if body := vic.get("/api/v1/incidents/inc-ours").Body.String(); !strings.Contains(body, "Ledger ours: outage") {
		t.Errorf("its own: %s", body)
	}
}

func TestManyNamesAreFoundAsEachAlone(t *testing.T) {
	all := []string{"client-1", "client-1/site-1", "AS1 Net", "AS1 Netz", "ab:cd", "Zürich", "a.b", "10.0.0.1", "(x)", "d-", "Nord Ost GmbH"}
	set := map[string]bool{}
	for _, name := range all {
		set[name] = true
	}
	many := namesOf(set)
	for _, name := range all {
		for text, want := range map[string]bool{name: true, "x " + strings.ToUpper(name) + ".": true, "(" + name + ")": true, "q" + name + "q": name == "(x)", name + " " + name: true, name[:len(name)-1]: false, "AS1 " + name: true} {
			if text == "client-1/site-" || text == "AS1 Net" { // holds a shorter one
				want = true
			}
			if got := many.in(text); got != want {
				t.Errorf("%q: %v, want %v", text, got, want)
			}
		}
	}
	for _, text := range []string{"", "client-12", "client-", "AS1", "AS1  Net", "nord ost", "10.0.0.11", "110.0.0.1", "everything is well"} {
		if many.in(text) {
			t.Errorf("a name in %q", text)
		}
	}
	if namesOf(nil).in("client-1") || namesOf(nil).in("") {
		t.Error("nobody's name was found")
	}
}

// asked counts what a viewer's list makes its source do.
type asked struct {
	*scene
	single int
}

func (a *asked) Incident(ctx context.Context, id string) (detect.Incident, error) {
	a.single++
	return a.scene.Incident(ctx, id)
}

func TestAShortListOfIncidentsIsLittleWork(t *testing.T) {
	s := &asked{scene: crowded(10, 1000)}
	for i := range s.incidents {
		s.incidents[i].SupersededBy = s.incidents[0].ID // to be looked up for each that is shown
	}
	out, err := scoped(access.Principal{Role: access.Viewer, Client: "acme"}, s).Incidents(t.Context(), false, 7)
	if err != nil || len(out) != 7 || s.single != 7 {
		t.Errorf("%d incidents, %d of them reduced, %v", len(out), s.single, err)
	}
}

// crowded is a fleet of 60 other clients with incidents that acme may see.
func crowded(agents, incidents int) *scene {
	s := calm()
	s.agents, s.incidents = nil, nil
	for i := range agents {
		c := fmt.Sprintf("client-%d", i%60)
		s.agents = append(s.agents, Agent{ID: fmt.Sprintf("agent-%d", i), Client: c, Site: fmt.Sprintf("%s/site-%d", c, i), Hostname: fmt.Sprintf("host-%d", i), Network: fmt.Sprintf("AS%d Net", i%50)})
	}
	text := strings.Repeat("9 of 11 sites on 6 ISPs cannot reach Azure westeurope: timeout. ", 4)
	for i := range incidents {
		s.incidents = append(s.incidents, detect.Incident{ID: fmt.Sprint("i", i), Kind: detect.KindProviderRegion, Provider: "azure", Region: "we", State: detect.Resolved,
			Title: "Azure westeurope: outage", Summary: text, Reason: detect.Reason{Text: text}})
	}
	return s
}

// BenchmarkTenancy is a viewer's list of incidents beside 600 agents of others.
func BenchmarkTenancy(b *testing.B) {
	s := crowded(600, 1000)
	for _, limit := range []int{50, 1000} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			for b.Loop() {
				out, err := scoped(access.Principal{Role: access.Viewer, Client: "acme"}, s).Incidents(b.Context(), false, limit)
				if err != nil || len(out) != limit {
					b.Fatal(err, len(out))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*limit), "us/incident")
		})
	}
}
