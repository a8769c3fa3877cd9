package channel

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// Run says again what fires to those receivers that forget it otherwise, until
// ctx ends. What that is follows from the outbox, so a restart changes nothing.
func (d *Deliverer) Run(ctx context.Context) error {
	tick := time.NewTicker(fireEvery)
	defer tick.Stop()
	mute := map[string]bool{} // routes that fail, which is logged once
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			d.repeat(ctx, time.Now(), mute)
		}
	}
}

// repeat has every Alertmanager told what fires, at the same time, so that one
// that hangs holds up no other.
func (d *Deliverer) repeat(ctx context.Context, now time.Time, mute map[string]bool) {
	if d.letters == nil {
		return
	}
	d.mu.Lock()
	ways := d.ways
	d.mu.Unlock()
	var wg sync.WaitGroup
	var mu sync.Mutex // guards failed
	failed := map[string]error{}
	for _, route := range slices.Sorted(maps.Keys(ways)) {
		if w, ok := ways[route].(Alertmanager); ok {
			wg.Go(func() {
				err := d.again(ctx, route, w, now)
				mu.Lock()
				defer mu.Unlock()
				failed[route] = err
			})
		}
	}
	wg.Wait()
	for route, err := range failed {
		switch {
		case err != nil && !mute[route] && ctx.Err() == nil:
			d.log.Warn("what fires cannot be said again", "route", route, "err", err)
		case err == nil && mute[route]:
			d.log.Info("what fires is said again", "route", route)
		}
		mute[route] = err != nil
	}
}

// again says to one Alertmanager what stands on its route.
func (d *Deliverer) again(ctx context.Context, route string, w Alertmanager, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, fireEvery/2)
	defer cancel()
	incidents, err := d.letters.Standing(ctx, route, now.Add(-firesFor))
	if err != nil {
		return err
	}
	var errs []error
	for some := range slices.Chunk(incidents, maxAtOnce) {
		var alerts []postable
		for _, id := range some {
			told, err := d.past(ctx, route, id, math.MaxInt)
			if err != nil || len(told) == 0 {
				errs = append(errs, err)
				continue
			}
			alerts = append(alerts, postableOf(told[0], told[len(told)-1], now))
		}
		if len(alerts) > 0 {
			errs = append(errs, w.post(ctx, d.poster, alerts))
		}
	}
	return errors.Join(errs...)
}
