package collector

import (
	"context"
	"net/http"
	"strconv"

	"picket/collector/web"
)

// Drills asks for what was played, the newest first, and what can be.
func (o *Operator) Drills(ctx context.Context, limit int) (list web.Drills, err error) {
	err = o.do(ctx, http.MethodGet, "/drills?limit="+strconv.Itoa(limit), nil, &list)
	return list, err
}

// StartDrill begins a drill.
func (o *Operator) StartDrill(ctx context.Context, r web.DrillRequest) (d web.Drill, err error) {
	err = o.do(ctx, http.MethodPost, "/drills/start", r, &d)
	return d, err
}

// StopDrill ends the drill that is on.
func (o *Operator) StopDrill(ctx context.Context) (d web.Drill, err error) {
	err = o.do(ctx, http.MethodPost, "/drills/stop", struct{}{}, &d)
	return d, err
}
