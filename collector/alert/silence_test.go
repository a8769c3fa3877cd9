package alert

import (
	"testing"
	"time"

	"picket/collector/detect"
)

// muted is a silence of every route until then.
func muted(until time.Time) Beside {
	return Beside{Silences: func(string) (string, time.Time) { return "S1", until }}
}

// TestASilenceHoldsBackWhatIsNewAndNeverTheEnd: while it lasts nobody hears of
// what begins; who knew before hears no news, and yet the end.
func TestASilenceHoldsBackWhatIsNewAndNeverTheEnd(t *testing.T) {
	r := Route{Name: "page"}
	end := noon.Add(time.Hour)
	for _, c := range []struct {
		name string
		told Told
		now  time.Time
		i    detect.Incident
		want Decision
	}{
		{"what is new waits for its end", Told{}, noon, outage(), Decision{Reason: ReasonSilenced, By: "S1", Next: end}},
		{"and is told then", Told{}, end, outage(), Decision{Event: Opened, Reason: ReasonOpened}},
		{"unless it is over", Told{}, end, outage(resolved), Decision{Reason: ReasonTransient}},
		{"news wait too", knows(Opened, outage(probable)), noon, outage(), Decision{Reason: ReasonSilenced, By: "S1", Next: end}},
		{"no news are no news", knows(Opened, outage()), noon, outage(), Decision{Reason: ReasonAlreadyTold}},
		{"the end is told", knows(Opened, outage()), noon.Add(2 * time.Hour), outage(resolved), Decision{Event: Resolved, Reason: ReasonResolved}},
		{"so is that it goes on elsewhere", knows(Opened, outage()), noon, outage(superseded), Decision{Event: Resolved, Reason: ReasonSuperseded, By: "01JOTHER"}},
		{"back again is new", knows(Resolved, outage(resolved)), noon, outage(func(i *detect.Incident) { i.Again = 1 }), Decision{Reason: ReasonSilenced, By: "S1", Next: end}},
	} {
		if got := Decide(c.told, c.now, &c.i, muted(end), r); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	i := outage()
	if got := Decide(Told{}, noon, &i, Beside{Silences: func(string) (string, time.Time) { return "", time.Time{} }}, r); got.Event != Opened {
		t.Errorf("without a silence: %+v", got)
	}
}

// TestALiftedSilenceIsNoticed: nothing changes about the incident, and yet the
// route hears of it as soon as the planner is told to look.
func TestALiftedSilenceIsNoticed(t *testing.T) {
	silent := true
	p := NewPlanner(PlannerOptions{Routes: []Route{{Name: "page"}}, Beside: func(*detect.Incident) Beside {
		if silent {
			return muted(noon.Add(24 * time.Hour))
		}
		return Beside{}
	}})
	if letters, err := p.Plan(noon, outage()); err != nil || len(letters) != 0 {
		t.Fatalf("silenced: %+v, %v", letters, err)
	}
	if at, ok := p.Next(); !ok || !at.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("looks again at %v %v", at, ok)
	}
	silent = false
	p.Look(noon.Add(time.Minute))
	if letters, err := p.Due(noon.Add(time.Minute)); err != nil || len(letters) != 1 {
		t.Errorf("lifted: %+v, %v", letters, err)
	}
}
