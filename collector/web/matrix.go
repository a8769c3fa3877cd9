package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// row is one provider of the matrix.
type row struct {
	Name  string
	Cells []cell
}

// cell is one provider in one region.
type cell struct {
	Region string
	State  string // ok, disputed, degraded, partial, down, no-data; "" where there is nothing
	Glyph  string
	Word   string
	Counts string // "9 of 11 fail", "12 sites, 6 ISPs"
	Age    string // of the data; "" when there are none
	Label  string // all of it for a screen reader
	Link   string // to the incident, else to the targets behind the cell
}

// matrix places the cells. A handful of regions become shared columns; the
// regions of several clouds rarely have names in common, and then every cell
// names its own. Providers with trouble come first, and so do the cells with
// trouble of a row without columns; else the order never changes.
func matrix(now time.Time, s detect.Snapshot, planned []Planned, provider func(string) string) (columns []string, rows []row) {
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
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(trouble(byProvider[b]...), trouble(byProvider[a]...)) })
	if len(regions) <= maxColumns {
		for r := range regions {
			columns = append(columns, r)
		}
		slices.SortFunc(columns, func(a, b string) int { // the global services last
			return cmp.Or(cmp.Compare(btoi(a == worldwide), btoi(b == worldwide)), cmp.Compare(a, b))
		})
	}
	behind := map[[2]string][]detect.Verdict{}
	for _, v := range s.Verdicts {
		key := [2]string{v.Provider, v.Region}
		behind[key] = append(behind[key], v)
	}
	for _, p := range order {
		cells := byProvider[p]
		r := row{Name: provider(p), Cells: make([]cell, len(columns), max(len(columns), len(cells)))}
		if columns == nil {
			slices.SortStableFunc(cells, func(a, b detect.Cell) int { return cmp.Compare(trouble(b), trouble(a)) })
		}
		for _, c := range cells {
			one := field(now, r.Name, c, cause(c, behind[[2]string{c.Provider, c.Region}]))
			if workedOn(now, planned, c) {
				one.State, one.Word, one.Counts = "planned", stateWord("planned"), stateWord("planned")
				one.Glyph, one.Label = glyph("planned"), r.Name+", "+one.Region+": "+one.Word
			}
			if k := slices.Index(columns, one.Region); k >= 0 {
				r.Cells[k] = one
			} else {
				r.Cells = append(r.Cells, one)
			}
		}
		rows = append(rows, r)
	}
	return columns, rows
}

// worldwide is the region of services that have none.
const worldwide = "worldwide"

func regionName(r string) string { return cmp.Or(r, worldwide) }

// trouble is the worst state of cells, 0 if it is health or ignorance.
func trouble(cells ...detect.Cell) detect.VerdictState {
	worst := detect.OK
	for _, c := range cells {
		worst = max(worst, c.State)
	}
	return worst
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cause is the verdict that the cell's state comes from, of those of its
// provider and region: one of that state, rather one of everybody's targets than
// of a client's own, and of these the one that most sites see fail.
func cause(c detect.Cell, all []detect.Verdict) (worst detect.Verdict) {
	rank := func(v detect.Verdict) int { return 2*btoi(v.State == c.State) + btoi(v.Client == "") }
	for k, v := range all {
		if k == 0 || cmp.Or(cmp.Compare(rank(v), rank(worst)), cmp.Compare(v.State, worst.State), cmp.Compare(v.DownSites, worst.DownSites)) > 0 {
			worst = v
		}
	}
	return worst
}

// field words one cell. Its counts are of now. The state comes from the open
// incident, if there is one, and an incident outlives its last failure by a
// minute of health: until then the cell is neither down nor healthy.
func field(now time.Time, provider string, c detect.Cell, worst detect.Verdict) cell {
	f := cell{Region: regionName(c.Region), State: c.State.String(), Link: targetsLink(c)}
	f.Word = stateWord(f.State)
	f.Counts = plural(c.Sites, "site") + ", " + plural(c.Networks, "ISP")
	among := plural(c.Sites, "site") + " on " + plural(c.Networks, "ISP")
	switch {
	case c.State == detect.NoData:
	case c.Incident != "" && worst.Sites == 0 && c.Sites == 0: // not over, and nobody can tell
		f.State, f.Word, f.Counts = "no-data", "no data", "not over yet"
		among = f.Counts
	case c.Incident != "" && worst.DownSites == 0:
		f.State, f.Word = "disputed", "recovering"
		f.Counts = fmt.Sprintf("0 of %d fail now, not over yet", cmp.Or(worst.Sites, c.Sites))
		among = f.Counts
	case c.State > detect.OK && worst.Sites > 0:
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

// targetsLink leads to the targets behind a cell.
func targetsLink(c detect.Cell) string {
	q := url.Values{"provider": {c.Provider}}
	if c.Region != "" {
		q.Set("q", c.Region)
	}
	return "/targets?" + q.Encode()
}
