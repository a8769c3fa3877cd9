package web

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"picket/collector/access"
	"picket/collector/detect"
)

// Bounds of the page: it stays quick to draw with a fleet of hundreds.
const (
	maxColumns = 6                // shared columns of the matrix; beyond, cells carry their own region
	maxRecent  = 5                // ended incidents
	maxSites   = 6                // sites that need attention
	fewISPs    = 3                // below so many no outage is confirmed by agreement alone
	quietAfter = 3 * time.Minute  // without any result: said in a banner
	stuckAfter = 30 * time.Second // the judge has not looked for so long: likewise
)

// view is everything the page shows, worded; the template only places it.
type view struct {
	frame
	Verdict   Verdict
	First     *incidentLine // the most urgent open incident; nil if there is none
	Newest    string        // age of the newest result; "" if there is none
	Notices   []string      // what is wrong with Picket itself
	Start     *start        // first steps; nil once an agent has joined
	Columns   []string      // shared columns; nil: every cell names its region
	Rows      []row
	SeenFrom  string // where the sites look from; "" if there are none
	Open      []incidentLine
	Recent    []incidentLine
	Drills    []incidentLine // open, and played
	Planned   []plannedLine
	MorePlans int // windows that are not listed
	Fleet     []fact
	Sites     []siteLine // that need attention
	MoreSites int        // that do too
	FewISPs   string     // what is missing for a confirmation; "" if nothing is
}

// start is what a new collector needs next.
type start struct {
	Form               bool   // the principal may add an agent by a form
	Command            string // to type on the collector's machine; "" if the principal is not who does
	Targets, Providers int
	Routes             int // of alerts
}

type incidentLine struct {
	ID, Title, Summary, State, Glyph, Word string
	Clock                                  string
	Started                                time.Time
	Official                               *officialLine // what the provider says; nil: nobody would
}

type siteLine struct {
	ID, State, Glyph, Word, Why, Seen string
}

// fact is one figure of the fleet. One that moves all the time is no news.
type fact struct {
	Value, Name string
	Moves       bool
}

// glyph and word of a state. The glyph always goes with the colour.
func glyph(state string) string {
	switch state {
	case "ok":
		return "●"
	case "degraded", "partial":
		return "▲"
	case "down":
		return "■"
	case "disputed":
		return "◇"
	case "planned":
		return "▨"
	}
	return "○"
}

func stateWord(state string) string {
	switch state {
	case "ok":
		return "healthy"
	case "disputed":
		return "mixed results"
	case "no-data":
		return "no data"
	case "planned":
		return "planned work"
	}
	return state
}

// facts are what a view is made from.
type facts struct {
	snap     detect.Snapshot
	status   Status
	recent   []detect.Incident
	unready  []Unready
	provider func(string) string
	official map[string]*officialLine // by incident
	planned  []Planned
}

// build makes the view of f.
func build(fr frame, f facts) view {
	now, s := fr.Now, f.snap
	v := view{frame: fr, Verdict: Sentence(beside(now, f.planned, s), f.provider), Newest: newest(s), Notices: notices(now, f), SeenFrom: seenFrom(s.Sites)}
	v.Title, v.Active = v.Verdict.Text, "now"
	v.Columns, v.Rows = matrix(now, s, f.planned, f.provider)
	v.Planned, v.MorePlans = plannedLines(now, f.planned, f.provider)
	open := byUrgency(s.Open)
	for _, i := range open {
		v.Open = append(v.Open, line(now, i))
		v.Open[len(v.Open)-1].Official = f.official[i.ID]
	}
	if len(v.Open) > 0 {
		v.First = &v.Open[0]
	}
	for _, i := range f.recent {
		if i.Drill && i.State.Open() {
			v.Drills = append(v.Drills, line(now, i))
		}
		if !i.State.Open() && len(v.Recent) < maxRecent {
			v.Recent = append(v.Recent, line(now, i))
		}
	}
	if len(s.Sites) == 0 {
		v.Start = firstSteps(fr.Who, f, len(v.Rows))
		v.Verdict.Detail = "" // the steps say it
	}
	v.Fleet = fleetFacts(s, f.status)
	v.Sites, v.MoreSites = attention(now, s.Sites)
	if _, isps := voters(s.Sites); len(s.Sites) > 0 && isps < fewISPs && fr.Who.Role != access.Viewer {
		v.FewISPs = fmt.Sprintf("Sites on %s vote. An outage is confirmed at once when sites on %d ISPs agree: add sites on others.", plural(isps, "ISP"), fewISPs)
	}
	return v
}

// firstSteps is the card of a collector without agents.
func firstSteps(who access.Principal, f facts, providers int) *start {
	s := &start{Targets: f.status.Targets, Providers: providers, Routes: f.status.Alerts.Routes, Form: who.May(access.Enrol) && who.Via == "session"}
	if !s.Form && who.Role != access.Viewer {
		s.Command = "picket token create --client NAME --site NAME --region eu"
	}
	return s
}

