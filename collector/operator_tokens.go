package collector

import (
	"context"
	"net/http"
	"net/url"

	"picket/collector/web"
)

// Tokens lists all join tokens, those that ended too, the newest first.
func (o *Operator) Tokens(ctx context.Context) (list []web.JoinToken, err error) {
	err = o.do(ctx, http.MethodGet, "/tokens", nil, &list)
	return list, err
}

// RevokeToken ends a join token. errors.Is: [web.ErrNotFound].
func (o *Operator) RevokeToken(ctx context.Context, id string) error {
	return o.do(ctx, http.MethodPost, "/tokens/"+url.PathEscape(id)+"/revoke", struct{}{}, nil)
}
