package digest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"picket/collector/alert"
	"picket/collector/detect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

func madrid(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func day(t *testing.T) Facts {
	to := time.Date(2026, 2, 3, 7, 30, 0, 0, madrid(t))
	return Facts{From: to.AddDate(0, 0, -1), To: to, Zone: madrid(t), Route: "digest", Heard: 63, Sites: 63, Page: "https://picket.msp.example"}
}

func incident(id string, kind detect.Kind, title string, started time.Time, lasted time.Duration) detect.Incident {
	i := detect.Incident{ID: id, Kind: kind, Title: title, State: detect.Resolved, Confidence: detect.ConfidenceConfirmed, DownSites: 1, Sites: 1,
		Started: started, Opened: started.Add(2 * time.Second), Recovered: started.Add(lasted), Resolved: started.Add(lasted + 5*time.Minute)}
	if lasted == 0 {
		i.State, i.Recovered, i.Resolved = detect.Confirmed, time.Time{}, time.Time{}
	}
	return i
}

func TestDigestsReadWell(t *testing.T) {
	calm := day(t)
	m := Write(calm)
	golden(t, "calm.txt", "Subject: "+m.Subject+"\n\n"+m.Text)

	busy := day(t)
	e, _ := alert.ExampleNamed("recovered")
	outlook := incident("4", detect.KindTarget, "Microsoft 365 outlook: some requests fail", busy.To.Add(-20*time.Hour), 4*time.Minute)
	outlook.Target, outlook.Again, outlook.Confidence, outlook.Sites, outlook.DownSites = "m365-outlook", 3, detect.ConfidenceProbable, 12, 7
	gone := incident("5", detect.KindSite, "acme/porto: line down", busy.To.Add(-3*time.Hour), time.Second)
	gone.Transient = true
	part := incident("6", detect.KindTarget, "Azure arm: outage", e.Incident.Started, time.Hour)
	part.SupersededBy = e.Incident.ID
	drill := incident("7", detect.KindProvider, "AWS: outage", busy.To.Add(-5*time.Hour), 3*time.Minute)
	drill.Drill = true
	busy.Incidents = []detect.Incident{*e.Incident, outlook, gone, part, drill,
		incident("2", detect.KindSite, "acme/madrid: line down", busy.To.Add(-6*time.Hour), 0),
		incident("3", detect.KindSite, "globex/lyon: its own line or resolver is unwell", busy.To.Add(-9*time.Hour), 12*time.Minute),
		incident("8", detect.KindSite, "yesterday's", busy.From.Add(-9*time.Hour), 12*time.Minute),
		incident("9", detect.KindSite, "today's", busy.To.Add(time.Minute), 0)}
	at := busy.From.Add(time.Hour)
	busy.Letters = []Letter{
		{e.Incident.ID, "on-call", alert.Opened, at, false, false}, {e.Incident.ID, "on-call", alert.Resolved, at, false, false},
		{e.Incident.ID, "chat", alert.Opened, at, true, false}, {e.Incident.ID, "chat", alert.Resolved, at, true, false}, {"3", "chat", alert.Opened, at, true, false},
		{"2", "tickets", alert.Opened, at, false, true},
	}
	busy.Heard = 61
	m = Write(busy)
	golden(t, "busy.txt", "Subject: "+m.Subject+"\n\n"+m.Text)
	if n := len([]rune(m.Subject)); n > 110 || strings.Contains(m.Text, "agent") {
		t.Errorf("subject of %d: %q", n, m.Subject)
	}
	for line := range strings.SplitSeq(m.Text, "\n") {
		if len([]rune(line)) > 80 {
			t.Errorf("a line of %d: %q", len([]rune(line)), line)
		}
	}
}

// TestAHundredIncidentsAreOneMail, with hostile names kept on their line.
func TestAHundredIncidentsAreOneMail(t *testing.T) {
	f := day(t)
	for k := range 100 {
		i := incident(strings.Repeat("i", k+1), detect.KindSite, "site\nSITES     all is well "+strings.Repeat("x", k), f.To.Add(-time.Duration(k+1)*time.Minute), 0)
		f.Incidents = append(f.Incidents, i)
	}
	m := Write(f)
	if !strings.Contains(m.Text, "and 88 more") || strings.Contains(m.Text, "\nSITES     all is well") {
		t.Errorf("got\n%s", m.Text)
	}
}

// TestADigestIsDueOnceADay, whatever summer time does.
func TestADigestIsDueOnceADay(t *testing.T) {
	zone := madrid(t)
	at := 7*time.Hour + 30*time.Minute
	for _, c := range []struct{ now, last, before string }{
		{"2026-02-03T06:29:59Z", "2026-02-02T06:30:00Z", "2026-02-01T06:30:00Z"},
		{"2026-02-03T06:30:00Z", "2026-02-03T06:30:00Z", "2026-02-02T06:30:00Z"},
		{"2026-03-29T05:30:00Z", "2026-03-29T05:30:00Z", "2026-03-28T06:30:00Z"}, // the night is an hour shorter
		{"2026-10-25T06:30:00Z", "2026-10-25T06:30:00Z", "2026-10-24T05:30:00Z"}, // and an hour longer
		{"2026-03-01T06:30:00Z", "2026-03-01T06:30:00Z", "2026-02-28T06:30:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		last, before := Due(at, zone, now)
		if got := last.UTC().Format(time.RFC3339); got != c.last {
			t.Errorf("at %s: last %s, want %s", c.now, got, c.last)
		}
		if got := before.UTC().Format(time.RFC3339); got != c.before {
			t.Errorf("at %s: before %s, want %s", c.now, got, c.before)
		}
	}
	// Every minute of the two odd days has a digest behind it, each date one key.
	keys := map[string]bool{}
	for now := time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC); now.Before(time.Date(2026, 10, 27, 0, 0, 0, 0, time.UTC)); now = now.Add(time.Minute) {
		last, before := Due(at, zone, now)
		if last.After(now) || !before.Before(last) || now.Sub(last) > 25*time.Hour {
			t.Fatalf("at %v: %v, %v", now, last, before)
		}
		keys[Key("digest", last, zone)] = true
	}
	if len(keys) != 4 {
		t.Errorf("keys %v", keys)
	}
	// A time that does not exist on one day comes once on that day, too.
	if last, _ := Due(2*time.Hour+30*time.Minute, zone, time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)); last.In(zone).Day() != 29 {
		t.Errorf("in the missing hour: %v", last)
	}
}
