package agent

import (
	"context"
	"time"

	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/internal/vantage"
	"picket/probes"
)

// fire asks a check that is due. It is called by the schedule and does not
// wait: with all slots busy the asking is skipped, because results that come
// late in a row are worth less than results on time.
func (a *Agent) fire(check uint32, _ time.Time) {
	if a.idle() {
		return
	}
	select {
	case a.slots <- struct{}{}:
	default:
		a.dropped.Add(1)
		return
	}
	began := a.spawn(func() {
		defer func() { <-a.slots }()
		cfg, ok := a.mind.began(check)
		if !ok {
			return
		}
		a.keep(cfg, check, a.prober.Probe(a.life, cfg.Checks[check].Spec))
	})
	if !began {
		<-a.slots
	}
}

// spawn runs f in a goroutine that Run waits for. false: the agent is ending.
func (a *Agent) spawn(f func()) bool {
	a.asks.Lock()
	defer a.asks.Unlock()
	if a.life.Err() != nil {
		return false
	}
	a.asking.Go(f)
	return true
}

// keep puts a scheduled result where it belongs: on disk, before the collector's
// eyes if the record lags, and into the mind.
func (a *Agent) keep(cfg *fleet.Config, check uint32, r probes.Result) {
	if r.Cause == probes.LocalCancelled || a.idle() {
		return // the agent is stopping: nothing was seen; or nobody wants to know
	}
	doubts, changed := a.mind.saw(cfg, check, r)
	at := r.Start.Add(time.Duration(a.offset.Load()))
	network := a.state.network()
	if err := a.spool.Append(cfg.ID, network, check, at, r, changed); err != nil {
		a.dropped.Add(1)
		a.log.Error("keep result", "check", cfg.Checks[check].ID, "err", err)
	}
	a.client.Live(&fleet.Batch{
		Run: uplink.LiveRun, Config: cfg.ID, Network: network,
		Records: []fleet.Record{{Seq: 1, Check: check, Time: at.Truncate(time.Millisecond), Result: r}},
	})
	a.doubt(cfg, doubts)
}

// doubt tells the collector that something may be down, at once or, for a
// check that fails now and then anyway, after an own confirmation.
func (a *Agent) doubt(cfg *fleet.Config, doubts []vantage.Doubt) {
	if a.idle() {
		return
	}
	for _, d := range doubts {
		s := uplink.Suspicion{Config: cfg.ID, Check: d.Check, Cause: d.Cause, Overdue: d.Overdue}
		if !d.Own {
			s.Age = time.Since(d.Started)
			a.client.Suspect(s)
			continue
		}
		a.spawn(func() {
			deadline, _, ok := a.mind.confirmation(cfg, d.Check, 0)
			if !ok {
				return
			}
			attempts, _ := a.attempt(a.life, cfg, d.Check, deadline, nil)
			if b := a.mind.vote(cfg, d.Check, attempts, nil); b.Answer == vantage.Down {
				s.Age = time.Since(d.Started)
				a.client.Suspect(s)
			}
		})
	}
}

// confirmSpacing is the time between the two parallel attempts of a
// confirmation, and referenceDeadline what a reference may take beside them
// (detection.md 2.2).
const (
	confirmSpacing    = 250 * time.Millisecond
	referenceDeadline = 700 * time.Millisecond
	referencesAsked   = 3
)

// attempt asks a check twice, confirmSpacing apart and each within deadline,
// and the given references once, all in parallel.
func (a *Agent) attempt(ctx context.Context, cfg *fleet.Config, check uint32, deadline time.Duration, refs []uint32) (attempts, references []probes.Result) {
	attempts = make([]probes.Result, 2)
	references = make([]probes.Result, len(refs))
	done := make(chan struct{}, len(attempts)+len(references))
	ask := func(into *probes.Result, check uint32, wait, within time.Duration) {
		defer func() { done <- struct{}{} }()
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		spec := cfg.Checks[check].Spec
		spec.Timeout = within
		*into = a.prober.Probe(ctx, spec)
	}
	for i := range attempts {
		go ask(&attempts[i], check, time.Duration(i)*confirmSpacing, deadline)
	}
	for i, ref := range refs {
		go ask(&references[i], ref, 0, referenceDeadline)
	}
	for range cap(done) {
		<-done
	}
	return attempts, references
}

// answer takes part in a round.
func (a *Agent) answer(ctx context.Context, ask uplink.Ask) {
	began := time.Now()
	vote := uplink.Vote{Round: ask.Round, Attempt: ask.Attempt}
	cfg := a.mind.config()
	_, draw, ok := a.mind.confirmation(cfg, ask.Check, referencesAsked)
	if !ok || cfg.ID != ask.Config || !asked(cfg.Checks[ask.Check]) {
		vote.Why = vantage.WhyNoCheck.String()
		a.client.Vote(vote)
		return
	}
	attempts, refs := a.attempt(ctx, cfg, ask.Check, ask.Deadline, draw)
	b := a.mind.vote(cfg, ask.Check, attempts, refs)
	vote.Answer, vote.Cause, vote.Why = b.Answer, b.Cause, b.Why.String()
	for _, r := range refs {
		vote.RefsAsked++
		if r.Outcome == probes.Up || r.Outcome == probes.Degraded {
			vote.RefsOK++
		}
	}
	seen := attempts[0]
	if b.Answer == vantage.Up && seen.Outcome != probes.Up {
		seen = attempts[1]
	}
	vote.Addr, vote.Edge, vote.Err = seen.Addr, seen.Edge, seen.Err
	vote.Age = time.Since(began)
	a.client.Vote(vote)
}
