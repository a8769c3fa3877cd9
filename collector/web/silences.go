package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
)

// silencesView is the page of silences.
type silencesView struct {
	frame
	Verdict Verdict
	Current []silenceLine // that mute now
	Past    []silenceLine // that ended lately
	Fields  []silenceField
	Comment string // as typed
	Lasts   []choice
	Preview *mutedView
	MayDo   bool
	Problem *Error
}

// silenceLine is a silence, worded.
type silenceLine struct{ ID, Mutes, Comment, Author, Since, Ends string }

// silenceField is one field of the form.
type silenceField struct{ Name, Label, Hint, Value string }

// mutedView is what a silence would have muted.
type mutedView struct {
	Text string
	Muted
}

// mostPreviewed is how many incidents a preview names.
const mostPreviewed = 20

// lives are how long a silence may last, by the form's value.
var lives = []struct {
	value, name string
	lasts       time.Duration
}{
	{"1h", "1 hour", time.Hour}, {"4h", "4 hours", 4 * time.Hour}, {"12h", "12 hours", 12 * time.Hour}, {"1d", "a day", 24 * time.Hour},
	{"3d", "3 days", 72 * time.Hour}, {"7d", "7 days", 7 * 24 * time.Hour}, {"30d", "30 days, the longest", alert.MaxSilence},
}

// silenceForm is the form as it was sent, or as an incident fills it in.
type silenceForm struct {
	values  map[string]string
	comment string
	lasts   string
}

// sentSilence reads the form.
func sentSilence(r *http.Request) silenceForm {
	f := silenceForm{values: map[string]string{}, comment: strings.TrimSpace(r.PostFormValue("comment")), lasts: r.PostFormValue("lasts")}
	for _, name := range alert.MatcherFields() {
		f.values[name] = strings.TrimSpace(r.PostFormValue(name))
	}
	return f
}

// silenceOfIncident is the form that mutes what an incident blames.
func silenceOfIncident(i detect.Incident) silenceForm {
	f := silenceForm{values: map[string]string{}, lasts: "4h"}
	for name, value := range map[string]string{"provider": i.Provider, "service": i.Service, "region": i.Region, "target": i.Target, "site": i.Site} {
		f.values[name] = value
	}
	if i.Site == "" {
		f.values["client"] = i.Client
	}
	if i.Provider == "" && i.Site == "" && i.Client == "" {
		f.values["kind"] = string(i.Kind)
	}
	return f
}

// request is what the form asks for.
func (f silenceForm) request() SilenceRequest {
	r := SilenceRequest{Comment: f.comment}
	for _, name := range alert.MatcherFields() {
		if v := f.values[name]; v != "" {
			r.Matchers = append(r.Matchers, alert.Matcher{Field: name, Pattern: v})
		}
	}
	for _, l := range lives {
		if l.value == f.lasts {
			r.For = l.lasts
		}
	}
	return r
}

// silencesPage answers GET /silences; ?incident=ID fills in the form.
func (s *Server) silencesPage(w http.ResponseWriter, r *http.Request) {
	f := silenceForm{values: map[string]string{}, lasts: "4h"}
	id := r.URL.Query().Get("incident")
	if id == "" {
		s.drawSilences(w, r, http.StatusOK, f, nil, nil)
		return
	}
	i, err := s.source(r).Incident(r.Context(), id)
	if errors.Is(err, ErrNotFound) {
		s.nothing(w, r, "There is no incident of this id.", "It may be older than what is kept.", "/silences", "Silences")
		return
	}
	if err != nil {
		s.broken(w, r, "incidents", err)
		return
	}
	f = silenceOfIncident(i)
	muted, problem := s.previewed(r.Context(), f)
	s.drawSilences(w, r, http.StatusOK, f, muted, problem)
}

// previewed is what the form's silence would have muted.
func (s *Server) previewed(ctx context.Context, f silenceForm) (*mutedView, *Error) {
	if s.o.Actions == nil {
		return nil, nil
	}
	m, err := s.o.Actions.PreviewSilence(ctx, f.request())
	if err != nil {
		return nil, s.problem("preview a silence", "there is no preview", err)
	}
	v := &mutedView{Text: mutedWords(m), Muted: m}
	v.Incidents = v.Incidents[:min(len(v.Incidents), mostPreviewed)]
	return v, nil
}

// problem is an error for people: its own words if it has any.
func (s *Server) problem(doing, what string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Status < http.StatusBadRequest {
			e.Status = http.StatusBadRequest
		}
		return e
	}
	s.o.Log.Error(doing, "err", err)
	return &Error{Status: http.StatusInternalServerError, Code: "internal", What: what, Why: "the reason is in the collector's log"}
}

// mutedWords says what a silence would have muted, in a sentence.
func mutedWords(m Muted) string {
	if m.Alerts == 0 {
		return "This would have muted no alert in the last 7 days."
	}
	least := ""
	if m.Partial {
		least = "at least "
	}
	return fmt.Sprintf("This would have muted %s%s in the last 7 days, about %s.", least, plural(m.Alerts, "alert"), plural(len(m.Incidents), "incident"))
}

