package detect

import "time"

// Event is what comes out of [Engine.Drain]: an [Ask], an [IncidentEvent], a
// [VerdictEvent] or a [Notice].
type Event interface{ event() }

// Ask wants these agents to confirm a check now. Agents is never empty.
type Ask struct {
	Round    uint64
	Config   uint64
	Check    uint32
	Attempt  int // 0, then 1, 2, 3 for re-votes
	Agents   []string
	Deadline time.Duration // D of each of the two attempts of a confirmation
	// Recovery: it only asks whether an open outage is still one. No round waits
	// for the answers.
	Recovery bool
}

// What happened to an incident.
type What string

// The happenings of an incident.
const (
	Opened  What = "opened"
	Changed What = "changed" // confidence, label, counts, state or text
	Closed  What = "closed"
)

// IncidentEvent carries the whole incident as it is after what happened.
type IncidentEvent struct {
	What     What
	Incident Incident
}

// VerdictState is the collector's judgement of a target, numbered as in InfluxDB.
type VerdictState int8

// The states of a verdict, ordered from good to bad above NoData. Degraded and
// Partial are declared by issue 4.
const (
	NoData   VerdictState = -1
	OK       VerdictState = 0
	Disputed VerdictState = 1 // mixed results
	Degraded VerdictState = 2
	Partial  VerdictState = 3
	Down     VerdictState = 4
)

// String returns no-data, ok, disputed, degraded, partial or down.
func (s VerdictState) String() string {
	if s < NoData || s > Down {
		return "unknown"
	}
	return [...]string{"no-data", "ok", "disputed", "degraded", "partial", "down"}[s+1]
}

// Verdict is the judgement of one target (or, in a snapshot, of a cell).
type Verdict struct {
	Scope        string       `json:"scope"` // target; cells: region or provider (global services)
	Provider     string       `json:"provider"`
	Service      string       `json:"service,omitempty"`
	Region       string       `json:"region,omitempty"`
	Target       string       `json:"target,omitempty"`
	Client       string       `json:"client,omitempty"` // "" everybody
	State        VerdictState `json:"state"`
	DownSites    int          `json:"down_sites"`
	Sites        int          `json:"sites"` // sites with fresh data that may vote
	DownNetworks int          `json:"down_networks"`
	Networks     int          `json:"networks"`
	Layer        string       `json:"layer,omitempty"`
	Confidence   Confidence   `json:"confidence,omitempty"`
	Incident     string       `json:"incident,omitempty"` // id of the open incident behind it
	Reason       Reason       `json:"reason"`
	Since        time.Time    `json:"since"` // when State began
	At           time.Time    `json:"at"`
	// Age is how old the newest datum behind it is; -1 when there is none.
	Age time.Duration `json:"age_ns"`
	// Maintained says that a maintenance window is open for the target wherever it
	// is seen from: what is said of it meanwhile counts for nothing.
	Maintained bool `json:"maintained,omitempty"`
}

// VerdictEvent tells of a target's verdict: on change, and for every target on
// the aligned 30 s grid, where Grid is true and Verdict.At is the grid point.
type VerdictEvent struct {
	Verdict Verdict
	Grid    bool
}

// Notice tells people something that is no incident.
type Notice struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "goodbye", "back", "freeze", "thaw", "told"
	// Cause of a notice of kind "told": blocked, tls_intercepted, liar,
	// not_measurable or policy.
	Cause  string `json:"cause,omitempty"`
	Target string `json:"target,omitempty"`
	Site   string `json:"site,omitempty"`
	Agent  string `json:"agent,omitempty"`
	Text   string `json:"text"`
}

func (Ask) event()           {}
func (IncidentEvent) event() {}
func (VerdictEvent) event()  {}
func (Notice) event()        {}

// Snapshot is everything the page shows, as a copy.
type Snapshot struct {
	At       time.Time    `json:"at"`
	Config   uint64       `json:"config"`
	Verdicts []Verdict    `json:"verdicts"` // in the order of the config's targets, references left out
	Cells    []Cell       `json:"cells"`    // provider x region, sorted by provider, then region
	Open     []Incident   `json:"open"`     // oldest first
	Recent   []Incident   `json:"recent"`   // resolved less than 90 minutes ago, newest first
	Sites    []SiteStatus `json:"sites"`    // sorted by id
	Rounds   int          `json:"rounds"`   // open rounds
	Frozen   bool         `json:"frozen"`   // new confirmed incidents are frozen
}

// Cell is one field of the matrix: a provider's region (Region "" holds its
// global services). State is the worst of its targets that concern everybody.
type Cell struct {
	Provider string        `json:"provider"`
	Region   string        `json:"region,omitempty"`
	State    VerdictState  `json:"state"`
	Targets  int           `json:"targets"`
	Bad      int           `json:"bad"`      // targets worse than OK
	Sites    int           `json:"sites"`    // distinct sites that see it
	Networks int           `json:"networks"` // distinct networks that see it
	Age      time.Duration `json:"age_ns"`   // of the newest datum; -1 when there is none
	Incident string        `json:"incident,omitempty"`
}

// SiteStatus says whether a site may vote now, and if not, why.
type SiteStatus struct {
	ID        string    `json:"id"`
	Client    string    `json:"client"`
	Network   string    `json:"network"`
	VRegion   string    `json:"vregion,omitempty"`
	Agents    int       `json:"agents"`
	Connected bool      `json:"connected"`
	Eligible  bool      `json:"eligible"`
	Why       string    `json:"why,omitempty"`
	LastSeen  time.Time `json:"last_seen,omitzero"`
	RefsOK    int       `json:"refs_ok"`
	RefsAsked int       `json:"refs_asked"`
}
