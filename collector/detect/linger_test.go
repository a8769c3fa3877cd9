package detect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestALongTailLingersUnderOneID(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("aws", "", refused())
	w.run(5 * time.Minute)
	w.breaks = func(_ *Site, t *fleet.Target, _ probes.Kind) *fault {
		if t.ID == "aws-storage-r3" {
			return refused()
		}
		return nil
	}
	w.run(8 * time.Minute)
	o := w.open()
	if len(o) != 1 || o[0].Kind != KindTarget || o[0].State != Confirmed {
		w.tell()
		t.Fatalf("%+v", o)
	}
	w.run(5 * time.Minute)
	w.tell()
	o = w.open()
	if len(o) != 1 || o[0].State != Lingering || o[0].Target != "aws-storage-r3" || !strings.Contains(o[0].Summary, "lingers") || len(w.incidents) != 1 {
		t.Fatalf("%+v", o)
	}
	w.broken("aws", "", refused()) // all of it again
	w.run(40 * time.Second)
	if o = w.open(); len(o) != 1 || o[0].State != Confirmed || o[0].Kind != KindProvider {
		t.Errorf("grown again: %+v", o)
	}
	w.breaks = nil
	w.run(3 * time.Minute)
	if len(w.open()) != 0 || len(w.incidents) != 1 {
		t.Errorf("%d open, %d ids", len(w.open()), len(w.incidents))
	}
}

// Two sites of twelve are the rest; a third one that fails for half a minute among
// them does not make its ten minutes begin anew, one that stays does.
func TestAThirdSiteForAMomentIsStillTheRest(t *testing.T) {
	for name, lasts := range map[string]time.Duration{"a moment": 25 * time.Second, "four minutes": 4 * time.Minute} {
		w := newWorld(t, worldOptions{})
		w.run(calm)
		left := 12
		w.breaks = func(s *Site, t *fleet.Target, _ probes.Kind) *fault {
			if t.ID == "aws-storage-r3" && w.index(s) < left {
				return refused()
			}
			return nil
		}
		w.run(3 * time.Minute)
		left = 2
		w.run(5 * time.Minute)
		left = 3
		w.run(lasts)
		left = 2
		w.run(11*time.Minute - 5*time.Minute - lasts)
		if o := w.open(); len(o) != 1 || (o[0].State == Lingering) != (lasts < time.Minute) {
			w.tell()
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// index is the place of a site in the fleet.
func (w *simWorld) index(s *Site) int {
	return slices.IndexFunc(w.sites, func(o Site) bool { return o.ID == s.ID })
}
