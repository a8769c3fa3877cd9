package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"picket/collector/store"
	"picket/collector/web"
)

// CreateToken makes a join token and the command to paste.
func (s source) CreateToken(ctx context.Context, by string, r web.TokenRequest) (web.Token, error) {
	life, err := r.Lifetime()
	if err != nil {
		return web.Token{}, err
	}
	if err := s.knownHost(r.HostedBy, "the token was not made"); err != nil {
		return web.Token{}, err
	}
	var until time.Time
	if life > 0 {
		until = time.Now().Add(life)
	}
	t, err := s.c.store.CreateToken(ctx, store.NewToken{
		Kind: store.TokenKind(r.Kind), Client: r.Client, Site: r.Site, Region: r.Region, Network: r.Network, HostedBy: r.HostedBy,
		Expires: until, Uses: r.Uses, By: by,
	})
	if errors.Is(err, store.ErrName) {
		return web.Token{}, &web.Error{Status: http.StatusBadRequest, Code: "token", What: "the token was not made", Why: err.Error()}
	}
	if err != nil {
		return web.Token{}, err
	}
	if r.Roaming {
		if err := s.c.store.LetRoam(ctx, t.ID); err != nil {
			return web.Token{}, err
		}
	}
	text, err := s.tokenText(t)
	if err != nil {
		return web.Token{}, err
	}
	s.audit(ctx, by, "token.create", t.ID, fmt.Sprintf("%s, %s, %d uses, until %s", cmp.Or(t.Site, t.Client), t.Kind, t.Uses, t.Expires.UTC().Format(time.RFC3339)))
	s.c.log.Info("join token made", "by", by, "token", t.ID, "kind", t.Kind, "client", t.Client, "site", t.Site, "uses", t.Uses, "until", t.Expires)
	if r.Region != "" || r.Network != "" || r.HostedBy != "" {
		s.c.fleetChanged() // the site may be there already
	}
	v := web.Token{Token: text, ID: t.ID, Kind: string(t.Kind), Client: t.Client, Site: t.Site, Command: "picket-agent join " + text, Expires: t.Expires, Uses: t.Uses}
	if r.Offline {
		v.Root = string(s.c.authority.Root())
	}
	return v, nil
}

// some names the first of many.
func some(all []string) string {
	if len(all) > 12 {
		return strings.Join(all[:12], ", ") + ", ..."
	}
	return cmp.Or(strings.Join(all, ", "), "none is watched")
}
