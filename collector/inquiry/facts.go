package inquiry

import (
	"slices"
	"time"

	"picket/collector/detect"
)

// Facts is everything that an answer is made from.
type Facts struct {
	Question Question
	Client   string // see [Finding.Client]
	At       time.Time
	Label    string // the target for people: "Azure Front Door"
	Provider string // who runs it, for people: "Azure"; "" when nobody in particular: Label stands for it
	Target   string // id of the target; "" when nobody watches what was asked
	// Rows are what sites saw just now, the site of the question first, if there
	// is one.
	Rows []Row
	// Sites are all sites of the fleet, for what is known without asking: who
	// has contact.
	Sites []detect.SiteStatus
	// Open are all open incidents.
	Open []detect.Incident
}

// The states of a [Row].
const (
	Answered = "answered"
	Silent   = "silent"
	Refused  = "refused"
)

// sight is what a row is worth.
type sight int

const (
	mute    sight = iota // no word from the site
	barred               // the agent refused to look
	blind                // it looked and could not tell
	good                 // the service answers
	guarded              // something answers, but refuses strangers (403, 429)
	bad                  // the service fails, the site's own line works as far as known
	line                 // the site's references fail too: its own line
	local                // the site's own machine or resolver, by the cause alone
)

// tells says whether s is a word about the service.
func (s sight) tells() bool { return s == good || s == guarded || s == bad }

// lineFew is the fewest references that can speak against a site's line. What
// share of them must answer is the detector's rule.
const lineFew = 2

// Line is what the references asked beside the probe say about the site's own
// line: [LinkOK], [LinkBroken] when too few of them answer, [LinkUnknown] when
// too few were asked to blame it.
func (r Row) Line() LinkState {
	switch {
	case r.RefsAsked <= 0:
		return LinkUnknown
	case float64(r.RefsOK) >= detect.DefaultRule().References*float64(r.RefsAsked):
		return LinkOK
	case r.RefsAsked < lineFew:
		return LinkUnknown
	}
	return LinkBroken
}

// localCauses are those that the site itself is to blame for.
var localCauses = []string{"local_noroute", "local_resolver", "tls_intercepted"}

func see(r Row) sight {
	switch {
	case r.State == Refused:
		return barred
	case r.State != Answered:
		return mute
	case r.Outcome == "up" || r.Outcome == "degraded":
		return good
	case r.Line() == LinkBroken:
		return line
	case r.Outcome == "down":
		return bad
	case r.Cause == "blocked":
		return guarded
	case slices.Contains(localCauses, r.Cause):
		return local
	}
	return blind
}

// group counts what some sites see.
type group struct {
	good, bad               int // good holds the guarded and the slow ones too
	guarded, slow, line     int
	goodISPs, badISPs, told map[string]bool
}

func newGroup() group {
	return group{goodISPs: map[string]bool{}, badISPs: map[string]bool{}, told: map[string]bool{}}
}

// n is how many can tell.
func (g group) n() int { return g.good + g.bad }

func (g *group) add(r Row) {
	s := see(r)
	switch s {
	case good, guarded:
		g.good++
		g.goodISPs[r.ISP] = true
		switch {
		case s == guarded:
			g.guarded++
		case r.Outcome == "degraded":
			g.slow++
		}
	case bad:
		g.bad++
		g.badISPs[r.ISP] = true
	case line:
		g.line++
	}
	if s.tells() {
		g.told[r.ISP] = true
	}
}

// scene is the facts, counted.
type scene struct {
	Facts
	own    *Row // nil: the question is about everybody
	sight  sight
	all    group // the site of the question too
	others group // without it
	same   group // of others, those on the site's ISP
	rest   group // of others, those on other ISPs
	// blamed is the open incident that blames the service, the surest if there are
	// several; nil if there is none.
	blamed *detect.Incident
}

