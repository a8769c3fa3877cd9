package alert

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/detect"
)

func TestDecideHandsOn(t *testing.T) {
	boss := Route{Name: "boss", OnlyEscalation: true, Kinds: SiteSide, MinConfidence: detect.ConfidenceConfirmed, Delay: time.Hour, ResolveDelay: 5 * time.Minute}
	all := Route{Name: "all", Delay: 3 * time.Minute}
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	due := Beside{Steps: []Step{{"late", at(30 * time.Minute)}, {"page", at(15 * time.Minute)}}}
	taken, mute, within := due, due, due
	within.Within = "01JWIDER"
	taken.Acknowledged = at(10 * time.Minute)
	mute.Silences = muted(at(time.Hour)).Silences
	told := Told{Event: Opened, Sequence: 1, Since: noon, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage}
	o := outage()
	told.Label = label(&o)
	called := told
	called.Escalated = true
	ended := told
	ended.Event = Resolved
	never := time.Time{}

	for _, c := range []struct {
		name  string
		told  Told
		now   time.Time
		i     detect.Incident
		b     Beside
		r     Route
		event Event
		why   Reason
		next  time.Time
	}{
		{"a last resort is told nothing of its own", Told{}, at(time.Hour), outage(), Beside{}, boss, "", ReasonLastResort, never},
		{"there is time yet", Told{}, at(time.Minute), outage(), due, boss, "", ReasonLastResort, at(15 * time.Minute)},
		{"nobody took it, whatever the route wishes", Told{}, at(15 * time.Minute), outage(probable), due, boss, Opened, ReasonEscalated, never},
		{"somebody took it", Told{}, at(15 * time.Minute), outage(), taken, boss, "", ReasonAcknowledged, never},
		{"it is over", Told{}, at(65 * time.Minute), outage(resolved), due, boss, "", ReasonLastResort, never},
		{"it is going away", Told{}, at(65 * time.Minute), outage(recovering), due, boss, "", ReasonLastResort, never},
		{"it seems to go away", Told{}, at(15 * time.Minute), outage(easing), due, boss, "", ReasonLastResort, at(15*time.Minute + time.Second)},
		{"another explains it", Told{}, at(15 * time.Minute), outage(superseded), due, boss, "", ReasonLastResort, never},
		{"it is silenced", Told{}, at(15 * time.Minute), outage(), mute, boss, "", ReasonSilenced, at(time.Hour)},
		{"and then not any more", Told{}, at(time.Hour), outage(), mute, boss, Opened, ReasonEscalated, never},

		{"a route with wishes of its own keeps its delay", Told{}, at(time.Minute), outage(), due, all, "", ReasonTooEarly, at(3 * time.Minute)},
		{"and is told in its own right first", Told{}, at(3 * time.Minute), outage(), due, all, Opened, ReasonOpened, never},
		{"then it is called once", told, at(14 * time.Minute), outage(), due, all, "", ReasonAlreadyTold, at(15 * time.Minute)},
		{"not for what a wider one explains", told, at(15 * time.Minute), outage(), within, all, "", ReasonAlreadyTold, never},
		{"because nobody took it", told, at(15 * time.Minute), outage(), due, all, Updated, ReasonEscalated, never},
		{"not twice", called, at(30 * time.Minute), outage(), due, all, "", ReasonAlreadyTold, never},
		{"not if somebody took it", told, at(15 * time.Minute), outage(), taken, all, "", ReasonAlreadyTold, never},
		{"it hears the rest", called, at(16 * time.Minute), outage(func(i *detect.Incident) { i.Severity = detect.SeverityPartial }), due, boss, Updated, ReasonUpdated, never},
		{"and the end", called, at(66 * time.Minute), outage(resolved), due, boss, Resolved, ReasonResolved, never},
		{"after the end there is nothing", ended, at(2 * time.Hour), outage(resolved), Beside{}, boss, "", ReasonAlreadyTold, never},
		{"back again it is a last resort again", ended, at(2 * time.Hour), outage(reopened), Beside{}, boss, "", ReasonLastResort, never},
		{"and called again", ended, at(2 * time.Hour), outage(reopened), due, boss, Opened, ReasonEscalated, never},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Decide(c.told, c.now, &c.i, c.b, c.r); got.Event != c.event || got.Reason != c.why || !got.Next.Equal(c.next) {
				t.Errorf("got %+v, want %q %s %v", got, c.event, c.why, c.next)
			}
		})
	}
}

// desk is a planner with the people in front of it: a channel, a person, all.
type desk struct {
	t      *testing.T
	p      *Planner
	beside Beside
	bodies [][]byte
	told   []string // "15m0s person opened escalated"
	start  time.Time
}

func newDesk(t *testing.T, routes ...Route) *desk {
	d := &desk{t: t, start: time.Now()}
	d.p = NewPlanner(PlannerOptions{Routes: routes, Beside: func(*detect.Incident) Beside { return d.beside }})
	return d
}

