// Package fleet holds the nouns that agent and collector share: clients, sites,
// targets, checks, the roster, and the record of a result on its way. Types
// only: nothing here does anything, so that every room can speak of the same
// things without knowing any other room.
//
// A target's provider region says what may be out; a site's network and
// vantage region say who looks. The two are never mixed.
package fleet

import (
	"crypto/sha256"
	"net/netip"
	"time"

	"picket/probes"
)

// Client is the customer whose sites and private targets these are: the unit
// of tenancy.
type Client struct {
	ID   string
	Name string // "" means ID
}

// Basis says how the collector came to know a site's network.
type Basis uint8

// The bases, from the weakest. A network known by prefix alone caps verdicts
// at probable. The numbers are stored.
const (
	BasisPrefix   Basis = 0 // the public prefix (/24, /48) stands in for the network
	BasisDeclared Basis = 1 // the join token's --network
	BasisTable    Basis = 2 // the networks table of the config
)

// Network is an egress network as the collector observes it.
type Network struct {
	ID       uint32 // assigned by the collector, never reused
	Name     string // "AS3352 Telefonica", or the prefix group
	Upstream string // networks with the same declared upstream count as one; "" means none
	Basis    Basis
}

// Group is the name under which the network votes: its upstream if declared,
// else itself.
func (n Network) Group() string {
	if n.Upstream != "" {
		return n.Upstream
	}
	return n.Name
}

// Site is a failure domain of one uplink or LAN, and the voting unit.
type Site struct {
	ID      string // unique in the fleet: "client/site"
	Client  string
	Name    string // unique within the client
	Region  string // vantage region; "" means unknown
	Network Network
}

// Target is one endpoint of a service.
type Target struct {
	ID       string
	Name     string // for people; "" means ID
	Provider string // "azure"
	Service  string // "front-door"
	Region   string // provider region; "" means the service is global
	// Dependencies are shared things under it: CDN, DNS host, identity service.
	Dependencies []string
	// Client is the only client that is concerned; "" means everybody.
	Client string
	// Reference marks a target that agents use to judge their own uplink. It
	// is owned by no monitored provider and never opens a provider incident.
	Reference bool
}

// Check is a target asked in one way.
type Check struct {
	ID       string // unique in the config: "target/kind", or named
	Target   string // Target.ID
	Spec     probes.Spec
	Interval time.Duration
	// Typical is the fleet's median of good totals, for agents that have no
	// history of their own yet; 0 means unknown. It may differ between two
	// pushes of one config.
	Typical time.Duration
}

// Config is what agents are told to watch. It is immutable; a change makes a
// new one with a new ID.
type Config struct {
	// ID is assigned by the collector, grows, and is never reused. Records
	// name it, and all tags of a record follow from (ID, check index).
	ID      uint64
	Targets []Target
	// Checks are in an order that never changes under this ID: a record names
	// its check by the index.
	Checks []Check
	// Politeness is the least time between two askings of one check by the
	// whole fleet: an agent's interval is max(Check.Interval, Politeness x sites).
	Politeness time.Duration
	// Budget is what the checks may cost the site of whoever is told it.
	Budget Budget `json:",omitzero"`
}

// Budget bounds the traffic that the checks of a site may cause, in bytes, all
// its agents together; 0 means no bound.
type Budget struct {
	Month uint64 `json:",omitempty"` // in a calendar month, UTC
	// SpareDay is for a day, UTC, on a line that is marked or known to be
	// expensive: a metered one, a backup.
	SpareDay uint64 `json:",omitempty"`
	// Revision differs when the budget of any single site does, so that a config
	// in which one changed is another one. It is not told to agents.
	Revision uint32 `json:",omitempty"`
}

// Seat is an agent's place in the fleet.
type Seat struct {
	Agent   string // random id from the certificate
	Site    string // Site.ID
	Client  string
	Network string // Network.Group
	Region  string
	// Slot staggers the agent's schedule; it is drawn once, at enrolment.
	Slot uint32
}

// Roster is who belongs to the cell. The collector makes it from enrolment.
type Roster struct {
	Version uint64 // grows with every change
	Seats   []Seat
}

// Mark is a position in the results of an agent: everything of Run up to and
// including Seq.
type Mark struct {
	Run uint64 // random, drawn each time the agent opens its spool
	Seq uint64 // counts the appends of the run, from 1
}

// Record is a result with the identity it has for ever. It is immutable once
// it is in a spool.
type Record struct {
	Seq uint64
	// Check indexes Config.Checks of the batch's config.
	Check uint32
	// Time is when the probe began, by the agent's clock plus the offset to
	// the collector known then, in whole milliseconds, unique per check.
	Time time.Time
	// Result is what was seen. Result.Start is not carried: Time stands for it.
	Result probes.Result
}

// LossReason says why results that once had a seq are gone. The numbers travel.
type LossReason uint8

// The reasons.
const (
	LossNone    LossReason = 0
	LossEvicted LossReason = 1 // the spool was full, the oldest fell out
	LossExpired LossReason = 2 // older than the spool keeps
	LossCorrupt LossReason = 3 // the disk gave back something else
)

// String names the reason for people and metrics.
func (r LossReason) String() string {
	switch r {
	case LossEvicted:
		return "evicted"
	case LossExpired:
		return "expired"
	case LossCorrupt:
		return "corrupt"
	default:
		return "unknown"
	}
}

// Batch is a stretch of one run's records, made under one config and seen from
// one network. Seqs ascend; a hole inside or before a batch is a loss.
type Batch struct {
	Run     uint64
	Config  uint64
	Network uint32
	// Gap says why the seqs right before the first record are missing, if they are.
	Gap     LossReason
	Records []Record
}

// Last is the mark that acknowledging the whole batch sets. The batch must not
// be empty.
func (b *Batch) Last() Mark {
	return Mark{Run: b.Run, Seq: b.Records[len(b.Records)-1].Seq}
}

// CollectorID is the collector's own name in gossip and on the roster. Agents
// have random ids, so it can be nobody else's.
const CollectorID = "collector"

// Port is the constant virtual port of gossip addresses. memberlist replaces a
// zero port, so it must be one.
const Port = 7946

// Address is the virtual address of a fleet member: 0xfd followed by the first
// 15 bytes of SHA-256 of its id. It depends on the identity alone, so that an
// agent that moves between networks stays the same member.
func Address(id string) netip.Addr {
	h := sha256.Sum256([]byte(id))
	var a [16]byte
	a[0] = 0xfd
	copy(a[1:], h[:15])
	return netip.AddrFrom16(a)
}
