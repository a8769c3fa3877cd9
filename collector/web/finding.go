package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"picket/collector/access"
	"picket/collector/inquiry"
)

// findingView is an answer.
type findingView struct {
	frame
	F        inquiry.Finding
	Verdict  Verdict
	Pill     string // "It's them"
	Sure     string // "Confirmed"; "" if nothing is claimed
	Chain    []linkView
	Rows     []rowView
	Scale    string
	Took     string
	Age      string
	Old      bool // older than a minute: ask again before relying on it
	MayCheck bool
	Watched  bool // the target has a page of its own
}

// linkView is one chip of the chain.
type linkView struct {
	Name, Text, State, Word string
	Here                    bool // the first broken link
}

// rowView is what one site saw.
type rowView struct {
	Site, ISP, Region string
	Own               bool
	State, Word       string
	Cause, Err, Why   string
	Refs, RefsState   string
	Bar               bar
	Addr              string
}

// findingPage answers GET /check/{id}.
func (s *Server) findingPage(w http.ResponseWriter, r *http.Request) {
	f, err := s.finding(r)
	if errors.Is(err, ErrNotFound) {
		s.nothing(w, r, "There is no answer of this id.", "Answers are kept for an hour.", "/check", "Ask again")
		return
	}
	if err != nil {
		s.broken(w, r, "check", fmt.Errorf("finding: %w", err))
		return
	}
	v := findingView{frame: s.frame(r, "check", "Is it us?"), F: f, Took: spanShort(f.Took), Pill: partyWords(f.Party), Sure: f.Confidence.Word()}
	v.MayCheck = s.o.Actions != nil && v.Who.May(access.Check)
	if f.Party == inquiry.Nobody || f.Party == inquiry.CantTell {
		v.Sure = ""
	}
	v.Verdict = Verdict{Text: f.Sentence, Detail: f.Detail, State: partyState(f)}
	v.Age, v.Old = age(v.Now.Sub(f.At)), v.Now.Sub(f.At) > time.Minute
	v.Watched = slices.ContainsFunc(s.source(r).Targets(), func(t Target) bool { return t.ID == f.Question.Target })
	v.Chain = chainOf(f.Chain)
	v.Rows, v.Scale = rowsOf(f.Rows)
	s.html(w, http.StatusOK, "finding.html", v)
}

// finding is the answer that the request names, as its principal may see it. The
// answer to another client's question does not exist for a viewer.
func (s *Server) finding(r *http.Request) (inquiry.Finding, error) {
	if s.o.Actions == nil {
		return inquiry.Finding{}, ErrNotFound
	}
	f, err := s.o.Actions.Finding(r.PathValue("id"))
	p := who(r.Context())
	if err != nil || p.Role != access.Viewer {
		return f, err
	}
	if p.Client == "" || !f.Concerns(p.Client) {
		return inquiry.Finding{}, ErrNotFound
	}
	f = f.For(p.Client)
	if f.Incident != "" {
		if _, err := s.source(r).Incident(r.Context(), f.Incident); err != nil {
			f.Incident = "" // it may be about more than this client may know
		}
	}
	return f, nil
}

// partyWords says who it is in a pill.
func partyWords(p inquiry.Party) string {
	switch p {
	case inquiry.Nobody:
		return "It works"
	case inquiry.Site:
		return "It is us"
	case inquiry.ISP:
		return "The internet provider"
	case inquiry.Path:
		return "In between"
	case inquiry.Service:
		return "It is them"
	}
	return "Can't tell"
}

func partyState(f inquiry.Finding) string {
	switch {
	case f.Party == inquiry.Nobody:
		return "ok"
	case f.Party == inquiry.CantTell || f.Party == "":
		return "no-data"
	case f.Confidence.Rank() <= 1:
		return "disputed"
	}
	return "down"
}

func chainOf(links []inquiry.Link) (out []linkView) {
	broken := false
	for _, l := range links {
		v := linkView{Name: l.Name, Text: l.Text}
		v.State, v.Word = linkWords(l.State)
		v.Here = l.State == inquiry.LinkBroken && !broken
		broken = broken || v.Here
		out = append(out, v)
	}
	return out
}

// linkWords is how a link is shown: the state that colours it, and the word.
func linkWords(s inquiry.LinkState) (state, word string) {
	switch s {
	case inquiry.LinkOK:
		return "ok", "works"
	case inquiry.LinkBroken:
		return "down", "broken"
	case inquiry.LinkSlow:
		return "degraded", "slow"
	}
	return "no-data", "not known"
}

func rowsOf(rows []inquiry.Row) (out []rowView, scale string) {
	longest := time.Duration(0)
	times := make([]phases, len(rows))
	for i, r := range rows {
		times[i] = phases{DNS: r.DNS, Connect: r.Connect, TLS: r.TLS, TTFB: r.TTFB, Total: r.Total}
		longest = max(longest, times[i].longest())
	}
	for i, r := range rows {
		v := rowView{Site: r.Site, ISP: r.ISP, Region: r.Region, Own: r.Own, State: "no-data", Why: r.Why, Cause: causeWords(r.Cause), Err: r.Err, Addr: r.Addr}
		switch r.State {
		case inquiry.Answered:
			v.State, v.Word = outcomeState(r.Outcome), outcomeWord(r.Outcome)
			v.Bar = times[i].bar(longest)
		case inquiry.Refused:
			v.Word = "did not want to be asked"
		default:
			v.Word = "no answer"
		}
		if v.Cause == "" && r.Layer != "" {
			v.Cause = causeWords(r.Layer)
		}
		if r.RefsAsked > 0 {
			v.Refs = fmt.Sprintf("%d of %s", r.RefsOK, plural(r.RefsAsked, "reference"))
			v.RefsState, _ = linkWords(r.Line())
		}
		out = append(out, v)
	}
	return out, ms(longest)
}
