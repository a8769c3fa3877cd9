package alert

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"picket/collector/detect"
)

// FuzzReceivers plays random lives of incidents, with silences, restarts and a disk
// that fails, to random routes, and holds what every receiver hears against three
// promises: nothing ends or changes that was not opened, nothing is opened twice
// without an end between, and what was opened ends once it is over, whatever
// silence, quiet time, storm or wider incident there is.
func FuzzReceivers(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { newTown(t, seed).live() })
}

// town is a planner, its receivers, and chance.
type town struct {
	t       *testing.T
	dice    *rand.Rand
	p       *Planner
	routes  []Route
	now     time.Time
	all     map[string]detect.Incident
	ids     []string
	bodies  map[string][][]byte // by incident: the outbox
	letters [][]byte            // all of them, in order
	open    map[string]bool     // by route and incident: what a receiver holds for open
	silent  time.Time           // everything is silenced until then
	posted  time.Time
	fails   bool // the next letters are not saved
}

func newTown(t *testing.T, seed uint64) *town {
	w := &town{t: t, dice: rand.New(rand.NewPCG(seed, 7)), now: noon, all: map[string]detect.Incident{}, bodies: map[string][][]byte{}, open: map[string]bool{}}
	classes := []Class{ClassPage, ClassChat, ClassTicket, ClassClient, ""}
	for k := range 1 + w.dice.IntN(4) {
		class := classes[w.dice.IntN(len(classes))]
		r := Route{Name: fmt.Sprint("r", k), Class: class, Cadence: class.Cadence([]Updates{UpdatesAll, UpdatesChanges, UpdatesNone}[w.dice.IntN(3)]),
			Delay: time.Duration(w.dice.IntN(4)) * time.Minute, ResolveDelay: time.Duration(w.dice.IntN(3)) * 5 * time.Minute,
			MinConfidence: []detect.Confidence{"", detect.ConfidenceSuspected, detect.ConfidenceConfirmed}[w.dice.IntN(3)], Drills: w.dice.IntN(2) == 0}
		if w.dice.IntN(3) == 0 {
			r.Quiet = []Quiet{{From: time.Duration(w.dice.IntN(24)) * time.Hour, To: time.Duration(w.dice.IntN(24)) * time.Hour, Zone: time.UTC, Except: LevelCritical}}
		}
		if w.dice.IntN(4) == 0 {
			r.Clients = []string{"acme"}
		}
		if k > 0 && w.dice.IntN(4) == 0 {
			w.routes[k-1].Escalate = Escalation{After: 10 * time.Minute, To: r.Name}
			r.OnlyEscalation = w.dice.IntN(2) == 0
		}
		w.routes = append(w.routes, r)
	}
	w.start()
	return w
}

func (w *town) start() {
	w.p = NewPlanner(PlannerOptions{Routes: w.routes, Beside: func(*detect.Incident) Beside {
		b := Beside{Official: Official{Posted: w.posted}}
		if w.now.Before(w.silent) {
			b.Silences = muted(w.silent).Silences
		}
		return b
	}})
}

// live is two busy hours, and a quiet week after them.
func (w *town) live() {
	busy := 1 + w.dice.IntN(6)
	for w.now.Before(noon.Add(2 * time.Hour)) {
		w.pass(time.Duration(1+w.dice.IntN(600)) * time.Second / time.Duration(busy))
		w.fails = w.dice.IntN(20) == 0
		switch w.dice.IntN(25) {
		case 0:
			w.restart()
		case 1:
			w.silent = w.now.Add(time.Duration(w.dice.IntN(3600)) * time.Second)
			w.p.Look(w.now)
		case 2:
			w.silent = time.Time{}
			w.p.Look(w.now)
		case 3:
			w.posted = w.now
			w.p.Look(w.now)
		default:
			w.happen()
		}
	}
	w.fails = false
	for _, id := range w.ids {
		if i := w.all[id]; i.State.Open() {
			w.tell(w.ended(i))
		}
	}
	w.silent = w.now.Add(30 * 24 * time.Hour) // even if nobody wants to hear anything any more
	w.p.Look(w.now)
	w.pass(7 * 24 * time.Hour)
	for key, open := range w.open {
		if open {
			w.t.Errorf("%s: told that it broke, never that it works", key)
		}
	}
	if len(w.p.incidents) > 0 {
		w.t.Errorf("%d incidents are kept for ever", len(w.p.incidents))
	}
}

func (w *town) ended(i detect.Incident) detect.Incident {
	i.State, i.Resolved = detect.Resolved, w.now
	if i.Recovered.IsZero() {
		i.Recovered = w.now
	}
	return i
}

