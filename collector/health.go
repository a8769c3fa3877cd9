package collector

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/store"
)

// Whether alerts arrive: every route's receipts, a message by another route when
// one has failed for long, and a test of all of them once a week. All of it is
// letters in the outbox, so that a restart changes nothing: what was told follows
// from the letters, and the weekly test has an id of its week.

const (
	healthEvery = 15 * time.Second
	// deadFor is how long a message that was given up speaks against its route, if
	// none is delivered meanwhile: longer than from one weekly test to the next.
	deadFor = 8 * 24 * time.Hour
	// weeklyLate is how long after its time the weekly test is still made up for.
	weeklyLate = 24 * time.Hour
	// maxUndelivered bounds what is looked at of an outbox that does not move.
	maxUndelivered = 5000
)

// health is how the routes are. The fields below mu are read by the page.
type health struct {
	weekly time.Time // the weekly test that the routes of tested were given; used by one goroutine
	tested []string
	told   map[string]telling // by route in trouble; used by one goroutine

	mu       sync.Mutex
	troubles map[string]alert.Trouble
	took     map[string]*took // by route
}

// telling is a trouble and which routes were told of it.
type telling struct {
	trouble alert.Trouble
	routes  []string
}

func newHealth() *health {
	return &health{told: map[string]telling{}, troubles: map[string]alert.Trouble{}, took: map[string]*took{}}
}

// keepHealth looks after the routes until ctx ends.
func (a *alerts) keepHealth(ctx context.Context) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	restored := false
	for {
		if !restored {
			restored = a.restoreTroubles(ctx)
		}
		if restored {
			a.lookAfter(ctx, time.Now())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lookAfter is one round. What fails is tried in the next.
func (a *alerts) lookAfter(ctx context.Context, now time.Time) {
	file := a.inForce()
	for _, do := range []func(context.Context, time.Time, *config.File) error{a.testWeekly, a.tellTroubles} {
		if err := do(ctx, now, file); err != nil && ctx.Err() == nil {
			a.log.Error("look after the alert routes", "err", err)
		}
	}
}

// restoreTroubles takes back which troubles were told, from their letters.
func (a *alerts) restoreTroubles(ctx context.Context) bool {
	letters, err := a.store.Letters(ctx, alert.TroublePrefix(), 1000)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("read what was told of alert routes", "err", err)
		}
		return false
	}
	over := map[string]bool{}
	for _, m := range letters { // the newest first: an end stands before its beginning
		t, ok := alert.TroubleOf(m.Incident)
		switch {
		case !ok:
		case m.Event == string(alert.Resolved):
			over[m.Incident] = true
		case !over[m.Incident]:
			was := a.health.told[t.Route]
			if was.trouble.Since.After(t.Since) {
				continue
			}
			a.health.told[t.Route] = telling{t, append(was.routes, m.Route)}
		}
	}
	return true
}

// testWeekly gives every route its weekly test if it is due. The letters of one
// week are the same letters however often they are written.
func (a *alerts) testWeekly(ctx context.Context, now time.Time, file *config.File) error {
	due := file.WeeklyTest.Before(now)
	var to []alert.Route
	var names []string
	for _, r := range a.routes(file) {
		if r.Class != alert.ClassClient && !r.Shadow {
			to, names = append(to, r), append(names, r.Name)
		}
	}
	if due.IsZero() || now.Sub(due) > weeklyLate || a.health.weekly.Equal(due) && slices.Equal(a.health.tested, names) {
		return nil
	}
	if first, err := a.store.FirstApplied(ctx); err != nil || first.IsZero() || due.Before(first) {
		return err // nobody had installed it by then
	}
	var letters []alert.Letter
	for _, r := range to {
		l, err := alert.WeeklyLetter(r, due, now)
		if err != nil {
			return err
		}
		letters = append(letters, l)
	}
	if err := a.post(ctx, letters); err != nil {
		return err
	}
	a.health.weekly, a.health.tested = due, names
	return nil
}

