package collector

import (
	"context"
	"net/http"
	"net/url"

	"picket/collector/web"
)

// PlanConfig asks what would change if f were applied.
func (o *Operator) PlanConfig(ctx context.Context, f web.ConfigFile) (p web.ConfigPlan, err error) {
	err = o.do(ctx, http.MethodPost, "/config/plan", f, &p)
	return p, err
}

// ApplyConfig has the collector use f from now on. plan is the id of the plan
// that was looked at: if anything changed since, nothing happens.
func (o *Operator) ApplyConfig(ctx context.Context, f web.ConfigFile, plan string) (a web.ConfigApplied, err error) {
	err = o.do(ctx, http.MethodPost, "/config/apply?plan="+url.QueryEscape(plan), f, &a)
	return a, err
}
