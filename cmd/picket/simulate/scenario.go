package simulate

import (
	"time"

	"picket/probes"
)

// Scenario is a world with a known truth: who looks, what is watched, what
// breaks for whom, what must be declared by when, and what must never be.
// [Load] fills in every default, so what is zero here was asked to be zero. A
// selector is a list; an empty one selects everything.
type Scenario struct {
	File  string // as it was given to Load; "" for Defaults
	ID    string
	Title string

	Seeds    int           // runs, each with a seed of its own
	Duration time.Duration // virtual time from 0
	Cold     bool          // no fault-free history before 0

	Fleet      Fleet
	Targets    []Target
	References []Reference
	Interval   time.Duration // of every check of a target that names none
	Noise      Noise         // zero: nothing fails by itself

	Faults []Fault // in the order of the file: what `of` counts
	Expect []Expect
	Forbid []Forbid
}

// Fleet is who looks.
type Fleet struct {
	Sites      []Site
	RelayDelay time.Duration // one way between an agent and the collector
}

// Site is a voting unit. Its agents are named "<id>-1", "<id>-2", ...
type Site struct {
	ID       string
	Client   string
	Network  string // its ISP
	Region   string // the vantage region
	Upstream string // networks with the same upstream vote as one; "" none
	OS       string // linux, windows or darwin
	Agents   int    // at least 1
	Clock    time.Duration
	Families []probes.Family // which IP versions its line carries, sorted, at least one
}

// Target is one endpoint and how it is asked.
type Target struct {
	ID       string
	Provider string
	Service  string
	Region   string // of the provider; "" for a global service
	Client   string // the only client that watches it; "" everybody
	Depends  []string
	Edge     map[string]string        // vantage region -> edge that answers there; nil none
	Kinds    []probes.Kind            // in the order of the file, at least one
	RTT      map[string]time.Duration // by vantage region; the key "default" is always there
	Interval time.Duration            // filled in
	Families []probes.Family          // which it is asked over, sorted, at least one
}

// Reference is a target by which agents judge their own line. It is asked by
// address, except over the kinds dns, tls and http, which need the site's
// resolver.
type Reference struct {
	ID      string
	Network string // the operator: no operator decides alone
	Kinds   []probes.Kind
}

// Noise is what fails while nothing is broken. Its episodes are drawn from the
// seed, independent of the faults.
type Noise struct {
	Fail          float64 // raw failure of one attempt, 0 to 1
	ClearsOnRetry float64 // share of these that a retry does not see

	Uplink   Episodes // per site
	ISP      Episodes // per network
	Path     Episodes // per network and provider
	SitePath Episodes // per site and provider

	Latency Latency
}

// Episodes come as a Poisson process and last exponentially long.
type Episodes struct {
	PerYear float64
	Lasts   time.Duration // mean
}

// Latency is how round trips vary: ln(total) is AR(1) with deviation Sigma and
// correlation AR1, and a share of the samples carries an exponential spike with
// a mean of 6 Sigma (detection.md 3.1).
type Latency struct {
	Sigma  float64
	Spikes float64 // share of samples, 0 to 1
	AR1    float64 // 0 to 1
}

// Fault is one thing that breaks.
type Fault struct {
	At     time.Duration
	For    time.Duration // 0: to the end of the run
	Ramp   time.Duration // the rate grows linearly from 0 over this time; 0: at once
	Every  time.Duration // half-period of a square wave that begins broken; 0: steady
	Spread time.Duration // each affected site starts at its own sticky random moment inside it
	Who    Who
	What   What
	Uplink bool // also cuts the agents' way to the collector and to peers
	How    How
	Rate   float64 // share of attempts, above 0, at most 1
	Line   int     // in the file
}

