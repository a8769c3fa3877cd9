package collector

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"picket/collector/detect"
	"picket/collector/drill"
	"picket/collector/web"
	"picket/internal/fleet"
	"picket/internal/uplink"
)

// playing is a drill that is on. Its judge is a second one, with a goroutine of
// its own; what agents say is offered to it after the production engine has it,
// and dropped when it cannot keep up: no drill holds anybody back.
type playing struct {
	d        *drills
	judge    *judge
	injector *drill.Injector // used by the judge's goroutine alone, as are the four below
	later    []drill.Call    // what is held back until its time
	here     map[string]bool // agents with a session
	open     map[string]detect.Incident
	clearing bool

	end  chan string   // why it is to end now; has room for one, never closed
	over chan struct{} // closed when it has

	dirty atomic.Bool // the record is not stored as it is

	mu     sync.Mutex // guards the field below
	record web.Drill
}

// maxLater bounds what is held back.
const maxLater = 10_000

// endWithin is how long the last words of a drill may take to be stored.
const endWithin = 5 * time.Second

// tell is how the drill stands.
func (p *playing) tell() web.Drill {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.record
	r.Incidents = slices.Clone(r.Incidents)
	return r
}

// note changes the record.
func (p *playing) note(f func(*web.Drill)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.record)
}

// play plays until the time is up and all is resolved again, or somebody wants
// an end, or ctx ends.
func (p *playing) play(ctx context.Context) {
	defer close(p.over)
	judging, endJudging := context.WithCancel(context.WithoutCancel(ctx))
	var judged sync.WaitGroup
	judged.Go(func() { p.judge.run(judging) })
	why := p.stage(ctx)
	endJudging()
	judged.Wait()
	now := time.Now()
	for _, i := range p.open { // the judge has ended: they are ours
		p.d.o.Found(drillEnded(now, i))
	}
	p.note(func(r *web.Drill) {
		r.State, r.Ended, r.Why = web.DrillEnded, now.UTC(), why
		if r.Cleared.IsZero() {
			r.Cleared = r.Ended
		}
	})
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	r := p.tell()
	if err := p.d.save(last, r); err != nil {
		p.d.log.Error("store the end of a drill", "drill", r.ID, "err", err)
	}
	p.d.log.Info("drill ended", "drill", r.ID, "why", why, "detected after", after(r.Begun, r.Detected), "confirmed after", after(r.Begun, r.Confirmed))
}

// after is the time from one moment to another that may never have come.
func after(from, to time.Time) time.Duration {
	if to.IsZero() {
		return -1
	}
	return to.Sub(from).Round(time.Millisecond)
}

// stage waits for the end, and says why it came.
func (p *playing) stage(ctx context.Context) (why string) {
	r := p.tell()
	beat := time.NewTicker(drillBeat)
	defer beat.Stop()
	up := time.NewTimer(time.Until(r.Begun.Add(r.For)))
	defer up.Stop()
	clear := make(chan string, 1)
	var most <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return "the Picket server was stopped"
		case why := <-p.end:
			return why
		case why := <-clear:
			return why
		case <-most:
			return "its incidents were not resolved within " + clearMost.String() + " of the end"
		case <-up.C:
			p.note(func(r *web.Drill) { r.State, r.Cleared = web.DrillClearing, time.Now().UTC() })
			most = time.After(clearMost)
			p.hear(func(time.Time) { p.injector.End(); p.clearing = true })
		case <-beat.C:
			p.keep(ctx)
			p.hear(func(now time.Time) {
				p.beat(now)
				if p.clearing && len(p.open) == 0 && len(p.later) == 0 {
					select {
					case clear <- "the time was up":
					default:
					}
				}
			})
		}
	}
}

// keep stores the record if it has changed.
func (p *playing) keep(ctx context.Context) {
	if !p.dirty.Swap(false) {
		return
	}
	if err := p.d.save(ctx, p.tell()); err != nil && ctx.Err() == nil {
		p.d.log.Error("store a drill", "drill", p.tell().ID, "err", err)
		p.dirty.Store(true)
	}
}