// notices is what is wrong with Picket itself, which makes the rest doubtful.
func notices(now time.Time, f facts) (list []string) {
	for _, u := range f.unready {
		text := u.Text
		if u.Code == SinkInflux || u.Code == SinkStore {
			text = strings.TrimSuffix(text, ".") + ". What you see of now is live; history is behind until this is over. Agents keep their results and deliver them later."
		}
		list = append(list, text)
	}
	list = append(list, failingRoutes(now, f.status.Alerts.ByRoute)...)
	if f.snap.Frozen {
		list = append(list, "many sites have lost contact at the same time, so nothing new is called confirmed.")
	}
	if at := f.snap.At; !at.IsZero() && now.Sub(at) > stuckAfter {
		list = append(list, "nothing was judged since "+clock(at)+" UTC: what is below is of then.")
	}
	if d, ok := newestAge(f.snap); ok && d > quietAfter {
		list = append(list, "no result has arrived for "+span(d)+".")
	}
	return list
}

// newest words the age of the newest result.
func newest(s detect.Snapshot) string {
	if d, ok := newestAge(s); ok {
		return age(d)
	}
	return ""
}

func newestAge(s detect.Snapshot) (d time.Duration, ok bool) {
	for _, c := range s.Cells {
		if c.Age >= 0 && (!ok || c.Age < d) {
			d, ok = c.Age, true
		}
	}
	return d, ok
}

// seenFrom says from where the sites that vote look, the most first.
func seenFrom(sites []detect.SiteStatus) string {
	count := map[string]int{}
	for _, s := range sites {
		if s.Eligible && s.VRegion != "" {
			count[s.VRegion]++
		}
	}
	regions := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	if len(regions) == 0 {
		return ""
	}
	for i, r := range regions {
		regions[i] = fmt.Sprintf("%s (%s)", r, plural(count[r], "site"))
	}
	return "seen from " + enumerate(regions, 5)
}

// attention is the sites that do not vote, who is out of sight first, and how
// many more there are.
func attention(now time.Time, all []detect.SiteStatus) (list []siteLine, more int) {
	sites := slices.DeleteFunc(slices.Clone(all), func(s detect.SiteStatus) bool { return rank(s) == 2 })
	slices.SortStableFunc(sites, func(a, b detect.SiteStatus) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID))
	})
	more = max(0, len(sites)-maxSites)
	for _, s := range sites[:len(sites)-more] {
		list = append(list, siteRow(now, s))
	}
	return list, more
}

// rank says how much attention a site needs: 0 most, 2 none.
func rank(s detect.SiteStatus) int {
	switch {
	case !s.Connected:
		return 0
	case !s.Eligible:
		return 1
	}
	return 2
}

// line words one incident.
func line(now time.Time, i detect.Incident) incidentLine {
	l := incidentLine{ID: i.ID, Title: i.Title, Summary: i.Summary, State: incidentState(i), Word: i.Confidence.Word(), Started: i.Started}
	switch i.State {
	case detect.Recovering:
		l.Word = "Recovering"
	case detect.Lingering:
		l.Word = "Lingering"
	case detect.Resolved:
		l.Word = "Resolved"
	}
	if i.Drill {
		l.Word = strings.TrimSpace("DRILL " + l.Word)
	}
	l.Glyph, l.Clock = glyph(l.State), incidentClock(now, i)
	return l
}

// incidentClock is when an incident began and how long it lasts or lasted.
func incidentClock(now time.Time, i detect.Incident) string {
	start := cmp.Or(i.Started, i.Opened)
	if end := cmp.Or(i.Recovered, i.Resolved); !end.IsZero() {
		return fmt.Sprintf("%s, lasted %s", stamp(now, start), span(end.Sub(start)))
	}
	return fmt.Sprintf("since %s, %s", stamp(now, start), span(now.Sub(start)))
}

func fleetFacts(s detect.Snapshot, st Status) []fact {
	sites, isps := voters(s.Sites)
	lost := uint64(0)
	for _, n := range st.Lost {
		lost += n
	}
	facts := []fact{
		{Value: fmt.Sprintf("%d of %d", sites, len(s.Sites)), Name: "sites voting"},
		{Value: fmt.Sprint(isps), Name: "ISPs voting"},
		{Value: fmt.Sprintf("%d of %d", st.Connected, st.Agents), Name: "agents connected"},
		{Value: fmt.Sprint(st.Targets), Name: "targets watched"},
		{Value: thousands(st.Results), Name: "results", Moves: true},
		{Value: thousands(lost), Name: "lost", Moves: true},
	}
	if st.Influx != nil {
		word := "ok"
		if !st.Influx.OK {
			word = "away"
		}
		facts = append(facts, fact{Value: "InfluxDB", Name: word})
	}
	if st.Alerts.Waiting > 0 || st.Alerts.Dead > 0 {
		facts = append(facts, fact{Value: fmt.Sprintf("%d, %d", st.Alerts.Waiting, st.Alerts.Dead), Name: "alerts waiting, given up"})
	}
	return facts
}

func siteRow(now time.Time, s detect.SiteStatus) siteLine {
	l := siteLine{ID: s.ID, Why: detect.WhyWords(s.Why)}
	switch rank(s) {
	case 0:
		l.State, l.Word = "no-data", "lost contact"
		if s.LastSeen.IsZero() {
			l.Word = "never seen"
		}
	case 1:
		l.State, l.Word = "disputed", "not voting"
	default:
		l.State, l.Word = "ok", "voting"
	}
	if l.Why == l.Word {
		l.Why = "" // said already
	}
	l.Glyph = glyph(l.State)
	if !s.LastSeen.IsZero() {
		l.Seen = age(now.Sub(s.LastSeen))
	}
	return l
}