// What a fault does: the values of [How.Name].
const (
	Refused        = "refused"
	Blackhole      = "blackhole"
	Reset          = "reset"
	DNSServfail    = "dns_servfail"
	DNSTimeout     = "dns_timeout"
	DNSEmpty       = "dns_empty"
	DNSNXDomain    = "dns_nxdomain"
	TLSHang        = "tls_hang"
	TLSAlert       = "tls_alert"
	TLSExpired     = "tls_expired"
	TLSIntercepted = "tls_intercepted"
	HTTP500        = "http_500"
	HTTP503        = "http_503"
	HTTPBody       = "http_body"
	Blocked        = "blocked"
	Slow           = "slow"
	Loss           = "loss"
	Resolver       = "resolver"

	AgentCrash       = "agent_crash"
	AgentReboot      = "agent_reboot"
	AgentOffline     = "agent_offline"
	GossipCut        = "gossip_cut"
	CollectorRestart = "collector_restart"
	CollectorCut     = "collector_cut"
	LieDown          = "lie_down"
	LieUp            = "lie_up"
	Backfill         = "backfill"
	Maintenance      = "maintenance"
	ConfigPush       = "config_push"
	LineSwitch       = "line_switch"
	Clock            = "clock"
)

// How says what a fault does. Of the values only the one that belongs to Name
// is set.
type How struct {
	Name    string
	Factor  float64       // slow: x2 is 2
	Add     time.Duration // slow: +80ms
	Share   float64       // loss: of packets and attempts, above 0, at most 1
	Network string        // line_switch: where the egress moves to
	D       time.Duration // backfill: how old; clock: how wrong, signed
}

// Who is concerned: all that is given must match.
type Who struct {
	Sites    []string
	Clients  []string
	Networks []string
	Regions  []string // vantage regions
	Agents   []string // "<site>-1"
	OS       []string
	Families []probes.Family // attempts over these IP versions
	Share    float64         // of the matching sites, sticky per seed; 0: all
}

// What is concerned: all that is given must match. The zero value is every
// target and no reference, which is also what a selector of targets alone
// selects; All adds the references.
type What struct {
	All        bool // every target and reference
	Providers  []string
	Services   []string
	Regions    []string // of the provider
	Targets    []string
	Depends    []string
	Edges      []string
	Kinds      []probes.Kind
	Reference  bool     // every reference, and no target
	References []string // these references, and no target
}

// Kinds that a [Match] can ask for beside those of collector/detect.
const (
	KindNotice       = "notice"        // what is told without being an incident
	KindAny          = "any"           // in forbid: an incident of whatever kind
	KindProviderSide = "provider-side" // in forbid: one that blames a cloud
)

// Match describes an incident. A zero field was not asked for.
type Match struct {
	Kind string // of detect.Kind, or one of the three above; "" in forbid only

	Provider, Service, Region, Target string
	Depends, Edge                     string
	Network, Site, VRegion, Client    string

	Layer      string // dns, tcp, tls, http, ping
	Severity   string // outage, partial, degraded
	Confidence string // this or better: suspected, probable, confirmed
	Family     string // "4" or "6", as detect.Incident writes it
	Cause      string // of probes.Cause, or of a notice
	Note       string // ip_reachable

	Count *int // exactly so many; nil not asked

	StartWithin  time.Duration // error of the incident's start
	ClosedWithin time.Duration // after the end of the fault
	OpenAt       time.Duration // time of the run at which it must be open
	ClosedAfter  time.Duration // time of the run before which it must not be closed

	Intermittent, Lingering, Transient, Retrospective, LineDown *bool

	VRegionNone bool // `vregion: none`: the incident must name no vantage region
}

// Expect is what must be declared, or a figure that must hold.
type Expect struct {
	// Any holds the alternatives, of which one must be met. It is empty if only
	// figures are asked for (Flagged, MaxProbes, Ineligible).
	Any []Match

	// The bounds, from the start of fault Of. Of a plain duration, P95 is it
	// and Max is twice it; Within is then it too, else the larger of both. All
	// are 0 if the file gives no bound: any time up to the end will do.
	Within, WithinP95, WithinMax time.Duration
	Of                           int // index into Faults; 0 if there are none

	Flagged    []string   // liars that must be found, sorted; nil not asked, empty: nobody may be
	MaxProbes  *MaxProbes // nil not asked
	Ineligible *int       // site and provider pairs that lost their vote, at most; nil not asked

	Line int // in the file
}

// MaxProbes bounds what detection costs.
type MaxProbes struct {
	Per   time.Duration // window
	Agent int           // confirmations of one agent inside it
}

// Forbid is what must never be.
type Forbid struct {
	Match  Match
	Page   string        // provider-side, any or an incident kind: an alert about such an incident; "" not about alerts
	After  time.Duration // time of the run from which it is forbidden
	Before time.Duration // time of the run until which it is; 0 to the end
	Line   int           // in the file
}
