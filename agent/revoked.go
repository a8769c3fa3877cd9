package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// revokedName is the mark in the state directory that the collector took the
// identity back. It is among the [belongings]: a new identity begins without it.
const revokedName = "revoked.json"

// revocation is the content of the mark.
type revocation struct {
	At time.Time `json:"at"` // when this machine was told, by its own clock
}

// RevokedAt says when the collector told the agent of dir that it is revoked, or
// not known to it; zero if the identity is in use or there is none.
func RevokedAt(dir string) (time.Time, error) {
	var r revocation
	if err := load(dir, revokedName, &r); err != nil {
		return time.Time{}, err
	}
	return r.At, nil
}

// idle says that the collector took this agent's identity back: nothing is asked
// and nothing is kept.
func (a *Agent) idle() bool { return a.revoked.Load() != nil }

// revokedAt is when that was; zero if it was not.
func (a *Agent) revokedAt() time.Time {
	if at := a.revoked.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// retire ends the asking because the collector said so, across restarts too. That
// it shut the agent out in the handshake counts as well: an agent that was
// revoked while it was away, or starts again, hears nothing else.
func (a *Agent) retire(at time.Time) error {
	if !a.revoked.CompareAndSwap(nil, &at) {
		return nil
	}
	a.mind.set(*a.mind.config()) // what it believed is nobody's business any more
	return a.state.store(revokedName, revocation{at})
}

// reinstate begins the asking again: the collector welcomed this agent after all.
func (a *Agent) reinstate() error {
	if a.revoked.Swap(nil) == nil {
		return nil
	}
	a.adopt(*a.mind.config())
	if err := os.Remove(filepath.Join(a.o.Dir, revokedName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the mark of a revocation: %w", err)
	}
	return nil
}

// remind says in the log, once an hour, why nothing happens here.
func (a *Agent) remind(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if a.idle() {
			a.log.Error(idleText, "since", a.revokedAt().UTC().Format(time.RFC3339))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const idleText = "this agent was revoked, or the collector does not know it: nothing is probed here; " +
	"to use this machine again, stop the agent, join with a new token (picket-agent join TOKEN), and start it"