// happen changes one incident, or begins one.
func (w *town) happen() {
	if len(w.ids) == 0 || w.dice.IntN(4) == 0 {
		w.tell(w.begin())
		return
	}
	i := w.all[w.ids[w.dice.IntN(len(w.ids))]]
	switch n := w.dice.IntN(10); {
	case !i.State.Open() && i.SupersededBy == "" && n < 5 && w.now.Sub(i.Resolved) < 90*time.Minute:
		i.State, i.Reopened, i.Again = detect.State(i.Confidence), w.now, i.Again+1
		i.Recovered, i.Resolved, i.Transient = time.Time{}, time.Time{}, false
	case !i.State.Open():
		return
	case n == 0:
		i.State, i.Recovered, i.Easing = detect.Recovering, w.now, false
	case n == 1:
		i = w.ended(i)
		i.Transient = i.Resolved.Sub(i.Opened) < 10*time.Second
	case n == 2:
		i = w.ended(i)
		i.SupersededBy = w.ids[0]
	case n == 3:
		i.Confidence = detect.ConfidenceConfirmed
		i.State, i.Confirmed, i.Recovered = detect.Confirmed, w.now, time.Time{}
	case n == 4:
		i.Kind, i.Target = detect.KindProviderRegion, ""
	case n == 5:
		i.Severity = []detect.Severity{detect.SeverityOutage, detect.SeverityPartial, detect.SeverityDegraded}[w.dice.IntN(3)]
	case n == 6:
		i.Layer = []string{"dns", "tcp", "tls", "http"}[w.dice.IntN(4)]
	case n == 7:
		i.Easing = !i.Easing
	case n == 8:
		i.Impact = []detect.Impact{{Client: "acme", Failing: 1, Sites: 2}}
	default:
		i.Intermittent = !i.Intermittent
	}
	w.tell(i)
}

func (w *town) begin() detect.Incident {
	id := fmt.Sprintf("01J%04d", len(w.ids))
	i := detect.Incident{ID: id, Kind: detect.KindTarget, Provider: "azure", Region: "westeurope", Target: fmt.Sprint("t", len(w.ids)), Severity: detect.SeverityOutage,
		Confidence: []detect.Confidence{detect.ConfidenceSuspected, detect.ConfidenceProbable, detect.ConfidenceConfirmed}[w.dice.IntN(3)],
		Started:    w.now, Opened: w.now, Drill: w.dice.IntN(10) == 0}
	i.State = detect.State(i.Confidence)
	if i.State == detect.Confirmed {
		i.Confirmed = w.now
	}
	if w.dice.IntN(4) == 0 {
		i.Kind, i.Target = detect.KindProvider, ""
	}
	w.ids = append(w.ids, id)
	return i
}

func (w *town) tell(i detect.Incident) {
	w.all[i.ID] = i
	w.take(w.p.Plan(w.now, i))
}

// pass lets the planner work for a time.
func (w *town) pass(d time.Duration) {
	end, same := w.now.Add(d), 0
	for {
		at, ok := w.p.Next()
		if !ok || at.After(end) {
			w.now = end
			if d > time.Hour {
				w.take(w.p.Due(w.now)) // it forgets only when it is asked
			}
			return
		}
		if at.After(w.now) {
			w.now, same = at, 0
		} else if same++; same > 100 {
			w.t.Fatalf("it is asked again and again at %v", w.now)
		}
		w.take(w.p.Due(w.now))
		w.fails = false
	}
}

// take saves letters and hands them to their receivers.
func (w *town) take(letters []Letter, err error) {
	if err != nil {
		w.t.Fatal(err)
	}
	if w.fails {
		return // the disk is full: nothing was saved, nobody hears anything
	}
	for _, l := range letters {
		var m Message
		if err := json.Unmarshal(l.Body, &m); err != nil {
			w.t.Fatal(err)
		}
		w.bodies[l.Incident] = append(w.bodies[l.Incident], l.Body)
		w.letters = append(w.letters, l.Body)
		w.hear(l, m)
	}
	w.p.Enqueued(letters...)
}

func (w *town) hear(l Letter, m Message) {
	key := l.Route + " " + l.Incident
	if want := l.Event != Opened; w.open[key] != want {
		w.t.Errorf("%s: %s (%s) at %v, when open is %v", key, l.Event, m.Reason, w.now.Sub(noon), w.open[key])
	}
	w.open[key] = l.Event != Resolved
	if n := len(w.letters); m.SentAs != Key(l.Incident, l.Route, m.Sequence) || n > 100_000 {
		w.t.Fatalf("letter %d: %s", n, m.SentAs)
	}
	if i := w.all[l.Incident]; l.Event == Resolved && m.Kind != KindStorm && i.State.Open() {
		w.t.Errorf("%s: resolved while it is %s", key, i.State)
	}
}

// restart is a planner that knows what the store knows.
func (w *town) restart() {
	w.start()
	for _, body := range w.letters {
		var m Message
		if err := json.Unmarshal(body, &m); err != nil {
			w.t.Fatal(err)
		}
		if m.Kind == KindStorm || w.now.Sub(m.At) < StormWindow {
			if err := w.p.Recall(body); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	for _, id := range w.ids {
		if i := w.all[id]; i.State.Open() || w.now.Sub(i.Resolved) < 24*time.Hour {
			if err := w.p.Restore(i, w.bodies[id]); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