// beat lets go what was held back, and keeps those in sight who are not in the
// drill: their real silence is the production engine's to tell.
func (p *playing) beat(now time.Time) {
	p.later = slices.DeleteFunc(p.later, func(c drill.Call) bool {
		if c.Due.After(now) {
			return false
		}
		c.Do(now, p.judge.engine)
		return true
	})
	for agent := range p.here {
		if p.injector.Hears(agent) {
			p.judge.engine.Contact(now, agent)
		}
	}
}

// hear has f called by the twin's judge, unless that has no room.
func (p *playing) hear(f func(now time.Time)) {
	select {
	case p.judge.calls <- f:
	default:
	}
}

// perform has the twin hear calls now or when they are due.
func (p *playing) perform(now time.Time, calls []drill.Call) {
	for _, c := range calls {
		if c.Due.After(now) {
			if len(p.later) < maxLater {
				p.later = append(p.later, c)
			}
			continue
		}
		c.Do(now, p.judge.engine)
	}
}

// show has the twin see a batch of results.
func (p *playing) show(agent string, b *fleet.Batch) {
	p.hear(func(now time.Time) {
		for _, r := range b.Records {
			p.perform(now, p.injector.Observe(now, detect.Observation{Agent: agent, Config: b.Config, Check: r.Check, Start: r.Time, Result: r.Result}))
		}
	})
}

// vote takes the answer to a question of the twin.
func (p *playing) vote(agent string, v uplink.Vote) {
	v.Round &^= drill.Rounds
	p.hear(func(now time.Time) { p.perform(now, p.injector.Vote(now, agent, detect.Vote(v))) })
}

// contact takes a frame of an agent.
func (p *playing) contact(agent string) {
	p.hear(func(now time.Time) {
		p.here[agent] = true
		if p.injector.Hears(agent) {
			p.judge.engine.Contact(now, agent)
		}
	})
}

// health takes what an agent says of its own line.
func (p *playing) health(agent string, h detect.Health) {
	p.hear(func(now time.Time) {
		if p.injector.Hears(agent) {
			p.judge.engine.Health(now, agent, h)
		}
	})
}

// hello takes an agent that is there again.
func (p *playing) hello(agent string, first bool) {
	p.hear(func(now time.Time) {
		p.here[agent] = true
		if p.injector.Hears(agent) {
			p.judge.engine.Hello(now, agent, first, 0, nil)
		}
	})
}

// decided hands out what the twin decides: incidents of the drill, marked, and
// questions under numbers of their own. Verdicts and notices are nobody's.
func (p *playing) decided(now time.Time, e detect.Event) {
	switch e := e.(type) {
	case detect.Ask:
		p.injector.Asked(now, e)
		e.Round |= drill.Rounds
		p.d.o.Ask(e)
	case detect.IncidentEvent:
		i := e.Incident
		if _, ours := p.open[i.ID]; !ours && !p.injector.Concerns(&i) {
			p.d.log.Debug("not of the drill", "kind", i.Kind, "title", i.Title)
			return
		}
		r := p.tell()
		i.Drill, i.DrillClients = true, r.Clients
		if i.State.Open() {
			p.open[i.ID] = i
		} else {
			delete(p.open, i.ID)
		}
		p.found(now, i)
		p.d.o.Found(i)
	}
}

// found notes how far the drill has come, and stores it when that is news.
func (p *playing) found(now time.Time, i detect.Incident) {
	news := false
	p.note(func(r *web.Drill) {
		if !slices.Contains(r.Incidents, i.ID) {
			r.Incidents, news = append(r.Incidents, i.ID), true
		}
		if r.Detected.IsZero() {
			r.Detected, news = now.UTC(), true
		}
		if r.Confirmed.IsZero() && i.Confidence == detect.ConfidenceConfirmed {
			r.Confirmed, news = now.UTC(), true
		}
	})
	if news {
		p.dirty.Store(true)
	}
}

// drillEnded is an incident of a drill that was ended before it was resolved.
func drillEnded(now time.Time, i detect.Incident) detect.Incident {
	i.State, i.Resolved, i.Easing = detect.Resolved, now.UTC(), false
	if i.Recovered.IsZero() {
		i.Recovered = i.Resolved
	}
	i.Reason.Code, i.Reason.Text = detect.DrillEnded, "The drill was ended."
	return i
}
