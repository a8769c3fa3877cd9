package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"picket/collector/access"
)

// maxSeen is how many sites the page of a target lists.
const maxSeen = 300

// freshRounds is after how many missed rounds a result is no longer of now. The
// fleet may ask less often than the check says, to be polite; a minute is for that.
const (
	freshRounds = 3
	freshExtra  = time.Minute
)

// targetView is the page of one target.
type targetView struct {
	frame
	T        Target
	Line     targetLine
	Verdict  Verdict
	MayCheck bool
	Seen     []seenLine // failing first
	MoreSeen int
	Scale    string // what a whole bar stands for
	Past     pastView
	FirstIn  string // when the first results may be here; "" if some are
	NoAgents bool
	Planned  []plannedLine // of it, now
	CertEnds string        // the first certificate to end; "" if none ends soon
}

// seenLine is what one site sees of a target now.
type seenLine struct {
	Site, ISP, Region string
	State, Word       string
	Cause, Err        string
	Bar               bar
	Cert, CertState   string
	Code              string
	Age               string
	Checks            []checkMark
	rank              int
	main              Latest
	soonest           int
	hasCert           bool
}

// checkMark is one check of a site as a glyph.
type checkMark struct{ Kind, State, Title string }

// targetPage answers /targets/{id}?range=.
func (s *Server) targetPage(w http.ResponseWriter, r *http.Request) {
	src, id := s.source(r), r.PathValue("id")
	all := src.Targets()
	k := slices.IndexFunc(all, func(t Target) bool { return t.ID == id })
	if k < 0 {
		s.nothing(w, r, "There is no target of this id.", "It may have left the configuration.", "/targets", "All targets")
		return
	}
	t, snap := all[k], src.Snapshot()
	v := targetView{frame: s.frame(r, "targets", label(all[k])), T: t, NoAgents: len(snap.Sites) == 0}
	v.MayCheck = v.Who.May(access.Check) && s.o.Actions != nil
	v.Line = s.targetLine(src, t, byTarget(snap)[id])
	v.Seen, v.Scale = seenBy(v.Now, t, src.Latest(id))
	v.Verdict = targetSentence(t, v.Line, v.Seen)
	on := keep(src.Planned(), func(p Planned) bool { return p.on(v.Now) && p.of(t) })
	v.Planned, _ = plannedLines(v.Now, on, src.Provider)
	v.CertEnds = soonestEnd(v.Seen)
	v.MoreSeen = max(0, len(v.Seen)-maxSeen)
	v.Seen = v.Seen[:len(v.Seen)-v.MoreSeen]
	if len(v.Seen) == 0 {
		v.FirstIn = firstIn(t)
	}
	v.Past = s.past(r, src, id)
	s.html(w, http.StatusOK, "target.html", v)
}

// past reads what the chart of a target shows. History that cannot be read
// leaves the rest of the page as it is.
func (s *Server) past(r *http.Request, src Source, id string) pastView {
	now := s.o.Now()
	chosen, all := chosenRange(r.URL.Query(), "/targets/"+url.PathEscape(id))
	v := pastView{Ranges: all, From: now.Add(-chosen.Span).UTC(), To: now.UTC()}
	q := url.Values{"from": {v.From.Format(time.RFC3339)}, "to": {v.To.Format(time.RFC3339)}}
	v.URL = "/api/v1/targets/" + url.PathEscape(id) + "/history?" + q.Encode()
	points, err := src.History(r.Context(), HistoryQuery{Target: id, From: v.From, To: v.To})
	if err != nil {
		s.o.Log.Error("history for the page", "target", id, "err", err)
		v.Failed = true
		return v
	}
	v.Regions = regionsOf(points)
	var step time.Duration
	v.Moments, step = momentsOf(points, chosen.Span)
	v.Step = span(step)
	return v
}

// targetSentence is the first sentence of a target's page.
func targetSentence(t Target, l targetLine, seen []seenLine) Verdict {
	v := Verdict{State: l.State}
	switch {
	case t.Reference && len(seen) > 0:
		ok := 0
		for _, x := range seen {
			if x.State == "ok" {
				ok++
			}
		}
		v.Text = label(t) + " answers " + agree(ok, "site", "sites") + " of " + strconv.Itoa(len(seen)) + "."
		v.Detail = "It is a reference: agents ask it to judge their own line, and it never opens an incident."
		v.State = "ok"
		if ok < len(seen) {
			v.State = "disputed"
		}
	case l.State == "no-data" && len(seen) == 0:
		v.Text = label(t) + ": no data yet."
	case l.State == "no-data":
		v.Text = label(t) + ": nothing can be said now."
		v.Detail = "No site that may vote has a fresh result. What sites saw last is below."
	case l.State == "ok":
		v.Text = label(t) + " is healthy as seen from " + l.Counts + "."
	default:
		v.Text = label(t) + ": " + l.Word + ", " + l.Counts + "."
	}
	return v
}

