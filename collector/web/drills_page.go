package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"picket/collector/access"
)

// drillsView is the page of drills.
type drillsView struct {
	frame
	Says      string // about the last one, or the one that is on
	Detail    string
	Scenarios []DrillScenario
	Lines     []drillLine
	Form      bool // the reader may begin one
	ForAll    bool // ... and have clients see it
	Wrong     string
	Fix       string

	Kept  map[string]string   // the form as it was sent
	Spans []int               // minutes to choose from
	Lists map[string][]string // what may be named, by the id of its list
}

// drillLine is a drill in the list.
type drillLine struct {
	Drill
	Word, Detected, Confirmed, Told string
}

// maxWord bounds a field of the form.
const maxWord = 200

// drillRoutes adds the page of drills, and what its forms do.
func (s *Server) drillRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /drills", s.drillsPage)
	mux.HandleFunc("POST /drills", s.may(access.Drill, s.startDrill))
	mux.HandleFunc("POST /drills/stop", s.may(access.Drill, s.stopDrill))
}

func (s *Server) drillsPage(w http.ResponseWriter, r *http.Request) {
	s.showDrills(w, r, http.StatusOK, nil, nil)
}

// showDrills answers with the page; wrong is what was not done, kept the form.
func (s *Server) showDrills(w http.ResponseWriter, r *http.Request, status int, wrong *Error, kept map[string]string) {
	src, p := s.source(r), who(r.Context())
	if p.Role == access.Viewer {
		s.nothing(w, r, "There is no such page.", "", "/", "All clouds")
		return
	}
	all, err := src.Drills(r.Context(), someDrills)
	if err != nil {
		s.broken(w, r, "drills", fmt.Errorf("list of drills: %w", err))
		return
	}
	v := drillsView{frame: s.frame(r, "drills", "Drills"), Scenarios: all.Scenarios, Kept: kept, Spans: []int{1, 3, 10, 30},
		Form: s.o.Actions != nil && p.May(access.Drill) && p.Via == "session", ForAll: p.May(access.Manage)}
	if v.Kept == nil {
		v.Kept = map[string]string{"for": "3"}
	}
	if wrong != nil {
		v.Wrong, v.Fix = sentence(wrong.Error()), wrong.Fix
	}
	for _, d := range all.Drills {
		v.Lines = append(v.Lines, inDrills(d))
	}
	v.Says, v.Detail = lastDrill(v.Lines)
	v.offer(src)
	s.html(w, status, "drills.html", v)
}

// inDrills words a drill.
func inDrills(d Drill) drillLine {
	l := drillLine{Drill: d, Detected: since(d.Begun, d.Detected), Confirmed: since(d.Begun, d.Confirmed)}
	switch {
	case d.State == DrillPlaying:
		l.Word = "on"
	case d.State == DrillClearing:
		l.Word = "ending"
	default:
		l.Word = "over"
	}
	told := make([]string, len(d.Told))
	for i, t := range d.Told {
		told[i] = t.Route + " " + since(d.Begun, t.At)
	}
	l.Told = strings.Join(told, ", ")
	return l
}

// since is how long something took, "" if it never came.
func since(from, to time.Time) string {
	if to.IsZero() {
		return ""
	}
	return fmt.Sprintf("%.1f s", to.Sub(from).Seconds())
}

// lastDrill is the first sentence of the page.
func lastDrill(all []drillLine) (says, detail string) {
	switch {
	case len(all) == 0:
		return "You have never tested this system.", "A drill plays an outage: you see how fast it is found, and who is told."
	case all[0].On():
		return "A drill is on: " + all[0].Title + ".", strings.ToUpper(told(all[0])[:1]) + told(all[0])[1:]
	}
	return "Last drill: " + told(all[0]), all[0].Title + "."
}

// told says how fast a drill was found and told.
func told(l drillLine) string {
	switch {
	case l.Detected == "":
		return map[bool]string{true: "not found yet.", false: "it was not found."}[l.On()]
	case len(l.Drill.Told) == 0:
		return "detected after " + l.Detected + ", told to nobody" + map[bool]string{true: " yet.", false: "."}[l.On()]
	}
	return "detected after " + l.Detected + ", told after " + since(l.Begun, l.Drill.Told[0].At) + "."
}

// offer fills in what may be chosen.
func (v *drillsView) offer(src Source) {
	if !v.Form {
		return
	}
	v.Lists = map[string][]string{}
	add := func(list, name string) {
		if name != "" {
			v.Lists[list] = append(v.Lists[list], name)
		}
	}
	for _, t := range src.Targets() {
		if !t.Reference {
			add("targets", t.ID)
			add("providers", t.Provider)
			add("services", t.Service)
			add("regions", t.Region)
		}
	}
	for _, s := range src.Snapshot().Sites {
		add("sites", s.ID)
		add("isps", s.Network)
	}
	for name, list := range v.Lists {
		slices.Sort(list)
		v.Lists[name] = slices.Compact(list)
	}
}

// startDrill begins what the form says.
func (s *Server) startDrill(w http.ResponseWriter, r *http.Request) {
	if s.o.Actions == nil {
		notFound(w, r)
		return
	}
	p, kept := who(r.Context()), map[string]string{}
	for _, key := range []string{"scenario", "target", "provider", "service", "region", "site", "isp", "for", "clients"} {
		kept[key] = shorten(strings.TrimSpace(r.PostFormValue(key)), maxWord)
	}
	minutes := map[string]time.Duration{"1": time.Minute, "3": 3 * time.Minute, "10": 10 * time.Minute, "30": 30 * time.Minute}
	req := DrillRequest{Scenario: kept["scenario"], Target: kept["target"], Provider: kept["provider"], Service: kept["service"], Region: kept["region"],
		ISP: kept["isp"], For: minutes[kept["for"]], Clients: kept["clients"] != ""}
	if kept["site"] != "" {
		req.Sites = []string{kept["site"]}
	}
	if req.Clients && !p.May(access.Manage) { // it reaches people outside the house
		s.forbid(w, r, "a drill for clients")
		return
	}
	if _, err := s.o.Actions.StartDrill(r.Context(), p.Name, req); err != nil {
		s.refuseDrill(w, r, err, kept)
		return
	}
	http.Redirect(w, r, "/drills", http.StatusSeeOther)
}

// stopDrill ends the drill that is on.
func (s *Server) stopDrill(w http.ResponseWriter, r *http.Request) {
	if s.o.Actions == nil {
		notFound(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), drillWithin)
	defer cancel()
	if _, err := s.o.Actions.StopDrill(ctx, who(r.Context()).Name); err != nil {
		s.refuseDrill(w, r, err, nil)
		return
	}
	http.Redirect(w, r, "/drills", http.StatusSeeOther)
}

// refuseDrill answers what was not done.
func (s *Server) refuseDrill(w http.ResponseWriter, r *http.Request, err error, kept map[string]string) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		s.broken(w, r, "drills", err)
		return
	}
	s.showDrills(w, r, e.Status, e, kept)
}
