package web

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Bounds of the list of drills.
const (
	someDrills = 50
	mostDrills = 500
)

// drillWithin is how long the end of a drill is waited for: it is stored before
// it is told.
const drillWithin = 8 * time.Second

// registerDrills registers the list, for everybody who may look, under prefix.
//
//	GET /drills?limit=50  -> Drills
func (a api) registerDrills(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/drills", a.answer("drills", func(r *http.Request) (any, error) {
		limit := someDrills
		if s := r.URL.Query().Get("limit"); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > mostDrills {
				return nil, &Error{Status: http.StatusBadRequest, Code: "limit", What: "the drills were not listed", Why: "limit is a number from 1 to " + strconv.Itoa(mostDrills)}
			}
			limit = n
		}
		all, err := a.of(r).Drills(r.Context(), limit)
		all.Drills, all.Scenarios = list(all.Drills), list(all.Scenarios)
		return all, err
	}))
}

// registerDriller registers
//
//	POST /drills/start  DrillRequest  -> Drill
//	POST /drills/stop                 -> Drill
func (a api) registerDriller(mux *http.ServeMux, d Driller) {
	mux.HandleFunc("POST /drills/start", a.answer("drill", func(r *http.Request) (any, error) {
		var req DrillRequest
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		return d.StartDrill(r.Context(), operator, req)
	}))
	mux.HandleFunc("POST /drills/stop", a.answer("drill", func(r *http.Request) (any, error) {
		ctx, cancel := context.WithTimeout(r.Context(), drillWithin)
		defer cancel()
		return d.StopDrill(ctx, operator)
	}))
}
