package alert

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Outbox is where letters wait. The store keeps it through crashes.
type Outbox interface {
	// Routes returns the names of the routes that a letter waits for, neither
	// sent nor given up.
	Routes(ctx context.Context) ([]string, error)
	// Due returns up to limit letters of a route that wait and whose Due is not
	// after now, the longest due first. A route with a long queue takes nothing
	// away from the others.
	Due(ctx context.Context, route string, now time.Time, limit int) ([]Letter, error)
	// Sent ends a letter well.
	Sent(ctx context.Context, id string, now time.Time) error
	// Failed notes a failed try; the letter is due again at next, or given up if dead.
	Failed(ctx context.Context, id string, next time.Time, errText string, dead bool) error
}

// The bounds of the sender.
const (
	noteTimeout = 10 * time.Second // one note in the outbox
	maxWaiting  = 1000
	idle        = time.Minute // the outbox is looked at this often without being woken
)

// Options says what a Sender needs.
type Options struct {
	Outbox Outbox  // required
	Routes []Route // names are unique
	// Deliver makes one attempt, of bounded length, and ends with ctx. Required.
	// What its error wraps decides what becomes of the letter: [ErrRefused],
	// [ErrGone], [ErrPartly] and [RetryAfter].
	Deliver func(ctx context.Context, r Route, l Letter) error
	Log     *slog.Logger // nil discards
}

// Sender delivers letters until they have arrived or are given up.
type Sender struct {
	o       Options
	changed chan struct{} // the routes changed; has room for one, never closed

	mu     sync.Mutex       // guards the fields below
	routes map[string]Route // by name
	// wakes is by route, and stays with a name until its worker has ended: a
	// route that goes and comes back meanwhile is woken. One pending wake is
	// enough; never closed.
	wakes map[string]chan struct{}
}

// NewSender makes a sender; Run works it.
func NewSender(o Options) *Sender {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sender{o: o, changed: make(chan struct{}, 1), wakes: map[string]chan struct{}{}}
	s.SetRoutes(o.Routes)
	return s
}

// SetRoutes replaces the routes, also while Run works. A route that keeps its
// name keeps its place in the outbox and uses what is new from its next letter
// on; the letters of one that is gone are given up.
func (s *Sender) SetRoutes(routes []Route) {
	s.mu.Lock()
	s.routes = map[string]Route{}
	for _, r := range routes {
		s.routes[r.Name] = r
		if s.wakes[r.Name] == nil {
			s.wakes[r.Name] = make(chan struct{}, 1)
		}
	}
	s.mu.Unlock()
	poke(s.changed)
	s.Notify()
}

// Notify says that new letters may be in the outbox. It never blocks.
func (s *Sender) Notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.wakes {
		poke(c)
	}
}

// poke leaves a note that somebody will look at; one is enough.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// route returns the route of a name as it is now.
func (s *Sender) route(name string) (r Route, wake chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok = s.routes[name]
	return r, s.wakes[name], ok
}

// forget drops the wake of a route that has no worker, unless the route is back.
func (s *Sender) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.routes[name]; !ok {
		delete(s.wakes, name)
	}
}

// names returns the names of all routes, sorted.
func (s *Sender) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for name := range s.routes {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Run delivers until ctx ends; a delivery in progress is cut off then, and is
// made again after the next start.
func (s *Sender) Run(ctx context.Context) error {
	crew := map[string]*worker{}
	defer func() {
		for _, w := range crew {
			w.end()
		}
	}()
	look := time.NewTicker(idle)
	defer look.Stop()
	for {
		s.staff(ctx, crew)
		s.buryOrphans(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.changed:
		case <-look.C: // a letter may have been written for a route that went meanwhile
		}
	}
}

// worker is the goroutine of one route.
type worker struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (w *worker) end() {
	w.cancel()
	w.done.Wait()
}

// staff gives every route its worker, and ends those whose route is gone.
func (s *Sender) staff(ctx context.Context, crew map[string]*worker) {
	names := s.names()
	for name, w := range crew {
		if !slices.Contains(names, name) {
			w.end()
			delete(crew, name)
			s.forget(name)
		}
	}
	for _, name := range names {
		if crew[name] == nil {
			w := &worker{}
			working, cancel := context.WithCancel(ctx)
			w.cancel = cancel
			_, wake, _ := s.route(name) // it is there: names are forgotten here alone
			w.done.Go(func() { s.work(working, name, wake) })
			crew[name] = w
		}
	}
}

// buryOrphans gives up letters to routes that are no longer configured.
func (s *Sender) buryOrphans(ctx context.Context) {
	names, err := s.o.Outbox.Routes(ctx)
	for _, name := range names {
		if _, _, ok := s.route(name); ok || err != nil {
			continue
		}
		var letters []Letter
		letters, err = s.o.Outbox.Due(ctx, name, time.Now().Add(2*giveUpAfter), maxWaiting)
		for _, l := range letters {
			s.note(ctx, l, s.o.Outbox.Failed(ctx, l.ID, time.Now(), RouteGone, true))
		}
	}
	if err != nil && ctx.Err() == nil {
		s.o.Log.Error("alert outbox", "err", err)
	}
}

// work delivers one route's letters, one at a time.
func (s *Sender) work(ctx context.Context, name string, wake <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-timer.C:
		}
		next := time.Now().Add(idle)
		if r, _, ok := s.route(name); ok {
			next = s.round(ctx, r)
		}
		timer.Reset(max(time.Millisecond, time.Until(next)))
	}
}

// round delivers what is due on route r and returns when to look again. Of one
// incident only the oldest letter may go: it looks at all that wait, those due
// later too, because a letter must not overtake an older one that is backing off.
func (s *Sender) round(ctx context.Context, r Route) (next time.Time) {
	next = time.Now().Add(idle)
	waiting, err := s.o.Outbox.Due(ctx, r.Name, time.Now().Add(2*giveUpAfter), maxWaiting)
	if err != nil {
		if ctx.Err() == nil {
			s.o.Log.Error("alert outbox", "route", r.Name, "err", err)
		}
		return time.Now().Add(firstRetry)
	}
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
	err := s.o.Deliver(ctx, r, l)
	// What has happened is noted even while we stop, or it would happen again.
	noteCtx, cancelNote := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancelNote()
	if errors.Is(err, ErrPartly) {
		// The letter is with the others: this is no reason to send it again.
		s.o.Log.Warn("alert refused for some", "route", r.Name, "key", l.ID, "err", err)
		err = nil
	}
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

// RouteGone is why the messages to a route that is no longer configured were given up.
const RouteGone = "the route is no longer configured"
