package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/independence"
	"picket/collector/store"
)

// alerts keeps incidents in the store and has people told of them. An incident
// and the letters it calls for are saved in one transaction, so that after a
// crash either both are there or neither.
type alerts struct {
	store   *store.Store
	planner *alert.Planner
	sender  *alert.Sender
	channel *channel.Deliverer
	log     *slog.Logger
	page    string        // base URL of the status page
	wake    chan struct{} // something is pending; has room for one, never closed
	look    lookout       // used by run alone
	people  *people

	health *health
	book   *independence.Book
	relook chan struct{} // what routes rely on is to be looked up; has room for one, never closed
	// official is what the provider says of an incident; nil: nobody reads it.
	official func(now time.Time, i *detect.Incident) alert.Official

	planning sync.Mutex // guards the planner, and the field below

	mu      sync.Mutex                 // guards the fields below
	current *config.File               // in force
	file    *config.File               // whose routes the planner is to use; nil: those it has
	stale   bool                       // what is known beside the incidents has changed
	pending map[string]detect.Incident // the newest state of each incident that waits for the disk
	order   []string                   // ids in pending, the longest waiting first
}

// flushWithin is how long the last changes may take to be saved at the end.
const flushWithin = 5 * time.Second

func newAlerts(s *store.Store, file *config.File, page string, log *slog.Logger) *alerts {
	deliverer := channel.New(channel.Options{Ways: ways(file), SMTP: mailServer(file), Past: outbox{s}, Log: log})
	a := &alerts{
		store:   s,
		channel: deliverer,
		log:     log,
		page:    page,
		wake:    make(chan struct{}, 1),
		relook:  make(chan struct{}, 1),
		current: file,
		health:  newHealth(),
		pending: map[string]detect.Incident{},
	}
	a.people = newPeople(s, a.reconsider, log)
	a.sender = alert.NewSender(alert.Options{Routes: deliveryRoutes(file), Deliver: a.deliver, Outbox: outbox{s}, Log: log})
	a.book = independence.NewBook(independence.Options{Asker: asker{a.inForce}})
	a.planner = alert.NewPlanner(alert.PlannerOptions{Routes: a.routes(file), Words: a.words(file),
		Beside: func(i *detect.Incident) alert.Beside { return a.beside(context.Background(), i) }})
	return a
}

// beside is what is known beside an incident when somebody may be told of it.
// Each field has one provider, which answers from memory: the planner waits for
// it. Whoever changes what it answers calls reconsider.
func (a *alerts) beside(ctx context.Context, i *detect.Incident) alert.Beside {
	b := alert.Beside{Gold: slices.ContainsFunc(a.inForce().Gold, func(id string) bool { return hits(i, id) })}
	a.people.weigh(ctx, time.Now(), i, &b)
	if a.official != nil {
		b.Official = a.official(time.Now(), i)
	}
	return b
}

// reconsider has all incidents looked at again, because what is known beside
// them has changed: somebody took one on, a silence began or ended, a provider
// spoke. It waits for nobody.
func (a *alerts) reconsider() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stale = true
	a.stir()
}

// words is how alerts are worded under file.
func (a *alerts) words(file *config.File) alert.Words {
	return alert.Words{Provider: file.ProviderName, Page: a.page, Zone: time.Local, Well: func(i *detect.Incident) []string {
		return wellBeside(a.look.now(), i, file.ProviderName)
	}, Runbook: func(i *detect.Incident) string { return runbook(file, i) }, Notice: func(n alert.Notice) (string, string) { return forClients(file, n) }}
}

// setRoutes has alerts told by the routes, the mail server and the names of
// file from now on. It waits for nobody.
func (a *alerts) setRoutes(file *config.File) {
	a.channel.Use(ways(file), mailServer(file)) // first: the sender asks for the ways of its routes
	a.sender.SetRoutes(deliveryRoutes(file))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.file, a.current = file, file
	a.stir()
	select {
	case a.relook <- struct{}{}:
	default: // it is due already
	}
}

// adopt gives the planner, which belongs to run, the routes of setRoutes, and
// has it look again after reconsider. file is nil if they have not changed.
func (a *alerts) adopt(file *config.File) {
	if file != nil {
		a.planning.Lock()
		a.planner.SetRoutes(time.Now(), a.routes(file))
		a.planner.SetWords(a.words(file))
		a.planning.Unlock()
	}
	a.mu.Lock()
	stale := a.stale
	a.stale = false
	a.mu.Unlock()
	if stale {
		a.planning.Lock()
		a.planner.Look(time.Now())
		a.planning.Unlock()
	}
}

