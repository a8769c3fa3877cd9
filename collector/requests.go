package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"picket/collector/store"
	"picket/collector/web"
)

var requestWords = map[store.RequestState]string{
	store.RequestWaiting: "waiting", store.RequestApproved: "approved", store.RequestDenied: "denied",
}

func (s source) requestOf(q store.Request) web.Request {
	r := web.Request{ID: q.ID, Token: q.Token, Client: q.Client, Wish: q.Wish, Hostname: q.Hostname, OS: q.OS, Version: q.Version, From: q.From,
		Made: q.Made, Asked: q.Asked, Expires: q.Expires, State: requestWords[q.State], Site: q.Site, By: q.By}
	if a, err := netip.ParseAddr(q.From); err == nil {
		r.Network, _, _ = s.c.registry.currentFile().Lookup(a)
	}
	return r
}

// Requests lists the machines that asked to join with a tenant's token.
func (s source) Requests(ctx context.Context) ([]web.Request, error) {
	all, err := s.c.store.Requests(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	list := make([]web.Request, len(all))
	for i, q := range all {
		list[i] = s.requestOf(q)
	}
	return list, nil
}

// Approve lets one join, when it asks again.
func (s source) Approve(ctx context.Context, by, id string, a web.Approval) (web.Request, error) {
	if err := s.knownHost(a.HostedBy, "nothing was approved"); err != nil {
		return web.Request{}, err
	}
	q, err := s.c.store.Approve(ctx, store.Approval{ID: id, Site: a.Site, Region: a.Region, Network: a.Network, HostedBy: a.HostedBy, By: by}, time.Now())
	if err != nil {
		return web.Request{}, undecided(err, id, "nothing was approved")
	}
	s.audit(ctx, by, "request.approve", q.ID, fmt.Sprintf("%s at %s, from %s", q.Hostname, q.Site, q.From))
	s.c.log.Info("request to join approved", "by", by, "request", q.ID, "site", q.Site, "host", q.Hostname)
	s.c.fleetChanged() // what is said of the site may have changed
	return s.requestOf(q), nil
}

// Deny refuses one.
func (s source) Deny(ctx context.Context, by, id string) (web.Request, error) {
	q, err := s.c.store.Deny(ctx, id, by, time.Now())
	if err != nil {
		return web.Request{}, undecided(err, id, "nothing was denied")
	}
	s.audit(ctx, by, "request.deny", q.ID, fmt.Sprintf("%s of client %s, from %s", q.Hostname, q.Client, q.From))
	s.c.log.Info("request to join denied", "by", by, "request", q.ID, "client", q.Client, "host", q.Hostname)
	return s.requestOf(q), nil
}

// undecided words why a request was not decided about.
func undecided(err error, id, what string) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("request %.40q: %w", id, web.ErrNotFound)
	case errors.Is(err, store.ErrDecided):
		return &web.Error{Status: http.StatusConflict, Code: "decided", What: what, Why: "this request was decided already",
			Fix: "look at it: picket agent pending --all; to undo an approval revoke the agent"}
	case errors.Is(err, store.ErrName):
		return &web.Error{Status: http.StatusBadRequest, Code: "site", What: what, Why: err.Error(), Fix: "name the site: --site S"}
	}
	return err
}

// knownHost refuses a provider that nothing of is watched: a misspelt one would
// be no provider at all, and the site go on voting about its own landlord.
func (s source) knownHost(provider, what string) error {
	if provider == "" || provider == store.NotHosted {
		return nil
	}
	var known []string
	for _, p := range s.c.file().Providers {
		if p.ID == provider {
			return nil
		}
		known = append(known, p.ID)
	}
	return &web.Error{Status: http.StatusBadRequest, Code: "hosted_by", What: what, Why: fmt.Sprintf("there is no provider %.40q in the configuration", provider),
		Fix: "name one of: " + some(known) + "; or none"}
}
