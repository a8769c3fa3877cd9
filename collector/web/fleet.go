package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"picket/collector/access"
	"picket/collector/detect"
)

// enoughISPs is how many independent ISPs a vantage region should have: with
// three, one of them can fail without the others losing their majority.
const enoughISPs = 3

// maxAgents is how many agents the page lists.
const maxAgents = 500

// fleetView is the page of sites and agents.
type fleetView struct {
	frame
	Verdict   Verdict
	Coverage  []coverLine
	Services  serviceCover
	Agents    []agentLine // who needs attention first
	Revoked   []agentLine
	More      int
	Form      TokenRequest
	Clients   []string // that are known, for the form
	Regions   []string
	ISPs      []string
	Open      bool // the drawer is open
	MayEnrol  bool
	MayRevoke bool
	ByCommand bool          // nobody is logged in: show the command in place of the form
	Waiting   []requestLine // machines that an admin has to decide about; empty for others
	Done      string
	Problem   *Error
}

// coverLine is what is seen from one vantage region.
type coverLine struct {
	Region, State, Glyph, Word string
	Sites, All, ISPs           int
	Names                      string // of the ISPs
	Need                       string // what would help; "" if nothing
}

// fleetPage answers /fleet.
func (s *Server) fleetPage(w http.ResponseWriter, r *http.Request) {
	form := TokenRequest{Client: typed(r.URL.Query().Get("client")), Region: typed(r.URL.Query().Get("region"))}
	s.drawFleet(w, r, http.StatusOK, form, nil)
}

func (s *Server) drawFleet(w http.ResponseWriter, r *http.Request, status int, form TokenRequest, problem *Error) {
	src := s.source(r)
	agents, err := src.Agents(r.Context())
	if err != nil {
		s.broken(w, r, "fleet", fmt.Errorf("agents for the page: %w", err))
		return
	}
	st, err := src.Status(r.Context())
	if err != nil {
		s.broken(w, r, "fleet", fmt.Errorf("status for the page: %w", err))
		return
	}
	snap := src.Snapshot()
	v := fleetView{frame: s.frame(r, "fleet", "Fleet"), Form: form, Problem: problem}
	v.Coverage = coverage(snap.Sites)
	cover, err := src.Coverage(r.Context())
	if err != nil {
		s.broken(w, r, "fleet", fmt.Errorf("coverage for the page: %w", err))
		return
	}
	v.Services = coverServices(cover, src.Provider)
	bySite := map[string]detect.SiteStatus{}
	for _, x := range snap.Sites {
		bySite[x.ID] = x
	}
	for _, a := range agents {
		l := agentLineOf(v.Now, a, bySite[a.Site], st)
		if a.Revoked.IsZero() {
			v.Agents = append(v.Agents, l)
		} else {
			v.Revoked = append(v.Revoked, l)
		}
	}
	slices.SortStableFunc(v.Agents, func(a, b agentLine) int { return cmp.Or(b.rank-a.rank, cmp.Compare(a.Site, b.Site)) })
	v.Verdict = fleetVerdict(snap.Sites, v.Coverage, v.Agents)
	v.More = max(0, len(v.Agents)-maxAgents)
	v.Agents = v.Agents[:len(v.Agents)-v.More]
	v.Clients, v.Regions, v.ISPs = knownNames(agents)
	loggedIn := v.Who.Via == "session" && s.o.Actions != nil
	v.MayEnrol, v.MayRevoke = loggedIn && v.Who.May(access.Enrol), loggedIn && v.Who.May(access.Revoke)
	v.ByCommand = v.Who.Via == "open" || v.Who.Via == ""
	v.Open = problem != nil || len(agents) == 0 || r.URL.Query().Has("add")
	if loggedIn && v.Who.May(access.Approve) {
		if v.Waiting, err = s.waiting(r.Context(), v.Now); err != nil {
			s.broken(w, r, "fleet", fmt.Errorf("requests for the page: %w", err))
			return
		}
	}
	v.Done = revokedWords(r.URL.Query().Get("revoked"), v.Revoked)
	s.html(w, status, "fleet.html", v)
}

