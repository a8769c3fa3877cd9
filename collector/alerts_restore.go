package collector

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/store"
)

// restored is how long an incident that ended may still be told about.
const restored = 24 * time.Hour

// maxOpen bounds how many open incidents are taken back.
const maxOpen = 100_000

// restore takes back what was open or lately ended, and returns what the judge
// needs of it: the incidents that are open or may still come back.
func (a *alerts) restore(ctx context.Context, now time.Time) ([]detect.Incident, error) {
	if err := a.recall(ctx, now); err != nil {
		return nil, err
	}
	stored, err := a.stored(ctx)
	if err != nil {
		return nil, err
	}
	var open []detect.Incident
	for _, i := range stored {
		if !i.State.Open() && now.Sub(i.Resolved) > restored {
			continue
		}
		messages, err := a.store.Messages(ctx, i.ID)
		if err != nil {
			return nil, err
		}
		bodies := make([][]byte, len(messages))
		for k, m := range messages {
			bodies[k] = m.Body
		}
		if err := a.planner.Restore(i, bodies); err != nil {
			a.log.Error("restore what was told", "incident", i.ID, "err", err)
		}
		switch {
		case i.Drill && i.State.Open(): // it was played by a process that is gone
			a.changed(drillEnded(now, i))
		case i.Drill: // no engine knows of it any more
		case i.State.Open() || now.Sub(i.Resolved) < reopenable:
			open = append(open, i)
		}
	}
	return open, nil
}

// stored reads the newest incidents, and all that are open however old: one that
// was passed over would stay open for ever, and who was told of it would never
// hear of its end.
func (a *alerts) stored(ctx context.Context) ([]detect.Incident, error) {
	newest, err := a.store.Incidents(ctx, false, 0)
	if err != nil {
		return nil, err
	}
	open, err := a.store.Incidents(ctx, true, maxOpen)
	if err != nil {
		return nil, err
	}
	if len(open) == maxOpen {
		a.log.Error("there are more open incidents than are taken back", "most", maxOpen)
	}
	var list []detect.Incident
	seen := map[string]bool{}
	for _, doc := range slices.Concat(newest, open) {
		var i detect.Incident
		if err := json.Unmarshal(doc, &i); err != nil {
			a.log.Error("read a stored incident", "err", err) // the others count
			continue
		}
		if !seen[i.ID] {
			seen[i.ID] = true
			list = append(list, i)
		}
	}
	return list, nil
}

// recall gives the planner back how much the routes were told lately.
// Tests are not among it, nor what a receipt alone was kept of.
func (a *alerts) recall(ctx context.Context, now time.Time) error {
	from := now.Add(-alert.StormWindow)
	storms, err := a.store.Since(ctx, now.Add(-restored), alert.StormPrefix)
	if err != nil {
		return err
	}
	lately, err := a.store.Since(ctx, from, "")
	if err != nil {
		return err
	}
	storms = slices.DeleteFunc(storms, func(m store.Message) bool { return !m.Created.Before(from) })
	for _, m := range append(storms, lately...) {
		if m.Event == string(alert.Tested) || len(m.Body) == 0 {
			continue
		}
		if err := a.planner.Recall(m.Body); err != nil {
			a.log.Error("restore what was told", "letter", m.ID, "err", err)
		}
	}
	return nil
}

// reopenable is how long an ended incident may come back under its id
// (detection.md, amendment 16).
const reopenable = 90 * time.Minute
