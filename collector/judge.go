package collector

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/drill"
	"picket/internal/fleet"
	"picket/internal/uplink"
)

// judge owns the engine of [picket/collector/detect], which has no clock and is
// not safe for many: one goroutine calls it, with the time at which something
// was received, and hands out what it decides.
type judge struct {
	engine *detect.Engine
	calls  chan func(now time.Time) // never closed
	done   chan struct{}            // closed when run has ended
	room   *semaphore.Weighted      // for results that wait
	out    func(now time.Time, e detect.Event)
	drill  atomic.Pointer[playing] // hears what it hears; nil: none is on
}

// Bounds of what may wait for the judge. Beyond judgeQueue calls, or judgeResults
// results, senders of records wait, which holds back their agents and not the
// memory. Glimpses do not wait: they are dropped, because the record brings the
// same results again.
const (
	judgeQueue   = 4096
	judgeResults = 50_000
	glimpseMost  = 64 // results in one batch of the live stream
)

// planAhead is how far ahead the engine knows planned work, of which there may be
// no end; keepHouse tells it anew every hour.
const planAhead = 14 * 24 * time.Hour

// maintenance are the windows of a file that are open at now or begin soon, as
// the engine knows them.
func maintenance(f *config.File, now time.Time) []detect.Maintenance {
	planned := f.Planned(now, now.Add(planAhead))
	list := make([]detect.Maintenance, len(planned))
	for i, m := range planned {
		list[i] = detect.Maintenance{From: m.From, To: m.To, Provider: m.Provider, Service: m.Service, Region: m.Region, Target: m.Target, Client: m.Client, Site: m.Site}
	}
	return list
}

func newJudge(engine *detect.Engine, out func(time.Time, detect.Event)) *judge {
	return &judge{engine: engine, calls: make(chan func(time.Time), judgeQueue), done: make(chan struct{}), room: semaphore.NewWeighted(judgeResults), out: out}
}

// run judges until ctx ends.
func (j *judge) run(ctx context.Context) {
	defer close(j.done)
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			j.finish()
			return
		case f := <-j.calls:
			f(time.Now())
		case <-timer.C:
		}
		// Time passes under load too: a full queue must not stop rounds and silence.
		now := time.Now()
		if next, ok := j.engine.Next(); ok && !now.Before(next) {
			j.engine.Tick(now)
		}
		for _, e := range j.engine.Drain() {
			j.out(now, e)
		}
		wait := time.Second
		if next, ok := j.engine.Next(); ok {
			wait = min(wait, max(time.Millisecond, time.Until(next)))
		}
		timer.Reset(wait)
	}
}

// finish takes what is queued already and hands out what follows from it.
func (j *judge) finish() {
	for {
		select {
		case f := <-j.calls:
			f(time.Now())
		default:
			for _, e := range j.engine.Drain() {
				j.out(time.Now(), e)
			}
			return
		}
	}
}

// do has f called by the judge. It waits only while the queue is full.
func (j *judge) do(f func(now time.Time)) {
	select {
	case j.calls <- f:
	case <-j.done:
	}
}

// snapshot is the state of everything as the judge sees it.
func (j *judge) snapshot(ctx context.Context) (detect.Snapshot, error) {
	answer := make(chan detect.Snapshot, 1)
	return awaited(ctx, j, answer, func(now time.Time) { answer <- j.engine.Snapshot(now) })
}

// coverage is what the fleet could confirm now.
func (j *judge) coverage(ctx context.Context) ([]detect.Coverage, error) {
	answer := make(chan []detect.Coverage, 1)
	return awaited(ctx, j, answer, func(now time.Time) { answer <- j.engine.Coverage(now) })
}

// lag is how long a question waits for the judge now.
func (j *judge) lag(ctx context.Context) (time.Duration, error) {
	asked, answer := time.Now(), make(chan time.Duration, 1)
	return awaited(ctx, j, answer, func(time.Time) { answer <- time.Since(asked) })
}

// outlook is what one more site would change.
func (j *judge) outlook(ctx context.Context, s detect.Site) (detect.Outlook, error) {
	answer := make(chan detect.Outlook, 1)
	return awaited(ctx, j, answer, func(now time.Time) { answer <- j.engine.Outlook(now, s) })
}

// awaited has the judge answer a question.
func awaited[T any](ctx context.Context, j *judge, answer chan T, ask func(now time.Time)) (T, error) {
	var none T
	select {
	case j.calls <- ask:
	case <-j.done:
		return none, context.Canceled
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case v := <-answer:
		return v, nil
	case <-j.done:
		return none, context.Canceled
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// observe shows a batch to the engine. Results that come twice, by the live and
// the record stream, are told apart by check and time inside.
func (j *judge) observe(ctx context.Context, agent string, b *fleet.Batch) error {
	if err := j.room.Acquire(ctx, int64(len(b.Records))); err != nil {
		return err
	}
	j.show(agent, b)
	return nil
}

// glimpse shows a batch of the live stream, if there is room.
func (j *judge) glimpse(agent string, b *fleet.Batch) {
	if len(b.Records) <= glimpseMost && j.room.TryAcquire(int64(len(b.Records))) {
		j.show(agent, b)
	}
}

// show has the engine look at b and gives the room back.
func (j *judge) show(agent string, b *fleet.Batch) {
	j.do(func(now time.Time) {
		defer j.room.Release(int64(len(b.Records)))
		for _, r := range b.Records {
			j.engine.Observe(now, detect.Observation{Agent: agent, Config: b.Config, Check: r.Check, Start: r.Time, Result: r.Result})
		}
	})
	if p := j.drill.Load(); p != nil {
		p.show(agent, b)
	}
}

func (j *judge) suspect(agent string, s uplink.Suspicion) {
	j.do(func(now time.Time) { j.engine.Suspect(now, agent, detect.Suspicion(s)) })
}

// vote takes an answer in a round. Rounds of a drill are its own business.
func (j *judge) vote(agent string, v uplink.Vote) {
	if v.Round&drill.Rounds != 0 {
		if p := j.drill.Load(); p != nil {
			p.vote(agent, v)
		}
		return
	}
	j.do(func(now time.Time) { j.engine.Vote(now, agent, detect.Vote(v)) })
}

func (j *judge) contact(agent string) {
	j.do(func(now time.Time) { j.engine.Contact(now, agent) })
	if p := j.drill.Load(); p != nil {
		p.contact(agent)
	}
}

func (j *judge) health(agent string, h uplink.Health) {
	// Not the offset: the times of an agent's results are corrected by it already,
	// so for the judge every clock is the collector's.
	is := detect.Health{RefsOK: h.RefsOK, RefsAsked: h.RefsAsked, Voting: h.Voting, Why: h.Why}
	j.do(func(now time.Time) { j.engine.Health(now, agent, is) })
	if p := j.drill.Load(); p != nil {
		p.health(agent, is)
	}
}

func (j *judge) goodbye(agent, reason string) {
	j.do(func(now time.Time) { j.engine.Goodbye(now, agent, reason) })
}

func (j *judge) hello(agent string, first bool, away time.Duration, h uplink.Hello) {
	standing := make([]detect.Standing, len(h.Standing))
	for i, s := range h.Standing {
		standing[i] = detect.Standing(s)
	}
	j.do(func(now time.Time) { j.engine.Hello(now, agent, first, away, standing) })
	if p := j.drill.Load(); p != nil {
		p.hello(agent, first)
	}
	j.health(agent, h.Health)
}
