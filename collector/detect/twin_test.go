package detect

import (
	"testing"
	"time"
)

// A twin knows at once who may vote, what works and how fast, begins in a calm
// world while its model sees an outage, and what it hears is not heard by the other.
func TestATwinBeginsWhereItsModelIs(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(30 * time.Second)
	if len(w.open()) == 0 {
		t.Fatal("the model sees no outage")
	}
	twin := w.e.Twin(w.now, Options{NoVerdicts: true})
	is := twin.Snapshot(w.now)
	if len(is.Open) != 0 || len(is.Recent) != 0 || is.Rounds != 0 || len(twin.Drain()) != 0 {
		t.Errorf("it begins with %+v", is.Open)
	}
	model := w.e.Snapshot(w.now)
	if len(is.Sites) == 0 || len(is.Sites) != len(model.Sites) {
		t.Fatalf("%d sites of %d", len(is.Sites), len(model.Sites))
	}
	for i, s := range is.Sites {
		if s.Eligible != model.Sites[i].Eligible {
			t.Errorf("%s may vote: %v (%s), for its model %v", s.ID, s.Eligible, s.Why, model.Sites[i].Eligible)
		}
	}
	states := map[string]VerdictState{}
	for _, v := range is.Verdicts {
		states[v.Target] = v.State
	}
	for _, v := range model.Verdicts {
		switch got := states[v.Target]; {
		case v.State == OK && got != OK:
			t.Errorf("%s is well, and %s for the twin", v.Target, got)
		case v.State == Down && got == Down:
			t.Errorf("%s fails for the twin from the start", v.Target)
		}
	}
	typical := w.e.Typical()
	if of := twin.Typical(); len(of) == 0 || len(of) != len(typical) {
		t.Errorf("it knows how fast %d checks are, of %d", len(of), len(typical))
	}
	open := len(w.open())
	for _, s := range w.e.sites { // everybody falls silent, for the twin alone
		for _, a := range s.agents {
			twin.Goodbye(w.now, a.id, "test")
		}
	}
	twin.Tick(w.now.Add(time.Minute))
	w.run(time.Second)
	for _, s := range w.e.Snapshot(w.now).Sites {
		if !s.Eligible {
			t.Errorf("the model lost %s: %s", s.ID, s.Why)
		}
	}
	if len(w.open()) != open {
		t.Error("the model's incidents changed")
	}
}
