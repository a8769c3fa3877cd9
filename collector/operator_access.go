package collector

import (
	"context"
	"net/http"
	"net/url"

	"picket/collector/web"
)

// Users lists everybody who may log in.
func (o *Operator) Users(ctx context.Context) (list []web.User, err error) {
	err = o.do(ctx, http.MethodGet, "/users", nil, &list)
	return list, err
}

// CreateUser makes a user.
func (o *Operator) CreateUser(ctx context.Context, r web.UserRequest) error {
	return o.do(ctx, http.MethodPost, "/users", r, nil)
}

// ChangeUser does disable, enable, delete or signout to a user. errors.Is: [web.ErrNotFound].
func (o *Operator) ChangeUser(ctx context.Context, name, verb string) error {
	return o.do(ctx, http.MethodPost, "/users/"+url.PathEscape(name)+"/"+verb, struct{}{}, nil)
}

// SetPassword gives a user a new password and ends its sessions. errors.Is: [web.ErrNotFound].
func (o *Operator) SetPassword(ctx context.Context, name, password string) error {
	return o.do(ctx, http.MethodPost, "/users/"+url.PathEscape(name)+"/password", web.UserRequest{Password: password}, nil)
}

// APITokens lists all API tokens, those that ended too.
func (o *Operator) APITokens(ctx context.Context) (list []web.APIToken, err error) {
	err = o.do(ctx, http.MethodGet, "/apitokens", nil, &list)
	return list, err
}

// CreateAPIToken makes an API token; its Token is told once.
func (o *Operator) CreateAPIToken(ctx context.Context, r web.APITokenRequest) (t web.APIToken, err error) {
	err = o.do(ctx, http.MethodPost, "/apitokens", r, &t)
	return t, err
}

// RevokeAPIToken ends an API token. errors.Is: [web.ErrNotFound].
func (o *Operator) RevokeAPIToken(ctx context.Context, id string) error {
	return o.do(ctx, http.MethodPost, "/apitokens/"+url.PathEscape(id)+"/revoke", struct{}{}, nil)
}
