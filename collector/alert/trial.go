package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Tested is the event of a message that only asks whether the way to a
// receiver works. Its AlertID begins with "TEST-" and names no incident.
const Tested Event = "test"

// testLetter writes a message to route r that nobody can take for an alert.
func testLetter(r Route, now time.Time) (Letter, error) {
	return trial(r, fmt.Sprintf("TEST-%d", now.UnixMilli()), now, "Somebody asked Picket to try this way of telling people.")
}

// WeeklyLetter writes the weekly test message to route r. due is when it was
// due, and makes its id: written twice it is the same letter.
func WeeklyLetter(r Route, due, now time.Time) (Letter, error) {
	return trial(r, WeeklyID(due), now, "Once a week Picket tries every way of telling people, so that one that is broken is found before it is needed.")
}

// WeeklyID stands where an incident's id does in the weekly test that was due then.
func WeeklyID(due time.Time) string { return "TEST-WEEK-" + due.UTC().Format("20060102T1504") }

func trial(r Route, id string, now time.Time, why string) (Letter, error) {
	at := now.UTC().Format("2006-01-02 15:04:05 UTC")
	what := "a test of the alert route " + oneLine(r.Name)
	if r.By != "" {
		what += " (" + oneLine(r.By) + ")"
	}
	return sealed(Message{
		Event: Tested, AlertID: id, Route: r.Name, Sequence: 1, At: now.UTC(),
		Title: "TEST: nothing has happened", Subject: clip("["+tagTest+"] Nothing has happened: Picket tries the alert route "+oneLine(r.Name), maxTitle),
		Finding: why + " No cloud, internet provider or site is in trouble because of this message.",
		Lines: []Line{
			{Label: "WHAT", Text: what},
			{Label: "SINCE", Text: "sent at " + at},
			{Label: "DO NOW", Items: []string{"Nothing. If you read this, alerts arrive here."}, Numbered: true},
		},
	}, now)
}

// sealed makes a letter of a message that is about no incident.
func sealed(m Message, now time.Time) (Letter, error) {
	m.Schema, m.SentAs = Schema, Key(m.AlertID, m.Route, m.Sequence)
	m.Text = render(m.Title, m.Finding, m.Lines, nil, "")
	body, err := json.Marshal(m)
	if err != nil {
		return Letter{}, fmt.Errorf("write message %s: %w", m.SentAs, err)
	}
	return Letter{ID: m.SentAs, Incident: m.AlertID, Route: m.Route, Event: m.Event, Body: body, Created: now, Due: now}, nil
}

// Test delivers a message that is clearly marked as a test on route name, now,
// beside the outbox, and says why it did not arrive. errors.Is: [ErrNoRoute].
func (s *Sender) Test(ctx context.Context, name string) error {
	r, _, ok := s.route(name)
	if !ok {
		return fmt.Errorf("%w %q", ErrNoRoute, name)
	}
	l, err := testLetter(r, time.Now())
	if err != nil {
		return err
	}
	return s.o.Deliver(ctx, r, l)
}

// ErrNoRoute marks the name of a route that is not configured.
var ErrNoRoute = errors.New("there is no alert route")
