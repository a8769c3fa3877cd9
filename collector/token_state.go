package collector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"picket/collector/store"
	"picket/collector/web"
)

// TokenState says what became of a join token: how often it was used, and the
// agents of its site that were enrolled since it was made. Which token an agent
// joined with is not told apart: at one site, within a token's life, it is the
// same answer to "is it there yet?".
func (s source) TokenState(ctx context.Context, id string) (web.TokenState, error) {
	t, err := s.c.store.Token(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return web.TokenState{}, fmt.Errorf("join token %.40q: %w", id, web.ErrNotFound)
	}
	if err != nil {
		return web.TokenState{}, err
	}
	agents, err := s.Agents(ctx)
	if err != nil {
		return web.TokenState{}, err
	}
	st := web.TokenState{ID: t.ID, Client: t.Client, Site: t.Site, Uses: t.Uses, Used: t.Used, Expires: t.Expires, Agents: joinedSince(agents, t.Site, t.Created)}
	return st, nil
}

// joinedSince are the agents of a site that were enrolled at made or later and
// are not revoked. Never nil.
func joinedSince(agents []web.Agent, site string, made time.Time) []web.Agent {
	joined := []web.Agent{}
	for _, a := range agents {
		if a.Site == site && a.Revoked.IsZero() && !a.Enrolled.Before(made) {
			joined = append(joined, a)
		}
	}
	return joined
}