// firstIn says how long the first results take at most.
func firstIn(t Target) string {
	least := time.Duration(0)
	for _, c := range t.Checks {
		if least == 0 || c.Interval < least {
			least = c.Interval
		}
	}
	return span(cmp.Or(least, time.Minute))
}

// seenBy makes one line per site, failing ones first. Of a site's agents the one
// that sees a check best speaks for the site, as in the engine: a site sees what
// any of its machines sees.
func seenBy(now time.Time, t Target, all []Latest) (lines []seenLine, scale string) {
	kinds, depth := map[string]Check{}, []string{"ping", "dns", "tcp", "tls", "http"}
	for _, c := range t.Checks {
		kinds[c.ID] = c
	}
	type key struct{ site, check string }
	best := map[key]Latest{}
	var sites []string
	for _, l := range all {
		c, ok := kinds[l.Check]
		if !ok {
			continue
		}
		if now.Sub(l.At) > freshRounds*c.Interval+freshExtra {
			l.Outcome, l.Cause, l.Layer, l.Err = "stale", "", "", ""
		}
		if !slices.Contains(sites, l.Site) {
			sites = append(sites, l.Site)
		}
		k := key{l.Site, l.Check}
		if was, ok := best[k]; !ok || badness(l.Outcome) < badness(was.Outcome) || l.Outcome == was.Outcome && l.At.After(was.At) {
			best[k] = l
		}
	}
	longest := time.Duration(0)
	for _, site := range sites {
		line := seenLine{Site: site, State: "no-data", rank: -1}
		deepest := -1
		for _, c := range t.Checks {
			l, ok := best[key{site, c.ID}]
			if !ok {
				continue
			}
			line.add(now, c, l, slices.Index(depth, c.Kind) > deepest, len(t.Checks))
			deepest = max(deepest, slices.Index(depth, c.Kind))
		}
		longest = max(longest, phasesOf(line.main).longest())
		lines = append(lines, line)
	}
	for i := range lines {
		lines[i].Bar = phasesOf(lines[i].main).bar(longest)
	}
	slices.SortStableFunc(lines, func(a, b seenLine) int { return cmp.Or(b.rank-a.rank, cmp.Compare(a.Site, b.Site)) })
	return lines, ms(longest)
}

func phasesOf(l Latest) phases { return phases{l.DNS, l.Connect, l.TLS, l.TTFB, l.RTT, l.Total} }

// badness orders outcomes from the best. Stale knows least.
func badness(outcome string) int {
	return slices.Index([]string{"up", "degraded", "unknown", "down", "stale"}, outcome)
}

// add takes the result of one check into the site's line. main: no check so far
// goes as deep. Pings alone do not make a site fail.
func (s *seenLine) add(now time.Time, c Check, l Latest, main bool, checks int) {
	state, word := outcomeState(l.Outcome), outcomeWord(l.Outcome)
	rank := slices.Index([]string{"ok", "no-data", "degraded", "down"}, state)
	if l.Outcome == "stale" {
		word = "no fresh result"
	}
	title := c.Kind + ": " + word
	if l.Cause != "" {
		title += ", " + causeWords(l.Cause)
	}
	s.Checks = append(s.Checks, checkMark{c.Kind, state, title})
	s.ISP, s.Region = l.ISP, l.Region
	if counts := c.Kind != "ping" || checks == 1; counts && rank > s.rank {
		s.rank, s.State, s.Word = rank, state, word
		s.Cause, s.Err = causeWords(l.Cause), l.Err
	}
	if main {
		s.main = l
		s.Age = age(now.Sub(l.At))
		if l.Code > 0 && c.Kind == "http" {
			s.Code = strconv.Itoa(l.Code)
		}
	}
	if l.HasCert && (!s.hasCert || l.CertDays < s.soonest) {
		s.hasCert, s.soonest = true, l.CertDays
		s.Cert, s.CertState = certificate(l.CertDays)
	}
}

// soonestEnd words the certificate that ends first, if that is soon.
func soonestEnd(lines []seenLine) string {
	least, found := certSoon, false
	for _, l := range lines {
		if l.hasCert && l.soonest < least {
			least, found = l.soonest, true
		}
	}
	switch {
	case !found:
		return ""
	case least < 0:
		return "The certificate has expired."
	}
	return "The certificate ends in " + agree(least, "day", "days") + "."
}
