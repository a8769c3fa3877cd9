package web

import (
	"context"
	"net/http"
	"time"

	"picket/collector/access"
)

type principalKey struct{}

// who is the principal of a request; the zero one may do nothing.
func who(ctx context.Context) access.Principal {
	p, _ := ctx.Value(principalKey{}).(access.Principal)
	return p
}

// as returns ctx for p.
func as(ctx context.Context, p access.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// source is what the principal of r may see. Every page, answer and event is
// made from it and from nothing else.
func (s *Server) source(r *http.Request) Source { return scoped(who(r.Context()), s.o.Source) }

// frame is what every page has around its content.
type frame struct {
	Title  string
	Active string // of the navigation: now, incidents, check, targets, fleet, settings
	Who    access.Principal
	Now    time.Time
}

func (s *Server) frame(r *http.Request, active, title string) frame {
	return frame{Title: title, Active: active, Who: who(r.Context()), Now: s.o.Now()}
}