// coverage is how well the clouds are seen from each vantage region, the worst first.
func coverage(sites []detect.SiteStatus) []coverLine {
	type region struct {
		all, voting int
		isps        map[string]bool
	}
	regions := map[string]*region{}
	for _, x := range sites {
		g := regions[x.VRegion]
		if g == nil {
			g = &region{isps: map[string]bool{}}
			regions[x.VRegion] = g
		}
		g.all++
		if x.Eligible {
			g.voting++
			g.isps[x.Network] = true
		}
	}
	out := make([]coverLine, 0, len(regions))
	for name, g := range regions {
		l := coverLine{Region: regionWord(name), Sites: g.voting, All: g.all, ISPs: len(g.isps), State: "ok", Word: "well seen"}
		var names []string
		for n := range g.isps {
			names = append(names, n)
		}
		slices.Sort(names)
		l.Names = enumerate(names, 4)
		switch lack := enoughISPs - l.ISPs; {
		case l.ISPs == 0:
			l.State, l.Word, l.Need = "down", "blind", "No site here votes now."
		case l.ISPs == 1:
			l.State, l.Word = "down", "one view"
			l.Need = "A fault of this ISP cannot be told from a fault of a cloud. Add a site on another ISP."
		case lack > 0:
			l.State, l.Word, l.Need = "degraded", "thin", "Add a site on "+strconv.Itoa(lack)+" more ISP: then one may fail and the others still agree."
		}
		l.Glyph = glyph(l.State)
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b coverLine) int { return cmp.Or(a.ISPs-b.ISPs, cmp.Compare(a.Region, b.Region)) })
	return out
}

// fleetVerdict is the first sentence of the page.
func fleetVerdict(sites []detect.SiteStatus, cover []coverLine, agents []agentLine) Verdict {
	if len(agents) == 0 {
		return Verdict{Text: "No agent has joined yet.", Detail: "Put the first one where your people are: an office server, a small computer, a virtual machine.", State: "no-data"}
	}
	voting, isps := voters(sites)
	v := Verdict{State: "ok", Text: strconv.Itoa(voting) + " of " + plural(len(sites), "site") + " vote, on " + plural(isps, "ISP") + "."}
	if len(sites) == 1 && voting == 1 {
		v.Text = "1 of 1 site votes, on 1 ISP."
	}
	need := map[string]bool{}
	for _, a := range agents {
		if a.rank > 0 {
			need[a.Site] = true
		}
	}
	thin := 0
	for _, c := range cover {
		if c.State != "ok" {
			thin++
		}
	}
	var detail string
	if len(need) > 0 {
		detail = agree(len(need), "site needs", "sites need") + " attention. "
	}
	if thin > 0 {
		detail += agree(thin, "region is", "regions are") + " seen by fewer than " + strconv.Itoa(enoughISPs) + " independent ISPs."
	}
	v.Detail = detail
	switch {
	case voting == 0:
		v.State = "no-data"
	case len(need) > 0 || thin > 0:
		v.State = "disputed"
	}
	return v
}

// knownNames are the names that the form suggests, so that nobody makes a second
// spelling of the same client.
func knownNames(agents []Agent) (clients, regions, isps []string) {
	add := func(list *[]string, name string) {
		if name != "" && !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	for _, a := range agents {
		add(&clients, a.Client)
		add(&regions, a.Region)
		add(&isps, a.Network)
	}
	slices.Sort(clients)
	slices.Sort(regions)
	slices.Sort(isps)
	return clients, regions, isps
}

// revokedWords confirms a revocation that has just been made, if it was.
func revokedWords(id string, revoked []agentLine) string {
	for _, a := range revoked {
		if a.ID == id && id != "" {
			return "The agent of " + a.Site + " was revoked. It cannot connect any more."
		}
	}
	return ""
}