// stir wakes run.
func (a *alerts) stir() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// changed notes that an incident is now i. It does not wait: while the disk is
// away only the newest state of every incident is kept.
func (a *alerts) changed(i detect.Incident) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.pending[i.ID]; !ok {
		a.order = append(a.order, i.ID)
	}
	a.pending[i.ID] = i
	a.stir()
}

// next takes the incident that has waited longest, and the configuration that
// was applied before it, if its routes are not in use yet: an incident must not
// be told on routes that are gone.
func (a *alerts) next() (i detect.Incident, file *config.File, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	file, a.file = a.file, nil
	if len(a.order) == 0 {
		return i, file, false
	}
	i = a.pending[a.order[0]]
	delete(a.pending, i.ID)
	a.order = a.order[1:]
	return i, file, true
}

// run saves and plans until ctx ends, and then saves what is pending.
func (a *alerts) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
			defer cancel()
			a.save(last)
			return
		case <-a.wake:
			a.save(ctx)
		case <-timer.C:
			a.persist(ctx, func(now time.Time) error { return a.due(ctx, now) })
		}
		wait := time.Hour
		a.planning.Lock()
		next, ok := a.planner.Next()
		a.planning.Unlock()
		if ok {
			wait = max(10*time.Millisecond, time.Until(next))
		}
		timer.Reset(wait)
	}
}

// save writes everything that is pending.
func (a *alerts) save(ctx context.Context) {
	for {
		i, file, ok := a.next()
		a.adopt(file)
		if !ok {
			return
		}
		if !a.persist(ctx, func(now time.Time) error { return a.take(ctx, now, i) }) {
			a.putBack(i)
			return
		}
	}
}

// putBack keeps an incident that could not be saved, unless it has changed since.
func (a *alerts) putBack(i detect.Incident) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.pending[i.ID]; !ok {
		a.pending[i.ID] = i
		a.order = append([]string{i.ID}, a.order...)
	}
}

// persist repeats f until the disk takes it. false: ctx ended before.
func (a *alerts) persist(ctx context.Context, f func(now time.Time) error) bool {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := f(time.Now())
		if err == nil {
			return true
		}
		a.log.Error("save incident", "err", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

func (a *alerts) take(ctx context.Context, now time.Time, i detect.Incident) error {
	a.planning.Lock()
	letters, err := a.planner.Plan(now, i)
	a.planning.Unlock()
	if err != nil {
		a.log.Error("write alert", "incident", i.ID, "err", err) // the others go out
	}
	doc, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("encode incident %s: %w", i.ID, err)
	}
	if err := a.store.SaveIncident(ctx, i.ID, doc, i.Opened, now, i.State.Open(), messages(letters)); err != nil {
		return err
	}
	a.enqueued(letters)
	return nil
}

func (a *alerts) due(ctx context.Context, now time.Time) error {
	a.planning.Lock()
	letters, err := a.planner.Due(now)
	a.planning.Unlock()
	if err != nil {
		a.log.Error("write alert", "err", err)
	}
	if len(letters) == 0 {
		return nil
	}
	if err := a.store.Enqueue(ctx, messages(letters)); err != nil {
		return err
	}
	a.enqueued(letters)
	return nil
}

func (a *alerts) enqueued(letters []alert.Letter) {
	if len(letters) == 0 {
		return
	}
	a.planning.Lock()
	a.planner.Enqueued(letters...)
	a.planning.Unlock()
	a.sender.Notify()
}

func messages(letters []alert.Letter) []store.Message {
	list := make([]store.Message, len(letters))
	for i, l := range letters {
		list[i] = store.Message{
			ID: l.ID, Incident: l.Incident, Route: l.Route, Event: string(l.Event), Body: l.Body, Created: l.Created, Due: l.Due,
		}
		if l.Shadow {
			list[i].State = store.MessageRecorded
		}
	}
	return list
}

// outbox is the store as the sender sees it.
type outbox struct{ store *store.Store }

func (o outbox) Routes(ctx context.Context) ([]string, error) { return o.store.WaitingRoutes(ctx) }

func (o outbox) Due(ctx context.Context, route string, now time.Time, limit int) ([]alert.Letter, error) {
	list, err := o.store.Due(ctx, route, now, limit)
	if err != nil {
		return nil, err
	}
	letters := make([]alert.Letter, len(list))
	for i, m := range list {
		letters[i] = alert.Letter{
			ID: m.ID, Incident: m.Incident, Route: m.Route, Event: alert.Event(m.Event), Body: m.Body,
			Created: m.Created, Due: m.Due, Attempts: m.Attempts,
		}
	}
	return letters, nil
}

func (o outbox) Sent(ctx context.Context, id string, now time.Time) error {
	return o.store.Sent(ctx, id, now)
}

func (o outbox) Failed(ctx context.Context, id string, next time.Time, text string, dead bool) error {
	return o.store.Failed(ctx, id, next, text, dead)
}
