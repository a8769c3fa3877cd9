package web

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"picket/collector/access"
	"picket/collector/alert"
	"picket/collector/detect"
)

// A viewer is one client's: of the others it may learn that they exist as
// numbers ("9 of 11 sites on 6 ISPs"), and nothing else. So every page, answer
// and event is made from a Source that was narrowed before anything looks at it:
// a page that forgets to filter shows less, not more. What is kept is listed here
// field by field; free texts are kept only if no foreign name stands in them.

// scoped is src as p may see it.
func scoped(p access.Principal, src Source) Source {
	switch {
	case p.Role == access.Admin || p.Role == access.Technician:
		return src
	case p.Role == access.Viewer && p.Client != "":
		return &narrow{src: src, client: p.Client}
	}
	return nobody{src}
}

// narrow is a Source for one client. It lives as long as one request.
type narrow struct {
	src    Source
	client string

	once sync.Once // guards the fields below
	own  known
	// foreign are names that may stand in texts and belong to others.
	foreign names
}

// known is what the client may know by name.
type known struct {
	targets  map[string]bool // by id; false: another client's
	networks map[string]bool // ISPs of its own sites
	regions  map[string]bool // vantage regions of its own sites
	fields   map[[2]string]bool
}

// learn reads once what belongs to the client and what to others.
func (n *narrow) learn() known {
	n.once.Do(func() {
		k := known{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[[2]string]bool{}}
		snap := n.src.Snapshot()
		foreign := map[string]bool{}
		for _, s := range snap.Sites {
			if s.Client == n.client {
				k.networks[s.Network], k.regions[s.VRegion] = true, true
			} else {
				foreign[s.Client], foreign[s.ID], foreign[s.Network] = true, true, true
			}
		}
		agents, err := n.src.Agents(context.Background())
		if err != nil {
			foreign[""] = true // nothing can be vouched for: no text is kept
		}
		for _, a := range agents {
			if a.Client == n.client {
				k.networks[a.Network], k.regions[a.Region] = true, true
			} else {
				foreign[a.ID], foreign[a.Client], foreign[a.Site], foreign[a.Hostname], foreign[a.Network] = true, true, true, true, true
			}
		}
		for _, t := range n.src.Targets() {
			mine := t.Client == "" || t.Client == n.client
			k.targets[t.ID] = mine
			if mine {
				k.fields[[2]string{t.Provider, t.Region}] = true
			} else {
				foreign[t.ID], foreign[t.Name], foreign[t.Client] = true, true, true
			}
		}
		for _, v := range snap.Verdicts {
			if mine := v.Client == "" || v.Client == n.client; mine {
				k.fields[[2]string{v.Provider, v.Region}] = true
				if _, told := k.targets[v.Target]; !told {
					k.targets[v.Target] = true
				}
			}
		}
		delete(foreign, n.client)
		for name := range k.networks {
			delete(foreign, name)
		}
		if err == nil {
			delete(foreign, "")
		}
		n.own, n.foreign = k, namesOf(foreign)
	})
	return n.own
}

// mine says whether a site's id is one of the client's.
func (n *narrow) mine(site string) bool { return strings.HasPrefix(site, n.client+"/") }

// Snapshot keeps the client's sites, what concerns everybody, and the matrix.
func (n *narrow) Snapshot() detect.Snapshot {
	s := n.src.Snapshot()
	k := n.learn()
	s.Sites = keep(s.Sites, func(x detect.SiteStatus) bool { return x.Client == n.client })
	s.Open, s.Recent = n.reduced(s.Open), n.reduced(s.Recent)
	shown := map[string]bool{}
	for _, i := range s.Open {
		shown[i.ID] = true
	}
	s.Verdicts = keep(s.Verdicts, func(v detect.Verdict) bool { return v.Client == "" || v.Client == n.client })
	for i := range s.Verdicts {
		v := &s.Verdicts[i]
		v.Reason.Text = n.text(v.Reason.Text, "")
		if !shown[v.Incident] {
			v.Incident = ""
		}
	}
	s.Cells = keep(s.Cells, func(c detect.Cell) bool { return k.fields[[2]string{c.Provider, c.Region}] })
	for i := range s.Cells {
		if !shown[s.Cells[i].Incident] {
			s.Cells[i].Incident = ""
		}
	}
	return s
}

// Coverage keeps what concerns everybody and the client's own services. Which
// sites of others could not testify, and why, stays theirs as numbers.
func (n *narrow) Coverage(ctx context.Context) ([]detect.Coverage, error) {
	all, err := n.src.Coverage(ctx)
	out := keep(all, func(c detect.Coverage) bool { return c.Client == "" || c.Client == n.client })
	regions := n.learn().regions
	for i := range out {
		c := &out[i]
		c.VRegions = keep(c.VRegions, func(r string) bool { return regions[r] })
		c.Text = n.text(c.Text, "")
	}
	return out, err
}

