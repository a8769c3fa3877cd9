package collector

import (
	"context"
	"net/http"

	"picket/collector/inquiry"
)

// Check has sites probe now and says who it is: the site's own side, its
// internet provider, or the service. It takes up to ten seconds.
func (o *Operator) Check(ctx context.Context, q inquiry.Question) (f inquiry.Finding, err error) {
	err = o.do(ctx, http.MethodPost, "/check", q, &f)
	return f, err
}
