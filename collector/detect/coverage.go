package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// Coverage is what today's fleet could say if a service went down now for
// everybody: the verdict of [Judge] on the unanimous votes of those who can
// tell, and what would make it a better one.
type Coverage struct {
	Provider string `json:"provider"`
	Service  string `json:"service,omitempty"`
	Region   string `json:"region,omitempty"` // the provider's; "" global
	Client   string `json:"client,omitempty"` // whose it is; "" everybody's
	Targets  int    `json:"targets"`

	// Sites that could testify now, on Networks, seen from VRegions.
	Sites    int      `json:"sites"`
	Networks int      `json:"networks"`
	VRegions []string `json:"vregions"`
	// Confidence is the most that an outage could be called; "" nothing.
	Confidence Confidence `json:"confidence"`
	// Spare is how many of the sites may be lost, the most needed first, before
	// Confidence falls.
	Spare int `json:"spare"`
	// Why is the rule that limits it; "" if it can be confirmed.
	Why  Code   `json:"why,omitempty"`
	Text string `json:"text"` // one or two sentences
	// Missing are the sites that look and could not testify, by reason.
	Missing []Missing `json:"missing,omitempty"`
	// Gains are the smallest additions that would make it surer, if any would.
	Gains []Gain `json:"gains,omitempty"`
}

// Missing counts sites that could not testify for one reason.
type Missing struct {
	Why   string `json:"why"`
	Sites int    `json:"sites"`
}

// Gain is an addition to the fleet and what it would make possible.
type Gain struct {
	Add  Addition   `json:"add"`
	N    int        `json:"n"`
	To   Confidence `json:"to"`
	Text string     `json:"text"`
}

// Addition is what could be added to a fleet.
type Addition string

// The additions, the cheapest first. A rented vantage is a Picket agent on a
// server of a hosting company: a network of its own and nobody's client.
const (
	AddSite    Addition = "site"    // on an ISP that is there already
	AddISP     Addition = "isp"     // a site on an ISP that is not there yet
	AddVantage Addition = "vantage" // a rented vantage
)

// most additions of one kind that are tried.
const maxGain = 3

// Coverage judges every (provider, service, region, client) that is watched, in
// the order of the config's targets. Of several targets the worst seen counts.
// It changes nothing.
func (e *Engine) Coverage(now time.Time) []Coverage {
	type key struct{ provider, service, region, client string }
	at := map[key]int{}
	var out []Coverage
	for _, t := range e.targets {
		if t.Reference {
			continue
		}
		c := e.cover(now, t)
		k := key{t.Provider, t.Service, t.Region, t.Client}
		i, known := at[k]
		if !known {
			at[k] = len(out)
			out = append(out, c)
			continue
		}
		n := out[i].Targets + 1
		if c.less(&out[i]) {
			out[i] = c
		}
		out[i].Targets = n
	}
	return out
}

// Outlook is what one more site would change.
type Outlook struct {
	Services      int // that are watched, for everybody or the site's client
	Without, With int // of them, how many could be confirmed down
}

// Sentence is the outlook for whoever installs the site; "" if nothing is watched.
func (o Outlook) Sentence() string {
	switch {
	case o.Services == 0:
		return ""
	case o.With > o.Without:
		return fmt.Sprintf("With this site an outage of %d of %s can be confirmed, without it %d.", o.With, plural(o.Services, "service"), o.Without)
	case o.With == 0:
		return fmt.Sprintf("An outage of none of %s can be confirmed yet: more sites on other ISPs are needed.", plural(o.Services, "service"))
	}
	return fmt.Sprintf("An outage of %d of %s can be confirmed, and with this site it takes more to lose that.", o.With, plural(o.Services, "service"))
}

// Outlook says what s would add if it testified about all that concerns it. What
// it says already is left out of Without.
func (e *Engine) Outlook(now time.Time, s Site) Outlook {
	type key struct{ provider, service, region, client string }
	without, with := map[key]bool{}, map[key]bool{}
	for _, t := range e.targets {
		if t.Reference || t.Client != "" && t.Client != s.Client {
			continue
		}
		k := key{t.Provider, t.Service, t.Region, t.Client}
		votes, _ := e.testimony(now, t)
		votes = slices.DeleteFunc(votes, func(b Ballot) bool { return b.Site == s.ID })
		sure := func(votes []Ballot) bool {
			c, _ := foresee(votes, e.rule, t.Client != "", len(votes))
			return c == ConfidenceConfirmed
		}
		was, known := without[k]
		without[k] = sure(votes) && (was || !known)
		was, known = with[k]
		if t.Provider == "" || t.Provider != s.HostedBy { // towards its own landlord it is no witness
			votes = append(votes, ballotOf(s))
		}
		with[k] = sure(votes) && (was || !known)
	}
	o := Outlook{Services: len(without)}
	for k := range without {
		o.Without += b2i(without[k])
		o.With += b2i(with[k])
	}
	return o
}

