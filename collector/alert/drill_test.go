package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"picket/collector/detect"
)

// Whoever sees half of a drill's message must not take it for real.
func TestDrillSaysSoEverywhere(t *testing.T) {
	real, now := westEurope(), noon.Add(time.Hour)
	i := real
	i.Drill = true
	for _, event := range []Event{Opened, Updated, Resolved} {
		if event == Resolved {
			i.State, i.Resolved, i.Reason.Code = detect.Resolved, now, detect.DrillEnded
		}
		l, err := Words{}.compose(Decision{Event: event}, Told{}, &i, Beside{}, Route{Name: "desk"}, now)
		if err != nil {
			t.Fatal(err)
		}
		var m Message
		if err := json.Unmarshal(l.Body, &m); err != nil {
			t.Fatal(err)
		}
		if !m.Drill || m.DrillClients {
			t.Errorf("%s: drill is %v, for clients %v", event, m.Drill, m.DrillClients)
		}
		if !strings.HasPrefix(m.Subject, "[DRILL][") || length(m.Subject) > maxTitle {
			t.Errorf("%s: subject %q", event, m.Subject)
		}
		if !strings.HasPrefix(m.Title, "DRILL: ") || length(m.Title) > maxTitle {
			t.Errorf("%s: title %q", event, m.Title)
		}
		if !strings.Contains(m.Finding, "nothing is broken") && !strings.Contains(m.Finding, "nothing was broken") {
			t.Errorf("%s: finding %q", event, m.Finding)
		}
		if len(m.Lines) == 0 || m.Lines[0].Label != "DRILL" {
			t.Errorf("%s: the first line is %+v", event, m.Lines)
		}
		if m.Tone() != ToneNeutral {
			t.Errorf("%s: it looks like %v", event, m.Tone())
		}
	}
	l, err := Words{}.compose(Decision{Event: Opened}, Told{}, &real, Beside{}, Route{Name: "desk"}, now)
	if err != nil || strings.Contains(strings.ToUpper(string(l.Body)), "DRILL") {
		t.Errorf("what is real speaks of a drill: %s (%v)", l.Body, err)
	}
}
