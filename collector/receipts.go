package collector

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"picket/collector/alert"
	"picket/collector/store"
	"picket/collector/web"
)

// maxReceipts is how many receipts are listed if no incident is named.
const maxReceipts = 200

// Receipts asks what became of messages, the newest first: about one incident,
// or the last ones if it is "".
func (o *Operator) Receipts(ctx context.Context, incident string) (list []web.Letter, err error) {
	err = o.do(ctx, http.MethodGet, "/notify/receipts?incident="+url.QueryEscape(incident), nil, &list)
	return list, err
}

// Receipts lists what became of messages.
func (s source) Receipts(ctx context.Context, incident string) ([]web.Letter, error) {
	if incident == "" {
		all, err := s.c.store.Letters(ctx, "", maxReceipts)
		return letters(all), err
	}
	if _, err := s.c.store.Incident(ctx, incident); err != nil {
		all, failed := s.c.store.Letters(ctx, incident, maxReceipts) // a test, or a route in trouble
		if failed != nil || len(all) == 0 {
			return nil, &web.Error{Status: http.StatusNotFound, Code: "incident", What: "there are no receipts",
				Why: "there is no incident " + incident, Fix: "picket notify receipts lists the newest"}
		}
		return letters(all), nil
	}
	return s.Told(ctx, incident)
}

// letters are messages as they are shown.
func letters(all []store.Message) []web.Letter {
	list := make([]web.Letter, len(all))
	for i, m := range all {
		list[i] = web.Letter{At: m.Created, Incident: m.Incident, Route: m.Route, Event: m.Event, State: letterStates()[m.State], Tries: m.Attempts, Why: m.LastError}
		if m.State == store.MessageSent {
			list[i].Sent, list[i].Took = m.Done, max(0, m.Done.Sub(m.Created))
		}
	}
	return list
}

// byRoute is what became of the messages of every route in force.
func (a *alerts) byRoute(ctx context.Context) ([]web.RouteReceipts, error) {
	file := a.inForce()
	if len(file.Alerts) == 0 {
		return nil, nil
	}
	all, err := a.store.Receipts(ctx)
	if err != nil {
		return nil, err
	}
	receipts := map[string]store.RouteReceipts{}
	for _, r := range all {
		receipts[r.Route] = r
	}
	tests, err := a.lastTests(ctx, file.WeeklyTest.Before(time.Now()))
	if err != nil {
		return nil, err
	}
	list := make([]web.RouteReceipts, 0, len(file.Alerts))
	for k, r := range a.routes(file) {
		if file.Alerts[k].BuiltIn {
			continue
		}
		got, way := receipts[r.Name], wayOf(file.Alerts[k])
		v := web.RouteReceipts{
			Name: r.Name, Way: string(way.Kind()), To: way.To(), Unsure: r.Unsure, Fallback: r.Fallback,
			Waiting: got.Waiting, Sent: got.Sent, Dead: got.Dead, LastSent: got.LastSent,
		}
		for _, x := range r.Relies {
			v.Relies = append(v.Relies, fmt.Sprintf("%s (%s)", x.Name, x.On))
		}
		if m, ok := tests[r.Name]; ok {
			v.Tested, v.Test = m.Created, letterStates()[m.State]
		}
		a.health.fill(&v)
		list = append(list, v)
	}
	return list, nil
}

// lastTests are the messages of the weekly test that was due then, by route; of
// the one before for routes that have not had it.
func (a *alerts) lastTests(ctx context.Context, due time.Time) (map[string]store.Message, error) {
	last := map[string]store.Message{}
	if due.IsZero() {
		return last, nil
	}
	for _, at := range []time.Time{due.AddDate(0, 0, -7), due} {
		all, err := a.store.Messages(ctx, alert.WeeklyID(at))
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			last[m.Route] = m
		}
	}
	return last, nil
}

// fill adds what is known of the route now.
func (h *health) fill(v *web.RouteReceipts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t, ok := h.troubles[v.Name]; ok {
		v.Failing, v.Why = t.Since, t.Why
	}
	if t := h.took[v.Name]; t != nil {
		v.Took = web.Took{Count: t.count, Sum: t.sum, UpTo: map[float64]uint64{}}
		for k, b := range tookBounds() {
			v.Took.UpTo[b] = t.upTo[k]
		}
	}
}

// deliver makes one attempt, and counts how long a letter took that arrived.
func (a *alerts) deliver(ctx context.Context, r alert.Route, l alert.Letter) error {
	err := a.channel.Deliver(ctx, r, l)
	if err == nil && l.Event != alert.Tested {
		a.health.arrived(r.Name, time.Since(l.Created))
	}
	if err == nil && l.Event == alert.Opened && r.Class == alert.ClassClient {
		a.people.noticed(ctx, r, l)
	}
	return err
}

// tested keeps the receipt of a test that somebody asked for: it went beside the
// outbox, and a route that took it is in trouble no more.
func (a *alerts) tested(ctx context.Context, route string, written time.Time) {
	id := fmt.Sprintf("TEST-%d", written.UnixMilli())
	m := store.Message{ID: alert.Key(id, route, 1), Incident: id, Route: route, Event: string(alert.Tested), Created: written,
		State: store.MessageSent, Done: time.Now()}
	if err := a.store.Enqueue(ctx, []store.Message{m}); err != nil {
		a.log.Error("keep the receipt of a test", "route", route, "err", err)
	}
}
