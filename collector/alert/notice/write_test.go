package notice

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

func facts(t *testing.T, i detect.Incident, client string, after time.Duration) Facts {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	return Facts{Incident: &i, Client: client, Zone: zone, Now: i.Started.Add(after),
		Provider: func(id string) string {
			return map[string]string{"azure": "Microsoft Azure", "m365": "Microsoft 365"}[id]
		},
		Target: func(id string) string { return map[string]string{"m365-outlook": "Exchange Online"}[id] }}
}

func story(t *testing.T, name string) detect.Incident {
	t.Helper()
	e, ok := alert.ExampleNamed(name)
	if !ok {
		t.Fatal(name)
	}
	return *e.Incident
}

// TestNoticesReadWell keeps drafts as they are shown. Read them aloud when they change.
func TestNoticesReadWell(t *testing.T) {
	line := story(t, "site")
	line.LineDown, line.Reason.Code = true, detect.LineDown
	easing := story(t, "provider-region")
	easing.State, easing.Recovered = detect.Recovering, easing.Started.Add(105*time.Minute)
	path := story(t, "provider-region")
	path.Kind, path.Network, path.Region = detect.KindNetworkProvider, "Telefonica", ""
	posted := alert.Official{Known: true, State: "down", Posted: path.Started.Add(20 * time.Minute)}
	for name, f := range map[string]Facts{
		"region":      facts(t, story(t, "provider-region"), "globex", 14*time.Minute),
		"region-acme": facts(t, story(t, "provider-region"), "acme", 14*time.Minute), // one of its sites cannot tell
		"recovering":  facts(t, easing, "globex", 106*time.Minute),
		"resolved":    facts(t, story(t, "recovered"), "globex", 112*time.Minute),
		"partial":     facts(t, story(t, "partial"), "initech", 4*time.Minute),
		"site":        facts(t, story(t, "site"), "acme", 2*time.Minute),
		"line":        facts(t, line, "acme", 2*time.Minute),
		"path":        facts(t, path, "acme", 2*time.Minute),
		"drill":       facts(t, story(t, "drill"), "globex", 2*time.Minute),
	} {
		if name == "resolved" {
			f.Official = posted
		}
		for _, language := range Languages() {
			d, err := Write(language, f)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			golden(t, name+"."+language+".txt", "Subject: "+d.Subject+"\n\n"+d.Body)
		}
	}
}

