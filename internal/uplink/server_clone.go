package uplink

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Two machines with one identity are told apart from one machine that comes back
// by what cannot be forged by accident: both are alive at the same time.
//
// A hello says which machine speaks (machine-id, host name and boot, hashed) and
// which process (a number drawn at its start). A new session of the same machine
// takes the older one's place at once: a reconnect, another line, a restart. One
// of another machine waits until the older session has had the time to be heard
// again. If it is heard, it lives, and the newcomer is refused; if not, it is
// dead, and the identity has moved: a disk in a new box, a container made anew.
//
// A copy may look like the same machine (a virtual machine cloned while it runs,
// a state directory copied on one host). Then the two push each other out, and
// the process that was pushed out by another comes back: no process does that
// unless both live. Whoever came second is refused from then on.
//
// Agents that tell neither are only counted: three changes between two addresses
// within ten minutes are logged.
const (
	settle        = time.Second // after which nothing that an ended machine sent is still on its way
	rivalries     = 3
	rivalryWindow = 10 * time.Minute
)

// Clone is a machine that was refused because another one is online with the
// same identity.
type Clone struct {
	Agent       string
	Refused     netip.AddrPort // where it is
	RefusedHost string         // what it calls itself
	Stays       netip.AddrPort // the one that was there first
	StaysHost   string
	First       bool // of this process: it comes again every few minutes
}

// rivalry is what is known of an agent's sessions that pushed each other out.
type rivalry struct {
	older, newer uint64 // processes: newer took older's place
	barred       uint64 // the process that is a copy; 0 none

	since  time.Time // of count
	count  int
	logged bool
}

func onlineElsewhere(x *session) error {
	return fmt.Errorf("%w (%s, seen at %s)", ErrClone, clip(x.host, 64), x.remote().Addr())
}

// original refuses x if another machine is online with its identity.
func (s *Server) original(ctx context.Context, x *session) error {
	s.mu.RLock()
	old, r := s.agents[x.agent], s.clones[x.agent]
	barred := r != nil && x.process != 0 && r.barred == x.process
	s.mu.RUnlock()
	switch {
	case old == nil:
		return nil
	case barred:
		s.o.Clone(cloneOf(x, old, false))
		return onlineElsewhere(old)
	case x.machine == Machine{} || old.machine == Machine{} || x.machine == old.machine || !old.outlives(ctx):
		return ctx.Err()
	}
	s.mu.Lock()
	r = s.rivalryLocked(x.agent)
	first := r.barred != x.process
	r.barred = x.process
	s.mu.Unlock()
	if first {
		s.cloned(x, old)
	} else {
		s.o.Clone(cloneOf(x, old, false))
	}
	return onlineElsewhere(old)
}

// outlives says whether x is heard again from now on, once what was on its way
// has arrived. An agent that lives speaks every second, or every five.
func (x *session) outlives(ctx context.Context) bool {
	quiet := silence
	if x.metered {
		quiet = spareBeats
	}
	after := time.Now().Add(settle)
	end := time.NewTimer(settle + 2*quiet)
	defer end.Stop()
	look := time.NewTicker(seenEvery / 2)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-x.done:
			return false
		case <-end.C:
			return false
		case <-look.C:
			if x.seenAt.Load() > after.UnixNano() {
				return true
			}
		}
	}
}

// rivalLocked notes that x takes old's place, and says whether that proves that
// old is a copy of x.
func (s *Server) rivalLocked(old, x *session) bool {
	r := s.rivalryLocked(x.agent)
	if old.process != 0 && x.process != 0 {
		if old.process == x.process {
			return false
		}
		proven := r.older == x.process && r.newer == old.process
		r.older, r.newer = old.process, x.process
		if proven {
			r.barred = old.process
		}
		return proven
	}
	if old.remote().Addr() == x.remote().Addr() {
		return false
	}
	if time.Since(r.since) > rivalryWindow {
		r.since, r.count = time.Now(), 0
	}
	if r.count++; r.count >= rivalries && !r.logged {
		r.logged = true
		s.log.Warn(twoMachines, "agent", x.agent, "here", x.remote(), "there", old.remote())
	}
	return false
}

func (s *Server) rivalryLocked(agent string) *rivalry {
	r := s.clones[agent]
	if r == nil {
		r = &rivalry{}
		s.clones[agent] = r
	}
	return r
}

const twoMachines = "two machines use one agent's certificate: one is a copy; give it an identity of its own (picket-agent join --force-new-identity)"

// cloned logs and tells that refused is a copy of stays.
func (s *Server) cloned(refused, stays *session) {
	s.log.Warn(twoMachines, "agent", stays.agent, "stays", stays.remote(), "host", stays.host, "refused", refused.remote(), "refused_host", refused.host)
	s.o.Clone(cloneOf(refused, stays, true))
}

func cloneOf(refused, stays *session, first bool) Clone {
	return Clone{Agent: stays.agent, Refused: refused.remote(), RefusedHost: refused.host, Stays: stays.remote(), StaysHost: stays.host, First: first}
}
