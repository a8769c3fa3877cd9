package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"picket/internal/uplink/wire"
)

// Why an agent could not be asked to [Try].
var (
	// ErrOffline: the agent has no session, or lost it before it answered.
	ErrOffline = errors.New("the agent is not connected")
	// ErrUnsupported: the agent's version does not know the question.
	ErrUnsupported = errors.New("the agent's version cannot probe on demand")
	// ErrManyTries: too many questions wait for this agent's answer.
	ErrManyTries = errors.New("too many probes on demand wait for this agent")
)

// maxTries is how many questions may wait for one agent. It is more than the
// agent's own budget lets through.
const maxTries = 32

// waiting is the questions that one session has not answered yet. Ids are the
// session's own, so that nobody can answer for another agent, and an answer
// that nobody waits for (late, invented, twice) is dropped.
type waiting struct {
	mu   sync.Mutex // guards the fields below
	last uint64
	all  map[uint64]chan Tried // each has room for its one answer
}

// add draws an id; nil when too many wait.
func (w *waiting) add() (id uint64, answer chan Tried) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) >= maxTries {
		return 0, nil
	}
	if w.all == nil {
		w.all = map[uint64]chan Tried{}
	}
	w.last++
	answer = make(chan Tried, 1)
	w.all[w.last] = answer
	return w.last, answer
}

func (w *waiting) drop(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, id)
}

// answer hands t to who waits for it.
func (w *waiting) answer(t Tried) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ch := w.all[t.ID]; ch != nil {
		delete(w.all, t.ID)
		ch <- t
	}
}

// CanTry says whether agent has a session now and would answer a [Try].
func (s *Server) CanTry(agent string) bool {
	x := s.session(agent)
	return x != nil && x.welcomed.Load() && x.tries.Load()
}

// Try has agent probe now and waits for its answer until ctx ends. errors.Is:
// [ErrOffline], [ErrUnsupported], [ErrManyTries], or the context's error when the
// agent did not answer in time. That the agent refused is an answer.
func (s *Server) Try(ctx context.Context, agent string, t Try) (Tried, error) {
	x := s.session(agent)
	switch {
	case x == nil || !x.welcomed.Load():
		return Tried{}, fmt.Errorf("try from agent %s: %w", agent, ErrOffline)
	case !x.tries.Load():
		return Tried{}, fmt.Errorf("try from agent %s: %w", agent, ErrUnsupported)
	}
	id, answer := x.waiting.add()
	if answer == nil {
		return Tried{}, fmt.Errorf("try from agent %s: %w", agent, ErrManyTries)
	}
	defer x.waiting.drop(id)
	t.ID = id
	select {
	case x.frames <- &wire.ToAgent{Frame: &wire.ToAgent_Try{Try: t.wire()}}:
	default: // it does not read: as good as gone
		return Tried{}, fmt.Errorf("try from agent %s: %w", agent, ErrOffline)
	}
	select {
	case got := <-answer:
		return got, nil
	case <-x.done:
		return Tried{}, fmt.Errorf("try from agent %s: %w", agent, ErrOffline)
	case <-x.conn.Context().Done():
		return Tried{}, fmt.Errorf("try from agent %s: %w", agent, ErrOffline)
	case <-ctx.Done():
		return Tried{}, fmt.Errorf("wait for agent %s: %w", agent, ctx.Err())
	}
}