// tellTroubles tells of routes that have failed for long, and of those that
// deliver again.
func (a *alerts) tellTroubles(ctx context.Context, now time.Time, file *config.File) error {
	troubles, err := a.lookForTroubles(ctx, now, file)
	if err != nil {
		return err
	}
	all := a.routes(file)
	var letters []alert.Letter
	for _, name := range slices.Sorted(maps.Keys(troubles)) {
		if _, told := a.health.told[name]; told {
			continue
		}
		to, ok := alert.Confidant(all, name, troubles)
		if !ok {
			continue // the page tells; a route that gets well is told then
		}
		l, err := troubles[name].Letter(to, now)
		if err != nil {
			return err
		}
		letters = append(letters, l)
	}
	var ended []string
	for name, was := range a.health.told {
		if _, still := troubles[name]; still {
			continue
		}
		configured := slices.ContainsFunc(all, func(r alert.Route) bool { return r.Name == name })
		for _, to := range was.routes {
			k := slices.IndexFunc(all, func(r alert.Route) bool { return r.Name == to })
			if k < 0 {
				continue
			}
			l, err := was.trouble.Over(all[k], configured, now)
			if err != nil {
				return err
			}
			letters = append(letters, l)
		}
		ended = append(ended, name)
	}
	if err := a.post(ctx, letters); err != nil {
		return err
	}
	for _, l := range letters {
		t, _ := alert.TroubleOf(l.Incident)
		if l.Event == alert.Opened {
			a.log.Error("an alert route does not deliver", "route", t.Route, "since", t.Since, "told", l.Route, "err", troubles[t.Route].Why)
			a.health.told[t.Route] = telling{t, []string{l.Route}}
		}
	}
	for _, name := range ended {
		a.log.Info("an alert route delivers again, or is gone", "route", name)
		delete(a.health.told, name)
	}
	return nil
}

// lookForTroubles reads from the receipts which routes are in trouble. One that
// was told stays until the route delivers: that what it lost is too old to speak
// against it, or is forgotten, mends nothing.
func (a *alerts) lookForTroubles(ctx context.Context, now time.Time, file *config.File) (map[string]alert.Trouble, error) {
	open, err := a.store.Undelivered(ctx, now.Add(-deadFor), maxUndelivered)
	if err != nil {
		return nil, err
	}
	receipts := map[string]store.RouteReceipts{}
	if len(open) > 0 || len(a.health.told) > 0 {
		all, err := a.store.Receipts(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			receipts[r.Route] = r
		}
	}
	used := func(name string) bool {
		return slices.ContainsFunc(file.Alerts, func(r config.Route) bool { return r.Name == name })
	}
	delivered := map[string]time.Time{}
	for name, r := range receipts {
		delivered[name] = r.LastSent
	}
	var list []alert.Undelivered
	for _, m := range open {
		if m.LastError == alert.RouteGone || !used(m.Route) {
			continue
		}
		u := alert.Undelivered{Route: m.Route, Created: m.Created, Why: m.LastError}
		if m.State == store.MessageDead {
			u.GivenUp = m.Done
		}
		list = append(list, u)
	}
	troubles := alert.Troubles(now, list, delivered)
	a.health.mu.Lock()
	defer a.health.mu.Unlock()
	for name, was := range a.health.told {
		if _, still := troubles[name]; still || !used(name) || was.trouble.Ended(receipts[name].LastSent, receipts[name].LastDead) {
			continue
		}
		if last, ok := a.health.troubles[name]; ok {
			was.trouble = last
		}
		troubles[name] = was.trouble
	}
	a.health.troubles = troubles
	return troubles, nil
}

// post puts letters into the outbox and has them sent.
func (a *alerts) post(ctx context.Context, letters []alert.Letter) error {
	if len(letters) == 0 {
		return nil
	}
	if err := a.store.Enqueue(ctx, messages(letters)); err != nil {
		return err
	}
	a.sender.Notify()
	return nil
}

// tookBounds are the upper bounds of the time from decision to receipt that are
// counted apart, in seconds.
func tookBounds() []float64 {
	return []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400}
}

// took counts how long a route's letters took from the decision to the receipt.
type took struct {
	count uint64
	sum   float64
	upTo  []uint64 // by bound
}

// arrived notes that a letter of route arrived so long after it was written.
func (h *health) arrived(route string, after time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	bounds := tookBounds()
	t := h.took[route]
	if t == nil {
		t = &took{upTo: make([]uint64, len(bounds))}
		h.took[route] = t
	}
	t.count++
	t.sum += after.Seconds()
	for k, b := range bounds {
		if after.Seconds() <= b {
			t.upTo[k]++
		}
	}
}
