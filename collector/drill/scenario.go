package drill

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
	"picket/internal/fleet"
	"picket/probes"
)

// Bounds of how long a drill plays.
const (
	Shortest = 10 * time.Second
	Longest  = time.Hour
	Usual    = 3 * time.Minute
)

// Request is what somebody wants played. Empty fields choose nothing.
type Request struct {
	// Scenario is the name of a [Scenario], the id of a target, or a cloud and its
	// region joined by a dash.
	Scenario string
	For      time.Duration // 0 means Usual
	Clients  bool          // clients see and hear of it, too

	Target, Provider, Service, Region string
	Sites                             []string // who sees it; none: everybody
	ISP                               string   // ... or everybody on this one
}

// Scenario is one way in which something breaks.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"` // what is played, for people
	Needs string `json:"needs"` // what has to be chosen, in flags

	way   way
	needs []string
}

// way is how answers are rewritten.
type way uint8

const (
	byError   way = iota // the service answers with errors
	byVoid               // packets vanish
	byName               // names do not resolve
	inPart               // a part of the requests fails
	bySilence            // nothing is heard of a site
)

// partShare is the share of requests that fail in part [operators.md asks for no
// figure]: well above what the pools need, well below what counts as down.
const partShare = 0.3

// byTarget is played when a request names a target in the place of a scenario.
var byTarget = Scenario{Name: "target", Title: "one service answers with errors", Needs: "--target", way: byError, needs: []string{"target"}}

// Scenarios lists what can be played, in the order in which people are shown it.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "region", Title: "a cloud region answers with errors", Needs: "--provider and --region", way: byError, needs: []string{"provider", "region"}},
		{Name: "blackhole", Title: "a cloud region answers nothing at all", Needs: "--provider and --region", way: byVoid, needs: []string{"provider", "region"}},
		{Name: "service", Title: "a service of a cloud answers with errors, worldwide", Needs: "--provider and --service", way: byError, needs: []string{"provider", "service"}},
		{Name: "dns", Title: "the names of a cloud do not resolve", Needs: "--provider", way: byName, needs: []string{"provider"}},
		{Name: "partial", Title: "three in ten requests to a cloud region fail", Needs: "--provider and --region", way: inPart, needs: []string{"provider", "region"}},
		{Name: "line", Title: "the internet line of a site is cut", Needs: "--site", way: bySilence, needs: []string{"site"}},
		{Name: "isp", Title: "an internet provider of ours is cut off", Needs: "--isp", way: bySilence, needs: []string{"isp"}},
		byTarget,
	}
}

// Plan is a request that can be played with this configuration and fleet.
type Plan struct {
	Scenario string   `json:"scenario"`
	Title    string   `json:"title"`             // "azure westeurope answers with errors"
	Targets  []string `json:"targets,omitempty"` // that fail; none: sites fall silent
	Sites    []string `json:"sites,omitempty"`   // who sees it, or falls silent; none: everybody
	Clients  bool     `json:"clients,omitempty"`

	For time.Duration `json:"for_ns"`

	way way
}

// ErrRequest marks what cannot be played as it was asked for.
var ErrRequest = errors.New("this cannot be played")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRequest, fmt.Sprintf(format, args...))
}

// Resolve makes a plan of a request. errors.Is: [ErrRequest].
func Resolve(r Request, cfg fleet.Config, sites []detect.Site) (Plan, error) {
	s, r, err := scenario(r, cfg)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Scenario: s.Name, For: cmp.Or(r.For, Usual), Clients: r.Clients, way: s.way}
	if p.For < Shortest || p.For > Longest {
		return Plan{}, wrong("a drill plays for %s to %s, not for %s", Shortest, Longest, r.For)
	}
	given := map[string]bool{"target": r.Target != "", "provider": r.Provider != "", "service": r.Service != "", "region": r.Region != "",
		"site": len(r.Sites) > 0, "isp": r.ISP != ""}
	for _, key := range s.needs {
		if !given[key] {
			return Plan{}, wrong("%s needs %s", s.Name, s.Needs)
		}
	}
	if p.Sites, err = whose(r, sites); err != nil {
		return Plan{}, err
	}
	if s.way != bySilence {
		if p.Targets, err = what(r, cfg); err != nil {
			return Plan{}, err
		}
	}
	p.Title = p.title(r)
	return p, nil
}

