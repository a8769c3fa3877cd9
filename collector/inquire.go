package collector

import (
	"context"
	"errors"

	"picket/collector/access"
	"picket/collector/inquiry"
	"picket/collector/web"
)

// Ask has sites probe now and says who it is.
func (s source) Ask(ctx context.Context, by access.Principal, q inquiry.Question) (inquiry.Finding, error) {
	return inquiry.Finding{}, errors.New("not built yet")
}

// Finding returns an answer given earlier.
func (s source) Finding(id string) (inquiry.Finding, error) {
	return inquiry.Finding{}, web.ErrNotFound
}

// TokenState says what became of a join token.
func (s source) TokenState(ctx context.Context, id string) (web.TokenState, error) {
	return web.TokenState{}, web.ErrNotFound
}
