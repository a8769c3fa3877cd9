package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"picket/collector/access"
	"picket/collector/inquiry"
)

// Bounds of the page Is it us?.
const (
	maxQuestion = 2048 // bytes of what was typed: the length of a URL
	maxListed   = 1000 // targets that the browser suggests
	maxSuggests = 8
	// askTimeout is what an answer may take: ten seconds of asking and a margin.
	askTimeout = 15 * time.Second
)

// checkView is the form.
type checkView struct {
	frame
	Target   string // as typed
	Site     string
	Targets  []option // what the browser suggests
	Sites    []option
	Suggests []suggestion
	AnyURL   bool // the principal may name what nobody watches
	MayCheck bool
	Problem  *Error
}

// suggestion is a target to begin with.
type suggestion struct{ Name, State, Glyph, Word, URL string }

// checkPage answers GET /check?target=&site=: the form, and nothing is asked.
func (s *Server) checkPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.drawCheck(w, r, http.StatusOK, typed(q.Get("target")), typed(q.Get("site")), nil)
}

func (s *Server) drawCheck(w http.ResponseWriter, r *http.Request, status int, target, site string, problem *Error) {
	src := s.source(r)
	v := checkView{frame: s.frame(r, "check", "Is it us?"), Target: target, Site: site, Problem: problem}
	v.MayCheck, v.AnyURL = s.o.Actions != nil && v.Who.May(access.Check), v.Who.May(access.Probe)
	snap := src.Snapshot()
	for _, x := range snap.Sites {
		o := option{Value: x.ID, Label: x.ID, Chosen: x.ID == site}
		if x.Network != "" {
			o.Label += " (" + x.Network + ")"
		}
		if !x.Connected {
			o.Label += ", lost contact"
		}
		v.Sites = append(v.Sites, o)
	}
	verdicts := byTarget(snap)
	named := map[string]bool{}
	var lines []targetLine
	for _, t := range src.Targets() {
		if t.Reference {
			continue
		}
		name := label(t)
		if len(v.Targets) < maxListed && !named[name] {
			v.Targets = append(v.Targets, option{Value: name})
		}
		named[name] = true
		if t.ID == target {
			v.Target = name // a link names the id; people read the name
		}
		l := s.targetLine(src, t, verdicts[t.ID])
		l.Name = name
		lines = append(lines, l)
	}
	v.Suggests = suggest(lines, site)
	s.html(w, status, "check.html", v)
}

// suggest picks what people ask for first: what does not work, then one of each provider.
func suggest(lines []targetLine, site string) (out []suggestion) {
	slices.SortStableFunc(lines, func(a, b targetLine) int { return b.rank - a.rank })
	seen := map[string]bool{}
	for _, l := range lines {
		ill := l.State != "ok" && l.State != "no-data"
		if len(out) == maxSuggests || !ill && seen[l.Provider] {
			continue
		}
		seen[l.Provider] = true
		out = append(out, suggestion{l.Name, l.State, l.Glyph, l.Word, checkURL(l.ID, site)})
	}
	return out
}

// askNow answers POST /check: it has sites probe now and leads to the answer.
func (s *Server) askNow(w http.ResponseWriter, r *http.Request) {
	if s.o.Actions == nil {
		s.drawCheck(w, r, http.StatusServiceUnavailable, "", "", &Error{What: "nothing was asked", Why: "this server cannot ask sites"})
		return
	}
	target, site := typed(strings.TrimSpace(r.PostFormValue("target"))), typed(r.PostFormValue("site"))
	if target == "" {
		s.drawCheck(w, r, http.StatusBadRequest, target, site, &Error{What: "nothing was asked", Why: "no service is named", Fix: "choose one, or paste the address that does not work"})
		return
	}
	// The answer takes longer than pages may.
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(askTimeout + answerTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	f, err := s.o.Actions.Ask(ctx, who(r.Context()), inquiry.Question{Target: targetNamed(s.source(r).Targets(), target), Site: site})
	if e, ok := errors.AsType[*Error](err); ok {
		status := e.Status
		if status < 400 {
			status = http.StatusBadRequest
		}
		s.drawCheck(w, r, status, target, site, e)
		return
	}
	if err != nil {
		s.o.Log.Error("ask sites", "target", target, "site", site, "err", err)
		s.drawCheck(w, r, http.StatusInternalServerError, target, site, &Error{What: "the sites could not be asked", Why: "the reason is in the collector's log", Fix: "try again in a moment"})
		return
	}
	http.Redirect(w, r, "/check/"+f.ID, http.StatusSeeOther)
}

// targetNamed is the id of the target that somebody typed the name of; what names
// none is returned as it is.
func targetNamed(all []Target, text string) string {
	var byLabel, byName []string
	for _, t := range all {
		switch {
		case t.ID == text:
			return t.ID
		case strings.EqualFold(label(t), text):
			byLabel = append(byLabel, t.ID)
		case strings.EqualFold(t.Name, text):
			byName = append(byName, t.ID)
		}
	}
	if len(byLabel) > 0 {
		return byLabel[0]
	}
	if len(byName) == 1 {
		return byName[0]
	}
	return text
}

// typed is what somebody typed, at most as long as a URL may be.
func typed(s string) string { return shorten(s, maxQuestion) }