func threeSteps() []Route {
	return []Route{
		{Name: "channel", Delay: time.Minute, ResolveDelay: time.Minute, Escalate: Escalation{15 * time.Minute, "person"}},
		{Name: "person", OnlyEscalation: true, ResolveDelay: time.Minute, Escalate: Escalation{10 * time.Minute, "all"}},
		{Name: "all", OnlyEscalation: true, ResolveDelay: time.Minute},
	}
}

func (d *desk) send(letters []Letter, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, l := range letters {
		var m Message
		if err := json.Unmarshal(l.Body, &m); err != nil {
			d.t.Fatal(err)
		}
		d.bodies = append(d.bodies, l.Body)
		d.told = append(d.told, time.Since(d.start).Round(time.Second).String()+" "+l.Route+" "+string(m.Event)+" "+string(m.Reason))
	}
	d.p.Enqueued(letters...)
}

// until lets time pass, and the planner work, until that long after the start.
func (d *desk) until(after time.Duration) {
	d.t.Helper()
	end := d.start.Add(after)
	for {
		at, ok := d.p.Next()
		if !ok || at.After(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(at))
		d.send(d.p.Due(time.Now()))
	}
}

func (d *desk) heard(want ...string) {
	d.t.Helper()
	if !slices.Equal(d.told, want) {
		d.t.Errorf("told\n%q, want\n%q", d.told, want)
	}
	d.told = nil
}

// live is a confirmed outage that began now.
func live() detect.Incident {
	now := time.Now()
	return outage(func(i *detect.Incident) { i.Started, i.Opened, i.Confirmed = now, now, now })
}

func over(i detect.Incident) detect.Incident {
	i.State, i.Recovered, i.Resolved = detect.Resolved, time.Now(), time.Now()
	return i
}

func TestNobodyAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeSteps()...)
		i := live()
		d.send(d.p.Plan(time.Now(), i))
		d.until(3 * time.Hour)
		d.heard("1m0s channel opened opened", "16m0s person opened escalated", "26m0s all opened escalated")
		d.send(d.p.Plan(time.Now(), over(i)))
		d.until(4 * time.Hour)
		d.heard("3h1m0s channel resolved resolved", "3h1m0s person resolved resolved", "3h1m0s all resolved resolved")
	})
}

func TestAnAcknowledgementStopsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeSteps()...)
		i := live()
		d.send(d.p.Plan(time.Now(), i))
		d.until(20 * time.Minute)
		d.heard("1m0s channel opened opened", "16m0s person opened escalated")
		d.beside.Acknowledged, d.beside.By = time.Now(), "ana"
		d.p.Look(time.Now())
		d.until(3 * time.Hour)
		d.heard()
		d.send(d.p.Plan(time.Now(), over(i)))
		d.until(4 * time.Hour)
		d.heard("3h1m0s channel resolved resolved", "3h1m0s person resolved resolved") // who heard of it hears its end, nobody else
	})
}

// TestARestartForgetsNoStep: the time runs on from when the channel was told, and
// who was called is not called again.
func TestARestartForgetsNoStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeSteps()...)
		i := live()
		d.send(d.p.Plan(time.Now(), i))
		d.until(5 * time.Minute)
		i.Severity = detect.SeverityPartial
		d.send(d.p.Plan(time.Now(), i)) // news do not begin the time anew
		for _, until := range []time.Duration{10 * time.Minute, 20 * time.Minute, 3 * time.Hour} {
			bodies := d.bodies
			d.p = NewPlanner(PlannerOptions{Routes: threeSteps(), Beside: func(*detect.Incident) Beside { return d.beside }})
			if err := d.p.Restore(i, bodies); err != nil {
				t.Fatal(err)
			}
			d.until(until)
		}
		d.heard("1m0s channel opened opened", "5m0s channel updated updated", "16m0s person opened escalated", "26m0s all opened escalated")
	})
}

// TestWhatIsOverCallsNobody: it ends before the time is over, or all steps wait
// for a channel that was never told.
func TestWhatIsOverCallsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeSteps()...)
		i := live()
		d.send(d.p.Plan(time.Now(), i))
		d.until(15 * time.Minute)
		d.send(d.p.Plan(time.Now(), over(i)))
		d.until(3 * time.Hour)
		d.heard("1m0s channel opened opened", "16m0s channel resolved resolved")

		blip := live()
		blip.ID = "01JBLIP"
		d.send(d.p.Plan(time.Now(), blip))
		d.until(3*time.Hour + 30*time.Second)
		d.send(d.p.Plan(time.Now(), over(blip)))
		d.until(6 * time.Hour)
		d.heard()
	})
}

func TestASilencedChannelCallsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, threeSteps()...)
		d.send(d.p.Plan(time.Now(), live()))
		d.until(5 * time.Minute)
		until := time.Now().Add(time.Hour)
		d.beside.Silences = func(route string) (string, time.Time) {
			if route == "channel" {
				return "s1", until
			}
			return "", time.Time{}
		}
		d.p.Look(time.Now())
		d.until(60 * time.Minute)
		d.heard("1m0s channel opened opened")
	})
}
