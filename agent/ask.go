package agent

import (
	"net/netip"
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
		r := a.probe(a.life, cfg.Checks[check].Spec)
		a.learnCost(cfg.Checks[check].ID, r.Wire)
		a.keep(cfg, check, r)
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
	r, doubts, changed := a.mind.saw(cfg, check, r)
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
		s, alone := suspicion(cfg, d)
		if !alone {
			s.Age = time.Since(d.Started)
			a.client.Suspect(s)
			continue
		}
		a.spawn(func() {
			own, _, ok := a.mind.confirmation(cfg, d.Check, 0)
			if !ok {
				return
			}
			seen := a.confirm(a.life, cfg, d.Check, own, nil, netip.AddrPort{})
			if b := a.mind.vote(cfg, d.Check, seen.attempts, nil); b.Answer == vantage.Down {
				s.Age = time.Since(d.Started)
				a.client.Suspect(s)
			}
		})
	}
}

// suspicion is a doubt as it is told. alone says that the agent confirms it by
// itself first. That a check has become slow or lossy is told as it is: it was
// concluded from many results, and two more attempts could not confirm it.
func suspicion(cfg *fleet.Config, d vantage.Doubt) (s uplink.Suspicion, alone bool) {
	return uplink.Suspicion{
		Config: cfg.ID, Check: d.Check, Cause: d.Cause, Overdue: d.Overdue, Degraded: d.Degraded, Added: d.Added, Ratio: d.Ratio,
	}, d.Own && !d.Degraded
}
