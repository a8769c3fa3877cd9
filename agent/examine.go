package agent

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"picket/agent/doctor"
	"picket/internal/uplink"
)

// An agent looks at itself now and then, so that people at the collector see a
// sick site without logging in there.
const (
	examineFirst = 10 * time.Minute // by then what a start shakes has settled
	examineEvery = 6 * time.Hour
	reportAgain  = time.Second // while a report waits for a session
)

// examine runs the doctor until ctx ends, and reports to the collector: each new
// finding, and the latest again with each session, because the collector keeps it
// in memory.
func (a *Agent) examine(ctx context.Context) {
	every := cmp.Or(a.o.Examine, examineEvery)
	exam := time.NewTimer(jittered(min(examineFirst, every)))
	defer exam.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	var last uplink.Doctor
	unsent := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-exam.C:
			o := doctor.Options{Dir: a.o.Dir, Version: a.o.Version, Ways: a.o.Ways, Running: a.running, Revoked: a.revokedAt()}
			o.Watched, o.Allow = Witnesses(a.o.Dir)
			r := doctor.Look(ctx, o).Judge()
			if ctx.Err() != nil {
				return
			}
			a.note(r)
			last, unsent = r.Wire(), true
			exam.Reset(jittered(every))
		case <-a.greeted:
			unsent = !last.At.IsZero()
		case <-again.C:
		}
		if unsent {
			unsent = !a.client.Doctor(last)
			again.Reset(reportAgain)
		}
	}
}

// jittered is d, up to a fifth more or less: a fleet that was started by one
// power-cut does not knock at once.
func jittered(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}

func (a *Agent) note(r doctor.Report) {
	if r.Verdict <= uplink.LevelSkip {
		a.log.Info("doctor: " + r.Summary)
		return
	}
	for _, f := range r.Findings {
		if f.Level >= uplink.LevelWarn {
			a.log.Warn("doctor: "+f.Text, "id", f.ID, "level", f.Level, "fix", f.Fix)
		}
	}
}

// running is the agent as its doctor sees it.
func (a *Agent) running(context.Context) (doctor.Running, error) { return seenRunning(a.Status()), nil }

// AskRunning is the agent that runs on dir, as a doctor in another process sees it.
func AskRunning(dir string) func(context.Context) (doctor.Running, error) {
	return func(ctx context.Context) (doctor.Running, error) {
		s, err := AskStatus(ctx, dir)
		switch {
		case errors.Is(err, ErrNotYours):
			return doctor.Running{}, doctor.ErrOtherUser
		case err != nil:
			return doctor.Running{}, doctor.ErrNotRunning
		}
		return seenRunning(s), nil
	}
}

func seenRunning(s Status) doctor.Running {
	r := doctor.Running{
		Version: s.Version, Started: s.Started, Connected: s.Connected, Transport: s.Transport, Offset: s.Health.Offset, Network: s.Network,
		Voting: s.Health.Voting, Why: s.Health.Why, Checks: len(s.Checks), Pending: s.Spool.Pending, Oldest: s.Spool.OldestUnacked,
		Dropped: s.Health.Dropped, SpoolErr: s.Spool.Err, RSS: s.Health.RSS, CPU: s.Health.CPU, Revoked: s.Revoked,
	}
	if k := s.KeptOut; k != nil {
		r.KeptOut, r.KeptOutText, r.KeptOutFix = k.Code, k.Text, k.Fix
	}
	return r
}
