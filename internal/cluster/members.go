package cluster

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"picket/internal/fleet"
)

// Facts are the small things that a member tells everybody about itself.
type Facts struct {
	Version string `json:"version,omitempty"` // of the software; "" leaves Options.Version
	Config  uint64 `json:"config,omitempty"`  // fleet.Config.ID in force
	Uplink  bool   `json:"uplink"`            // its own line is well
	Voting  bool   `json:"voting"`
	Why     string `json:"why,omitempty"` // why it does not vote
}

// State is what is known about a member's life.
type State uint8

// The states.
const (
	Unknown State = 0 // not heard of, or lost while our own line was down
	Alive   State = 1
	Dead    State = 2 // it stopped answering
	Left    State = 3 // it said goodbye
)

var stateNames = [...]string{Unknown: "unknown", Alive: "alive", Dead: "dead", Left: "left"}

// String returns unknown, alive, dead or left.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText returns the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a name; one it does not know is [Unknown].
func (s *State) UnmarshalText(b []byte) error {
	*s = State(max(0, slices.Index(stateNames[:], string(b))))
	return nil
}

// Member is one of the fleet as seen from here. What it tells about itself is
// its claim; the roster knows better where it stands.
type Member struct {
	Seat  fleet.Seat    `json:"seat"`
	Facts Facts         `json:"facts"`
	State State         `json:"state"`
	Since time.Time     `json:"since"`         // when State began, as seen from here
	RTT   time.Duration `json:"rtt,omitempty"` // of the last probe that it answered; 0: none yet
	Self  bool          `json:"self,omitempty"`
}

// goodbye is a whole packet of ours. memberlist's own begin with a message type
// below 15 or with its label mark, 244.
const goodbye = "\xb7picket: leaving"

// farewell is how long a goodbye explains a death.
const farewell = time.Minute

// member is a row of the table.
type member struct {
	name  string
	about about
	state State
	since time.Time
	bye   time.Time // its goodbye; zero: none
	rtt   time.Duration
}

// table is what is known of the members. It is memberlist's delegate for
// everything: its callbacks come with memberlist's lock held, so they note what
// they hear and call nothing.
type table struct {
	name    string
	allowed func(string) bool
	down    func() bool // our own uplink is down

	mu   sync.Mutex // guards the fields below
	me   about
	rows map[string]*member
	addr map[netip.Addr]*member
}

var (
	_ memberlist.Delegate      = (*table)(nil)
	_ memberlist.EventDelegate = (*table)(nil)
	_ memberlist.AliveDelegate = (*table)(nil)
	_ memberlist.PingDelegate  = (*table)(nil)
)

func newTable(o Options, down func() bool) *table {
	return &table{
		name: o.Name, allowed: o.Allowed, down: down,
		me:   about{seat: o.Seat, facts: Facts{Version: o.Version}},
		rows: make(map[string]*member), addr: make(map[netip.Addr]*member),
	}
}

// setFacts says whether anything changed.
func (t *table) setFacts(f Facts) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.Version = cmp.Or(f.Version, t.me.facts.Version)
	changed := t.me.facts != f
	t.me.facts = f
	return changed
}

func (t *table) setSeat(s fleet.Seat) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Agent = t.name
	changed := t.me.seat != s
	t.me.seat = s
	return changed
}

// NotifyAlive refuses who is not on the roster, and who uses another's address.
func (t *table) NotifyAlive(n *memberlist.Node) error {
	if n.Name != t.name && !t.allowed(n.Name) {
		return fmt.Errorf("%q is not on the roster", n.Name)
	}
	want := fleet.Address(n.Name).As16()
	if !bytes.Equal(n.Addr.To16(), want[:]) || n.Port != fleet.Port {
		return fmt.Errorf("%q does not belong to address %v port %d", n.Name, n.Addr, n.Port)
	}
	return nil
}

// NotifyJoin notes that a member is alive.
func (t *table) NotifyJoin(n *memberlist.Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.row(n)
	m.bye = time.Time{}
	m.become(Alive)
}

// NotifyUpdate notes what a member now tells.
func (t *table) NotifyUpdate(n *memberlist.Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.row(n)
}

// NotifyLeave notes that a member is gone.
func (t *table) NotifyLeave(n *memberlist.Node) {
	down := t.down()
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.row(n)
	switch {
	case n.Name == t.name || !m.bye.IsZero() && time.Since(m.bye) < farewell:
		m.become(Left)
	case down:
		m.become(Unknown)
	default:
		m.become(Dead)
	}
}

// leaving notes the goodbye of the member at src. It may come after its death
// was heard of, which it then explains.
func (t *table) leaving(src netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.addr[src]
	if m == nil || m.name == t.name {
		return
	}
	switch {
	case m.state == Alive:
		m.bye = now
	case m.state == Dead && now.Sub(m.since) < farewell:
		m.state = Left
	}
}

// row returns the member's row with what it tells now. Metadata that cannot be
// read leaves what is known.
func (t *table) row(n *memberlist.Node) *member {
	m := t.rows[n.Name]
	if m == nil {
		m = &member{name: n.Name}
		t.rows[n.Name], t.addr[fleet.Address(n.Name)] = m, m
	}
	if a, err := parseMeta(n.Meta); err == nil {
		m.about = a
	}
	m.about.seat.Agent = n.Name
	return m
}

func (m *member) become(s State) {
	if m.state != s || m.since.IsZero() {
		m.state, m.since = s, time.Now()
	}
}

// others returns the ids of the other members that are alive.
func (t *table) others() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for name, m := range t.rows {
		if m.state == Alive && name != t.name {
			out = append(out, name)
		}
	}
	return out
}

// members lists the table and forgets who is no longer on the roster.
func (t *table) members() []Member {
	t.forget()
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Member, 0, len(t.rows))
	for name, m := range t.rows {
		row := Member{Seat: m.about.seat, Facts: m.about.facts, State: m.state, Since: m.since, RTT: m.rtt, Self: name == t.name}
		if row.Self {
			row.Seat, row.Facts = t.me.seat, t.me.facts
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.Seat.Agent, b.Seat.Agent) })
	return out
}

// forget drops the rows of names that are no longer on the roster. The roster
// has a lock of its own, so it is asked without holding ours.
func (t *table) forget() {
	t.mu.Lock()
	names := slices.Collect(maps.Keys(t.rows))
	t.mu.Unlock()
	gone := slices.DeleteFunc(names, func(name string) bool { return name == t.name || t.allowed(name) })
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range gone {
		delete(t.rows, name)
		delete(t.addr, fleet.Address(name))
	}
}

// NodeMeta returns what this member tells.
func (t *table) NodeMeta(int) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return appendMeta(nil, t.me)
}

// NotifyPingComplete notes the round trip of a probe.
func (t *table) NotifyPingComplete(n *memberlist.Node, rtt time.Duration, _ []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.rows[n.Name]; m != nil {
		m.rtt = rtt
	}
}

// AckPayload adds nothing to the answer of a probe.
func (t *table) AckPayload() []byte { return nil }

// NotifyMsg takes messages of users; there are none.
func (t *table) NotifyMsg([]byte) {}

// GetBroadcasts has nothing to add to gossip.
func (t *table) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState has nothing to add to an exchange of states.
func (t *table) LocalState(bool) []byte { return nil }

// MergeRemoteState ignores what a later version may add.
func (t *table) MergeRemoteState([]byte, bool) {}