// addSilence answers POST /silences: a preview if that button was pressed.
func (s *Server) addSilence(w http.ResponseWriter, r *http.Request) {
	f := sentSilence(r)
	if r.PostFormValue("do") == "preview" {
		muted, problem := s.previewed(r.Context(), f)
		status := http.StatusOK
		if problem != nil {
			status = problem.Status
		}
		s.drawSilences(w, r, status, f, muted, problem)
		return
	}
	if _, err := s.o.Actions.AddSilence(r.Context(), who(r.Context()).Name, f.request()); err != nil {
		e := s.problem("add a silence", "nothing was silenced", err)
		s.drawSilences(w, r, e.Status, f, nil, e)
		return
	}
	http.Redirect(w, r, "/silences", http.StatusSeeOther)
}

// endSilence answers POST /silences/{id}/end.
func (s *Server) endSilence(w http.ResponseWriter, r *http.Request) {
	err := s.o.Actions.EndSilence(r.Context(), who(r.Context()).Name, r.PathValue("id"))
	switch {
	case errors.Is(err, ErrNotFound):
		s.nothing(w, r, "There is no silence of this id.", "It may be older than what is kept.", "/silences", "Silences")
	case err != nil:
		s.refuse(w, r, s.problem("end a silence", "the silence goes on", err))
	default:
		http.Redirect(w, r, "/silences", http.StatusSeeOther)
	}
}

func (s *Server) drawSilences(w http.ResponseWriter, r *http.Request, status int, f silenceForm, muted *mutedView, problem *Error) {
	all, err := s.source(r).Silences(r.Context())
	if err != nil {
		s.broken(w, r, "incidents", fmt.Errorf("silences for the page: %w", err))
		return
	}
	v := silencesView{frame: s.frame(r, "incidents", "Silences"), Comment: shorten(f.comment, 600), Preview: muted, Problem: problem}
	v.MayDo = v.Who.Via == "session" && s.o.Actions != nil
	for _, x := range all {
		if x.InForce(v.Now) {
			v.Current = append(v.Current, silenceLineOf(v.Now, x))
		} else {
			v.Past = append(v.Past, silenceLineOf(v.Now, x))
		}
	}
	v.Verdict = Verdict{Text: "Nothing is silenced.", Detail: "Every alert goes to the routes that want it.", State: "ok"}
	if n := len(v.Current); n > 0 {
		v.Verdict = Verdict{Text: plural(n, "silence") + " in force.", Detail: "What matches is watched and recorded, and nobody is told when it begins. Who was told before hears the end.", State: "disputed"}
	}
	labels := map[string][2]string{"provider": {"Cloud", "azure"}, "service": {"Service", "storage"}, "region": {"Cloud region", "westeurope"}, "target": {"Target", "acme-crm"},
		"client": {"Client", "acme"}, "site": {"Site", "acme/madrid"}, "kind": {"Kind", "site, network, target, provider-region ..."}, "route": {"Alert route", "on-call"}}
	for _, name := range alert.MatcherFields() {
		v.Fields = append(v.Fields, silenceField{name, labels[name][0], labels[name][1], shorten(f.values[name], 200)})
	}
	for _, l := range lives {
		v.Lasts = append(v.Lasts, choice{l.name, l.value, l.value == f.lasts})
	}
	s.html(w, status, "silences.html", v)
}

// silenceLineOf words a silence.
func silenceLineOf(now time.Time, x alert.Silence) silenceLine {
	l := silenceLine{ID: x.ID, Mutes: mutes(x), Comment: x.Comment, Author: x.Author, Since: stamp(now, x.Created)}
	switch {
	case !x.Ended.IsZero():
		l.Ends = "ended " + stamp(now, x.Ended) + " by " + x.EndedBy
	case x.InForce(now):
		l.Ends = stamp(now, x.Until) + ", in " + span(x.Until.Sub(now))
	default:
		l.Ends = "expired " + stamp(now, x.Until)
	}
	return l
}

// mutes is what a silence mutes, as its matchers are written.
func mutes(x alert.Silence) string {
	parts := make([]string, len(x.Matchers))
	for k, m := range x.Matchers {
		parts[k] = m.String()
	}
	return strings.Join(parts, " ")
}

// silenced says, for an incident's page, which silences mute it now on some route.
func silenced(now time.Time, all []alert.Silence, i detect.Incident) (lines []string) {
	for _, x := range all {
		about := x
		about.Matchers = slices.DeleteFunc(slices.Clone(x.Matchers), func(m alert.Matcher) bool { return m.Field == "route" })
		if x.InForce(now) && about.Mutes(&i, "") {
			lines = append(lines, fmt.Sprintf("%s silenced %s until %s: %s", x.Author, mutes(x), stamp(now, x.Until), x.Comment))
		}
	}
	return lines
}

// silencesWords says how much is muted now.
func silencesWords(now time.Time, all []alert.Silence) string {
	n := 0
	for _, x := range all {
		n += btoi(x.InForce(now))
	}
	if n == 0 {
		return "No alert is muted."
	}
	return agree(n, "silence mutes", "silences mute") + " alerts now."
}

// silenceLink is the page that mutes an incident.
func silenceLink(id string) string { return "/silences?incident=" + url.QueryEscape(id) }