func count(f Facts) scene {
	s := scene{Facts: f, all: newGroup(), others: newGroup(), same: newGroup(), rest: newGroup()}
	for i, r := range f.Rows {
		s.all.add(r)
		if r.Own {
			s.own, s.sight = &f.Rows[i], see(r)
			continue
		}
		s.others.add(r)
		if own := f.own(); own != nil && own.ISP != "" && own.ISP == r.ISP {
			s.same.add(r)
		} else {
			s.rest.add(r)
		}
	}
	for i, o := range f.Open {
		about := f.Target != "" && o.Kind.ProviderSide() && (o.Target == f.Target || slices.Contains(o.Targets, f.Target))
		if about && (s.blamed == nil || o.Confidence.Rank() > s.blamed.Confidence.Rank()) {
			s.blamed = &f.Open[i]
		}
	}
	return s
}

func (f Facts) own() *Row {
	for i := range f.Rows {
		if f.Rows[i].Own {
			return &f.Rows[i]
		}
	}
	return nil
}

// quorum says how sure the fresh rows alone are that the service fails: not at
// all, possibly (two sites, or fewer ISPs than the detector wants, but every one
// there is), or likely.
func (s scene) quorum() detect.Confidence {
	r, n := detect.DefaultRule(), s.all.n()
	switch isps := len(s.all.badISPs); {
	case n < 2 || s.all.bad < r.K(n) || isps < 2:
		return detect.ConfidenceNone
	case n >= r.MinSites && isps >= r.M(n):
		return detect.ConfidenceProbable
	case isps == len(s.all.told):
		return detect.ConfidenceSuspected
	}
	return detect.ConfidenceNone
}

// ofSite returns the open incident about one site alone.
func (f Facts) ofSite(site string) *detect.Incident {
	for i, o := range f.Open {
		if o.Kind == detect.KindSite && o.Site == site {
			return &f.Open[i]
		}
	}
	return nil
}

// ofISP returns the open incident that blames an ISP as a whole.
func (f Facts) ofISP(isp string) *detect.Incident {
	for i, o := range f.Open {
		if o.Kind == detect.KindNetwork && o.Network == isp {
			return &f.Open[i]
		}
	}
	return nil
}

// ofPath returns the open incident between an ISP and the target's cloud.
func (f Facts) ofPath(isp string) *detect.Incident {
	for i, o := range f.Open {
		if o.Kind == detect.KindNetworkProvider && o.Network == isp && slices.Contains(o.Targets, f.Target) {
			return &f.Open[i]
		}
	}
	return nil
}

// together is how far apart two sites may have been heard last to have fallen
// silent for one reason. The detector's window is five seconds; this one leaves
// room for sites that are heard rarely (metered lines).
const together = time.Minute

// missed says that contact with a site is lost, or its answer late, and that this
// is news: it was heard since the server started, and was not stopped.
func missed(st detect.SiteStatus) bool { return !st.LastSeen.IsZero() && !st.Stopped() }

// lostTogether is how many sites on the ISP of the question's site fell silent
// when that did, itself counted; 0 if it was alone, if any site on the ISP is still
// heard, or if nobody expects to hear of it. Sites that were stopped, that have not
// been heard since the server started, or that were lost at another time say
// nothing about the ISP.
func (s scene) lostTogether() int {
	own, known := s.status(s.own.Site)
	if !known || s.own.ISP == "" || own.Connected || !missed(own) {
		return 0
	}
	n := 0
	for _, st := range s.Sites {
		switch {
		case st.Network != s.own.ISP:
		case st.Connected || s.heard(st.ID):
			return 0
		case missed(st) && st.LastSeen.Sub(own.LastSeen).Abs() <= together:
			n++
		}
	}
	if n < 2 {
		return 0
	}
	return n
}

// heard says that the site had a word when it was asked.
func (s scene) heard(site string) bool {
	return slices.ContainsFunc(s.Rows, func(r Row) bool { return r.Site == site && see(r) != mute })
}

// silentBeside is how many other sites on the ISP of the question's site did not
// answer when they were asked, though they should have.
func (s scene) silentBeside() (n int) {
	for _, r := range s.Rows {
		if r.Own || r.ISP == "" || r.ISP != s.own.ISP || see(r) != mute {
			continue
		}
		if st, known := s.status(r.Site); !known || missed(st) {
			n++
		}
	}
	return n
}

// status is what the fleet knows of a site.
func (f Facts) status(site string) (detect.SiteStatus, bool) {
	for _, s := range f.Sites {
		if s.ID == site {
			return s, true
		}
	}
	return detect.SiteStatus{}, false
}
