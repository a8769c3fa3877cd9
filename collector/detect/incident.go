package detect

import "time"

// Kind is what an incident blames. The texts are stored, shown in the API and
// matched by scenarios: never rename, only add.
type Kind string

// The kinds. shapes.go tells what each needs; reference, fleet and collector
// have rules of their own.
const (
	KindSite            Kind = "site"             // one site's own line or LAN; or it lost contact
	KindNetwork         Kind = "network"          // one internet provider of ours
	KindNetworkProvider Kind = "network-provider" // between one internet provider and one cloud, blaming neither
	KindTarget          Kind = "target"           // one endpoint
	KindService         Kind = "service"          // one service in several regions of its cloud
	KindProviderRegion  Kind = "provider-region"  // several services in one region of a cloud
	KindProvider        Kind = "provider"         // several services of a cloud, not in one region only
	KindDependency      Kind = "dependency"       // a CDN, DNS host or identity service under several targets
	KindEdge            Kind = "edge"             // one point of presence of a dependency
	// What only part of the fleet sees, towards one region of the vantage points:
	// whether the cloud's edge there or the way to it, nobody outside can tell.
	KindVRegion           Kind = "vregion"            // the internet of one vantage region
	KindVRegionProvider   Kind = "vregion-provider"   // a cloud as seen from one vantage region
	KindVRegionDependency Kind = "vregion-dependency" // a dependency as seen from one vantage region
	KindVRegionTarget     Kind = "vregion-target"     // one endpoint as seen from one vantage region
	KindNetworkDependency Kind = "network-dependency" // between one internet provider and one dependency
	KindReference         Kind = "reference"          // one of our references is out; no cloud is concerned
	KindFleet             Kind = "fleet"              // Picket's own agents: many vanished or were stopped
	KindCollector         Kind = "collector"          // the Picket server has lost everybody
)

// ProviderSide says whether k blames a cloud: such an incident concerns every
// client, needs the quorum, and is what "false alarm" is counted on.
func (k Kind) ProviderSide() bool {
	switch k {
	case KindTarget, KindService, KindProviderRegion, KindProvider, KindDependency, KindEdge,
		KindVRegionProvider, KindVRegionDependency, KindVRegionTarget:
		return true
	}
	return false
}

// Regional says whether k is seen from one vantage region only.
func (k Kind) Regional() bool {
	switch k {
	case KindVRegion, KindVRegionProvider, KindVRegionDependency, KindVRegionTarget:
		return true
	}
	return false
}

// State is where an incident is in its life. While it is open and nothing has
// recovered it equals the confidence.
type State string

// The states, in the order of a life.
const (
	Suspected  State = "suspected"
	Probable   State = "probable"
	Confirmed  State = "confirmed"
	Lingering  State = "lingering"  // most of it has healed, a rest has not for ten minutes
	Recovering State = "recovering" // healthy again, but not yet for long enough
	Resolved   State = "resolved"
)

// Open says whether s is any state but [Resolved].
func (s State) Open() bool { return s != Resolved && s != "" }

// Confidence is how sure we are; on screen Possible, Likely, Confirmed.
type Confidence string

// The confidences, from the weakest.
const (
	ConfidenceNone      Confidence = ""
	ConfidenceSuspected Confidence = "suspected"
	ConfidenceProbable  Confidence = "probable"
	ConfidenceConfirmed Confidence = "confirmed"
)

// Rank orders confidences: 0 none, 1 suspected, 2 probable, 3 confirmed.
func (c Confidence) Rank() int {
	switch c {
	case ConfidenceSuspected:
		return 1
	case ConfidenceProbable:
		return 2
	case ConfidenceConfirmed:
		return 3
	}
	return 0
}

// Word is what people are shown: Possible, Likely, Confirmed.
func (c Confidence) Word() string {
	return [...]string{"", "Possible", "Likely", "Confirmed"}[c.Rank()]
}

// Severity is how bad it is for who uses the thing.
type Severity string

// The severities. Partial and degraded are declared by issue 4.
const (
	SeverityOutage   Severity = "outage"
	SeverityPartial  Severity = "partial"
	SeverityDegraded Severity = "degraded"
	SeverityUnseen   Severity = "unseen" // we have lost sight of something; nothing is known to be broken
)

// Code is the typed reason of a decision. The texts are stored: never rename.
type Code string

