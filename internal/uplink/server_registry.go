package uplink

import (
	"context"
	"net/netip"
	"time"
)

// letGo is how long a new session waits until the one before it has let go, so
// that the welcome names marks that nothing moves any more.
const letGo = 5 * time.Second

// add lists x among every connection.
func (s *Server) add(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[x] = struct{}{}
}

func (s *Server) every() []*session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*session, 0, len(s.sessions))
	for x := range s.sessions {
		list = append(list, x)
	}
	return list
}

func (s *Server) closeAll() {
	for _, x := range s.every() {
		x.close(CodeShutdown, "")
	}
}

// take makes x the session of its agent. An older one is closed, and waited
// for. From now on x owes the handler the news that the agent is gone, if the
// older session did.
func (s *Server) take(ctx context.Context, x *session) error {
	if err := s.original(ctx, x); err != nil {
		return err
	}
	s.mu.Lock()
	old := s.agents[x.agent]
	s.agents[x.agent], s.members[x.vaddr] = x, x
	copied := false
	if old != nil {
		x.announced, old.superseded = old.announced, true
		copied = s.rivalLocked(old, x)
	}
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	if copied {
		old.close(CodeClone, onlineElsewhere(x).Error())
		s.cloned(old, x)
	} else {
		old.close(CodeSuperseded, "")
	}
	wait, cancel := context.WithTimeout(ctx, letGo)
	defer cancel()
	select {
	case <-old.done:
	case <-wait.Done():
	}
	return ctx.Err()
}

// drop ends x's listing. It tells the handler that the agent is gone, unless a
// newer session took over; the handler hears it before any newer hello, because
// that waits for done.
func (s *Server) drop(x *session, clean bool, reason string) {
	s.mu.Lock()
	gone := x.announced && !x.superseded
	x.announced = false
	if gone {
		delete(s.clones, x.agent)
	}
	s.mu.Unlock()
	if gone {
		s.o.Handler.Gone(x.agent, clean, reason)
		s.log.Info("agent gone", "agent", x.agent, "clean", clean, "reason", reason)
	}
	s.mu.Lock()
	delete(s.sessions, x)
	if s.agents[x.agent] == x {
		delete(s.agents, x.agent)
		delete(s.members, x.vaddr)
	}
	s.mu.Unlock()
	close(x.done)
}

// announce marks that the handler heard x's hello.
func (s *Server) announce(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.announced = true
}

// session returns the agent's session, or nil.
func (s *Server) session(agent string) *session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.agents[agent]
}

// member returns the session of the roster's member at a, or nil.
func (s *Server) member(a netip.Addr) *session {
	s.mu.RLock()
	x := s.members[a]
	s.mu.RUnlock()
	if x == nil || !x.welcomed.Load() || !s.o.Handler.Member(x.agent) {
		return nil
	}
	return x
}
