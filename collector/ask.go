package collector

import (
	"context"
	"time"

	"picket/collector/access"
	"picket/collector/inquiry"
)

// Ask has sites probe now and says who it is.
func (s source) Ask(ctx context.Context, by access.Principal, q inquiry.Question) (inquiry.Finding, error) {
	return s.c.inquirer.ask(ctx, by, q)
}

// Finding returns an answer given earlier.
func (s source) Finding(id string) (inquiry.Finding, error) {
	return s.c.inquirer.finding(id, time.Now())
}
