package web

import (
	"strings"
	"testing"
)

func TestThePageTellsWhatTheDoctorFound(t *testing.T) {
	if got := doctorWords(nil); len(got) != 0 {
		t.Errorf("without a report: %v", got)
	}
	d := &Doctor{Findings: []Found{
		{ID: "icmp4", Level: "WARN", Text: "may not ping", Fix: "give it the right"},
		{ID: "files", Level: "PASS", Text: "fine"},
		{ID: "vote", Level: "SKIP", Text: "see service"},
		{ID: "clock", Level: "WARN", Text: "the page knows the clock by itself"},
		{ID: "buffer", Level: "FAIL", Text: "the disk is full"},
	}}
	got := doctorWords(d)
	if strings.Join(got, "|") != "doctor, buffer: the disk is full|doctor, icmp4: may not ping; give it the right" {
		t.Errorf("%q", got)
	}
	for range 5 {
		d.Findings = append(d.Findings, Found{ID: "load", Level: "WARN", Text: "much"})
	}
	if got := doctorWords(d); len(got) != maxDoctorLines+1 || !strings.Contains(got[maxDoctorLines], "picket-agent doctor") {
		t.Errorf("%q", got)
	}
	if got := findings(noon, Agent{Doctor: d}, Status{}); len(got) != maxDoctorLines+1 {
		t.Errorf("the page of an agent has %q", got)
	}
}
