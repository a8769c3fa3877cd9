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

// Requests lists the machines that asked to join, who waits first.
func (o *Operator) Requests(ctx context.Context) (list []web.Request, err error) {
	err = o.do(ctx, http.MethodGet, "/requests", nil, &list)
	return list, err
}

// Approve lets one join. errors.Is: [web.ErrNotFound].
func (o *Operator) Approve(ctx context.Context, id string, a web.Approval) (r web.Request, err error) {
	err = o.do(ctx, http.MethodPost, "/requests/"+url.PathEscape(id)+"/approve", a, &r)
	return r, err
}

// Deny refuses one. errors.Is: [web.ErrNotFound].
func (o *Operator) Deny(ctx context.Context, id string) (r web.Request, err error) {
	err = o.do(ctx, http.MethodPost, "/requests/"+url.PathEscape(id)+"/deny", struct{}{}, &r)
	return r, err
}

// ImportSites makes the sites of a list.
func (o *Operator) ImportSites(ctx context.Context, i web.SiteImport) (list []web.ImportedSite, err error) {
	err = o.do(ctx, http.MethodPost, "/sites/import", i, &list)
	return list, err
}