// scenario finds what a request names, and what that chooses by itself.
func scenario(r Request, cfg fleet.Config) (Scenario, Request, error) {
	names := []string{}
	for _, s := range Scenarios() {
		if s.Name == r.Scenario {
			return s, r, nil
		}
		names = append(names, s.Name)
	}
	for _, t := range cfg.Targets {
		if t.ID == r.Scenario && !t.Reference {
			r.Target = t.ID
			return byTarget, r, nil
		}
	}
	for _, t := range cfg.Targets {
		if t.Region != "" && t.Provider+"-"+t.Region == r.Scenario {
			r.Provider, r.Region = t.Provider, t.Region
			return Scenarios()[0], r, nil
		}
	}
	return Scenario{}, r, wrong("%q is no scenario (%s), no target and no CLOUD-REGION that is watched", r.Scenario, strings.Join(names, ", "))
}

// whose returns the sites that a request chooses; nil: everybody.
func whose(r Request, sites []detect.Site) ([]string, error) {
	for _, id := range r.Sites {
		if !slices.ContainsFunc(sites, func(s detect.Site) bool { return s.ID == id }) {
			return nil, wrong("there is no site %q: write CLIENT/SITE as picket agent list does", id)
		}
	}
	var list []string
	for _, s := range sites {
		if (len(r.Sites) == 0 || slices.Contains(r.Sites, s.ID)) && (r.ISP == "" || s.Network.Group() == r.ISP || s.Network.Name == r.ISP) {
			list = append(list, s.ID)
		}
	}
	switch {
	case len(sites) == 0:
		return nil, wrong("no site has joined yet, so nobody would see it")
	case len(list) == 0:
		return nil, wrong("no site is on %q", r.ISP)
	case len(r.Sites) == 0 && r.ISP == "":
		return nil, nil
	}
	return list, nil
}

// what returns the targets that a request chooses.
func what(r Request, cfg fleet.Config) ([]string, error) {
	asked := map[string]bool{}
	for _, c := range cfg.Checks {
		asked[c.Target] = asked[c.Target] || c.Spec.Kind != probes.Ping
	}
	is := func(want, have string) bool { return want == "" || want == have }
	var list []string
	for _, t := range cfg.Targets {
		if !t.Reference && asked[t.ID] && is(r.Target, t.ID) && is(r.Provider, t.Provider) && is(r.Service, t.Service) && is(r.Region, t.Region) {
			list = append(list, t.ID)
		}
	}
	if len(list) == 0 {
		return nil, wrong("no target that is watched fits %s", strings.Join(strings.Fields(strings.Join([]string{r.Target, r.Provider, r.Service, r.Region}, " ")), ", "))
	}
	return list, nil
}

// title names what is played.
func (p *Plan) title(r Request) string {
	name := strings.Join(strings.Fields(cmp.Or(r.Target, strings.Join([]string{r.Provider, r.Service, r.Region}, " "))), " ")
	does := map[way]string{byError: "answers with errors", byVoid: "answers nothing at all", byName: "does not resolve", inPart: "fails three requests in ten"}[p.way]
	if p.way == bySilence {
		name, does = strings.Join(p.Sites, ", "), "is cut off"
		if r.ISP != "" {
			name = r.ISP
		}
	} else if len(p.Sites) > 0 {
		does += fmt.Sprintf(" as seen from %d of the sites", len(p.Sites))
	}
	return name + " " + does
}
