package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"picket/collector/access"
	"picket/collector/detect"
)

// maxTargets is how many targets the list shows at once.
const maxTargets = 300

// askRoutes adds the pages check, targets and fleet, and what their forms and charts ask.
func (s *Server) askRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /targets", s.targetsPage)
	mux.HandleFunc("GET /targets/{id}", s.targetPage)
	mux.HandleFunc("GET /check", s.checkPage)
	mux.HandleFunc("POST /check", s.may(access.Check, s.askNow))
	mux.HandleFunc("GET /check/{id}", s.findingPage)
	mux.HandleFunc("GET /fleet", s.fleetPage)
	mux.HandleFunc("POST /fleet/tokens", s.may(access.Enrol, s.makeToken))
	mux.HandleFunc("GET /fleet/tokens/{id}", s.may(access.Enrol, s.waitPage))
	mux.HandleFunc("GET /api/v1/tokens/{id}", s.may(access.Enrol, s.tokenState))
	mux.HandleFunc("GET /fleet/agents/{id}/revoke", s.may(access.Revoke, s.revokePage))
	mux.HandleFunc("POST /fleet/agents/{id}/revoke", s.may(access.Revoke, s.revoke))
	mux.HandleFunc("POST /fleet/requests/{id}/approve", s.may(access.Approve, s.approve))
	mux.HandleFunc("POST /fleet/requests/{id}/deny", s.may(access.Approve, s.deny))
}

// targetsView is the list of targets.
type targetsView struct {
	frame
	Verdict    Verdict
	Text       string // of the filter
	Provider   string
	State      string
	Providers  []option
	States     []option
	Lines      []targetLine
	More       int
	References []targetLine
	Filtered   bool
	Watched    int
}

// option is one choice of a select.
type option struct {
	Value, Label string
	Chosen       bool
}

// targetLine is a target in the list, and the head of its own page.
type targetLine struct {
	ID, Name, Provider, Service, Region, Client string
	State, Glyph, Word                          string
	Counts                                      string // "9 of 11 sites on 5 ISPs fail"
	Age                                         string // of the data; "" when there are none
	Since                                       string
	Incident                                    string
	rank                                        int
}

// targetsPage answers /targets?q=&provider=&state=.
func (s *Server) targetsPage(w http.ResponseWriter, r *http.Request) {
	src, q := s.source(r), r.URL.Query()
	v := targetsView{frame: s.frame(r, "targets", "Targets"), Text: q.Get("q"), Provider: q.Get("provider"), State: q.Get("state")}
	v.Filtered = v.Text != "" || v.Provider != "" || v.State != ""
	snap := src.Snapshot()
	verdicts := byTarget(snap)
	var all []targetLine
	seen := map[string]bool{}
	for _, t := range src.Targets() {
		l := s.targetLine(src, t, verdicts[t.ID])
		if t.Reference {
			v.References = append(v.References, l)
			continue
		}
		v.Watched++
		if t.Provider != "" && !seen[t.Provider] {
			seen[t.Provider] = true
			v.Providers = append(v.Providers, option{t.Provider, l.Provider, t.Provider == v.Provider})
		}
		all = append(all, l)
		if v.fits(l, t.Provider) {
			v.Lines = append(v.Lines, l)
		}
	}
	slices.SortStableFunc(v.Lines, func(a, b targetLine) int { return b.rank - a.rank })
	v.More = max(0, len(v.Lines)-maxTargets)
	v.Lines = v.Lines[:len(v.Lines)-v.More]
	slices.SortFunc(v.Providers, func(a, b option) int { return strings.Compare(a.Label, b.Label) })
	for _, state := range []string{"down", "degraded", "disputed", "no-data", "ok"} {
		v.States = append(v.States, option{state, stateWord(state), state == v.State})
	}
	v.Verdict = targetsVerdict(all, snap.Sites)
	s.html(w, http.StatusOK, "targets.html", v)
}

