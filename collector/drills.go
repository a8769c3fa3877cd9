package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"picket/collector/detect"
	"picket/collector/drill"
	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/fleet"
)

// drills plays outages, one at a time: see [picket/collector/drill] for what is
// played and why by a second engine. A drill lives in the process: who stops the
// collector ends it, and one that was lost is ended by the next start (endLost).
type drills struct {
	o   drillOptions
	log *slog.Logger

	begin chan *playing // has room for one, never closed

	mu  sync.Mutex // guards the field below
	now *playing   // nil: none is on
}

// drillOptions is what [drills] works with. All are required.
type drillOptions struct {
	Store  *store.Store
	Judge  *judge                 // the production engine's
	Config func() *fleet.Config   // in force
	Sites  func() []detect.Site   // of the fleet
	Found  func(detect.Incident)  // takes what a drill finds; waits for nobody
	Ask    func(detect.Ask)       // has agents asked; waits for nobody
	Here   func() []string        // agents with a session
	NewID  func(time.Time) string // of incidents and drills
	Log    *slog.Logger
}

const (
	// clearMost is how long the incidents of a drill may take to be resolved by
	// themselves: a minute of health, a few rounds of every check.
	clearMost = 5 * time.Minute
	// drillBeat is how exactly what is held back is let go.
	drillBeat = 100 * time.Millisecond
)

func newDrills(o drillOptions) *drills {
	return &drills{o: o, log: o.Log, begin: make(chan *playing, 1)}
}

// run plays what is begun until ctx ends, and then ends what is on.
func (d *drills) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-d.begin:
			p.play(ctx)
			d.o.Judge.drill.Store(nil)
			d.mu.Lock()
			d.now = nil
			d.mu.Unlock()
		}
	}
}

// start begins a drill.
func (d *drills) start(ctx context.Context, by string, r web.DrillRequest) (web.Drill, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now != nil {
		return web.Drill{}, &web.Error{Status: http.StatusConflict, Code: "drill", What: "no drill was begun", Why: "another one is on: " + d.now.tell().Title,
			Fix: "wait for its end, or stop it: picket drill stop"}
	}
	cfg, sites := d.o.Config(), d.o.Sites()
	plan, err := drill.Resolve(drill.Request{Scenario: r.Scenario, For: r.For, Clients: r.Clients, Target: r.Target, Provider: r.Provider, Service: r.Service,
		Region: r.Region, Sites: r.Sites, ISP: r.ISP}, *cfg, sites)
	if err != nil {
		return web.Drill{}, &web.Error{Status: http.StatusUnprocessableEntity, Code: "drill", What: "no drill was begun", Why: err.Error(), Fix: "picket drill list shows what can be played"}
	}
	answer := make(chan *detect.Engine, 1)
	twin, err := awaited(ctx, d.o.Judge, answer, func(now time.Time) {
		answer <- d.o.Judge.engine.Twin(now, detect.Options{NewID: d.o.NewID, NoVerdicts: true})
	})
	if err != nil {
		return web.Drill{}, fmt.Errorf("make a second engine: %w", err)
	}
	now := time.Now()
	p := &playing{
		d: d, injector: drill.NewInjector(plan, *cfg, sites), end: make(chan string, 1), over: make(chan struct{}), here: map[string]bool{}, open: map[string]detect.Incident{},
		record: web.Drill{ID: d.o.NewID(now), Scenario: plan.Scenario, Title: plan.Title, By: by, State: web.DrillPlaying, Clients: plan.Clients, For: plan.For,
			Begun: now.UTC(), Incidents: []string{}, Told: []web.DrillTold{}},
	}
	for _, agent := range d.o.Here() {
		p.here[agent] = true
	}
	p.judge = newJudge(twin, p.decided)
	if err := d.save(ctx, p.record); err != nil {
		return web.Drill{}, err
	}
	d.now = p
	d.o.Judge.drill.Store(p)
	d.begin <- p // it has room: the former one has been taken out
	d.log.Info("drill begun", "by", by, "drill", p.record.ID, "scenario", plan.Scenario, "what", plan.Title, "for", plan.For, "clients", plan.Clients)
	return p.record, nil
}

// stop ends the drill that is on, and waits until it is.
func (d *drills) stop(ctx context.Context, why string) (web.Drill, error) {
	d.mu.Lock()
	p := d.now
	d.mu.Unlock()
	if p == nil {
		return web.Drill{}, &web.Error{Status: http.StatusConflict, Code: "drill", What: "nothing was stopped", Why: "no drill is on"}
	}
	select {
	case p.end <- why:
	default: // somebody else was first
	}
	select {
	case <-p.over:
		return p.tell(), nil
	case <-ctx.Done():
		return p.tell(), ctx.Err()
	}
}

// interrupt ends the drill that is on, if one is. It waits for nobody.
func (d *drills) interrupt(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now != nil {
		select {
		case d.now.end <- why:
		default:
		}
	}
}

