package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/digest"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
)

// The daily digest goes through the outbox, as alerts do: it is tried again for
// a day, and its key is its date, so that a restart sends no second one.

const (
	digestLook    = time.Minute   // how often is looked whether one is due: the file and the clock may change
	digestLate    = 6 * time.Hour // one that is due for longer is not sent any more
	digestLetters = 10_000        // of a day, that are looked through
)

// digests writes one mail a day.
type digests struct {
	store *store.Store
	file  func() *config.File
	sites func(context.Context) (heard, all int)
	wrote func() // a letter is in the outbox
	page  string
	log   *slog.Logger
	last  string // key of the newest one that is in the outbox
}

// run looks every minute whether a digest is due, until ctx ends.
func (d *digests) run(ctx context.Context) {
	tick := time.NewTicker(digestLook)
	defer tick.Stop()
	for {
		if err := d.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			d.log.Error("write the daily digest", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look writes the digest that is due at now, if the outbox has it not yet.
func (d *digests) look(ctx context.Context, now time.Time) error {
	want := d.file().Daily
	if want == nil {
		return nil
	}
	zone := cmp.Or(want.Zone, time.Local)
	to, from := digest.Due(want.At, zone, now)
	key := digest.Key(config.DigestRoute, to, zone)
	if key == d.last || now.Sub(to) > digestLate {
		return nil
	}
	f, err := d.facts(ctx, from, to)
	if err != nil {
		return err
	}
	f.Zone = zone
	m := digest.Write(f)
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the digest: %w", err)
	}
	letter := store.Message{ID: m.SentAs, Incident: m.AlertID, Route: config.DigestRoute, Event: string(m.Event), Body: body, Created: now}
	if err := d.store.Enqueue(ctx, []store.Message{letter}); err != nil {
		return err
	}
	d.last = key
	d.wrote()
	return nil
}

// facts reads what a digest tells.
func (d *digests) facts(ctx context.Context, from, to time.Time) (digest.Facts, error) {
	f := digest.Facts{From: from, To: to, Route: config.DigestRoute, Page: d.page}
	docs, err := d.store.Incidents(ctx, false, 0)
	if err != nil {
		return f, err
	}
	for _, doc := range docs {
		var i detect.Incident
		if err := json.Unmarshal(doc, &i); err != nil {
			d.log.Error("read a stored incident", "err", err) // the others count
			continue
		}
		f.Incidents = append(f.Incidents, i)
	}
	letters, err := d.store.Written(ctx, from, to, digestLetters)
	if err != nil {
		return f, err
	}
	for _, m := range letters {
		if m.Route != config.DigestRoute {
			f.Letters = append(f.Letters, digest.Letter{Incident: m.Incident, Route: m.Route, Event: alert.Event(m.Event), At: m.Created,
				Recorded: m.State == store.MessageRecorded, Dead: m.State == store.MessageDead})
		}
	}
	f.Heard, f.Sites = d.sites(ctx)
	return f, nil
}

// heardSites counts the sites that are heard, and all; nothing if the judge is busy.
func (c *Collector) heardSites(ctx context.Context) (heard, all int) {
	snap, err := c.judge.snapshot(ctx)
	if err != nil {
		return 0, 0
	}
	for _, s := range snap.Sites {
		if s.Connected {
			heard++
		}
	}
	return heard, len(snap.Sites)
}

// deliveryRoutes are the routes that letters are delivered on: those of alerts
// and, which no alert is told on, that of the digest.
func deliveryRoutes(file *config.File) []alert.Route {
	list := routes(file)
	if file.Daily != nil {
		list = append(list, alert.Route{Name: config.DigestRoute})
	}
	return list
}
