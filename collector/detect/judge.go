package detect

import (
	"picket/internal/vantage"
	"picket/probes"
)

// Ballot is what one site says about one target in one attempt of a round.
type Ballot struct {
	Site    string
	Client  string
	Network string // the name under which the network votes
	Unknown bool   // the network is known by prefix only
	// Answer counts unless Pending. Abstentions are taken out of numerator
	// and denominator.
	Answer vantage.Answer
	// Pending: asked, not answered yet. It counts as a site that can tell and
	// does not say DOWN, so that waiting can only make us more careful.
	Pending bool
	// RefsWell: the references asked beside this vote answered.
	RefsWell bool
	// Region is the vantage region of the site, Edge the point of presence that
	// answers it there, "" if unknown: parts of the fleet that may fail alone.
	Region, Edge string
}

// Circumstances are what a decision depends on besides the votes.
type Circumstances struct {
	Before  int  // sites that could tell 30 s before the first suspicion; 0 = do not ask
	Held    int  // earlier attempts of this round whose condition held
	Private bool // the target belongs to one client
	Frozen  bool // the fleet is in trouble: nothing new is confirmed
}

// Step is what the round does after a decision.
type Step uint8

// The steps.
const (
	Wait   Step = iota // for outstanding answers
	Revote             // ask the same electorate again
	Settle             // the round is over
)

// Decision is what the votes of a round amount to.
type Decision struct {
	Step Step
	// Out: the target is to be called out with Confidence. With Step Revote
	// it is out for now and may become surer.
	Out        bool
	Confidence Confidence
	// Path: all witnesses sit on one network, so that the provider and our
	// ISP's path to it cannot be told apart; never a provider incident.
	Path bool
	// Held: this attempt's condition held.
	Held   bool
	Reason Reason
	// Region or Edge: only that vantage region, or whom that edge answers, finds
	// the target down. Family is the IP version that the round asked over, if
	// the target is asked over both.
	Region, Edge string
	Family       probes.Family
	// Sharp: all of that part finds it down, and nobody else.
	Sharp bool
}

// count is the tally of a round.
type count struct {
	n, d, contra, pending, abstained int
	nets                             map[string]*share
	clients, downClients             map[string]bool
}

// share is one network's part.
type share struct {
	n, d    int
	unknown bool
	refs    int // sites with references well
}

// Judge decides hard-down for one target: a pure function of the votes, the
// rule and the circumstances.
//
//	n = sites that can tell (pending ones included), d = DOWN, A = networks of n,
//	F = mean over A of the network's own d/n, K = max(3, ceil(0.6 n)), M = 2 below 6 sites, else 3
//	condition = d >= K, networks of D >= M, F >= 0.6 (0.8 on <= 3 networks), n >= half of before, two clients in D if n spans two;
//	a fleet on exactly two networks needs both of them, whatever n
//
//	sites  networks  votes                           says
//	any    any       none, or none DOWN              nothing
//	1      1         DOWN, and twice more in 10 s    suspected ("unreachable from here")
//	2      1         both DOWN, held for 10 s        probable, path: the provider or our ISP's way to it
//	2      2         both DOWN, held for 10 s        probable; never more
//	>= 3   1         d >= K, held for 10 s           probable, path
//	>= 3   2         condition                       probable at once; confirmed after three re-votes in 15 s
//	                                                 if each network fails >= 0.8 and its references are well
//	>= 3   >= 3      condition, nobody else said UP  confirmed (150 ms after the K-th DOWN: the engine waits)
//	>= 3   >= 3      condition, contradicted         re-votes at +2.5 s and +5 s; confirmed if it held three times
//	                                                 or a re-vote is unanimous
//	>= 3   >= 3      condition, fewer than M of the  probable
//	                 DOWN networks known by name
//	else                                             nothing
//
// Frozen caps confirmed at probable. Turning a DOWN into an UP can only make
// the decision weaker: every quantity above is monotone in it.
func Judge(votes []Ballot, rule Rule, c Circumstances) Decision {
	rule = rule.filled()
	t := tally(votes)
	dec := Decision{Reason: t.reason(rule)}
	refuse := func(code Code) Decision {
		dec.Reason.Code = code
		if dec.Step = Settle; t.pending > 0 {
			dec.Step = Wait
		}
		return dec
	}
	switch {
	case t.n == 0:
		return refuse(NoVotes)
	case t.d == 0:
		return refuse(NoneDown)
	case c.Before > 0 && float64(t.n) < rule.Coverage*float64(c.Before):
		return refuse(CoverageLost)
	case t.d < rule.K(t.n):
		return refuse(Minority)
	case len(t.nets) == 1:
		return t.alone(dec, c)
	case dec.Reason.DownNetworks < dec.Reason.NeedNetworks:
		return refuse(OneNetwork)
	case dec.Reason.Share < rule.floor(len(t.nets))-1e-9:
		return refuse(Unbalanced)
	case !c.Private && len(t.clients) >= 2 && len(t.downClients) < 2:
		return refuse(OneClient)
	}
	dec.Held = true
	return t.quorum(dec, rule, c)
}

