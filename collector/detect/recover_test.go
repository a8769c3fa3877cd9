package detect

import (
	"fmt"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/vantage"
	"picket/probes"
)

// toldBy is the incident as it was last told at t.
func (w *simWorld) toldBy(id string, t time.Time) (in Incident, ok bool) {
	for i, ev := range w.history {
		if ev.Incident.ID == id && !w.toldAt[i].After(t) {
			in, ok = ev.Incident, true
		}
	}
	return in, ok
}

// pagedAfter says whether a route with this delay would have told of in: it
// holds at the end of the delay and seems not to be over.
func (w *simWorld) pagedAfter(id string, delay time.Duration) bool {
	first, _ := w.toldBy(id, w.now)
	in, ok := w.toldBy(id, first.Opened.Add(delay))
	return ok && in.State.Open() && in.State != Recovering && !in.Easing && in.Confidence.Rank() >= ConfidenceProbable.Rank()
}

func TestWhatIsGoneWithinTenSecondsIsTransientAndPagesNobody(t *testing.T) {
	t.Parallel()
	for _, lasts := range []time.Duration{2, 5, 8, 9} {
		for name, f := range map[string]*fault{"refused": refused(), "blackhole": blackhole()} {
			t.Run(fmt.Sprint(name, " ", lasts, " s"), func(t *testing.T) {
				for seed := range uint64(2) {
					w := newWorld(t, worldOptions{seed: seed})
					w.run(calm + time.Duration(seed)*977*time.Millisecond)
					w.broken("azure", "", f)
					w.run(lasts * time.Second)
					w.breaks = nil
					w.run(3 * time.Minute)
					for id, in := range w.incidents {
						if w.pagedAfter(id, 12*time.Second) {
							w.tell()
							t.Fatalf("seed %d: paged: %s", seed, in.Summary)
						}
						if in.State != Resolved || !in.Transient || in.Easing {
							t.Errorf("seed %d: %s, transient %v, easing %v", seed, in.State, in.Transient, in.Easing)
						}
					}
				}
			})
		}
	}
}

func TestAnOutageThatLastsIsPagedAndAsksSparingly(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(time.Minute)
	n := 0
	for _, ev := range w.events {
		if a, ok := ev.(Ask); ok && a.Recovery {
			n++
		}
	}
	w.tell()
	if n < 8 || n > 30 {
		t.Errorf("%d askings in a minute", n)
	}
	for _, in := range w.open() {
		if !w.pagedAfter(in.ID, 12*time.Second) || in.Easing || in.Confidence != ConfidenceConfirmed {
			t.Errorf("not paged: %+v", in)
		}
	}
	before := n
	w.run(59 * time.Minute)
	n = 0
	for _, ev := range w.events {
		if a, ok := ev.(Ask); ok && a.Recovery {
			n++
		}
	}
	if n-before > 160 {
		t.Errorf("%d askings in an hour", n)
	}
}

func TestRecoveryAnswersDecideNothingElse(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(10 * time.Second)
	if len(w.open()) != 1 {
		t.Fatal("no outage")
	}
	// From now on whoever is asked again says UP, though results fail: a page may
	// be held back for a while, health is not reached.
	w.lies = func(*simAgent, uint32, vantage.Answer) vantage.Answer { return vantage.Up }
	w.run(time.Minute)
	in := w.open()[0]
	if !in.Easing || in.State == Recovering || !in.Recovered.IsZero() {
		t.Fatalf("easing %v, %s", in.Easing, in.State)
	}
	w.run(3 * time.Minute)
	w.tell()
	if o := w.open(); len(o) != 1 || o[0].Easing || o[0].State != Confirmed {
		t.Fatalf("answers that no result bears out still hold back the page: %+v", o)
	}
}

func TestFiftyTargetsAtOnceStayWithinTheBudget(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.breaks = func(*Site, *fleet.Target, probes.Kind) *fault { return refused() }
	var asks []Ask
	var at []time.Time
	seen := len(w.events)
	for range 400 {
		w.run(100 * time.Millisecond)
		for _, ev := range w.events[seen:] {
			if a, ok := ev.(Ask); ok {
				asks, at = append(asks, a), append(at, w.now)
			}
		}
		seen = len(w.events)
	}
	w.tell()
	worst := 0
	for _, a := range w.agents {
		for i := range asks {
			n := 0
			for k := i; k < len(asks) && at[k].Sub(at[i]) < 10*time.Second; k++ {
				for _, id := range asks[k].Agents {
					if id == a.id {
						n += 2
					}
				}
			}
			worst = max(worst, n)
		}
	}
	t.Logf("at most %d confirmations of an agent in 10 s", worst)
	if worst > 20 {
		t.Errorf("%d confirmations of an agent in 10 s", worst)
	}
}

func TestOnePairThatLosesRequestsIsNoOutageAgain(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(5 * time.Second)
	l := w.e.open[0]
	l.recheck.alone = false
	for i, k := range []struct {
		said   saying
		easing bool
	}{
		{saying{true, "a"}, false}, {saying{true, "a"}, false}, {saying{true, "b"}, true},
		{saying{false, "c"}, true}, {saying{true, "a"}, true}, {saying{false, "c"}, true}, // one site, twice
		{saying{false, "d"}, false}, // a second network
	} {
		if w.e.weighAnswer(w.now, l, k.said); l.inc.Easing != k.easing {
			t.Fatalf("answer %d: easing %v", i, l.inc.Easing)
		}
	}
}

func TestAnAnswerCountsForEveryIncidentOfThePair(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	w.broken("azure", "r2", refused())
	w.run(5 * time.Second)
	l, a := w.e.open[0], w.e.agentOf(w.agents[0].id)
	other, unasked := *l, *l
	other.recheck, unasked.recheck = easing{next: w.now}, easing{}
	w.e.open = append(w.e.open, &other, &unasked)
	l.recheck.round, l.recheck.check, l.recheck.asked, l.recheck.deadline = 1<<40, w.e.targetByID[l.inc.Targets[0]].checks[0], w.now, w.now.Add(time.Second)
	l.recheck.agents, l.recheck.answers = []*agent{a}, nil
	if !w.e.recovers(w.now, a, Vote{Round: 1 << 40, Answer: vantage.Up}) {
		t.Fatal("nobody asked")
	}
	if len(l.recheck.answers) != 1 || len(other.recheck.answers) != 1 || len(unasked.recheck.answers) != 0 {
		t.Errorf("%d, %d and %d answers", len(l.recheck.answers), len(other.recheck.answers), len(unasked.recheck.answers))
	}
}