// TestNothingIsClaimed that the evidence does not carry.
func TestNothingIsClaimed(t *testing.T) {
	write := func(change func(*Facts, *detect.Incident)) string {
		i := story(t, "provider-region")
		f := facts(t, i, "globex", time.Hour)
		change(&f, f.Incident)
		d, err := Write(English, f)
		if err != nil {
			return err.Error()
		}
		return d.Subject + "\n" + d.Body
	}
	if s := write(func(*Facts, *detect.Incident) {}); !strings.Contains(s, "nothing wrong at your office") || !strings.Contains(s, "The problem is at Microsoft Azure.") {
		t.Errorf("what is known is not said:\n%s", s)
	}
	for name, c := range map[string]struct {
		change func(*Facts, *detect.Incident)
		not    []string
		says   string
	}{
		"an office that cannot tell": {func(f *Facts, i *detect.Incident) {
			i.Evidence = append(i.Evidence, detect.Evidence{Client: "globex", Site: "globex/metz", Answer: "abstain", Why: "references fail"})
		}, []string{"nothing wrong", "connection works"}, "The problem is at Microsoft Azure."},
		"likely":            {func(f *Facts, i *detect.Incident) { i.Confidence = detect.ConfidenceProbable }, []string{"The problem is at"}, "It looks like a problem at Microsoft Azure; we are making sure."},
		"one site":          {func(f *Facts, i *detect.Incident) { i.Reason.Code = detect.Alone }, []string{"The problem is at", "nothing wrong"}, "We are finding out whether it is Microsoft Azure or the way to it."},
		"a feed that knows": {func(f *Facts, i *detect.Incident) { f.Official = alert.Official{Known: true, State: "ok"} }, []string{"confirmed the problem"}, "by 11:15"},
		"another client":    {func(f *Facts, i *detect.Incident) { f.Client = "hooli" }, []string{"Azure"}, "none of the sites of hooli is concerned"},
		"merged":            {func(f *Facts, i *detect.Incident) { i.SupersededBy = "01OTHER" }, nil, "it goes on as 01OTHER"},
		"no longer watched": {func(f *Facts, i *detect.Incident) { i.State, i.Reason.Code = detect.Resolved, detect.Unwatched }, nil, "nobody knows how it is now"},
		"lost contact": {func(f *Facts, i *detect.Incident) {
			i.Kind, i.Client, i.Severity, i.Reason.Code = detect.KindSite, "globex", detect.SeverityUnseen, detect.LostContact
		}, nil, "Picket has only lost contact"},
		"Picket's own":   {func(f *Facts, i *detect.Incident) { i.Kind = detect.KindCollector }, nil, "Picket's own trouble"},
		"a hostile name": {func(f *Facts, i *detect.Incident) { i.Region = "west\n\nPay now: http://evil.example\x1b[31m" }, []string{"\nPay", "\x1b"}, "west Pay now"},
	} {
		s := write(c.change)
		if !strings.Contains(s, c.says) {
			t.Errorf("%s does not say %q:\n%s", name, c.says, s)
		}
		for _, bad := range c.not {
			if strings.Contains(s, bad) {
				t.Errorf("%s says %q:\n%s", name, bad, s)
			}
		}
	}
	if _, err := Write("tlh", facts(t, story(t, "site"), "acme", time.Hour)); !errors.Is(err, ErrLanguage) {
		t.Errorf("an unknown language: %v", err)
	}
}

// TestEveryLanguageSaysEverything: the same keys, and each of them can be drawn.
func TestEveryLanguageSaysEverything(t *testing.T) {
	keys := slices.Sorted(maps.Keys(english().texts))
	if got := slices.Sorted(maps.Keys(spanish().texts)); !slices.Equal(got, keys) {
		t.Errorf("Spanish has other keys: %q, English %q", got, keys)
	}
	for language, c := range map[string]catalogue{English: english(), Spanish: spanish()} {
		for _, key := range keys {
			w := writer{c: c, facts: facts(t, story(t, "recovered"), "", time.Hour), kind: "provider"}
			if s := w.say(key, w.facts.Now); w.err != nil || s == "" || strings.Contains(s, "<no value>") {
				t.Errorf("%s %s: %q, %v", language, key, s, w.err)
			}
		}
		if slices.Contains(c.months[:], "") {
			t.Errorf("%s: a month has no name", language)
		}
	}
}

// TestTheNextNoticeIsPromised on a full five minutes, later on every hour, and
// with its date if that is tomorrow's.
func TestTheNextNoticeIsPromised(t *testing.T) {
	i := story(t, "provider-region")
	for after, want := range map[time.Duration]string{
		14 * time.Minute: "by 10:30,", 30*time.Minute + 40*time.Second: "by 10:45,", 2 * time.Hour: "by 12:45,", 13*time.Hour + 45*time.Minute: "by 00:30 on 3 February,",
	} {
		d, err := Write(English, facts(t, i, "globex", after))
		if err != nil || !strings.Contains(d.Body, want) || d.Next.Before(i.Started.Add(after)) {
			t.Errorf("after %v: %v\n%s", after, err, d.Body)
		}
	}
}

// TestHowLongItWas is said in words also when it was short.
func TestHowLongItWas(t *testing.T) {
	for d, want := range map[time.Duration]string{
		25 * time.Second: "less than a minute", 31 * time.Second: "1 minute", 89 * time.Second: "1 minute", 107 * time.Minute: "107 minutes",
	} {
		if got := (&writer{c: english()}).minutes(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
