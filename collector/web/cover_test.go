package web

import (
	"strings"
	"testing"

	"picket/collector/detect"
)

func someCoverage() []detect.Coverage {
	return []detect.Coverage{
		{Provider: "aurora", Service: "web", Region: "east", Sites: 9, Networks: 6, VRegions: []string{"eu", "mars"}, Confidence: detect.ConfidenceConfirmed, Spare: 4,
			Text: "An outage could be confirmed by 9 sites on 6 ISPs, even with 4 sites less."},
		{Provider: "aurora", Service: "mail", Sites: 3, Networks: 3, Confidence: detect.ConfidenceConfirmed, Text: "An outage could be confirmed by 3 sites on 3 ISPs, but not with one site less."},
		{Provider: "borealis", Service: "crm", Client: "globex", Sites: 2, Networks: 1, Confidence: detect.ConfidenceProbable, Why: detect.OneISP,
			Text:    "An outage could at most be called likely by 2 sites on 1 ISP: all of them sit on one ISP.",
			Gains:   []detect.Gain{{Add: detect.AddISP, N: 1, To: detect.ConfidenceConfirmed, Text: "one site on another ISP would make it confirmed"}},
			Missing: []detect.Missing{{Why: "no fresh result", Sites: 1}}},
		{Provider: "borealis", Service: "web", Text: "Nobody could tell: no site sees it now."},
	}
}

func TestCoverageIsToldTheWorstFirst(t *testing.T) {
	got := coverServices(someCoverage(), strings.ToUpper)
	if got.Text != "If they went down now, 2 of 4 services could be confirmed." {
		t.Error(got.Text)
	}
	var words []string
	for _, l := range got.Thin {
		words = append(words, l.Name+": "+l.Word)
	}
	if s := strings.Join(words, "; "); s != "BOREALIS web: not seen; BOREALIS crm of globex: at most likely; AURORA mail: only just" {
		t.Error(s)
	}
	if len(got.Well) != 1 || got.Well[0].Name != "AURORA web east" {
		t.Errorf("well: %+v", got.Well)
	}
	if h := got.Thin[1].Help; h != "One site on another ISP would make it confirmed. 1 site cannot testify now: no fresh result. " {
		t.Errorf("help: %q", h)
	}
}

func TestAViewerLearnsNoCoverageOfOthers(t *testing.T) {
	n := &narrow{src: &scene{coverage: someCoverage(), snap: detect.Snapshot{Sites: []detect.SiteStatus{{ID: "acme/madrid", Client: "acme", Network: "N", VRegion: "eu"}}}}, client: "acme"}
	got, err := n.Coverage(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, c := range got {
		if c.Client != "" {
			t.Errorf("sees %+v", c)
		}
	}
	if r := got[0].VRegions; len(r) != 1 || r[0] != "eu" {
		t.Errorf("sees regions %v", r)
	}
}
