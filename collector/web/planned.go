package web

import (
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// Planned is a window of planned work: what matches is not judged while it lasts.
// "" matches anything.
type Planned struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Provider string    `json:"provider,omitempty"`
	Service  string    `json:"service,omitempty"`
	Region   string    `json:"region,omitempty"`
	Target   string    `json:"target,omitempty"`
	Client   string    `json:"client,omitempty"`
	Site     string    `json:"site,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// maxPlanned is how many windows the page of Now lists.
const maxPlanned = 6

// plannedLine is a window on the page.
type plannedLine struct {
	What, When, Note string
	On               bool // now
}

func (p Planned) on(now time.Time) bool { return !now.Before(p.From) && now.Before(p.To) }

// of says whether the work is on what t is, for whoever looks.
func (p Planned) of(t Target) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(p.Provider, t.Provider) && is(p.Service, t.Service) && is(p.Region, t.Region) && is(p.Target, t.ID)
}

// whole says whether all of a cell is worked on, for everybody who looks.
func (p Planned) whole(c detect.Cell) bool {
	return p.Service == "" && p.Target == "" && p.Client == "" && p.Site == "" && (p.Provider == "" || p.Provider == c.Provider) && (p.Region == "" || p.Region == c.Region)
}

// workedOn says whether all of a cell is in planned work now, so that nothing of
// it is known on purpose.
func workedOn(now time.Time, all []Planned, c detect.Cell) bool {
	return c.State == detect.NoData && slices.ContainsFunc(all, func(p Planned) bool { return p.on(now) && p.whole(c) })
}

// beside is the snapshot without the cells that are worked on: what the first
// sentence says is of the others, as long as there are some.
func beside(now time.Time, all []Planned, s detect.Snapshot) detect.Snapshot {
	left := keep(s.Cells, func(c detect.Cell) bool { return !workedOn(now, all, c) })
	if len(left) > 0 {
		s.Cells = left
	}
	return s
}

// plannedLines words windows, those that are open first.
func plannedLines(now time.Time, all []Planned, provider func(string) string) (list []plannedLine, more int) {
	for _, p := range all {
		if !now.Before(p.To) {
			continue
		}
		l := plannedLine{What: p.words(provider), Note: p.Note, On: p.on(now), When: "from " + stamp(now, p.From) + " to " + stamp(now, p.To) + " UTC"}
		if l.On {
			l.When = "now, until " + stamp(now, p.To) + " UTC"
		}
		list = append(list, l)
	}
	more = max(0, len(list)-maxPlanned)
	return list[:len(list)-more], more
}

// words names what is worked on.
func (p Planned) words(provider func(string) string) string {
	var parts []string
	if p.Provider != "" {
		parts = append(parts, provider(p.Provider))
	}
	what := strings.Join(append(parts, strings.Fields(p.Service+" "+p.Region+" "+p.Target)...), " ")
	where := p.Site
	if p.Client != "" && !strings.HasPrefix(p.Site, p.Client+"/") {
		where = strings.TrimSuffix(p.Client+"/"+p.Site, "/")
	}
	switch {
	case what == "" && where == "":
		return "everything"
	case where == "":
		return what
	case what == "":
		return where
	}
	return what + " as seen from " + where
}

// Planned keeps the windows that concern what the client may know of.
func (n *narrow) Planned() []Planned {
	targets := n.Targets()
	var out []Planned
	for _, p := range n.src.Planned() {
		site := p.Site == "" || n.mine(p.Site) || p.Client == n.client
		if p.Client != "" && p.Client != n.client || !site || !slices.ContainsFunc(targets, p.of) {
			continue
		}
		p.Note = n.text(p.Note, "")
		out = append(out, p)
	}
	return out
}

// Planned is nothing to a stranger.
func (nobody) Planned() []Planned { return nil }