// quorum decides when the condition holds and the witnesses sit on two
// networks or more.
func (t *count) quorum(dec Decision, rule Rule, c Circumstances) Decision {
	known, few := t.known()
	switch {
	case t.n < rule.MinSites:
		dec.Reason.Code = TwoSites
		return patient(dec, c, ConfidenceProbable)
	case few == 2:
		dec.Out, dec.Confidence, dec.Reason.Code = true, ConfidenceProbable, TwoNetworks
		if dec.Step = Revote; c.Held < 3 {
			return dec
		}
		dec.Step = Settle
		if t.eachNetwork(rule) && known >= 2 && !c.Frozen {
			dec.Confidence = ConfidenceConfirmed
		}
		return dec
	case t.contra == 0:
		dec.Reason.Code = Unanimous
	case c.Held >= 2: // it held twice, and does again whatever those say who are still out
		dec.Reason.Code = Held
	case t.pending > 0:
		dec.Step, dec.Reason.Code = Wait, Waiting
		return dec
	default:
		dec.Step, dec.Reason.Code = Revote, Waiting
		return dec
	}
	dec.Step, dec.Out, dec.Confidence = Settle, true, ConfidenceConfirmed
	if known < dec.Reason.NeedNetworks {
		dec.Confidence, dec.Reason.Code = ConfidenceProbable, UnknownISPs
	}
	if c.Frozen {
		dec.Confidence, dec.Reason.Code = ConfidenceProbable, Frozen
	}
	return dec
}

// alone decides when everybody who can tell sits on one network.
func (t *count) alone(dec Decision, c Circumstances) Decision {
	dec.Held = true
	if t.n == 1 {
		dec.Reason.Code = Alone
		return patient(dec, c, ConfidenceSuspected)
	}
	dec.Reason.Code, dec.Path = OneISP, true
	return patient(dec, c, ConfidenceProbable)
}

// patient is out with the given confidence after two further attempts held.
func patient(dec Decision, c Circumstances, conf Confidence) Decision {
	if dec.Step = Revote; c.Held >= 2 {
		dec.Step, dec.Out, dec.Confidence = Settle, true, conf
	}
	return dec
}

func tally(votes []Ballot) *count {
	t := &count{nets: map[string]*share{}, clients: map[string]bool{}, downClients: map[string]bool{}}
	for _, v := range votes {
		if !v.Pending && v.Answer != vantage.Up && v.Answer != vantage.Down && v.Answer != vantage.Degraded {
			t.abstained++
			continue
		}
		s := t.nets[v.Network]
		if s == nil {
			s = &share{unknown: v.Unknown}
			t.nets[v.Network] = s
		}
		t.n++
		s.n++
		t.clients[v.Client] = true
		if v.RefsWell || v.Pending {
			s.refs++
		}
		switch {
		case v.Pending:
			t.pending++
		case v.Answer == vantage.Down:
			t.d++
			s.d++
			t.downClients[v.Client] = true
		default:
			t.contra++
		}
	}
	return t
}

// reason fills in the counts.
func (t *count) reason(rule Rule) Reason {
	r := Reason{DownSites: t.d, Sites: t.n, Networks: len(t.nets), Abstained: t.abstained,
		Need: rule.K(t.n), NeedNetworks: t.m(rule), NeedShare: rule.floor(len(t.nets))}
	for _, s := range t.nets {
		if s.d > 0 {
			r.DownNetworks++
		}
	}
	r.Share = t.balanced()
	return r
}

// m is M, except that a fleet on two networks cannot have three.
func (t *count) m(rule Rule) int {
	if len(t.nets) == 2 {
		return min(rule.M(t.n), 2)
	}
	return rule.M(t.n)
}

// balanced is F. Networks are summed in whole hundred-millionths, so that the
// order of a map cannot tip the last bit of a comparison.
func (t *count) balanced() float64 {
	if len(t.nets) == 0 {
		return 0
	}
	const unit = 1e8
	var sum int64
	for _, s := range t.nets {
		sum += int64(unit*float64(s.d)/float64(s.n) + 0.5)
	}
	return float64(sum) / unit / float64(len(t.nets))
}

// known counts the DOWN networks known by name, and the networks that the rule
// for few networks goes by: prefix groups may be one ISP in disguise.
func (t *count) known() (down, few int) {
	named := 0
	for _, s := range t.nets {
		if s.unknown {
			continue
		}
		named++
		if s.d > 0 {
			down++
		}
	}
	if named >= 2 {
		return down, named
	}
	return down, len(t.nets)
}

// eachNetwork says whether every network fails by itself, with its references well.
func (t *count) eachNetwork(rule Rule) bool {
	for _, s := range t.nets {
		if float64(s.d) < rule.BalanceFew*float64(s.n) || 2*s.refs < s.n {
			return false
		}
	}
	return true
}