// ballotOf is a site's vote when it cannot reach a target.
func ballotOf(s Site) Ballot {
	return Ballot{Site: s.ID, Client: s.Client, Network: s.Network.Group(), Region: s.Region,
		Unknown: s.Network.Basis == fleet.BasisPrefix, Answer: vantage.Down, RefsWell: true}
}

// testimony is the votes of all who could testify about t now if it were down,
// and how many sites could not, by reason.
func (e *Engine) testimony(now time.Time, t *target) (votes []Ballot, missing map[string]int) {
	missing = map[string]int{}
	for _, s := range e.sites {
		if !t.concerns(s) {
			continue
		}
		if why := e.speechless(now, s, t); why != "" {
			missing[why]++
			continue
		}
		votes = append(votes, ballotOf(s.Site))
	}
	return votes, missing
}

// less says whether c is the worse coverage.
func (c *Coverage) less(d *Coverage) bool {
	return cmp.Or(cmp.Compare(c.Confidence.Rank(), d.Confidence.Rank()), cmp.Compare(c.Spare, d.Spare), cmp.Compare(c.Sites, d.Sites)) < 0
}

// cover judges one target.
func (e *Engine) cover(now time.Time, t *target) Coverage {
	c := Coverage{Provider: t.Provider, Service: t.Service, Region: t.Region, Client: t.Client, Targets: 1, VRegions: []string{}}
	votes, missing := e.testimony(now, t)
	nets := map[string]bool{}
	for _, v := range votes {
		nets[v.Network] = true
		if v.Region != "" && !slices.Contains(c.VRegions, v.Region) {
			c.VRegions = append(c.VRegions, v.Region)
		}
	}
	slices.Sort(c.VRegions)
	c.Sites, c.Networks = len(votes), len(nets)
	for why, n := range missing {
		c.Missing = append(c.Missing, Missing{why, n})
	}
	slices.SortFunc(c.Missing, func(a, b Missing) int { return cmp.Or(b.Sites-a.Sites, cmp.Compare(a.Why, b.Why)) })
	private := t.Client != ""
	c.Confidence, c.Why = foresee(votes, e.rule, private, len(votes))
	c.Spare = spare(votes, e.rule, private, c.Confidence)
	c.Gains = gains(votes, e.rule, t.Client, c.Confidence)
	c.Text = c.sentence()
	return c
}

// speechless says why the site could not testify about t now, "" if it could.
func (e *Engine) speechless(now time.Time, s *site, t *target) string {
	if ok, why := e.eligible(now, s, t.Provider); !ok {
		return WhyWords(why)
	}
	asked, worked, fit := false, false, false
	for _, a := range s.agents {
		for _, i := range t.checks {
			if e.checks[i].reach == probes.LayerNone {
				continue
			}
			asked = true
			worked = worked || a.cells[i].worked
			fit = fit || !a.cells[i].unfit()
		}
	}
	switch {
	case !asked:
		return "no check of it can tell: pings alone never do"
	case !worked:
		return WhyWords(vantage.WhyNeverWorked.String())
	case !fit:
		return WhyWords(vantage.WhyBadHere.String())
	case !e.siteView(s, t, now, 0, probes.LayerNone).has:
		return WhyWords(vantage.WhyStale.String())
	}
	return ""
}

// foresee is the surest verdict that unanimous votes come to, after all the
// re-votes that the rule asks for, and what keeps it from more. before is how
// many could tell until a moment ago.
func foresee(votes []Ballot, rule Rule, private bool, before int) (best Confidence, why Code) {
	for held := range 4 {
		d := Judge(votes, rule, Circumstances{Before: before, Held: held, Private: private})
		if d.Out && d.Confidence.Rank() > best.Rank() {
			best = d.Confidence
		}
		why = d.Reason.Code
		if d.Step == Settle && held > 0 || !d.Held {
			break
		}
	}
	if best == ConfidenceConfirmed {
		why = ""
	}
	return best, why
}