// The codes. The first group refuses, the second opens, the third tells of
// silence, the fourth ends.
const (
	NoVotes      Code = "no_votes"       // nobody could tell
	NoneDown     Code = "none_down"      // nobody voted DOWN
	Minority     Code = "minority"       // too few sites: d < K
	OneNetwork   Code = "one_network"    // DOWN comes from fewer networks than M
	Unbalanced   Code = "unbalanced"     // one big network carries the votes: F < Fmin
	OneClient    Code = "one_client"     // all DOWN are one client's, and others look too
	CoverageLost Code = "coverage_lost"  // fewer than half of the former electorate can tell
	Waiting      Code = "waiting"        // votes or re-votes are outstanding
	NotOnlyThere Code = "not_only_there" // of one vantage region or edge: too few others can tell, or they fail too

	Unanimous     Code = "unanimous"      // every site that could tell said DOWN
	Held          Code = "held"           // contradicted, but it held three times
	SeenFrom      Code = "seen_from"      // one vantage region or edge by itself, held three times while the rest is well
	TwoNetworks   Code = "two_networks"   // exactly two networks: probable until it has held for 15 s
	TwoSites      Code = "two_sites"      // two sites on two networks, held for 10 s
	OneISP        Code = "one_isp"        // the whole electorate sits on one network: the provider or the path to it
	Alone         Code = "alone"          // one site looks: never an outage
	UnknownISPs   Code = "unknown_isps"   // networks known by prefix only: capped at probable
	Frozen        Code = "frozen"         // the fleet itself is in trouble: capped at probable
	Explained     Code = "explained"      // the smallest sufficient explanation of the failing pairs (site, network, path)
	LostContact   Code = "lost_contact"   // no frame from the site; nothing known of its line
	LineDown      Code = "line_down"      // lost contact, and there is evidence that the line was down
	ContactOnly   Code = "contact_only"   // lost contact, but the site's own results show its line worked
	WANSilent     Code = "wan_silent"     // lost contact, and the site's public address does not answer any more: line down
	WANAnswers    Code = "wan_answers"    // lost contact, and the site's public address still answers
	NetworkSilent Code = "network_silent" // nearly all sites of one network fell silent together
	FleetSilent   Code = "fleet_silent"   // many sites on several networks fell silent together
	AllSilent     Code = "all_silent"     // every site fell silent: the server's own line or host
	Stopped       Code = "stopped"        // agents said goodbye and stayed away

	Healthy    Code = "healthy"     // recovered and stayed so
	Superseded Code = "superseded"  // another incident explains it
	Unwatched  Code = "unwatched"   // its targets or its site are no longer watched
	Maintained Code = "maintained"  // all of it is in a maintenance window
	DrillEnded Code = "drill_ended" // it was a drill, which was ended before it had played out; the engine never says so
)

// Reason says why a decision fell as it did: a code for machines, the counts
// it was made from, a sentence for people.
type Reason struct {
	Code         Code    `json:"code"`
	DownSites    int     `json:"down_sites"`    // sites that voted DOWN, d
	Sites        int     `json:"sites"`         // sites that could tell, n
	DownNetworks int     `json:"down_networks"` // networks of the DOWN sites
	Networks     int     `json:"networks"`      // networks of the sites that could tell
	Abstained    int     `json:"abstained"`     // asked, could not tell
	Need         int     `json:"need"`          // K
	NeedNetworks int     `json:"need_networks"` // M
	Share        float64 `json:"share"`         // network-balanced failing share F
	NeedShare    float64 `json:"need_share"`    // Fmin
	Text         string  `json:"text"`          // one sentence
}

// Evidence is what one site said about one target of an incident.
type Evidence struct {
	Site    string    `json:"site"`
	Client  string    `json:"client"`
	Network string    `json:"network"` // internet provider, by the name it votes under
	VRegion string    `json:"vregion,omitempty"`
	Target  string    `json:"target,omitempty"` // "" for silence
	Check   string    `json:"check,omitempty"`
	Answer  string    `json:"answer"` // up, down, degraded, abstain; silent
	Layer   string    `json:"layer,omitempty"`
	Cause   string    `json:"cause,omitempty"`
	Why     string    `json:"why,omitempty"` // why it abstained
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"` // first and last failing time, collector clock
	Addr    string    `json:"addr,omitempty"`
	Edge    string    `json:"edge,omitempty"`
	Err     string    `json:"err,omitempty"`
}

