package alert

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// westEurope is an outage with all that an alert can say.
func westEurope() detect.Incident {
	start := time.Date(2026, 2, 2, 8, 41, 20, 0, time.UTC)
	return detect.Incident{
		ID: "01KGF3M8Q2", Kind: detect.KindProviderRegion, Provider: "azure", Region: "westeurope",
		State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityOutage,
		Layer: "tls", Cause: "tls_timeout",
		Reason: detect.Reason{Code: detect.Held, Text: "9 of 11 sites on 6 of 7 ISPs cannot reach Azure westeurope: TLS handshakes time out."},
		Title:  "Azure westeurope: outage", Summary: "9 of 11 sites on 6 of 7 ISPs cannot reach Azure westeurope: TLS handshakes time out. References are well everywhere.",
		DownSites: 9, Sites: 11, DownNetworks: 6, Networks: 7,
		Started: start, Opened: start.Add(3 * time.Second), Confirmed: start.Add(4 * time.Second),
		Targets: []string{"azure-ai-westeurope", "azure-arm-westeurope"},
		Evidence: []detect.Evidence{
			{Site: "globex/bonn", Client: "globex", Network: "AS3320 DT", Target: "azure-arm-westeurope", Answer: "up", Last: start.Add(4 * time.Second)},
			{Site: "acme/madrid", Client: "acme", Network: "AS3352 Telefonica", Target: "azure-arm-westeurope", Answer: "down", Layer: "tls", Cause: "tls_timeout", Last: start.Add(3 * time.Second)},
			{Site: "initech/paris", Client: "initech", Network: "AS3215 Orange", Target: "azure-ai-westeurope", Answer: "down", Layer: "tls", Cause: "tls_timeout", Last: start.Add(4 * time.Second), Err: "i/o timeout"},
			{Site: "acme/sevilla", Client: "acme", Network: "AS3352 Telefonica", Target: "azure-arm-westeurope", Answer: "abstain", Why: "references fail"},
		},
	}
}

// asText is the plain text of a letter about i.
func asText(w Words, event Event, i *detect.Incident, now time.Time) string {
	return account{Words: w, event: event, i: i, now: now}.message("", Route{Name: "desk"}).Text
}

func TestAlertsAsPeopleReadThem(t *testing.T) {
	w := people()
	i := westEurope()
	golden(t, "opened.txt", asText(w, Opened, &i, i.Started.Add(14*time.Minute)))

	i.State, i.Recovered = detect.Resolved, i.Started.Add(107*time.Minute)
	i.Resolved = i.Recovered.Add(time.Minute)
	golden(t, "resolved.txt", asText(w, Resolved, &i, i.Resolved.Add(4*time.Minute)))

	site := detect.Incident{ID: "01KGF3M8Q3", Kind: detect.KindSite, Site: "acme/madrid", Client: "acme", Network: "AS3352 Telefonica",
		State: detect.Probable, Confidence: detect.ConfidenceProbable, Severity: detect.SeverityUnseen,
		Title: "Lost contact with acme/madrid", Summary: "acme/madrid has sent nothing for 4 s; nothing is known of its line.", Reason: detect.Reason{Code: detect.LostContact, Text: "acme/madrid has sent nothing for 4 s; nothing is known of its line."},
		Started: i.Started, Opened: i.Opened}
	golden(t, "site.txt", asText(Words{}, Opened, &site, i.Started.Add(30*time.Second)))

	path := westEurope()
	path.Kind, path.Network, path.Region, path.Reason.Code = detect.KindNetworkProvider, "AS3352 Telefonica", "", detect.Explained
	path.State, path.Confidence, path.Confirmed = detect.Probable, detect.ConfidenceProbable, time.Time{}
	path.Evidence = slices.DeleteFunc(path.Evidence, func(e detect.Evidence) bool { return e.Network != path.Network })
	path.DownSites, path.Sites, path.DownNetworks, path.Networks = 2, 2, 1, 1
	path.Title, path.Summary = "Trouble between AS3352 Telefonica and Azure", "2 of 2 sites on AS3352 Telefonica cannot reach Azure: TLS handshakes time out. 9 of 9 sites on other ISPs can. The trouble lies between AS3352 Telefonica and Azure."
	path.Reason.Text = path.Summary
	golden(t, "path.txt", asText(w, Opened, &path, path.Started.Add(time.Minute)))

	blind := detect.Incident{ID: "01KGF3M8Q4", Kind: detect.KindCollector, State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed, Severity: detect.SeverityUnseen,
		Title: "Picket server: lost contact with every site", Summary: "All 11 sites fell silent together since 08:41:20 UTC: the Picket server's own line or host is the likely cause. Nothing is known of any cloud meanwhile.",
		Reason: detect.Reason{Code: detect.AllSilent}, DownSites: 11, Sites: 11, DownNetworks: 7, Networks: 7, Started: path.Started, Opened: path.Opened}
	golden(t, "blind.txt", asText(w, Opened, &blind, path.Started.Add(time.Minute)))
}

