package detect

import (
	"net/netip"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// Site is a voting unit with the agents that speak for it.
type Site struct {
	ID      string // "client/site"
	Client  string
	Region  string // vantage region; "" unknown
	Network fleet.Network
	Agents  []string
	Metered bool // heartbeats are rarer: silent after 15 s instead of 3 s
	// HostedBy is the provider on whose servers the site runs; "" none of the
	// watched. Towards that provider it is no witness.
	HostedBy string
}

// Observation is one scheduled result as the collector received it.
type Observation struct {
	Agent  string
	Config uint64 // 0 means the current one
	Check  uint32
	Start  time.Time // collector clock
	Result probes.Result
	// Late marks backfill: results that were spooled while the agent could not
	// deliver. Anything older than 10 s at receive is taken as late anyway.
	Late bool
}

// Suspicion is an agent's doubt about a check. The fields are those of the
// uplink's message, so that one converts into the other.
type Suspicion struct {
	Config  uint64
	Check   uint32
	Cause   probes.Cause
	Overdue bool
	Age     time.Duration // since the failing probe started
	// Degraded: nothing fails, but it is slower (Cause Slow) or loses more (Cause
	// Lossy) than it used to from there, by Added and by the factor Ratio.
	Degraded bool
	Added    time.Duration
	Ratio    float64
}

// Standing is a check that an agent already holds DOWN when it says hello.
type Standing struct {
	Check uint32
	Since time.Duration // age
	Cause probes.Cause
}

// Vote is an agent's answer in a round; same fields as the uplink's message.
type Vote struct {
	Round             uint64
	Attempt           int
	Answer            vantage.Answer
	Cause             probes.Cause
	Why               string        // of an abstention
	Age               time.Duration // since the deciding probe started
	RefsOK, RefsAsked int
	Addr              netip.Addr
	Edge              string
	Err               string
	Added             time.Duration // of a degraded answer: above the baseline by this
	Ratio             float64       // ... and by this factor
	// IPReachable: the name did not resolve, but the address that it last had
	// accepts connections.
	IPReachable bool
}

// Health is what an agent says of its own uplink.
type Health struct {
	RefsOK, RefsAsked int
	Voting            bool   // false: the agent abstains everywhere, Why says why
	Why               string // "starting", "references", "maintenance", ...
	Offset            time.Duration
}
