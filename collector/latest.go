package collector

import (
	"context"

	"picket/collector/web"
)

// Latest is the newest result of every check of a target, per agent.
func (s source) Latest(target string) []web.Latest { return nil }

// History is what the rollups have of a target.
func (s source) History(ctx context.Context, q web.HistoryQuery) ([]web.Point, error) {
	return nil, nil
}