// keep returns a new list of what is wanted.
func keep[T any](all []T, want func(T) bool) []T {
	var out []T
	for _, x := range all {
		if want(x) {
			out = append(out, x)
		}
	}
	return out
}

// Status counts the client's own agents and the targets it sees; what the
// collector has trouble with is its operators' business.
func (n *narrow) Status(ctx context.Context) (Status, error) {
	st, err := n.src.Status(ctx)
	if err != nil {
		return Status{}, err
	}
	agents, err := n.Agents(ctx)
	if err != nil {
		return Status{}, err
	}
	out := Status{Version: st.Version, Started: st.Started, Config: st.Config, Results: st.Results, Lost: st.Lost}
	for _, a := range agents {
		if a.Revoked.IsZero() {
			out.Agents++
			out.Connected += btoi(a.Connected)
		}
	}
	for _, t := range n.Targets() {
		if !t.Reference {
			out.Targets++
			out.Checks += len(t.Checks)
		}
	}
	return out, nil
}

// Agents returns the client's own.
func (n *narrow) Agents(ctx context.Context) ([]Agent, error) {
	all, err := n.src.Agents(ctx)
	return keep(all, func(a Agent) bool { return a.Client == n.client }), err
}

// Unready says that something is wrong, not what.
func (n *narrow) Unready(ctx context.Context) []Unready { return nobody{n.src}.Unready(ctx) }

// Provider returns a cloud's name for people.
func (n *narrow) Provider(id string) string { return n.src.Provider(id) }

// Targets returns what concerns everybody, and the client's own.
func (n *narrow) Targets() []Target {
	return keep(n.src.Targets(), func(t Target) bool { return t.Client == "" || t.Client == n.client })
}

// sees says whether the client may know of a target.
func (n *narrow) sees(target string) bool { return n.learn().targets[target] }

// Latest returns what the client's own agents saw.
func (n *narrow) Latest(target string) []Latest {
	if !n.sees(target) {
		return nil
	}
	return keep(n.src.Latest(target), func(l Latest) bool { return l.Client == n.client })
}

// elsewhere is what a viewer is shown in the place of vantage regions where only
// others have sites.
const elsewhere = "elsewhere"

// History returns what everybody saw of a target, by vantage region; regions
// that are not the client's become one.
func (n *narrow) History(ctx context.Context, q HistoryQuery) ([]Point, error) {
	if !n.sees(q.Target) {
		return nil, fmt.Errorf("target %q: %w", q.Target, ErrNotFound)
	}
	all, err := n.src.History(ctx, q)
	if err != nil {
		return nil, err
	}
	regions := n.learn().regions
	var out []Point
	others := map[time.Time]int{} // index in out
	for _, p := range all {
		if p.Region == "" || regions[p.Region] {
			out = append(out, p)
			continue
		}
		p.Region = elsewhere
		if i, ok := others[p.At]; ok {
			out[i] = merge(out[i], p)
			continue
		}
		others[p.At] = len(out)
		out = append(out, p)
	}
	return out, nil
}

// merge adds up two points of one step.
func merge(a, b Point) Point {
	if n := a.Good + b.Good; n > 0 { // Mean is of what was up
		a.Mean = time.Duration((float64(a.Mean)*float64(a.Good) + float64(b.Mean)*float64(b.Good)) / float64(n))
	}
	if a.Min == 0 || b.Min != 0 && b.Min < a.Min {
		a.Min = b.Min
	}
	a.Max = max(a.Max, b.Max)
	a.Good, a.Slow, a.Bad, a.Blind = a.Good+b.Good, a.Slow+b.Slow, a.Bad+b.Bad, a.Blind+b.Blind
	a.Step = cmp.Or(a.Step, b.Step)
	return a
}

// Told is the operators' business: routes are named after people.
func (n *narrow) Told(context.Context, string) ([]Letter, error) { return nil, nil }

// Handling says when somebody took the incident on and when the client was told,
// and not who: the operators' names and notes are their own business.
func (n *narrow) Handling(ctx context.Context, incident string) (Handling, error) {
	if _, err := n.Incident(ctx, incident); err != nil {
		return Handling{}, err
	}
	h, err := n.src.Handling(ctx, incident)
	if err != nil {
		return Handling{}, err
	}
	out := Handling{Acknowledged: h.Acknowledged}
	if !h.Acknowledged.IsZero() {
		out.Notes = []Note{{At: h.Acknowledged}}
	}
	for _, x := range h.Notices {
		if x.Client == n.client {
			out.Notices = append(out.Notices, ClientNotice{Client: x.Client, At: x.At})
		}
	}
	return out, nil
}

