package official

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// feed returns the feed with this id, as it ships.
func feed(t testing.TB, id string) Feed {
	t.Helper()
	all := Feeds()
	i := slices.IndexFunc(all, func(f Feed) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("no feed %s", id)
	}
	return all[i]
}

func TestFeedsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Feeds() {
		if f.ID == "" || f.Provider == "" || f.Read == nil || link(f.URL) == "" || link(f.Page) == "" || seen[f.ID] {
			t.Errorf("feed %q of %q: %q, %q", f.ID, f.Provider, f.URL, f.Page)
		}
		seen[f.ID] = true
	}
}

// TestLead is the story on the page: we opened at 09:42, and the provider was
// read every minute.
func TestLead(t *testing.T) {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	clock := func(h, m int) time.Time { return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute) }
	opened := clock(9, 42)
	q := Question{Provider: "azure", Service: "resource-manager", Region: "westeurope", From: opened}
	f := feed(t, "azure-rss")
	notice := func(posted time.Time, parts ...Part) Notice {
		return Notice{ID: "n", Title: "ARM - West Europe - Errors", State: Degraded, Posted: posted, Parts: parts}
	}
	arm := Part{Service: "Azure Resource Manager", Region: "West Europe"}
	for _, c := range []struct {
		name   string
		posted time.Time
		part   Part
		began  time.Time
		ended  time.Time
		want   time.Duration // of their post behind our opening
		never  bool
	}{
		{name: "they post 20 minutes after us", posted: clock(10, 2), part: arm, want: 20 * time.Minute},
		{name: "back-dated to before us, posted after us", posted: clock(10, 2), began: clock(9, 30), part: arm, want: 20 * time.Minute},
		{name: "they were first", posted: clock(9, 35), part: arm, want: -7 * time.Minute},
		{name: "the network of the region is all of it", posted: clock(10, 0), part: Part{Service: "Network Infrastructure", Region: "West Europe"}, want: 18 * time.Minute},
		{name: "everywhere is here too", posted: clock(10, 0), part: Part{Service: "Azure Resource Manager", Region: "Global"}, want: 18 * time.Minute},
		{name: "another service", posted: clock(10, 2), part: Part{Service: "Storage", Region: "West Europe"}, never: true},
		{name: "another region", posted: clock(10, 2), part: Part{Service: "Azure Resource Manager", Region: "North Europe"}, never: true},
		{name: "a longer name of another region", posted: clock(10, 2), part: Part{Service: "Azure Resource Manager", Region: "West Europe 2"}, never: true},
		{name: "yesterday's, still open", posted: clock(-20, 0), part: arm, never: true},
		{name: "over before it began", posted: clock(7, 0), ended: clock(8, 0), part: arm, never: true},
	} {
		b := NewBook([]Feed{f})
		n := notice(c.posted, c.part)
		n.Began, n.Ended = c.began, c.ended
		b.Take(clock(9, 41), f.ID, Snapshot{State: Quiet}, nil)
		if a := b.Answer(clock(9, 43), q); !a.Known || a.State != Quiet || !a.Posted.IsZero() || !a.Checked.Equal(clock(9, 41)) {
			t.Fatalf("%s: before they post: %+v", c.name, a)
		}
		b.Take(clock(10, 3), f.ID, Snapshot{State: Degraded, Notices: []Notice{n}}, nil)
		a := b.Answer(clock(10, 4), q)
		if c.never {
			if !a.Posted.IsZero() {
				t.Errorf("%s: counted as an admission: %+v", c.name, a)
			}
			continue
		}
		if got := a.Posted.Sub(opened); got != c.want || a.State != Degraded || a.Title != n.Title || !a.Known {
			t.Errorf("%s: lead %s, want %s: %+v", c.name, got, c.want, a)
		}
		// It vanishes from the feed, and what was admitted stays admitted.
		b.Take(clock(10, 30), f.ID, Snapshot{State: Quiet}, nil)
		if a := b.Answer(clock(10, 31), q); a.Posted.Sub(opened) != c.want || a.State != Quiet {
			t.Errorf("%s: after it was taken down: %+v", c.name, a)
		}
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	rss, github := feed(t, "azure-rss"), feed(t, "github")
	parts := feed(t, "github-components")
	mac := feed(t, "m365-mac")
	ok := Snapshot{State: OK}
	for _, c := range []struct {
		name  string
		take  func(*Book)
		q     Question
		known bool
		state State
	}{
		{"never read", func(*Book) {}, Question{Provider: "github"}, false, Unknown},
		{"read and well", func(b *Book) { b.Take(now, github.ID, ok, nil) }, Question{Provider: "github", Service: "web"}, true, OK},
		{"one failure after it was well", func(b *Book) {
			b.Take(now.Add(-time.Minute), github.ID, ok, nil)
			b.Take(now, github.ID, Snapshot{}, errors.New("no answer in time"))
		}, Question{Provider: "github", Service: "web"}, false, Unknown},
		{"well, but nobody looked for six minutes", func(b *Book) { b.Take(now.Add(-6*time.Minute), github.ID, ok, nil) }, Question{Provider: "github"}, false, Unknown},
		{"the page has trouble, not told whether with this", func(b *Book) { b.Take(now, github.ID, Snapshot{State: Degraded}, nil) },
			Question{Provider: "github", Service: "web"}, false, Unknown},
		{"the page has trouble, this component is well", func(b *Book) {
			b.Take(now, github.ID, Snapshot{State: Degraded}, nil)
			b.Take(now, parts.ID, Snapshot{Components: []Component{{Part{Service: "Git Operations"}, OK}, {Part{Service: "Actions"}, Down}}}, nil)
		}, Question{Provider: "github", Service: "git"}, true, OK},
		{"the component is not well", func(b *Book) {
			b.Take(now, parts.ID, Snapshot{Components: []Component{{Part{Service: "Git Operations"}, Degraded}}}, nil)
		}, Question{Provider: "github", Service: "git"}, true, Degraded},
		{"the component has a token that is new", func(b *Book) {
			b.Take(now, parts.ID, Snapshot{Components: []Component{{Part{Service: "Git Operations"}, Unknown}}}, nil)
		}, Question{Provider: "github", Service: "git"}, false, Unknown},
		{"the admin centre says nothing of Exchange", func(b *Book) { b.Take(now, mac.ID, ok, nil) }, Question{Provider: "m365", Service: "exchange-online"}, false, Unknown},
		{"nothing posted", func(b *Book) { b.Take(now, rss.ID, Snapshot{State: Quiet}, nil) }, Question{Provider: "azure", Service: "portal"}, true, Quiet},
		{"posted elsewhere", func(b *Book) {
			b.Take(now, rss.ID, Snapshot{State: Degraded, Notices: []Notice{{ID: "n", Posted: now, Parts: []Part{{Service: "Storage", Region: "West US"}}}}}, nil)
		}, Question{Provider: "azure", Service: "portal"}, true, Quiet},
		{"posted here under a name we do not know", func(b *Book) {
			b.Take(now, rss.ID, Snapshot{State: Degraded, Notices: []Notice{{ID: "n", Posted: now, Parts: []Part{{Service: "Azure Cache", Region: "West US"}}}}}, nil)
		}, Question{Provider: "azure", Service: "redis", Region: "westus"}, false, Unknown},
		{"no feed at all", func(*Book) {}, Question{Provider: "own-cloud"}, false, Unknown},
	} {
		b := NewBook([]Feed{rss, github, parts, mac})
		c.take(b)
		c.q.From = now.Add(-time.Hour)
		a := b.Answer(now, c.q)
		if a.Known != c.known || a.State != c.state || a.Known != (a.Why == "") {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// TestShippedFeedsMeetTheirSamples asks of every format what the catalogue asks.
func TestShippedFeedsMeetTheirSamples(t *testing.T) {
	for _, c := range []struct {
		feed, file, now, service, region string
		state                            State
		posted                           string
	}{
		{"aws-events", "aws_events.json", "2026-03-01T13:00:00Z", "dynamodb", "me-central-1", Down, "2026-03-01T12:55:00Z"},
		{"aws-events", "aws_events.json", "2026-03-01T13:00:00Z", "dynamodb", "eu-west-1", Quiet, ""},
		{"aws-rss", "aws_rss.xml", "2026-08-18T02:00:00Z", "ec2", "eu-central-1", Degraded, "2026-08-18T01:50:12Z"},
		{"aws-rss", "aws_rss.xml", "2026-08-18T02:00:00Z", "s3", "eu-central-1", Quiet, ""},
		{"azure-rss", "azure_open.xml", "2026-07-23T17:00:00Z", "front-door", "", Degraded, "2026-07-23T16:40:00Z"},
		{"azure-rss", "azure_open.xml", "2026-07-23T17:00:00Z", "ai-services", "westus", Degraded, "2026-07-23T16:29:09Z"},
		{"azure-rss", "azure_open.xml", "2026-07-23T17:00:00Z", "ai-services", "westus2", Quiet, ""},
		{"azure-rss", "azure_open.xml", "2026-07-23T17:00:00Z", "", "westus", Degraded, "2026-07-23T16:29:09Z"},
		{"gcp-incidents", "gcp.json", "2026-07-16T05:00:00Z", "cloud-run", "europe-west4", Degraded, "2026-07-16T03:30:59Z"},
		{"gcp-incidents", "gcp.json", "2026-07-16T05:00:00Z", "artifact-registry", "europe-west4", Quiet, ""},
		{"google-workspace", "workspace.json", "2026-07-15T11:00:00Z", "gmail", "", Degraded, "2026-07-15T10:25:00Z"},
		{"google-workspace", "workspace.json", "2026-07-15T11:00:00Z", "drive", "", Quiet, ""},
		{"slack", "slack_active.json", "2026-08-13T22:00:00Z", "web", "", Degraded, "2026-08-13T21:21:41Z"},
		{"slack", "slack_active.json", "2026-08-13T22:00:00Z", "api", "", Quiet, ""},
		{"slack", "slack_ok.json", "2026-08-13T22:00:00Z", "api", "", OK, ""},
		{"salesforce", "salesforce.json", "2026-08-13T15:00:00Z", "sign-in", "", Quiet, ""},
		{"salesforce", "salesforce.json", "2026-08-13T15:00:00Z", "sign-in", "EU48", Degraded, "2026-08-13T14:10:00Z"},
		{"oci", "oci.json", "2026-08-13T15:00:00Z", "compute", "eu-frankfurt-1", Degraded, "2026-08-13T15:00:00Z"},
		{"oci", "oci.json", "2026-08-13T15:00:00Z", "object-storage", "eu-frankfurt-1", OK, ""},
		{"digitalocean", "statuspage_summary.json", "2026-08-18T12:10:00Z", "droplets", "fra1", Down, "2026-08-18T11:40:35.676Z"},
		{"digitalocean", "statuspage_summary.json", "2026-08-18T12:10:00Z", "volumes", "fra1", Unknown, ""},
		{"digitalocean", "statuspage_summary.json", "2026-08-18T12:10:00Z", "api", "", OK, ""},
		{"m365-mac", "m365_mac.json", "2026-09-18T21:30:00Z", "admin-center", "", Degraded, "2026-09-18T21:30:00Z"},
		{"m365-mac", "m365_mac.json", "2026-09-18T21:30:00Z", "teams", "", Unknown, ""},
		{"m365-consumer", "m365_consumer.json", "2026-09-18T21:30:00Z", "outlook-com", "", OK, ""},
		{"gitlab", "statusio.json", "2026-10-02T11:00:00Z", "website", "EU", Degraded, "2026-10-02T10:52:00Z"},
	} {
		f, now := feed(t, c.feed), at(t, c.now)
		s, err := f.Read(Reply{Body: sample(t, c.file), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		b := NewBook([]Feed{f})
		b.Take(now, f.ID, s, nil)
		a := b.Answer(now, Question{Provider: f.Provider, Service: c.service, Region: c.region, From: now.Add(-time.Hour)})
		posted := ""
		if !a.Posted.IsZero() {
			posted = a.Posted.Format("2006-01-02T15:04:05.999Z07:00")
		}
		if a.State != c.state || posted != c.posted {
			t.Errorf("%s of %s in %q: %+v", c.feed, c.service, c.region, a)
		}
	}
}

func TestTheBookSurvivesARestart(t *testing.T) {
	f := feed(t, "oci") // without dates of its own
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	bad := Snapshot{State: Degraded, Notices: []Notice{{ID: "r1", Title: "Trouble", State: Degraded, Parts: []Part{{Service: "Compute", Region: "r1"}}}}}
	b := NewBook([]Feed{f})
	b.Take(now, f.ID, Snapshot{State: OK}, nil)
	b.Take(now.Add(time.Minute), f.ID, bad, nil)
	records, readings := b.Unsaved()
	if len(records) != 1 || len(readings) != 2 {
		t.Fatalf("%+v, %+v", records, readings)
	}
	b.Take(now.Add(2*time.Minute), f.ID, bad, nil) // no change
	b.Saved(records, readings)
	if r, s := b.Unsaved(); len(r)+len(s) != 0 {
		t.Errorf("still unsaved: %+v, %+v", r, s)
	}

	again := NewBook([]Feed{f})
	again.Restore(records, readings)
	q := Question{Provider: "oci", Service: "compute", Region: "r1", From: now}
	if a := again.Answer(now.Add(3*time.Minute), q); a.Known || !a.Posted.Equal(now.Add(time.Minute)) {
		t.Errorf("before the first reading: %+v; what was admitted stays, what holds now is unknown", a)
	}
	again.Take(now.Add(4*time.Minute), f.ID, bad, nil)
	if a := again.Answer(now.Add(4*time.Minute), q); !a.Known || a.State != Degraded || !a.Posted.Equal(now.Add(time.Minute)) {
		t.Errorf("read again: %+v", a)
	}
	// It ends, and comes back: another trouble with a date of its own.
	again.Take(now.Add(5*time.Minute), f.ID, Snapshot{State: OK}, nil)
	again.Take(now.Add(20*time.Hour), f.ID, bad, nil)
	q.From = now.Add(20 * time.Hour)
	if a := again.Answer(now.Add(20*time.Hour), q); !a.Posted.Equal(now.Add(20 * time.Hour)) {
		t.Errorf("the second time: %+v", a)
	}
}

func TestThePastIsAnsweredFromTheRecord(t *testing.T) {
	f := feed(t, "azure-rss")
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	b := NewBook([]Feed{f})
	b.Take(now, f.ID, Snapshot{}, errors.New("no answer in time"))
	b.Take(now.Add(2*time.Hour), f.ID, Snapshot{State: Quiet}, nil)
	n := Notice{ID: "n", Title: "T", State: Degraded, Posted: now.Add(5 * time.Hour), Parts: []Part{{Region: "West Europe"}}}
	b.Take(now.Add(5*time.Hour), f.ID, Snapshot{State: Degraded, Notices: []Notice{n}}, nil)
	b.Take(now.Add(6*time.Hour), f.ID, Snapshot{State: Quiet}, nil)
	later := now.Add(72 * time.Hour)
	ask := func(from, to time.Duration) Answer {
		return b.Answer(later, Question{Provider: "azure", Region: "westeurope", From: now.Add(from), To: now.Add(to)})
	}
	if a := ask(0, time.Hour); a.Known {
		t.Errorf("while it could not be read: %+v", a)
	}
	if a := ask(150*time.Minute, 3*time.Hour-time.Minute); !a.Known || a.State != Quiet {
		t.Errorf("while it was quiet: %+v", a)
	}
	if a := ask(4*time.Hour, 7*time.Hour); !a.Known || a.State != Degraded || !a.Posted.Equal(n.Posted) {
		t.Errorf("while it was posted: %+v", a)
	}
	if a := ask(3*time.Hour, 4*time.Hour); !a.Posted.Equal(n.Posted) {
		t.Errorf("admitted an hour after it was over: %+v", a)
	}
}

func TestABookIsBounded(t *testing.T) {
	f := feed(t, "aws-events")
	b := NewBook([]Feed{f})
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for i := range 3000 {
		now = now.Add(time.Minute)
		b.Take(now, f.ID, Snapshot{State: Degraded, Notices: []Notice{{ID: now.String(), Title: "x", Posted: now}}}, nil)
		b.Take(now.Add(time.Second), f.ID, Snapshot{}, errors.New("no"))
		_ = i
	}
	s := b.sheets[f.ID]
	if len(s.records) > maxRecords || len(s.readings) > maxReadings || len(s.unsaved) > maxRecords || s.fresh > len(s.readings) {
		t.Errorf("%d records, %d readings, %d unsaved", len(s.records), len(s.readings), len(s.unsaved))
	}
}

// TestTheFirstDateStays: some feeds give a notice the date of its last update.
func TestTheFirstDateStays(t *testing.T) {
	f := feed(t, "azure-rss")
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	b := NewBook([]Feed{f})
	n := Notice{ID: "n", Title: "T", State: Degraded, Posted: now.Add(-time.Minute), Parts: []Part{{Region: "West Europe"}}}
	b.Take(now, f.ID, Snapshot{State: Degraded, Notices: []Notice{n}}, nil)
	n.Posted, n.Title = now.Add(20*time.Minute), "T, updated"
	b.Take(now.Add(21*time.Minute), f.ID, Snapshot{State: Degraded, Notices: []Notice{n}}, nil)
	a := b.Answer(now.Add(21*time.Minute), Question{Provider: "azure", Region: "westeurope", From: now})
	if !a.Posted.Equal(now.Add(-time.Minute)) || a.Title != "T, updated" {
		t.Errorf("%+v", a)
	}
}
