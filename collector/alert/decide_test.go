package alert

import (
	"testing"
	"time"

	"picket/collector/detect"
)

var noon = time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)

// outage is a confirmed incident declared at noon.
func outage(change ...func(*detect.Incident)) detect.Incident {
	i := detect.Incident{ID: "01JOUTAGE", Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope",
		State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage,
		Started: noon.Add(-4 * time.Second), Opened: noon, Confirmed: noon}
	for _, c := range change {
		c(&i)
	}
	return i
}

func probable(i *detect.Incident) {
	i.State, i.Confidence, i.Confirmed = detect.Probable, detect.ConfidenceProbable, time.Time{}
}
func recovering(i *detect.Incident) {
	i.State, i.Recovered = detect.Recovering, noon.Add(time.Hour)
}
func resolved(i *detect.Incident) {
	i.State, i.Recovered, i.Resolved = detect.Resolved, noon.Add(time.Hour), noon.Add(time.Hour+time.Minute)
}
func easing(i *detect.Incident)       { i.Easing = true }
func intermittent(i *detect.Incident) { i.Intermittent = true }
func reopened(i *detect.Incident)     { i.Reopened, i.Again = noon.Add(90*time.Minute), 1 }
func superseded(i *detect.Incident) {
	resolved(i)
	i.SupersededBy = "01JOTHER"
}
func siteIncident(i *detect.Incident) { i.Kind, i.Site = detect.KindSite, "acme/madrid" }

// knows is what a route knows that was told of i as it is.
func knows(event Event, i detect.Incident) Told {
	return Told{Event: event, Sequence: 1, Confidence: i.Confidence, Severity: i.Severity, Label: label(&i), LineDown: i.LineDown}
}