// Silences are the operators' business.
func (n *narrow) Silences(context.Context) ([]alert.Silence, error) { return nil, nil }

// Official is public, and of an incident that concerns the client.
func (n *narrow) Official(ctx context.Context, i detect.Incident) (*Official, error) {
	if !n.concerns(i) {
		return nil, nil
	}
	return n.src.Official(ctx, i)
}

// Feeds are public, and kept of providers that the client sees: which others are
// watched is somebody else's business.
func (n *narrow) Feeds(ctx context.Context) ([]Feed, error) {
	all, err := n.src.Feeds(ctx)
	seen := map[string]bool{}
	for field := range n.learn().fields {
		seen[field[0]] = true
	}
	return keep(all, func(f Feed) bool { return seen[f.Provider] }), err
}

// CoverageHistory keeps what concerns everybody and the client's own services.
func (n *narrow) CoverageHistory(ctx context.Context, q CoverageQuery) ([]CoverageRow, error) {
	all, err := n.src.CoverageHistory(ctx, q)
	return keep(all, func(c CoverageRow) bool { return c.Client == "" || c.Client == n.client }), err
}

// Lines keeps those of the client's sites.
func (n *narrow) Lines(ctx context.Context, site string, from, to time.Time) ([]LineTime, error) {
	if site != "" && !n.mine(site) {
		return nil, nil
	}
	all, err := n.src.Lines(ctx, site, from, to)
	return keep(all, func(l LineTime) bool { return n.mine(l.Site) }), err
}

// text is s, or instead if a foreign name stands in it.
func (n *narrow) text(s, instead string) string {
	n.learn()
	if n.foreign.in(s) {
		return instead
	}
	return s
}

// Drill says that one is on, if it is for clients too; what is played may name others.
func (n *narrow) Drill() *Drill {
	d := n.src.Drill()
	if d == nil || !d.Clients {
		return nil
	}
	return &Drill{ID: d.ID, State: d.State, Clients: true, For: d.For, Begun: d.Begun, Title: n.text(d.Title, "an outage")}
}

// Drills are the operators' business.
func (n *narrow) Drills(context.Context, int) (Drills, error) { return Drills{}, nil }

// nobody is what a stranger may know: whether the collector does its work.
type nobody struct{ src Source }

func (nobody) Snapshot() detect.Snapshot                           { return detect.Snapshot{} }
func (nobody) Coverage(context.Context) ([]detect.Coverage, error) { return nil, nil }
func (nobody) Status(context.Context) (Status, error)              { return Status{}, nil }
func (nobody) Incidents(context.Context, bool, int) ([]detect.Incident, error) {
	return nil, nil
}
func (nobody) Incident(context.Context, string) (detect.Incident, error) {
	return detect.Incident{}, ErrNotFound
}
func (nobody) Agents(context.Context) ([]Agent, error) { return nil, nil }
func (nobody) Provider(id string) string               { return id }
func (nobody) Targets() []Target                       { return nil }
func (nobody) Official(context.Context, detect.Incident) (*Official, error) {
	return nil, nil
}
func (nobody) Feeds(context.Context) ([]Feed, error) { return nil, nil }
func (nobody) CoverageHistory(context.Context, CoverageQuery) ([]CoverageRow, error) {
	return nil, nil
}
func (nobody) Lines(context.Context, string, time.Time, time.Time) ([]LineTime, error) {
	return nil, nil
}
func (nobody) Latest(string) []Latest                                 { return nil }
func (nobody) History(context.Context, HistoryQuery) ([]Point, error) { return nil, ErrNotFound }
func (nobody) Drill() *Drill                                          { return nil }
func (nobody) Drills(context.Context, int) (Drills, error)            { return Drills{}, nil }
func (nobody) Told(context.Context, string) ([]Letter, error)         { return nil, nil }
func (nobody) Handling(context.Context, string) (Handling, error)     { return Handling{}, ErrNotFound }
func (nobody) Silences(context.Context) ([]alert.Silence, error)      { return nil, nil }

// Unready keeps the codes alone.
func (n nobody) Unready(ctx context.Context) []Unready {
	all := n.src.Unready(ctx)
	out := make([]Unready, len(all))
	for i, u := range all {
		out[i] = Unready{Code: u.Code, Text: "A part of the Picket server is in trouble (" + u.Code + "); its operators can see why."}
	}
	return out
}
