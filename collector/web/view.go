package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// Bounds of the page: it stays quick to draw with a fleet of hundreds.
const (
	maxColumns = 6  // shared columns of the matrix; beyond, cells carry their own region
	maxRecent  = 10 // ended incidents
	maxSites   = 300
)

// view is everything the page shows, worded; the template only places it.
type view struct {
	Now       time.Time
	Verdict   Verdict
	Columns   []string // shared columns; nil: every cell names its region
	Rows      []row
	Open      []incidentLine
	Recent    []incidentLine
	Fleet     []fact
	Sites     []siteLine
	MoreSites int
	Unready   []Unready
	Frozen    bool
	Empty     bool // no agent has joined
}

// row is one provider of the matrix.
type row struct {
	Name  string
	Cells []cell
}

// cell is one provider in one region.
type cell struct {
	Region string
	State  string // ok, disputed, degraded, down, no-data; "" where there is nothing
	Glyph  string
	Word   string
	Counts string // "9 of 11 fail", "12 sites"
	Age    string // of the data; "" when there are none
	Label  string // all of it for a screen reader
	Link   string // to the incident; "" if there is none
}

type incidentLine struct {
	ID, Title, Summary, State, Glyph, Word string
	Clock                                  string
	Started                                time.Time
}

type siteLine struct {
	ID, Network, Region, State, Glyph, Word, Why, Refs, Seen string
}

type fact struct{ Value, Name string }

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
	}
	return state
}

// build makes the view of a snapshot.
func build(now time.Time, s detect.Snapshot, st Status, recent []detect.Incident, un []Unready, provider func(string) string) view {
	v := view{Now: now, Verdict: Sentence(s, provider), Unready: un, Frozen: s.Frozen, Empty: len(s.Sites) == 0}
	v.Columns, v.Rows = matrix(now, s, provider)
	for _, i := range s.Open {
		v.Open = append(v.Open, line(now, i))
	}
	for _, i := range recent {
		if !i.State.Open() && len(v.Recent) < maxRecent {
			v.Recent = append(v.Recent, line(now, i))
		}
	}
	v.Fleet = fleetFacts(s, st)
	sites := slices.Clone(s.Sites)
	slices.SortStableFunc(sites, func(a, b detect.SiteStatus) int { // who needs attention first
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID))
	})
	v.MoreSites = max(0, len(sites)-maxSites)
	for _, site := range sites[:len(sites)-v.MoreSites] {
		v.Sites = append(v.Sites, siteRow(now, site))
	}
	return v
}

func rank(s detect.SiteStatus) int {
	switch {
	case !s.Connected:
		return 0
	case !s.Eligible:
		return 1
	}
	return 2
}

// matrix places the cells. A handful of regions become shared columns; the
// regions of several clouds rarely have names in common, and then every cell
// names its own.
func matrix(now time.Time, s detect.Snapshot, provider func(string) string) (columns []string, rows []row) {
	byProvider := map[string][]detect.Cell{}
	var order []string
	regions := map[string]bool{}
	for _, c := range s.Cells {
		if _, seen := byProvider[c.Provider]; !seen {
			order = append(order, c.Provider)
		}
		byProvider[c.Provider] = append(byProvider[c.Provider], c)
		regions[regionName(c.Region)] = true
	}
	if len(regions) <= maxColumns {
		for r := range regions {
			columns = append(columns, r)
		}
		slices.SortFunc(columns, func(a, b string) int { // the global services last
			return cmp.Or(cmp.Compare(btoi(a == global), btoi(b == global)), cmp.Compare(a, b))
		})
	}
	worst := worstVerdicts(s.Verdicts)
	for _, p := range order {
		r := row{Name: provider(p)}
		if columns == nil {
			for _, c := range byProvider[p] {
				r.Cells = append(r.Cells, field(now, r.Name, c, worst[[2]string{c.Provider, c.Region}]))
			}
		}
		for _, name := range columns {
			one := cell{Region: name}
			for _, c := range byProvider[p] {
				if regionName(c.Region) == name {
					one = field(now, r.Name, c, worst[[2]string{c.Provider, c.Region}])
				}
			}
			r.Cells = append(r.Cells, one)
		}
		rows = append(rows, r)
	}
	return columns, rows
}

const global = "global"

