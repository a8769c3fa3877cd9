package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"picket/collector/store"
	"picket/collector/web"
)

// Tokens lists the join tokens that were made, the newest first.
func (s source) Tokens(ctx context.Context) ([]web.JoinToken, error) {
	all, err := s.c.store.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]web.JoinToken, len(all))
	for i, t := range all {
		list[i] = web.JoinToken{ID: t.ID, Kind: string(t.Kind), Client: t.Client, Site: t.Site, Uses: t.Uses, Used: t.Used, Created: t.Created, By: t.By,
			Expires: t.Expires, LastUsed: t.LastUsed, LastFrom: t.LastFrom, LastNetwork: t.LastNetwork, Revoked: t.Revoked}
	}
	return list, nil
}

// RevokeToken ends a join token.
func (s source) RevokeToken(ctx context.Context, by, id string) error {
	t, err := s.c.store.Token(ctx, id)
	if err == nil {
		err = s.c.store.RevokeToken(ctx, id, time.Now())
	}
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("join token %.40q: %w", id, web.ErrNotFound)
	}
	if err != nil {
		return err
	}
	s.audit(ctx, by, "token.revoke", id, fmt.Sprintf("%s, %d of %d uses", cmp.Or(t.Site, t.Client), t.Used, t.Uses))
	s.c.log.Info("join token revoked", "by", by, "token", id, "site", t.Site)
	return nil
}