// Incident is a localised, time-bounded judgement shown to people. It is a
// value: every event carries a whole copy, so that store, alert and page never
// share memory with the engine. Its id outlives upgrades, relabelling,
// recovery and reopening.
type Incident struct {
	ID         string     `json:"id"`
	Kind       Kind       `json:"kind"`
	Provider   string     `json:"provider,omitempty"`
	Service    string     `json:"service,omitempty"`
	Region     string     `json:"region,omitempty"` // the provider's region
	Target     string     `json:"target,omitempty"`
	Client     string     `json:"client,omitempty"` // the only client concerned; "" everybody
	Site       string     `json:"site,omitempty"`
	Network    string     `json:"network,omitempty"`
	VRegion    string     `json:"vregion,omitempty"`
	State      State      `json:"state"`
	Confidence Confidence `json:"confidence"`
	Severity   Severity   `json:"severity"`
	Layer      string     `json:"layer,omitempty"` // dns, tcp, tls, http
	Cause      string     `json:"cause,omitempty"` // the majority's cause
	Reason     Reason     `json:"reason"`

	Title   string `json:"title"`   // "Azure westeurope: outage"
	Summary string `json:"summary"` // one or two sentences with counts of sites and ISPs

	DownSites    int `json:"down_sites"`
	Sites        int `json:"sites"`
	DownNetworks int `json:"down_networks"`
	Networks     int `json:"networks"`

	Started   time.Time `json:"started"`            // earliest corrected first failure
	Opened    time.Time `json:"opened"`             // when the engine first declared it; never changes
	Confirmed time.Time `json:"confirmed,omitzero"` // when it first became confirmed
	Recovered time.Time `json:"recovered,omitzero"` // when health came back (zero again if it did not last)
	Resolved  time.Time `json:"resolved,omitzero"`
	Reopened  time.Time `json:"reopened,omitzero"` // last reopening

	Targets  []string   `json:"targets"` // failing targets, sorted
	Evidence []Evidence `json:"evidence"`

	SupersededBy string `json:"superseded_by,omitempty"`
	Again        int    `json:"again,omitempty"`         // times it was reopened: the alert says "again"
	LineDown     bool   `json:"line_down,omitempty"`     // silence with evidence
	CoverageLost bool   `json:"coverage_lost,omitempty"` // too few sites can tell whether it is over
	Transient    bool   `json:"transient,omitempty"`     // the condition was gone within 10 s

	Dependency string `json:"dependency,omitempty"` // what it blames, of kinds with a dependency
	Edge       string `json:"edge,omitempty"`       // its point of presence
	Family     string `json:"family,omitempty"`     // "4" or "6" if only that IP version is concerned

	Easing        bool `json:"easing,omitempty"`        // fresh answers are good again, health is not yet reached: nobody is paged now
	Intermittent  bool `json:"intermittent,omitempty"`  // it comes and goes: closes only after 15 stable minutes
	Retrospective bool `json:"retrospective,omitempty"` // found in results that were delivered late: never paged
	IPReachable   bool `json:"ip_reachable,omitempty"`  // names do not resolve, but the last known addresses answer

	// Drill marks a simulated outage. The engine never sets it: who plays the drill
	// does, on everything that comes of it.
	Drill bool `json:"drill,omitempty"`
	// DrillClients: clients are to see and hear of this drill, too. Without it they
	// do not: what is for clients leaves out an incident with Drill alone.
	DrillClients bool `json:"drill_clients,omitempty"`

	Rate  float64       `json:"rate,omitempty"`     // of severity partial: share of requests that fail
	Added time.Duration `json:"added_ns,omitempty"` // of severity degraded: median added by the slow sites
	Ratio float64       `json:"ratio,omitempty"`    // ... and as a factor

	Impact     []Impact    `json:"impact,omitempty"`     // blast radius, by client, the hardest hit first
	Neighbours []Neighbour `json:"neighbours,omitempty"` // labels that were considered and not taken
}

// Impact is how far an incident reaches into one client.
type Impact struct {
	Client  string `json:"client"`
	Failing int    `json:"failing"` // its sites that fail
	Sites   int    `json:"sites"`   // its sites that can tell
}

// Neighbour is a label next to the one that was taken, and why it was not it.
type Neighbour struct {
	Kind  Kind   `json:"kind"`
	Label string `json:"label"` // what it would have blamed, as a title would name it
	Why   string `json:"why"`   // one sentence
}

// clone returns a copy that shares nothing with i.
func (i *Incident) clone() Incident {
	c := *i
	c.Targets = append([]string(nil), i.Targets...)
	c.Evidence = append([]Evidence(nil), i.Evidence...)
	c.Impact = append([]Impact(nil), i.Impact...)
	c.Neighbours = append([]Neighbour(nil), i.Neighbours...)
	return c
}
