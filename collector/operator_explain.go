package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
	"picket/collector/store"
	"picket/collector/web"
)

// maxShadowed is how many letters that were not sent are listed at most.
const maxShadowed = 1000

// Explain asks why the routes were told of an incident, or not; route "" means all.
func (o *Operator) Explain(ctx context.Context, incident, route string) (e web.Explanation, err error) {
	err = o.do(ctx, http.MethodGet, "/notify/explain?"+url.Values{"incident": {incident}, "route": {route}}.Encode(), nil, &e)
	return e, err
}

// Shadowed asks what would have been sent since then.
func (o *Operator) Shadowed(ctx context.Context, since time.Time) (list []web.ShadowLetter, err error) {
	err = o.do(ctx, http.MethodGet, "/notify/shadow?"+url.Values{"since": {since.UTC().Format(time.RFC3339)}}.Encode(), nil, &list)
	return list, err
}

// Explain implements [web.Explainer].
func (s source) Explain(ctx context.Context, incident, route string) (web.Explanation, error) {
	return s.c.alerts.explain(ctx, time.Now(), incident, route)
}

// Shadowed implements [web.Explainer].
func (s source) Shadowed(ctx context.Context, since time.Time) ([]web.ShadowLetter, error) {
	all, err := s.c.store.Recorded(ctx, since, time.Now().Add(time.Second), maxShadowed)
	if err != nil {
		return nil, err
	}
	list := make([]web.ShadowLetter, len(all))
	for k, m := range all {
		var text alert.Message
		if err := json.Unmarshal(m.Body, &text); err != nil {
			return nil, fmt.Errorf("read letter %s: %w", m.ID, err)
		}
		list[k] = web.ShadowLetter{At: m.Created, Route: m.Route, Event: m.Event, Incident: m.Incident, Reason: string(text.Reason),
			Subject: cmp.Or(text.Subject, text.Title)}
	}
	return list, nil
}

// explain says what every route, or one, was told of an incident, and why not
// more. An incident that ended long ago is judged by what is stored of it.
func (a *alerts) explain(ctx context.Context, now time.Time, id, route string) (e web.Explanation, err error) {
	doc, err := a.store.Incident(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return e, web.ErrNotFound
	} else if err != nil {
		return e, err
	}
	var i detect.Incident
	if err := json.Unmarshal(doc, &i); err != nil {
		return e, fmt.Errorf("read incident %s: %w", id, err)
	}
	letters, err := a.store.Messages(ctx, id)
	if err != nil {
		return e, err
	}
	e = web.Explanation{Incident: id, Title: i.Title, State: string(i.State), Routes: []web.RouteExplanation{}}
	for _, x := range a.decisions(now, i, letters) {
		d := x.Decision
		e.Routes = append(e.Routes, web.RouteExplanation{Route: x.Route.Name, Class: string(x.Route.Class), Shadow: x.Route.Shadow,
			Event: string(d.Event), Reason: string(d.Reason), Words: d.Words(x.Route), By: d.By, Next: d.Next})
	}
	for _, d := range alert.Detours(a.routes(a.inForce()), &i) {
		if k := slices.IndexFunc(e.Routes, func(r web.RouteExplanation) bool { return r.Route == d.Route }); k >= 0 {
			e.Routes[k].Counted = string(d.Reason)
			if d.Reason != alert.ReasonCountedOn {
				e.Routes[k].Detour = d.Words()
			}
		}
	}
	e.Routes = lettered(e.Routes, letters)
	if route != "" {
		e.Routes = slices.DeleteFunc(e.Routes, func(r web.RouteExplanation) bool { return r.Route != route })
		if len(e.Routes) == 0 {
			return e, &web.Error{Status: http.StatusUnprocessableEntity, Code: "route", What: "there is no alert route " + route,
				Fix: "picket notify routes lists them"}
		}
	}
	return e, nil
}

// decisions is what the planner would decide now, or a planner that knows of
// this incident alone if it has forgotten it.
func (a *alerts) decisions(now time.Time, i detect.Incident, letters []store.Message) []alert.Explained {
	a.planning.Lock()
	defer a.planning.Unlock()
	if list, ok := a.planner.Explain(now, i.ID); ok {
		return list
	}
	p := alert.NewPlanner(alert.PlannerOptions{Routes: a.routes(a.inForce()), Beside: func(i *detect.Incident) alert.Beside {
		return a.beside(context.Background(), i)
	}})
	var bodies [][]byte
	for _, m := range letters {
		bodies = append(bodies, m.Body)
	}
	if err := p.Restore(i, bodies); err != nil {
		a.log.Error("restore what was told", "incident", i.ID, "err", err) // the rest is known
	}
	list, _ := p.Explain(now, i.ID)
	return list
}

// lettered adds to each route its letters, and the routes that are gone.
func lettered(routes []web.RouteExplanation, letters []store.Message) []web.RouteExplanation {
	words := letterStates()
	for _, m := range letters {
		k := slices.IndexFunc(routes, func(r web.RouteExplanation) bool { return r.Route == m.Route })
		if k < 0 {
			k = len(routes)
			routes = append(routes, web.RouteExplanation{Route: m.Route, Gone: true})
		}
		var text alert.Message
		if err := json.Unmarshal(m.Body, &text); err != nil {
			text.Reason = "" // the letter cannot be read; that it went is known
		}
		routes[k].Told = append(routes[k].Told, web.ToldLetter{At: m.Created, Event: m.Event, Reason: string(text.Reason), State: words[m.State],
			Done: m.Done, Tries: m.Attempts, Error: m.LastError})
	}
	for k := range routes {
		if routes[k].Told == nil {
			routes[k].Told = []web.ToldLetter{}
		}
	}
	return routes
}

// letterStates are how far a letter came, for people.
func letterStates() map[store.MessageState]string {
	return map[store.MessageState]string{store.MessageDue: "waiting", store.MessageSent: "sent", store.MessageDead: "given up",
		store.MessageRecorded: "recorded only"}
}