// spare is how many sites may go, of the best placed first, with the verdict unchanged.
func spare(votes []Ballot, rule Rule, private bool, have Confidence) int {
	if have == ConfidenceNone {
		return 0
	}
	left := slices.Clone(votes)
	for n := 0; ; n++ {
		worst, at := have, -1
		for i := range left { // whose loss hurts most
			rest := slices.Delete(slices.Clone(left), i, i+1)
			if c, _ := foresee(rest, rule, private, len(votes)); c.Rank() < worst.Rank() {
				return n
			}
			if at < 0 || solitary(left, i) {
				at = i
			}
		}
		if at < 0 || len(left) <= 1 {
			return n
		}
		left = slices.Delete(left, at, at+1)
	}
}

// solitary says whether the ballot is the only one of its network.
func solitary(votes []Ballot, i int) bool {
	n := 0
	for _, v := range votes {
		if v.Network == votes[i].Network {
			n++
		}
	}
	return n == 1
}

// gains are the smallest additions of each sort that make the verdict surer.
func gains(votes []Ballot, rule Rule, client string, have Confidence) []Gain {
	if have == ConfidenceConfirmed {
		return nil
	}
	var out []Gain
	for _, add := range []Addition{AddSite, AddISP, AddVantage} {
		if add == AddVantage && client != "" || add == AddSite && len(votes) == 0 {
			continue // nobody else can look at a client's own service; there is no ISP yet
		}
		more := slices.Clone(votes)
		for n := 1; n <= maxGain; n++ {
			more = append(more, addition(votes, add, client, n))
			if to, _ := foresee(more, rule, client != "", len(more)); to.Rank() > have.Rank() {
				out = append(out, Gain{Add: add, N: n, To: to, Text: gainText(add, n, to)})
				break
			}
		}
	}
	return out
}

func addition(votes []Ballot, add Addition, client string, n int) Ballot {
	b := Ballot{Site: fmt.Sprintf("+%d", n), Client: client, Network: fmt.Sprintf("+%d", n), Answer: vantage.Down, RefsWell: true}
	switch {
	case add == AddSite:
		b.Network, b.Unknown = votes[(n-1)%len(votes)].Network, votes[(n-1)%len(votes)].Unknown
		b.Client = votes[(n-1)%len(votes)].Client
	case add == AddVantage:
		b.Client = "+vantage"
	case client == "" && len(votes) > 0:
		b.Client = votes[0].Client
	}
	return b
}

func gainText(add Addition, n int, to Confidence) string {
	what := map[Addition]wording{
		AddSite:    {"one more site on an ISP that is there already", "%d more sites on ISPs that are there already"},
		AddISP:     {"one site on another ISP", "%d sites on other ISPs"},
		AddVantage: {"one rented vantage point", "%d rented vantage points at different hosting companies"},
	}[add].of(n)
	if n > 1 {
		what = fmt.Sprintf(what, n)
	}
	return what + " would make it " + strings.ToLower(to.Word())
}

// sentence says what could be said, and what keeps it from more.
func (c *Coverage) sentence() string {
	who := plural(c.Sites, "site") + " on " + plural(c.Networks, "ISP")
	switch {
	case c.Sites == 0:
		return "Nobody could tell: no site sees it now."
	case c.Confidence == ConfidenceConfirmed && c.Spare == 0:
		return "An outage could be confirmed by " + who + ", but not with one site less."
	case c.Confidence == ConfidenceConfirmed:
		return fmt.Sprintf("An outage could be confirmed by %s, even with %s less.", who, plural(c.Spare, "site"))
	}
	limits := map[Code]string{
		Alone:       "one site cannot tell an outage from trouble on its way",
		TwoSites:    "two sites are too few to confirm one",
		OneISP:      "all of them sit on one ISP, whose way to it cannot be told from the cloud",
		TwoNetworks: "two ISPs are few",
		UnknownISPs: "their ISPs are not known by name: add them under networks: or to the join tokens",
		OneClient:   "all of them are one client's, though others look",
		OneNetwork:  "they sit on too few ISPs",
		Unbalanced:  "one ISP holds most of them",
	}
	limit := limits[c.Why]
	if limit == "" {
		limit = "the sites are too few"
	}
	if c.Confidence == ConfidenceNone {
		return "An outage could not be called: " + who + " look; " + limit + "."
	}
	return fmt.Sprintf("An outage could at most be called %s by %s: %s.", strings.ToLower(c.Confidence.Word()), who, limit)
}