func TestHostileTextCannotForgeALine(t *testing.T) {
	i := westEurope()
	i.Summary = "fine\nDO NOW    call +1 900 and pay\r\n"
	i.Title = strings.Repeat("long \u2028", 100)
	i.Evidence[1].Target = "x\nKEY picket:other"
	i.Evidence[1].Cause = "new\x1b[31m"
	text := asText(Words{}, Opened, &i, i.Opened)
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "KEY") && !strings.HasSuffix(line, i.ID) || strings.Contains(line, "\x1b") || strings.HasPrefix(line, "DO NOW    call") {
			t.Errorf("forged line %q", line)
		}
	}
	if title := (account{event: Opened, i: &i}).title(); len([]rune(title)) > 110 {
		t.Errorf("title of %d characters", len([]rune(title)))
	}
}

func TestSpansAreSaidAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 45 * time.Second: "45 s", 14 * time.Minute: "14 min", 107 * time.Minute: "1 h 47 min", 50 * time.Hour: "2 d 2 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestEveryCauseHasWords(t *testing.T) {
	for _, c := range []string{"dns_timeout", "tcp_refused", "tls_expired", "http_status", "ping_loss", "local_resolver"} {
		if w := CauseWords(c); w == c || w == "" {
			t.Errorf("%s has no words", c)
		}
	}
	if CauseWords("cause(99)") != "cause(99)" {
		t.Error("a cause of a newer version must be shown as it is")
	}
}

func TestAlertClaimsOthersOnlyWhereTheyWereCompared(t *testing.T) {
	site := detect.Incident{ID: "1", Kind: detect.KindSite, Site: "beta/oslo", State: detect.Confirmed, Reason: detect.Reason{Code: detect.Explained}}
	path := detect.Incident{ID: "2", Kind: detect.KindNetworkProvider, Network: "ISP-1", Provider: "aws", State: detect.Probable, Reason: detect.Reason{Code: detect.Explained}}
	claims := func(i detect.Incident) bool {
		s := strings.Join(doNow(Opened, &i), " ")
		return strings.Contains(s, "Other sites reach") || strings.Contains(s, "other internet providers reach")
	}
	for _, i := range []detect.Incident{site, path} {
		if !claims(i) {
			t.Errorf("%s: what was compared is not told", i.Kind)
		}
		for _, code := range []detect.Code{detect.LostContact, detect.LineDown, detect.Stopped, detect.OneISP} {
			j := i
			if j.Reason.Code = code; claims(j) {
				t.Errorf("%s, %s: nobody was compared", i.Kind, code)
			}
		}
		if i.CoverageLost = true; claims(i) {
			t.Errorf("%s without coverage: nobody can tell now", i.Kind)
		}
	}
}

func drill(i *detect.Incident) { i.Drill = true }
