package official

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC()
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wide is s as AWS sends it: UTF-16, big-endian, with a mark.
func wide(s []byte) []byte {
	out := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(string(s))) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}

const jsonType = "application/json; charset=utf-8"

// formats are all readers with a sample of each and the type it is sent with.
var formats = map[string]struct {
	read   Reader
	sample string
	kind   string
}{
	"statuspage": {Statuspage, "statuspage_summary.json", jsonType},
	"components": {StatuspageComponents, "statuspage_summary.json", jsonType},
	"aws events": {AWSEvents, "aws_events.json", jsonType},
	"aws rss":    {AWSHistory, "aws_rss.xml", "application/rss+xml"},
	"azure":      {AzureRSS, "azure_open.xml", "application/rss+xml; charset=utf-8"},
	"posts":      {MicrosoftPosts, "m365_consumer.json", jsonType},
	"ms feed":    {MicrosoftFeed, "m365_feed.xml", "text/xml"},
	"gcp":        {GoogleCloud, "gcp.json", jsonType},
	"workspace":  {GoogleWorkspace, "workspace.json", jsonType},
	"slack":      {Slack, "slack_ok.json", jsonType},
	"salesforce": {Salesforce, "salesforce.json", jsonType},
	"oci":        {Oracle, "oci.json", jsonType},
	"instatus":   {Instatus, "instatus.json", jsonType},
	"statusio":   {StatusIO, "statusio.json", jsonType},
}

