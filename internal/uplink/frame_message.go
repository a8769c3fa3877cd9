package uplink

import (
	"net/netip"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// Run is what a spool holds of one run.
type Run struct {
	ID     uint64
	Oldest uint64 // first seq that is kept; 0 if the run holds nothing
	Newest uint64 // last seq that was appended; 0 if none was
}

// Hello is what an agent says first.
type Hello struct {
	Version  string
	OS       string // GOOS/GOARCH
	Hostname string
	Runs     []Run  // oldest first
	Config   uint64 // ID of the config in force; 0 if none
	Roster   uint64 // version of the roster on disk; 0 if none
	Health   Health
	Standing []Standing
	Metered  bool // an expensive line: heartbeats after 5 s of silence instead of 1 s
	// Transport is how the agent comes ([TransportQUIC] and so on); the client
	// fills it in.
	Transport string
	// Machine tells the machine from every other that could be up at the same time;
	// zero is not told, and then a copy is found by its behaviour only.
	Machine Machine
}

// Machine is a hash of what tells a machine from others, a copy of it included,
// for as long as it is up.
type Machine [16]byte

// machineFrom reads one; anything but 16 bytes is none.
func machineFrom(b []byte) (m Machine) {
	if len(b) == len(m) {
		copy(m[:], b)
	}
	return m
}

// Welcome is the collector's answer, and the beginning of a session.
type Welcome struct {
	Agent string    // who the certificate says that the agent is; filled by the server
	Now   time.Time // the collector's clock; filled by the server if zero
	// Marks are the durable positions of the hello's runs; a run without one
	// begins at its oldest record.
	Marks []fleet.Mark
	// Config and Roster are nil if the agent's are current. At the agent's end
	// they are always nil: the client hands them to [AgentHandler.Config] and
	// [AgentHandler.Roster] right after the welcome, and reports the answer.
	Config  *fleet.Config
	Roster  *fleet.Roster
	Network fleet.Network // the network that the agent is seen on
	Trust   []byte        // PEM of the roots to trust from now on
	// Transport is how the collector was reached; at the agent's end alone.
	Transport string
	Remote    netip.Addr // the address that the agent is seen at; invalid: not told
	Spare     bool       // its line is expensive: metered, or a backup
}

// Health is what an agent tells of itself.
type Health struct {
	RefsOK, RefsAsked int  // reference checks: its own uplink
	Voting            bool // whether its votes count by its own judgement
	Why               string
	Spool             uint64 // records not acknowledged
	Dropped           uint64 // results that could not be kept, since start
	RSS               uint64 // bytes
	CPU               float64
	Offset            time.Duration // collector's clock minus its own
	Transport         string        // how it reaches the collector; the client fills it in
	// Routed: the address at which the collector sees it is not its own: whoever
	// answers there is not this machine. False also if it is not known.
	Routed                   bool
	TrafficDay, TrafficMonth uint64  // bytes its probes have cost since midnight and since the first of the month, UTC
	Stretch                  float64 // by which its intervals are longer than configured, to stay within the budget; 0 or 1: not
}

// Why an agent says goodbye: the reasons of [Client.Goodbye] that everybody
// understands. Any other text is shown as it is.
const (
	ByeStop      = "stop"      // the service, or a person at a terminal
	ByeShutdown  = "shutdown"  // the machine goes down
	ByeReboot    = "reboot"    // ... and comes back
	ByeUninstall = "uninstall" // for good
	ByeUpgrade   = "upgrade"   // a newer version takes over in a moment
)

// Standing is a check that the agent holds down, told at hello.
type Standing struct {
	Check uint32
	Since time.Duration // age
	Cause probes.Cause
}

// Suspicion is one agent's doubt, and the wish that others be asked.
type Suspicion struct {
	Config  uint64
	Check   uint32
	Cause   probes.Cause
	Overdue bool          // no answer yet, later than ever
	Age     time.Duration // since the failing probe started
	// Degraded: nothing fails, but it is slower (Cause Slow) or loses more (Cause
	// Lossy) than it used to from there, by Added and by the factor Ratio.
	Degraded bool
	Added    time.Duration
	Ratio    float64
}

// Ask asks an agent to look again and vote.
type Ask struct {
	Round    uint64
	Config   uint64
	Check    uint32
	Deadline time.Duration // per attempt
	Attempt  int           // 0, then 1 and 2 for re-votes
}

// Vote is the answer to an [Ask].
type Vote struct {
	Round             uint64
	Attempt           int
	Answer            vantage.Answer
	Cause             probes.Cause
	Why               string        // of an abstention
	Age               time.Duration // since the deciding probe started
	RefsOK, RefsAsked int
	Addr              netip.Addr // that was talked to
	Edge              string
	Err               string
	Added             time.Duration // of a degraded answer: above the baseline by this
	Ratio             float64       // ... and by this factor
	// IPReachable: the name did not resolve, but the address that it last had
	// accepts connections.
	IPReachable bool
}

// EnrolRequest asks for a certificate with the right to one that a join token gives.
type EnrolRequest struct {
	TokenID               string
	Secret                []byte
	CSR                   []byte // DER
	Hostname, OS, Version string
	// Probe only asks whether the collector is there: see [Knock]. Everything
	// else is empty then.
	Probe bool
	// Site is where whoever installs the agent says that it stands, the name within
	// the token's client; "" leaves it to the token, or to who approves.
	Site string
}

// EnrolResponse is what a new agent gets.
type EnrolResponse struct {
	Agent, Site, Client, Region string
	Chain, Trust                []byte // PEM
	Network                     fleet.Network
	Outlook                     string // what the site adds to the fleet, for people; "" nothing is known
	// SeenFrom is the agent's address as the collector sees it, invalid from one
	// that does not tell. The server fills it.
	SeenFrom netip.AddrPort
	// RTT is how long the answer took, Offset the collector's clock minus ours
	// if Timed. The agent's end fills them.
	RTT, Offset time.Duration
	Timed       bool
	// Transport is how the collector was reached, and QUIC why that was not QUIC.
	// Both are this end's own.
	Transport string
	QUIC      error
}

// Refusal is the collector's no, with a code for programs and a sentence for
// people. Codes: token_expired, token_used, token_unknown, token_revoked,
// token_site (it is for another site), site (not a name), approval, denied, csr,
// version, busy, refused.
type Refusal struct {
	Code    string
	Message string
	Fix     string // what to do about it; "" nothing is known
	// Retry and Request belong to approval: the request is kept under this id, and
	// the agent asks again after so long, with the same token and the same key.
	Retry   time.Duration
	Request string
}

// Waiting is the code of a [Refusal] that is none yet: an admin has to approve.
const Waiting = "approval"

// Error implements error.
func (r *Refusal) Error() string {
	if r.Message == "" {
		return "refused: " + r.Code
	}
	return r.Message + " (" + r.Code + ")"
}