func TestDecide(t *testing.T) {
	page := Route{Name: "page", ResolveDelay: 5 * time.Minute}
	ticket := Route{Name: "ticket", Delay: 3 * time.Minute, ResolveDelay: 5 * time.Minute}
	sure := Route{Name: "sure", MinConfidence: detect.ConfidenceConfirmed, Delay: time.Minute}
	clouds := Route{Name: "clouds", Kinds: ProviderSide}
	lines := Route{Name: "lines", Kinds: SiteSide}
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	never := time.Time{}

	for _, c := range []struct {
		name  string
		told  Told
		now   time.Time
		i     detect.Incident
		r     Route
		event Event
		why   Reason
		next  time.Time
	}{
		{"a page goes at once", Told{}, at(0), outage(), page, Opened, ReasonOpened, never},
		{"a ticket waits", Told{}, at(2 * time.Minute), outage(), ticket, "", ReasonTooEarly, at(3 * time.Minute)},
		{"and then goes", Told{}, at(3 * time.Minute), outage(), ticket, Opened, ReasonOpened, never},
		{"not if it is gone by then", Told{}, at(3 * time.Minute), outage(resolved), ticket, "", ReasonTransient, never},
		{"nor while it is going away", Told{}, at(3 * time.Minute), outage(recovering), ticket, "", ReasonRecovering, never},
		{"a blip is never told", Told{}, at(0), outage(func(i *detect.Incident) { i.Transient = true }), page, "", ReasonTransient, never},
		{"a page waits while fresh answers are good", Told{}, at(12 * time.Second), outage(easing), Route{Delay: 12 * time.Second}, "", ReasonRecovering, at(13 * time.Second)},
		{"and goes when they are not", Told{}, at(13 * time.Second), outage(), Route{Delay: 12 * time.Second}, Opened, ReasonOpened, never},
		{"before it is due easing changes nothing", Told{}, at(5 * time.Second), outage(easing), ticket, "", ReasonTooEarly, at(3 * time.Minute)},
		{"who was told is not told that it eases", knows(Opened, outage()), at(time.Minute), outage(easing), page, "", ReasonAlreadyTold, never},
		{"what comes and goes is told in a pause too", Told{}, at(4 * time.Minute), outage(recovering, intermittent), ticket, Opened, ReasonOpened, never},
		{"and while it eases", Told{}, at(4 * time.Minute), outage(easing, intermittent), ticket, Opened, ReasonOpened, never},
		{"what was found in late results is told to nobody", Told{}, at(0), outage(resolved, func(i *detect.Incident) { i.Retrospective = true }), page, "", ReasonRetrospective, never},
		{"probable is not confirmed", Told{}, at(time.Hour), outage(probable), sure, "", ReasonBelowConfidence, never},
		{"a suspicion is told to nobody", Told{}, at(time.Hour), outage(func(i *detect.Incident) { i.Confidence = detect.ConfidenceSuspected }), page, "", ReasonBelowConfidence, never},
		{"the delay of who wants it confirmed counts from there", Told{}, at(10 * time.Minute), outage(func(i *detect.Incident) { i.Confirmed = at(9*time.Minute + 30*time.Second) }), sure, "", ReasonTooEarly, at(10*time.Minute + 30*time.Second)},
		{"a site is nothing for the cloud route", Told{}, at(0), outage(siteIncident), clouds, "", ReasonNotForRoute, never},
		{"but for the line route", Told{}, at(0), outage(siteIncident), lines, Opened, ReasonOpened, never},
		{"a cloud is nothing for the line route", Told{}, at(0), outage(), lines, "", ReasonNotForRoute, never},
		{"superseded before it was told", Told{}, at(0), outage(superseded), page, "", ReasonSuperseded, never},

		{"the same is no news", knows(Opened, outage()), at(time.Hour), outage(), page, "", ReasonAlreadyTold, never},
		{"counts are no news", knows(Opened, outage()), at(time.Hour), outage(func(i *detect.Incident) { i.DownSites = 11 }), page, "", ReasonAlreadyTold, never},
		{"surer is news", knows(Opened, outage(probable)), at(time.Minute), outage(), page, Updated, ReasonUpdated, never},
		{"less sure is not", knows(Opened, outage()), at(time.Minute), outage(probable), page, "", ReasonAlreadyTold, never},
		{"another label is news", knows(Opened, outage()), at(time.Minute), outage(func(i *detect.Incident) { i.Kind, i.Region = detect.KindProvider, "" }), page, Updated, ReasonUpdated, never},
		{"proof of a dead line is news", knows(Opened, outage(siteIncident)), at(time.Minute), outage(siteIncident, func(i *detect.Incident) { i.LineDown = true }), lines, Updated, ReasonUpdated, never},
		{"who was told hears the rest, whatever it became", knows(Opened, outage(siteIncident)), at(time.Minute), outage(), lines, Updated, ReasonUpdated, never},

		{"recovering is not over", knows(Updated, outage()), at(61 * time.Minute), outage(recovering), page, "", ReasonRecovering, never},
		{"resolved waits for lasting health", knows(Opened, outage()), at(62 * time.Minute), outage(resolved), page, "", ReasonTooEarly, at(65 * time.Minute)},
		{"and is told then", knows(Opened, outage()), at(65 * time.Minute), outage(resolved), page, Resolved, ReasonResolved, never},
		{"a relapse meanwhile is no news", knows(Opened, outage()), at(64 * time.Minute), outage(reopened), page, "", ReasonAlreadyTold, never},
		{"merged into another", knows(Opened, outage()), at(time.Minute), outage(superseded), page, Resolved, ReasonSuperseded, never},

		{"resolved is told once", knows(Resolved, outage(resolved)), at(2 * time.Hour), outage(resolved), page, "", ReasonAlreadyTold, never},
		{"back again after resolved", knows(Resolved, outage(resolved)), at(90 * time.Minute), outage(reopened), page, Opened, ReasonReopened, never},
		{"back again, with the delay of the route", knows(Resolved, outage(resolved)), at(91 * time.Minute), outage(reopened), ticket, "", ReasonTooEarly, at(93 * time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Decide(c.told, c.now, &c.i, Beside{}, c.r); got.Event != c.event || got.Reason != c.why || !got.Next.Equal(c.next) {
				t.Errorf("got %+v, want %q %s %v", got, c.event, c.why, c.next)
			}
		})
	}
}

