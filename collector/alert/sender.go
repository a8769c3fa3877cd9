package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Outbox is where letters wait. The store keeps it through crashes.
type Outbox interface {
	// Due returns up to limit letters that are neither sent nor given up and
	// whose Due is not after now.
	Due(ctx context.Context, now time.Time, limit int) ([]Letter, error)
	// Sent ends a letter well.
	Sent(ctx context.Context, id string, now time.Time) error
	// Failed notes a failed try; the letter is due again at next, or given up if dead.
	Failed(ctx context.Context, id string, next time.Time, errText string, dead bool) error
}

// The rhythm of the sender.
const (
	timeout     = 10 * time.Second // one delivery, connection to last byte
	firstRetry  = 5 * time.Second
	longestWait = 15 * time.Minute
	longestAsk  = time.Hour // Retry-After beyond this is not obeyed
	giveUpAfter = 24 * time.Hour
	maxRefused  = 6 // tries against a definite no: 5+10+20+40+80 s
	maxWaiting  = 1000
	idle        = time.Minute // the outbox is looked at this often without being woken
)

// Options says what a Sender needs.
type Options struct {
	Outbox Outbox  // required
	Routes []Route // names are unique
	// Deliver makes one attempt; nil means a signed POST. An error that wraps
	// [ErrRefused] or [ErrGone] is a definite no.
	Deliver func(ctx context.Context, r Route, l Letter) error
	Log     *slog.Logger // nil discards
}

// Sender delivers letters until they have arrived or are given up.
type Sender struct {
	o     Options
	wakes map[string]chan struct{} // by route; one pending wake is enough; never closed
}

// NewSender makes a sender; Run works it.
func NewSender(o Options) *Sender {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Deliver == nil {
		o.Deliver = newPoster().deliver
	}
	s := &Sender{o: o, wakes: map[string]chan struct{}{}}
	for _, r := range o.Routes {
		s.wakes[r.Name] = make(chan struct{}, 1)
	}
	return s
}

// Notify says that new letters may be in the outbox. It never blocks.
func (s *Sender) Notify() {
	for _, c := range s.wakes {
		select {
		case c <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// Run delivers until ctx ends; a delivery in progress is cut off then, and is
// made again after the next start.
func (s *Sender) Run(ctx context.Context) error {
	s.buryOrphans(ctx)
	var wg sync.WaitGroup
	for _, r := range s.o.Routes {
		wg.Go(func() { s.work(ctx, r) })
	}
	wg.Wait()
	<-ctx.Done()
	return ctx.Err()
}

// buryOrphans gives up letters to routes that are no longer configured.
func (s *Sender) buryOrphans(ctx context.Context) {
	letters, err := s.o.Outbox.Due(ctx, time.Now().Add(2*giveUpAfter), maxWaiting)
	if err != nil {
		s.o.Log.Error("alert outbox", "err", err)
		return
	}
	for _, l := range letters {
		if _, ok := s.wakes[l.Route]; !ok {
			s.note(ctx, l, s.o.Outbox.Failed(ctx, l.ID, time.Now(), "the route is no longer configured", true))
		}
	}
}

// work delivers one route's letters, one at a time.
func (s *Sender) work(ctx context.Context, r Route) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakes[r.Name]:
		case <-timer.C:
		}
		next := s.round(ctx, r)
		timer.Reset(max(time.Millisecond, time.Until(next)))
	}
}

// round delivers what is due on route r and returns when to look again. Of one
// incident only the oldest letter may go: it looks at all that wait, those due
// later too, because a letter must not overtake an older one that is backing off.
func (s *Sender) round(ctx context.Context, r Route) (next time.Time) {
	next = time.Now().Add(idle)
	waiting, err := s.o.Outbox.Due(ctx, time.Now().Add(2*giveUpAfter), maxWaiting)
	if err != nil {
		if ctx.Err() == nil {
			s.o.Log.Error("alert outbox", "route", r.Name, "err", err)
		}
		return time.Now().Add(firstRetry)
	}
	waiting = slices.DeleteFunc(waiting, func(l Letter) bool { return l.Route != r.Name })
	slices.SortStableFunc(waiting, func(a, b Letter) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	held := map[string]bool{} // incidents whose oldest letter still waits
	for _, l := range waiting {
		if held[l.Incident] || ctx.Err() != nil {
			continue
		}
		if at := l.Due; time.Now().Before(at) {
			held[l.Incident] = true
			next = earlier(next, at)
			continue
		}
		if again, done := s.send(ctx, r, l); !done {
			held[l.Incident] = true
			next = earlier(next, again)
		}
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// send makes one attempt. done: the letter is sent or given up; else it is to
// be tried again at next.
func (s *Sender) send(ctx context.Context, r Route, l Letter) (next time.Time, done bool) {
	tryCtx, cancel := context.WithTimeout(ctx, timeout)
	err := s.o.Deliver(tryCtx, r, l)
	cancel()
	// What has happened is noted even while we stop, or it would happen again.
	noteCtx, cancelNote := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancelNote()
	if err == nil {
		if err := s.o.Outbox.Sent(noteCtx, l.ID, time.Now()); err != nil {
			s.note(ctx, l, err)
			return time.Now().Add(firstRetry), false
		}
		s.o.Log.Info("alert sent", "route", r.Name, "incident", l.Incident, "event", l.Event, "key", l.ID, "tries", l.Attempts+1)
		return time.Time{}, true
	}
	if ctx.Err() != nil {
		return time.Now().Add(firstRetry), false // we are stopping; that is nobody's failure
	}
	next, dead := verdict(l, err, time.Now())
	level := slog.LevelWarn
	if dead {
		level = slog.LevelError
	}
	s.o.Log.Log(ctx, level, "alert not delivered", "route", r.Name, "incident", l.Incident, "event", l.Event, "key", l.ID,
		"try", l.Attempts+1, "given_up", dead, "again_in", time.Until(next).Round(time.Second), "err", err)
	s.note(ctx, l, s.o.Outbox.Failed(noteCtx, l.ID, next, err.Error(), dead))
	return next, dead
}

// note logs that the outbox could not be written.
func (s *Sender) note(ctx context.Context, l Letter, err error) {
	if err != nil && ctx.Err() == nil {
		s.o.Log.Error("alert outbox", "key", l.ID, "err", err)
	}
}

// ErrRefused marks a definite no: the same letter will meet the same answer.
// ErrGone marks that there will never be a yes.
var (
	ErrRefused = errors.New("refused")
	ErrGone    = errors.New("gone for good")
)

// retryAfter is a failure whose receiver said when to come back.
type retryAfter struct {
	error
	wait time.Duration
}

func (r retryAfter) Unwrap() error { return r.error }

// verdict says when to try l again after err, or that it is given up.
func verdict(l Letter, err error, now time.Time) (next time.Time, dead bool) {
	tries := l.Attempts + 1
	wait := longestWait
	if shift := tries - 1; shift < 10 {
		wait = min(longestWait, firstRetry<<shift)
	}
	wait = wait*4/5 + rand.N(wait*2/5+1) // +-20 %: a fleet of failures must not come back together
	if r, ok := errors.AsType[retryAfter](err); ok {
		wait = max(wait, min(r.wait, longestAsk))
	}
	next = now.Add(wait)
	switch {
	case errors.Is(err, ErrGone), errors.Is(err, ErrRefused) && tries >= maxRefused, next.Sub(l.Created) > giveUpAfter:
		return now, true
	}
	return next, false
}

// refused makes a definite no.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}
