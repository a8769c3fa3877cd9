package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/official"
	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/fleet"
)

// officials joins what the providers say of themselves with the store, the
// alerts and the page. Nothing here is asked by the judge, and nothing of it
// waits for the judge.
type officials struct {
	book   *official.Book
	poller *official.Poller
	feeds  []official.Feed
	store  *store.Store
	log    *slog.Logger
	off    func() bool             // the configuration does not want it
	news   func([]official.Record) // notices that are new or changed, once they are saved
}

// openOfficials reads what was recorded. Feeds are read for providers that are
// watched, and before the first agent has joined nothing is watched.
func (c *Collector) openOfficials(ctx context.Context) (*officials, error) {
	feeds := c.o.Feeds
	if feeds == nil {
		feeds = official.Feeds()
	}
	o := &officials{book: official.NewBook(feeds), feeds: feeds, store: c.store, log: c.log, off: func() bool { return !c.file().Official }}
	records, readings, err := o.recorded(ctx, "", c.started.Add(-official.Remembered), c.started)
	if err != nil {
		return nil, err
	}
	o.book.Restore(records, readings)
	transport := http.DefaultTransport.(*http.Transport).Clone() // the proxy of the environment, as for webhooks
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.MaxIdleConnsPerHost = 1
	o.poller = official.NewPoller(official.Options{
		Book: o.book, Feeds: feeds, Transport: transport, Version: c.o.Version, Every: c.o.FeedsEvery, Log: c.log,
		Want: func(provider string) bool {
			return !o.off() && len(c.registry.currentRoster().Seats) > 0 && watched(c.registry.currentConfig(), provider)
		},
	})
	return o, nil
}

// watched says whether a target of cfg belongs to the provider.
func watched(cfg *fleet.Config, provider string) bool {
	return slices.ContainsFunc(cfg.Targets, func(t fleet.Target) bool { return t.Provider == provider && !t.Reference })
}

// recorded returns what the store knows of a time; provider "" means all.
func (o *officials) recorded(ctx context.Context, provider string, from, to time.Time) (records []official.Record, readings []official.Reading, err error) {
	rows, err := o.store.Notices(ctx, provider, from)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		var r official.Record
		if err := json.Unmarshal(row.Doc, &r); err != nil {
			o.log.Error("read a recorded notice", "notice", row.ID, "err", err) // the others count
			continue
		}
		if r.Seen.Before(to) {
			records = append(records, r)
		}
	}
	said, err := o.store.Readings(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range said {
		if r.At.Before(to) {
			readings = append(readings, official.Reading{Feed: r.Feed, Provider: r.Provider, At: r.At, State: official.State(r.State), Why: r.Why, Troubled: r.Troubled})
		}
	}
	return records, readings, nil
}

// keep saves what is new until ctx ends, and then has it told.
func (o *officials) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.book.Changed():
		}
		for wait := retryFirst; ; wait = min(2*wait, retryMost) {
			err := o.save(ctx)
			if err == nil {
				break
			}
			o.log.Error("record status feeds", "err", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}
}

func (o *officials) save(ctx context.Context) error {
	records, readings := o.book.Unsaved()
	if len(records)+len(readings) == 0 {
		return nil
	}
	notices := make([]store.Notice, len(records))
	for i, r := range records {
		doc, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode notice %s: %w", r.ID, err)
		}
		notices[i] = store.Notice{ID: r.ID, Provider: r.Provider, Doc: doc, Published: r.Posted, Seen: r.Seen}
	}
	said := make([]store.Reading, len(readings))
	for i, r := range readings {
		said[i] = store.Reading{Feed: r.Feed, Provider: r.Provider, At: r.At, State: string(r.State), Why: r.Why, Troubled: r.Troubled}
	}
	if err := o.store.SaveFeeds(ctx, notices, said); err != nil {
		return err
	}
	o.book.Saved(records, readings)
	o.news(records)
	return nil
}

// question is what is asked of the feeds about an incident. ok is false where no
// provider would speak of it: a site, a line, an ISP, a drill.
func question(i *detect.Incident) (q official.Question, ok bool) {
	if i.Drill || !i.Kind.ProviderSide() {
		return q, false
	}
	q = official.Question{Provider: i.Provider, Service: i.Service, Region: i.Region, From: i.Started, To: i.Resolved}
	if i.Dependency != "" {
		q.Provider, q.Service, ok = official.Dependency(i.Dependency)
		q.Region = ""
		return q, ok
	}
	return q, q.Provider != ""
}

// of is what the provider says of an incident, from memory.
func (o *officials) of(now time.Time, i *detect.Incident) (a official.Answer, ok bool) {
	q, ok := question(i)
	if !ok {
		return a, false
	}
	return o.answer(o.book, now, q), true
}

func (o *officials) answer(b *official.Book, now time.Time, q official.Question) official.Answer {
	a := b.Answer(now, q)
	if !a.Known && a.Feed && o.off() {
		a.Why = "reading status feeds is turned off (official: false)"
	}
	return a
}

// long is of, and for incidents that memory does not reach back to it asks the
// record.
func (o *officials) long(ctx context.Context, now time.Time, i *detect.Incident) (a official.Answer, ok bool, err error) {
	q, ok := question(i)
	if !ok || q.To.IsZero() || q.From.After(now.Add(-official.Remembered+24*time.Hour)) {
		a, ok = o.of(now, i)
		return a, ok, nil
	}
	records, readings, err := o.recorded(ctx, q.Provider, q.From.Add(-24*time.Hour), q.To.Add(24*time.Hour))
	if err != nil {
		return a, false, err
	}
	b := official.NewBook(o.feeds)
	b.Restore(records, readings)
	return o.answer(b, now, q), true, nil
}

// beside is what an alert is told. What was admitted stays admitted while the
// feed cannot be read.
func (o *officials) beside(now time.Time, i *detect.Incident) alert.Official {
	a, ok := o.of(now, i)
	if !ok {
		return alert.Official{}
	}
	return alert.Official{Known: a.Known || !a.Posted.IsZero(), Checked: a.Checked, State: string(a.State), Posted: a.Posted, Title: a.Title, URL: a.URL}
}

// Official is what the provider says of an incident; nil: nobody would.
func (s source) Official(ctx context.Context, i detect.Incident) (*web.Official, error) {
	now := time.Now()
	a, ok, err := s.c.officials.long(ctx, now, &i)
	if err != nil || !ok {
		return nil, err
	}
	w := &web.Official{Known: a.Known, Checked: a.Checked, State: string(a.State), Posted: a.Posted, Title: a.Title, URL: a.URL, Why: a.Why}
	if !a.Posted.IsZero() {
		lead := a.Posted.Sub(i.Opened)
		w.Lead = &lead
	}
	return w, nil
}

// Feeds says how each feed of a provider that is watched was read last.
func (s source) Feeds(context.Context) ([]web.Feed, error) {
	cfg := s.c.registry.currentConfig()
	list := []web.Feed{}
	for _, f := range s.c.officials.book.Feeds(time.Now()) {
		if !watched(cfg, f.Provider) {
			continue
		}
		w := web.Feed{ID: f.Feed, Provider: f.Provider, Page: f.Page, Known: f.Known, State: string(f.State), Checked: f.Checked, Why: f.Why, Open: []web.Notice{}}
		for _, r := range f.Open {
			w.Open = append(w.Open, web.Notice{Title: r.Title, URL: r.URL, State: string(r.State), Posted: r.Posted, Seen: r.Seen})
		}
		list = append(list, w)
	}
	return list, nil
}