func regionName(r string) string { return cmp.Or(r, global) }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// worstVerdicts finds for every cell the verdict that its state comes from.
func worstVerdicts(all []detect.Verdict) map[[2]string]detect.Verdict {
	worst := map[[2]string]detect.Verdict{}
	for _, v := range all {
		key := [2]string{v.Provider, v.Region}
		if was, ok := worst[key]; v.Client == "" && (!ok || v.State > was.State || v.State == was.State && v.DownSites > was.DownSites) {
			worst[key] = v
		}
	}
	return worst
}

// field words one cell. Its counts are of now. The state comes from the open
// incident, if there is one, and an incident outlives its last failure by a
// minute of health: until then the cell is neither down nor healthy.
func field(now time.Time, provider string, c detect.Cell, worst detect.Verdict) cell {
	f := cell{Region: regionName(c.Region), State: c.State.String()}
	f.Word = stateWord(f.State)
	f.Counts = plural(c.Sites, "site")
	among := f.Counts + " on " + plural(c.Networks, "ISP")
	switch {
	case c.State == detect.NoData:
	case c.Incident != "" && worst.DownSites == 0:
		f.State, f.Word = "disputed", "recovering"
		f.Counts = fmt.Sprintf("0 of %d fail now, not over yet", cmp.Or(worst.Sites, c.Sites))
		among = f.Counts
	case c.State > detect.OK:
		f.Counts = fmt.Sprintf("%d of %d fail", worst.DownSites, worst.Sites)
		among = fmt.Sprintf("%d of %s on %s fail", worst.DownSites, plural(worst.Sites, "site"), plural(worst.Networks, "ISP"))
	}
	f.Glyph = glyph(f.State)
	label := []string{provider, f.Region + ": " + f.Word, among}
	if c.State > detect.OK && !worst.Since.IsZero() {
		label = append(label, "since "+clock(worst.Since))
	}
	if c.State == detect.NoData {
		f.Counts = "no data"
		label = label[:2]
	}
	if c.Age >= 0 && c.State != detect.NoData {
		f.Age = age(c.Age)
		label = append(label, "data "+f.Age)
	}
	if c.Incident != "" {
		f.Link = "/incidents/" + c.Incident
	}
	f.Label = strings.Join(label, ", ")
	return f
}

// line words one incident.
func line(now time.Time, i detect.Incident) incidentLine {
	l := incidentLine{ID: i.ID, Title: i.Title, Summary: i.Summary, State: incidentState(i), Word: i.Confidence.Word(), Started: i.Started}
	switch i.State {
	case detect.Recovering:
		l.Word = "Recovering"
	case detect.Resolved:
		l.Word = "Resolved"
	}
	l.Glyph, l.Clock = glyph(l.State), incidentClock(now, i)
	return l
}

// incidentClock is when an incident began and how long it lasts or lasted.
func incidentClock(now time.Time, i detect.Incident) string {
	start := cmp.Or(i.Started, i.Opened)
	if end := cmp.Or(i.Recovered, i.Resolved); !end.IsZero() {
		return fmt.Sprintf("%s, lasted %s", stamp(start), span(end.Sub(start)))
	}
	return fmt.Sprintf("since %s, %s", stamp(start), span(now.Sub(start)))
}

func fleetFacts(s detect.Snapshot, st Status) []fact {
	sites, isps := voters(s.Sites)
	lost := uint64(0)
	for _, n := range st.Lost {
		lost += n
	}
	facts := []fact{
		{fmt.Sprintf("%d of %d", sites, len(s.Sites)), "sites voting"},
		{fmt.Sprint(isps), "ISPs voting"},
		{fmt.Sprintf("%d of %d", st.Connected, st.Agents), "agents connected"},
		{fmt.Sprint(st.Targets), "targets watched"},
		{thousands(st.Results), "results"},
		{thousands(lost), "lost"},
	}
	if st.Influx != nil {
		word := "ok"
		if !st.Influx.OK {
			word = "away"
		}
		facts = append(facts, fact{"InfluxDB", word})
	}
	if st.Alerts.Waiting > 0 || st.Alerts.Dead > 0 {
		facts = append(facts, fact{fmt.Sprintf("%d, %d", st.Alerts.Waiting, st.Alerts.Dead), "alerts waiting, given up"})
	}
	return facts
}

func siteRow(now time.Time, s detect.SiteStatus) siteLine {
	l := siteLine{ID: s.ID, Network: s.Network, Region: s.VRegion, Why: detect.WhyWords(s.Why)}
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
	if s.RefsAsked > 0 {
		l.Refs = fmt.Sprintf("%d/%d", s.RefsOK, s.RefsAsked)
	}
	if !s.LastSeen.IsZero() {
		l.Seen = age(now.Sub(s.LastSeen))
	}
	return l
}
