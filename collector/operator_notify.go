package collector

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/config"
	"picket/collector/web"
)

// testsAtOnce is how many routes are tried at the same time.
const testsAtOnce = 8

// AlertRoutes asks for the alert routes, without their secrets.
func (o *Operator) AlertRoutes(ctx context.Context) (list []web.AlertRoute, err error) {
	err = o.do(ctx, http.MethodGet, "/notify/routes", nil, &list)
	return list, err
}

// TestAlerts has the collector deliver a test message on route, or on all of
// them if it is "", and says how each went. It takes up to 45 seconds.
func (o *Operator) TestAlerts(ctx context.Context, route string) (list []web.Delivery, err error) {
	err = o.do(ctx, http.MethodPost, "/notify/test", web.TestRequest{Route: route}, &list)
	return list, err
}

// AlertRoutes lists the routes in force.
func (s source) AlertRoutes() []web.AlertRoute {
	var all []web.AlertRoute
	file := s.c.file()
	for _, r := range file.Alerts {
		v := alertRoute(r)
		v.Shadow = file.Shadow
		all = append(all, v)
	}
	return all
}

// alertRoute is a route as it may be shown, without what may be secret.
func alertRoute(r config.Route) web.AlertRoute {
	kind, to := "none", []string{"nobody"}
	if !r.BuiltIn {
		way := wayOf(r)
		kind, to = string(way.Kind()), way.To()
	}
	return web.AlertRoute{
		Name: r.Name, Class: r.Class, Way: kind, To: to, Kinds: r.Kinds, MinConfidence: r.MinConfidence,
		Delay: r.Delay, ResolveDelay: r.ResolveDelay,
	}
}

// TestAlerts tries routes, several at a time.
func (s source) TestAlerts(ctx context.Context, by, route string) ([]web.Delivery, error) {
	chosen := slices.DeleteFunc(s.AlertRoutes(), func(r web.AlertRoute) bool { return r.Way == "none" })
	if route != "" {
		chosen = slices.DeleteFunc(chosen, func(r web.AlertRoute) bool { return r.Name != route })
		if len(chosen) == 0 {
			return nil, &web.Error{Status: http.StatusUnprocessableEntity, Code: "route", What: "nothing was sent",
				Why: "there is no alert route " + route, Fix: "picket notify routes lists them"}
		}
	}
	all := make([]web.Delivery, len(chosen))
	var g errgroup.Group
	g.SetLimit(testsAtOnce)
	for k, r := range chosen {
		g.Go(func() error {
			begun := time.Now()
			err := s.c.alerts.sender.Test(ctx, r.Name)
			all[k] = web.Delivery{Route: r.Name, Way: r.Way, To: r.To, OK: err == nil, Took: time.Since(begun)}
			if err == nil {
				s.c.alerts.tested(ctx, r.Name, begun)
			} else {
				all[k].Why, all[k].Fix = plainly(err), channel.Remedy(err)
			}
			return nil
		})
	}
	g.Wait() // its functions return no error: what failed is told route by route
	for _, d := range all {
		detail := "delivered"
		if !d.OK {
			detail = "failed"
		}
		s.audit(ctx, by, "notify.test", d.Route, detail)
	}
	return all, nil
}

// plainly is err for people: a definite no is told without the word that marks it.
func plainly(err error) string {
	text := err.Error()
	if errors.Is(err, alert.ErrRefused) {
		text = strings.TrimPrefix(text, alert.ErrRefused.Error()+": ")
	}
	return strings.Join(strings.Fields(text), " ")
}