func TestSamplesSayWhatTheySay(t *testing.T) {
	frankfurt := Part{Service: "FRA1", Group: "Droplets"}
	for _, c := range []struct {
		name, file, now string
		read            Reader
		want            Snapshot
	}{
		{"statuspage", "statuspage_summary.json", "2026-08-18T12:10:00Z", Statuspage, Snapshot{
			State: Down,
			Components: []Component{{frankfurt, Degraded}, {Part{Service: "Global", Group: "Droplets"}, OK},
				{Part{Service: "Global", Group: "Volumes"}, Unknown}, {Part{Service: "API"}, OK}},
			Notices: []Notice{{ID: "inc1", Title: "Machines in FRA1 fail to start", URL: "https://stspg.io/one", State: Down,
				Posted: at(t, "2026-08-18T11:40:35.676Z"), Began: at(t, "2026-08-18T11:05:00Z"), Parts: []Part{frankfurt}}},
		}},
		{"statuspage, all well", "statuspage_ok.json", "2026-08-18T12:10:00Z", Statuspage, Snapshot{State: OK, Components: []Component{{Part{Service: "API"}, OK}}}},
		{"aws events", "aws_events.json", "2026-03-01T13:00:00Z", AWSEvents, Snapshot{State: Down, Notices: []Notice{
			{ID: "AWS_MULTIPLE_SERVICES_OPERATIONAL_ISSUE_AAAAA_000000000000", Title: "Multiple services, UAE, More errors than usual", URL: awsPage, State: Down,
				Posted: at(t, "2026-03-01T12:55:00Z"), Parts: []Part{{Service: "multipleservices", Region: "me-central-1"}, {Service: "ec2", Region: "me-central-1"}, {Service: "s3", Region: "me-central-1"}}},
			{ID: "AWS_IAM_OPERATIONAL_ISSUE_BBBBB_1", Title: "Identity, Over", URL: awsPage, State: OK, Posted: at(t, "2026-02-28T17:33:20Z"), Ended: at(t, "2026-02-28T18:33:20Z"), Parts: []Part{{Service: "iam"}}},
		}}},
		{"aws history, while it lasts", "aws_rss.xml", "2026-03-01T13:00:00Z", AWSHistory, Snapshot{State: Down, Notices: []Notice{
			{ID: "multipleservices-me-central-1_1772369485", Title: "Service disruption: errors", URL: awsPage, State: Down, Posted: at(t, "2026-03-01T12:51:25Z"),
				Parts: []Part{{Service: "multipleservices", Region: "me-central-1"}}},
		}}},
		{"aws history, when all is over", "aws_rss.xml", "2026-08-18T12:20:00Z", AWSHistory, Snapshot{State: Quiet, Notices: []Notice{
			{ID: "ec2-eu-central-1_1787017812", Title: "Service impact: API errors", URL: awsPage, State: Degraded, Posted: at(t, "2026-08-18T01:50:12Z"),
				Ended: at(t, "2026-08-18T04:01:19Z"), Parts: []Part{{Service: "ec2", Region: "eu-central-1"}}},
		}}},
		{"azure, nothing posted", "azure_empty.xml", "2026-09-18T21:30:00Z", AzureRSS, Snapshot{State: Quiet}},
		{"azure", "azure_open.xml", "2026-07-23T17:00:00Z", AzureRSS, Snapshot{State: Degraded, Notices: []Notice{
			{ID: "three", Title: "Front Door - North Central US and Central US - Errors", URL: azurePage, State: Degraded, Posted: at(t, "2026-07-23T16:40:00Z"),
				Parts: []Part{{Service: "Front Door", Region: "Central US"}, {Service: "Front Door", Region: "North Central US"}}},
			{ID: "one", Title: "Network Infrastructure - West US - Resources cannot be reached", URL: azurePage, State: Degraded,
				Posted: at(t, "2026-07-23T16:29:09Z"), Parts: []Part{{Service: "Network Infrastructure", Region: "West US"}}},
			{ID: "two", Title: "Storage - North Europe - Slow", URL: azurePage, State: Degraded, Posted: at(t, "2026-07-23T09:00:00Z"),
				Ended: at(t, "2026-07-23T09:00:00Z"), Parts: []Part{{Service: "Storage", Region: "North Europe"}}},
		}}},
		{"gcp", "gcp.json", "2026-07-16T05:00:00Z", GoogleCloud, Snapshot{State: Degraded, Notices: []Notice{
			{ID: "OPENaaa", Title: "Cooling fails in europe-west4-a.", URL: gcpPage + "incidents/OPENaaa", State: Degraded, Posted: at(t, "2026-07-16T03:30:59Z"),
				Began: at(t, "2026-07-15T23:57:00Z"), Parts: []Part{{Service: "VMWare engine", Region: "europe-west4"}, {Service: "Cloud Run", Region: "europe-west4"}}},
			{ID: "OVERbbb", Title: "It is over.", URL: gcpPage + "incidents/OVERbbb", State: Down, Posted: at(t, "2026-07-14T20:24:18Z"), Began: at(t, "2026-07-14T17:00:00Z"),
				Ended: at(t, "2026-07-15T03:40:00Z"), Parts: []Part{{Service: "VMWare engine", Region: "europe-west3"}}},
		}}},
		{"workspace", "workspace.json", "2026-07-15T11:00:00Z", GoogleWorkspace, Snapshot{State: Degraded, Notices: []Notice{
			{ID: "GWSaaa", Title: "Mail arrives late in Gmail.", URL: workspacePage + "incidents/GWSaaa", State: Degraded, Posted: at(t, "2026-07-15T10:25:00Z"),
				Began: at(t, "2026-07-15T10:00:00Z"), Parts: []Part{{Service: "Gmail"}}},
		}}},
		{"posts, admin centre", "m365_mac.json", "2026-09-18T21:30:00Z", MicrosoftPosts, Snapshot{State: Degraded, Notices: []Notice{
			{ID: "00000000-0000-4000-8000-00000000000a 2026-09-16T18:30:21+00:00", Title: "Some admins cannot open their pages . More", URL: m365Page, State: Degraded}}}},
		{"posts, consumers", "m365_consumer.json", "2026-09-18T21:30:00Z", MicrosoftPosts, Snapshot{State: OK,
			Components: []Component{{Part{Service: "Outlook.com"}, OK}, {Part{Service: "OneDrive"}, OK}}}},
		{"feed with a status", "m365_feed.xml", "2026-09-18T21:30:00Z", MicrosoftFeed, Snapshot{State: OK}},
		{"slack", "slack_active.json", "2026-08-13T22:00:00Z", Slack, Snapshot{State: Degraded, Notices: []Notice{{ID: "1576", Title: "Messages do not go out",
			URL: "https://slack-status.com/2026-08/0", State: Degraded, Posted: at(t, "2026-08-13T21:21:41Z"), Parts: []Part{{Service: "Messaging"}}}}}},
		{"slack, all well", "slack_ok.json", "2026-08-13T22:00:00Z", Slack, Snapshot{State: OK}},
		{"salesforce", "salesforce.json", "2026-08-13T15:00:00Z", Salesforce, Snapshot{State: Degraded, Notices: []Notice{{ID: "20001234", Title: "Salesforce incident 20001234 (EU48, EU50)",
			URL: "https://status.salesforce.com/incidents/20001234", State: Degraded, Posted: at(t, "2026-08-13T14:10:00Z"), Began: at(t, "2026-08-13T14:00:00Z"),
			Parts: []Part{{Service: "coreService", Region: "EU48"}, {Service: "coreService", Region: "EU50"}}}}}},
		{"oci", "oci.json", "2026-08-13T15:00:00Z", Oracle, Snapshot{State: Degraded,
			Components: []Component{{Part{Service: "Object Storage", Region: "eu-frankfurt-1"}, OK}, {Part{Service: "Compute", Region: "eu-frankfurt-1"}, Degraded}},
			Notices: []Notice{{ID: "eu-frankfurt-1", Title: "Trouble in Germany Central (Frankfurt)", URL: "https://ocistatus.oraclecloud.com", State: Degraded,
				Parts: []Part{{Service: "Compute", Region: "eu-frankfurt-1"}}}}}},
		{"instatus", "instatus.json", "2026-10-02T11:00:00Z", Instatus, Snapshot{State: Degraded, Notices: []Notice{{ID: "https://status.lantern.example/x 2026-10-02T10:20:00Z",
			Title: "Sign-in fails", URL: "https://status.lantern.example/x", State: Degraded, Posted: at(t, "2026-10-02T10:55:00Z"), Began: at(t, "2026-10-02T10:20:00Z")}}}},
		{"statusio", "statusio.json", "2026-10-02T11:00:00Z", StatusIO, Snapshot{State: Degraded,
			Components: []Component{{Part{Service: "Website"}, Degraded}, {Part{Service: "Website", Region: "EU"}, Degraded}, {Part{Service: "Website", Region: "US"}, OK}},
			Notices: []Notice{{ID: "i1", Title: "Pages are slow", State: Degraded, Posted: at(t, "2026-10-02T10:52:00Z"), Began: at(t, "2026-10-02T10:50:00Z"),
				Parts: []Part{{Service: "Website", Region: "EU"}}}}}},
	} {
		got, err := c.read(Reply{Body: sample(t, c.file), Type: "", Now: at(t, c.now)})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestAWSInUTF16(t *testing.T) {
	now := at(t, "2026-03-01T13:00:00Z")
	want, err := AWSEvents(Reply{Body: sample(t, "aws_events.json"), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	body := wide(sample(t, "aws_events.json"))
	little := bytes.Clone(body)
	for i := 0; i < len(little); i += 2 {
		little[i], little[i+1] = little[i+1], little[i]
	}
	for name, b := range map[string][]byte{"big-endian": body, "little-endian": little, "no mark": body[2:], "UTF-8 with a mark": append([]byte("\xef\xbb\xbf"), sample(t, "aws_events.json")...)} {
		got, err := AWSEvents(Reply{Body: b, Type: "application/json;charset=utf-16", Now: now})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	empty, err := AWSEvents(Reply{Body: wide([]byte("[]")), Type: "application/json;charset=utf-16", Now: now})
	if err != nil || empty.State != Quiet {
		t.Errorf("an empty list: %q, %v; nothing posted is quiet, not green", empty.State, err)
	}
	if _, err := AWSEvents(Reply{Body: body[:len(body)-1], Now: now}); err == nil {
		t.Error("half a character at the end was read")
	}
}

// TestUnknownIsNeverGreen gives every reader what status hosts have answered with
// 200 on their worst days.
func TestUnknownIsNeverGreen(t *testing.T) {
	now := at(t, "2026-07-23T17:00:00Z")
	for name, f := range formats {
		good := sample(t, f.sample)
		if s, err := f.read(Reply{Body: good, Type: f.kind, Now: now}); err != nil {
			t.Fatalf("%s: its own sample: %v, %+v", name, err, s)
		}
		bad := map[string]Reply{
			"HTML":               {Body: sample(t, "shell.html"), Type: "text/html; charset=utf-8"},
			"HTML as JSON":       {Body: sample(t, "shell.html"), Type: "application/json"},
			"feed sent as HTML":  {Body: good, Type: "text/html"},
			"nothing":            {Type: f.kind},
			"white space":        {Body: []byte("  \n"), Type: f.kind},
			"null":               {Body: []byte("null"), Type: f.kind},
			"true":               {Body: []byte("true"), Type: f.kind},
			"empty object":       {Body: []byte("{}"), Type: f.kind},
			"list of nothing":    {Body: []byte("[{}]"), Type: f.kind},
			"error object":       {Body: []byte(`{"error":"rate limited","status":"ok?"}`), Type: f.kind},
			"cut off":            {Body: good[:len(good)/2], Type: f.kind},
			"cut off at the end": {Body: bytes.TrimSpace(good)[:len(bytes.TrimSpace(good))-1], Type: f.kind},
			"binary":             {Body: []byte{0x1f, 0x8b, 8, 0, 0xff, 0xfe, 0x80}, Type: f.kind},
			"empty RSS":          {Body: []byte(`<rss version="2.0"><channel></channel></rss>`), Type: f.kind},
			"another's RSS":      {Body: []byte(`<rss version="2.0"><channel><title>News</title></channel></rss>`), Type: f.kind},
			"Atom":               {Body: []byte(`<feed xmlns="http://www.w3.org/2005/Atom"><title>Azure Status</title></feed>`), Type: f.kind},
		}
		for what, r := range bad {
			r.Now = now
			if s, err := f.read(r); err == nil && !reflect.DeepEqual(s, Snapshot{}) {
				t.Errorf("%s reads %s as %+v", name, what, s)
			}
		}
	}
}

func TestTokensThatAreNewAreUnknown(t *testing.T) {
	now := at(t, "2026-08-18T12:10:00Z")
	for _, c := range []struct {
		name string
		read Reader
		body string
	}{
		{"statuspage", Statuspage, `{"page":{"name":"x"},"status":{"indicator":"splendid"},"components":[],"incidents":[]}`},
		{"statuspage without indicator", Statuspage, `{"page":{"name":"x"},"status":{}}`},
		{"posts", MicrosoftPosts, `{"Id":"1","Status":"Fine"}`},
		{"posts, Microsoft's own Unknown", MicrosoftPosts, `{"Id":"1","Status":"Unknown"}`},
		{"one of two posts", MicrosoftPosts, `[{"Id":"1","Status":"Available"},{"Id":"2","Status":"Fine"}]`},
		{"instatus", Instatus, `{"page":{"status":"GREAT"}}`},
		{"statusio", StatusIO, `{"result":{"status_overall":{"status_code":0}}}`},
		{"oci", Oracle, `{"regionHealthReports":[{"regionId":"r","serviceHealthReports":[{"serviceName":"x","serviceStatus":"Nice"}]}]}`},
		{"feed", MicrosoftFeed, `<rss><channel><title>x</title><item><status>Fine</status></item></channel></rss>`},
	} {
		s, err := c.read(Reply{Body: []byte(c.body), Now: now})
		if err != nil || s.State != Unknown {
			t.Errorf("%s: %q, %v", c.name, s.State, err)
		}
	}
}

func TestDatesOfRSS(t *testing.T) {
	for in, want := range map[string]string{
		"Mon, 17 Aug 2026 21:01:19 PDT":   "2026-08-18T04:01:19Z",
		"Sun, 01 Mar 2026 04:51:25 PST":   "2026-03-01T12:51:25Z",
		"Thu, 23 Jul 2026 16:29:09 Z":     "2026-07-23T16:29:09Z",
		"Thu, 23 Jul 2026 16:29:09 GMT":   "2026-07-23T16:29:09Z",
		"Thu, 23 Jul 2026 18:29:09 +0200": "2026-07-23T16:29:09Z",
	} {
		if got, err := rssDate(in); err != nil || !got.Equal(at(t, want)) {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "now", "Thu, 23 Jul 2026 16:29:09 XST", "23.7.2026"} {
		if got, err := rssDate(in); err == nil {
			t.Errorf("%q is %s", in, got)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	n := Notice{ID: "x", Title: strings.Repeat("ä\n", 500) + "\x1b[31m", URL: "javascript:alert(1)", Posted: time.Now().Add(time.Hour)}
	now := time.Now()
	s := bound(Snapshot{Notices: []Notice{n}}, now)
	got := s.Notices[0]
	if len(got.Title) > maxTitle || strings.ContainsAny(got.Title, "\n\x1b") || got.URL != "" || got.Posted.After(now) {
		t.Errorf("%+v", got)
	}
}

func FuzzReaders(f *testing.F) {
	for _, c := range formats {
		f.Add(sample(f, c.sample), c.kind)
		f.Add(wide(sample(f, c.sample)), "application/json;charset=utf-16")
	}
	f.Add(sample(f, "shell.html"), "text/html")
	now := time.Date(2026, 8, 18, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		for name, c := range formats {
			s, err := c.read(Reply{Body: body, Type: kind, Now: now})
			if err != nil && !reflect.DeepEqual(s, Snapshot{}) {
				t.Fatalf("%s fails and says something: %+v", name, s)
			}
			if len(s.Components) > maxComponents || len(s.Notices) > maxNotices {
				t.Fatalf("%s: %d components, %d notices", name, len(s.Components), len(s.Notices))
			}
			for _, n := range s.Notices {
				if n.ID == "" || len(n.Title) > maxTitle || len(n.Parts) > maxParts || n.Posted.After(now) || n.Ended.After(now) {
					t.Fatalf("%s: %+v", name, n)
				}
			}
		}
	})
}