// fleet has the drill that is on see a fleet that has changed.
func (d *drills) fleet(sites []detect.Site) {
	if p := d.o.Judge.drill.Load(); p != nil {
		p.hear(func(now time.Time) {
			p.injector.SetFleet(sites)
			p.judge.engine.SetFleet(now, sites)
		})
	}
}

// current is the drill that is on; nil: none.
func (d *drills) current() *web.Drill {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now == nil {
		return nil
	}
	is := d.now.tell()
	return &is
}

// save stores a drill.
func (d *drills) save(ctx context.Context, r web.Drill) error {
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode drill %s: %w", r.ID, err)
	}
	return d.o.Store.SaveDrill(ctx, store.Drill{ID: r.ID, Doc: doc, Begun: r.Begun, Ended: r.Ended})
}

// endLost ends the drills of a former process in the store.
func (d *drills) endLost(ctx context.Context, now time.Time) error {
	lost, err := d.o.Store.OpenDrills(ctx)
	if err != nil {
		return err
	}
	for _, was := range lost {
		var r web.Drill
		if err := json.Unmarshal(was.Doc, &r); err != nil {
			return fmt.Errorf("read drill %s: %w", was.ID, err)
		}
		r.State, r.Ended, r.Why = web.DrillEnded, now.UTC(), "the Picket server was restarted"
		if err := d.save(ctx, r); err != nil {
			return err
		}
		d.log.Info("drill ended", "drill", r.ID, "why", r.Why)
	}
	return nil
}

// list is what was played, the newest first, with who was told when.
func (d *drills) list(ctx context.Context, limit int) ([]web.Drill, error) {
	all, err := d.o.Store.Drills(ctx, limit)
	if err != nil {
		return nil, err
	}
	now := d.current()
	out := make([]web.Drill, len(all))
	for i, doc := range all {
		if err := json.Unmarshal(doc.Doc, &out[i]); err != nil {
			return nil, fmt.Errorf("read drill %s: %w", doc.ID, err)
		}
		if now != nil && now.ID == doc.ID {
			out[i] = *now
		}
		if out[i].Told, err = d.told(ctx, out[i].Incidents); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// told reads from the outbox when each route had taken its first message.
func (d *drills) told(ctx context.Context, incidents []string) ([]web.DrillTold, error) {
	first := map[string]time.Time{}
	for _, id := range incidents {
		letters, err := d.o.Store.Messages(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, l := range letters {
			if at, ok := first[l.Route]; l.State == store.MessageSent && (!ok || l.Done.Before(at)) {
				first[l.Route] = l.Done
			}
		}
	}
	list := make([]web.DrillTold, 0, len(first))
	for route, at := range first {
		list = append(list, web.DrillTold{Route: route, At: at})
	}
	slices.SortFunc(list, func(a, b web.DrillTold) int { return a.At.Compare(b.At) })
	return list, nil
}

// Drill is the drill that is on; nil: none.
func (s source) Drill() *web.Drill { return s.c.drills.current() }

// Drills is what was played and what can be.
func (s source) Drills(ctx context.Context, limit int) (web.Drills, error) {
	list := web.Drills{Scenarios: []web.DrillScenario{}}
	for _, x := range drill.Scenarios() {
		list.Scenarios = append(list.Scenarios, web.DrillScenario{Name: x.Name, Title: x.Title, Needs: x.Needs})
	}
	var err error
	list.Drills, err = s.c.drills.list(ctx, limit)
	return list, err
}

// StartDrill begins a drill.
func (s source) StartDrill(ctx context.Context, by string, r web.DrillRequest) (web.Drill, error) {
	is, err := s.c.drills.start(ctx, by, r)
	if err == nil {
		s.audit(ctx, by, "drill.start", is.ID, is.Title)
	}
	return is, err
}

// StopDrill ends the one that is on.
func (s source) StopDrill(ctx context.Context, by string) (web.Drill, error) {
	is, err := s.c.drills.stop(ctx, "stopped by "+by)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = nil // it is ending
	}
	if err != nil {
		return is, err
	}
	s.audit(ctx, by, "drill.stop", is.ID, "")
	is.Told, err = s.c.drills.told(ctx, is.Incidents)
	return is, err
}

// newDrillsOf makes the drills of a collector whose parts are wired.
func newDrillsOf(c *Collector) *drills {
	return newDrills(drillOptions{
		Store: c.store, Judge: c.judge, Config: c.registry.currentConfig, Sites: c.registry.sites, Log: c.log,
		NewID: newIncidentID, Found: func(i detect.Incident) {
			c.logIncident(slog.LevelInfo, "drill incident", i)
			c.found(i)
		},
		Ask: c.ask,
		Here: func() []string {
			var list []string
			for _, s := range c.server.Present() {
				list = append(list, s.Agent)
			}
			return list
		},
	})
}

// newIncidentID makes ids that sort by time.
func newIncidentID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
}