// fits says whether the filter lets l through.
func (v *targetsView) fits(l targetLine, provider string) bool {
	text := strings.ToLower(strings.Join([]string{l.ID, l.Name, l.Provider, l.Service, l.Region}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(v.Text)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return (v.Provider == "" || v.Provider == provider) && (v.State == "" || v.State == l.State)
}

// targetsVerdict is the first sentence of the list. As in [Sentence] it is not
// green when most targets are unseen or most sites do not vote.
func targetsVerdict(all []targetLine, sites []detect.SiteStatus) Verdict {
	n := map[string]int{}
	for _, l := range all {
		n[l.State]++
	}
	switch bad := n["down"] + n["degraded"]; {
	case len(all) == 0:
		return Verdict{Text: "No target is watched.", Detail: "Add targets to the configuration, or include the catalogue.", State: "no-data"}
	case len(sites) == 0:
		return Verdict{Text: "Nobody looks at " + plural(len(all), "target") + " yet: no agent has joined.", State: "no-data"}
	case bad > 0:
		state := "degraded"
		if n["down"] > 0 {
			state = "down"
		}
		verb := " do not work well"
		if bad == 1 {
			verb = " does not work well"
		}
		v := Verdict{Text: strconv.Itoa(bad) + " of " + plural(len(all), "target") + verb + ".", State: state}
		if n["disputed"] > 0 {
			v.Detail = agree(n["disputed"], "more has", "more have") + " mixed results."
		}
		return v
	case n["disputed"] > 0:
		return Verdict{Text: "Mixed results for " + plural(n["disputed"], "target") + "; nothing is confirmed.", State: "disputed"}
	case n["no-data"] == len(all):
		return Verdict{Text: "Waiting for the first results of " + plural(len(all), "target") + ".", State: "no-data"}
	}
	v := Verdict{Text: "All " + plural(len(all), "target") + " are healthy.", State: "ok"}
	if n["no-data"] > 0 {
		v.Text = plural(n["ok"], "target") + " healthy, " + agree(n["no-data"], "has no data", "have no data") + "."
	}
	if mute := mostlyMute(sites); mute != "" {
		v.Text, v.State = strings.TrimSuffix(v.Text, ".")+"; "+mute+".", "no-data"
	}
	if n["no-data"] > n["ok"] {
		v.State = "no-data"
	}
	return v
}

// agree puts a number before the form of a verb.
func agree(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(uint64(n)) + " " + many
}

func byTarget(snap detect.Snapshot) map[string]detect.Verdict {
	m := make(map[string]detect.Verdict, len(snap.Verdicts))
	for _, v := range snap.Verdicts {
		m[v.Target] = v
	}
	return m
}

// targetLine words a target's verdict; the zero verdict is no data.
func (s *Server) targetLine(src Source, t Target, v detect.Verdict) targetLine {
	l := targetLine{ID: t.ID, Name: t.Name, Service: t.Service, Region: t.Region, Client: t.Client, State: "no-data", Incident: v.Incident}
	if t.Provider != "" {
		l.Provider = src.Provider(t.Provider)
	}
	if v.Target == "" {
		v.State = detect.NoData
	}
	l.State = v.State.String()
	l.Word = stateWord(l.State)
	switch {
	case v.State == detect.NoData:
	case v.Incident != "" && v.DownSites == 0:
		l.State, l.Word = "disputed", "recovering"
		l.Counts = "0 of " + plural(v.Sites, "site") + " fail now, not over yet"
	case v.State > detect.OK:
		l.Counts = strconv.Itoa(v.DownSites) + " of " + plural(v.Sites, "site") + " on " + plural(v.Networks, "ISP") + " fail"
		if v.DownSites == 1 {
			l.Counts += "s"
		}
	default:
		l.Counts = plural(v.Sites, "site") + " on " + plural(v.Networks, "ISP")
	}
	l.Glyph = glyph(l.State)
	l.rank = slices.Index([]string{"ok", "no-data", "disputed", "degraded", "down"}, l.State)
	if v.State != detect.NoData && v.Age >= 0 {
		l.Age = age(v.Age)
	}
	if v.State > detect.OK && !v.Since.IsZero() {
		l.Since = stamp(s.o.Now(), v.Since)
	}
	return l
}

// label is a target for people, unique enough to be typed: its name, with the
// cloud region if the name leaves it out.
func label(t Target) string {
	name := cmp.Or(t.Name, t.ID)
	if t.Region != "" && !strings.Contains(strings.ToLower(name), strings.ToLower(t.Region)) {
		name += ", " + t.Region
	}
	return name
}

// checkURL is where somebody asks about a target, perhaps from a site.
func checkURL(target, site string) string {
	q := url.Values{}
	for k, v := range map[string]string{"target": target, "site": site} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return "/check"
	}
	return "/check?" + q.Encode()
}