// TestAStoryToldToTwoRoutes follows one outage through the planner.
func TestAStoryToldToTwoRoutes(t *testing.T) {
	routes := []Route{{Name: "page", ResolveDelay: 5 * time.Minute}, {Name: "desk", Delay: 3 * time.Minute, ResolveDelay: 0}}
	p := NewPlanner(PlannerOptions{Routes: routes})
	var told []string
	var bodies [][]byte
	enqueue := func(letters []Letter, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			told = append(told, l.ID+" "+string(l.Event))
			bodies = append(bodies, l.Body)
		}
		p.Enqueued(letters...)
	}
	expect := func(want ...string) {
		t.Helper()
		if len(told) != len(want) {
			t.Fatalf("told %q, want %q", told, want)
		}
		for k := range want {
			if told[k] != want[k] {
				t.Errorf("told %q, want %q", told[k], want[k])
			}
		}
		told = nil
	}
	next := func(want time.Time) {
		t.Helper()
		if at, ok := p.Next(); ok != !want.IsZero() || !at.Equal(want) {
			t.Errorf("next %v %v, want %v", at, ok, want)
		}
	}

	enqueue(p.Plan(noon, outage(probable)))
	expect("01JOUTAGE.page.1 opened")
	next(noon.Add(3 * time.Minute))
	enqueue(p.Plan(noon.Add(15*time.Second), outage(func(i *detect.Incident) { i.Confirmed = noon.Add(15 * time.Second) })))
	expect("01JOUTAGE.page.2 updated")
	enqueue(p.Due(noon.Add(3 * time.Minute)))
	expect("01JOUTAGE.desk.1 opened")
	next(time.Time{})

	// The collector crashes here. What was told is read back from the outbox.
	p = NewPlanner(PlannerOptions{Routes: routes})
	if err := p.Restore(outage(), bodies); err != nil {
		t.Fatal(err)
	}
	enqueue(p.Due(noon.Add(30 * time.Minute)))
	expect()
	enqueue(p.Plan(noon.Add(time.Hour), outage(recovering)))
	expect()
	enqueue(p.Plan(noon.Add(61*time.Minute), outage(resolved)))
	expect("01JOUTAGE.desk.2 resolved")
	next(noon.Add(65 * time.Minute))
	enqueue(p.Due(noon.Add(65 * time.Minute)))
	expect("01JOUTAGE.page.3 resolved")
	enqueue(p.Plan(noon.Add(90*time.Minute), outage(reopened)))
	expect("01JOUTAGE.page.4 opened")
	enqueue(p.Plan(noon.Add(92*time.Minute), outage(resolved)))
	expect("01JOUTAGE.page.5 resolved")
	enqueue(p.Due(noon.Add(10 * time.Hour)))
	if len(p.incidents) != 0 {
		t.Error("an incident that nobody can be told about is kept for ever")
	}
}

// TestANewRouteIsToldOfWhatIsOpen: nothing changes about the incident, and yet
// whoever is written into the configuration now hears of it, once; as a restart
// would tell.
func TestANewRouteIsToldOfWhatIsOpen(t *testing.T) {
	old, fresh := Route{Name: "old"}, Route{Name: "fresh", Delay: time.Minute}
	p := NewPlanner(PlannerOptions{Routes: []Route{old}})
	letters, err := p.Plan(noon, outage())
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	p.Enqueued(letters...)
	if at, ok := p.Next(); ok {
		t.Fatalf("it is not stable: next %v", at)
	}
	now := noon.Add(time.Hour)
	p.SetRoutes(now, []Route{old, fresh})
	if at, ok := p.Next(); !ok || at.After(now) {
		t.Errorf("next %v %v", at, ok)
	}
	letters, err = p.Due(now)
	if err != nil || len(letters) != 1 || letters[0].Route != "fresh" || letters[0].Event != Opened {
		t.Fatalf("got %+v, %v", letters, err)
	}
	p.Enqueued(letters...)
	if again, err := p.Due(now.Add(time.Hour)); err != nil || len(again) != 0 {
		t.Errorf("again %+v, %v", again, err)
	}
}

// TestALetterThatWasNotSavedIsWrittenAgain is the crash, or the full disk,
// between deciding and saving.
func TestALetterThatWasNotSavedIsWrittenAgain(t *testing.T) {
	p := NewPlanner(PlannerOptions{Routes: []Route{{Name: "a"}, {Name: "b"}}})
	first, err := p.Plan(noon, outage())
	if err != nil || len(first) != 2 {
		t.Fatalf("%d letters, %v", len(first), err)
	}
	p.Enqueued(first[0]) // the other could not be saved
	if at, ok := p.Next(); !ok || at.After(noon) {
		t.Fatalf("next %v %v", at, ok)
	}
	second, err := p.Due(noon.Add(time.Second))
	if err != nil || len(second) != 1 || second[0].ID != first[1].ID {
		t.Errorf("got %+v, %v", second, err)
	}
}
