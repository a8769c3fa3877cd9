package alert_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/alert"
)

// TestADeadRouteDoesNotStarveTheOthers: more letters wait for it than one look
// at the outbox takes, all of them older than the one that can go.
func TestADeadRouteDoesNotStarveTheOthers(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "picket.db"))
	defer box.Close()
	now := time.Now()
	var stuck []alert.Letter
	for k := range 1100 {
		id := fmt.Sprintf("i%d", k)
		stuck = append(stuck, alert.Letter{ID: id + ".dead.1", Incident: id, Route: "dead", Created: now.Add(-time.Hour), Due: now.Add(-time.Hour)})
	}
	box.put(t, incident("i0"), stuck...)
	box.put(t, incident("x"), alert.Letter{ID: "x.good.1", Incident: "x", Route: "good", Created: now, Due: now})
	arrived := make(chan string, 1)
	run(t, alert.Options{Outbox: box, Routes: []alert.Route{{Name: "dead"}, {Name: "good"}}, Deliver: func(ctx context.Context, r alert.Route, l alert.Letter) error {
		if r.Name == "dead" {
			<-ctx.Done()
			return errors.New("silent")
		}
		select {
		case arrived <- l.ID:
		default:
		}
		return nil
	}})
	select {
	case id := <-arrived:
		if id != "x.good.1" {
			t.Errorf("the good route delivered %s", id)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the letter of the good route waits behind those of the dead one")
	}
}

// TestOrphansAreFoundBehindALongQueue: the letters of a route that is gone are
// given up, however many wait for another one.
func TestOrphansAreFoundBehindALongQueue(t *testing.T) {
	box := &memory{}
	box.add(alert.Letter{ID: "x.gone.1", Incident: "x", Route: "gone", Due: time.Now()}) // memory.waitFor looks at the first
	for k := range 1100 {
		box.add(alert.Letter{ID: fmt.Sprintf("i%d.dead.1", k), Incident: fmt.Sprint(k), Route: "dead", Due: time.Now().Add(-time.Hour)})
	}
	box.all = append(box.all[1:], box.all[0])
	last := box.all[len(box.all)-1]
	run(t, alert.Options{Outbox: box, Routes: []alert.Route{{Name: "dead"}}, Deliver: func(ctx context.Context, _ alert.Route, _ alert.Letter) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	box.waitFor(t, func(*entry) bool { return last.dead })
}

// TestARouteThatCameBackIsWoken: it goes and comes back before the sender looks,
// and still its letters go out when they are written, not a minute later.
func TestARouteThatCameBackIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &memory{}
		arrived := make(chan time.Time, 1)
		route := []alert.Route{{Name: "page"}}
		s, stop := run(t, alert.Options{Outbox: box, Routes: route, Deliver: func(context.Context, alert.Route, alert.Letter) error {
			arrived <- time.Now()
			return nil
		}})
		synctest.Wait()
		s.SetRoutes(nil)
		s.SetRoutes(route) // in one breath: the sender sees both as one change
		synctest.Wait()
		time.Sleep(time.Second)
		written := time.Now()
		box.add(alert.Letter{ID: "x.page.1", Incident: "x", Route: "page", Created: written, Due: written})
		s.Notify()
		if late := (<-arrived).Sub(written); late != 0 {
			t.Errorf("sent %v after it was written", late)
		}
		stop()
	})
}
