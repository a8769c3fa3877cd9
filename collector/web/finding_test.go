package web

import (
	"strings"
	"testing"

	"picket/collector/inquiry"
)

// TestRowsJudgeALineAsTheAnswerDoes: the answer that says whose line fails and the
// table below it must not contradict each other.
func TestRowsJudgeALineAsTheAnswerDoes(t *testing.T) {
	for _, c := range []struct {
		ok, asked int
		state     string
		line      bool // the answer says that the line fails
	}{{1, 2, "down", true}, {0, 3, "down", true}, {2, 3, "ok", false}, {3, 3, "ok", false}, {1, 1, "ok", false}, {0, 1, "no-data", false}, {0, 0, "", false}} {
		own := inquiry.Row{Site: "acme/madrid", Client: "acme", ISP: "North", Own: true, State: inquiry.Answered, Outcome: "down", Cause: "tcp_timeout", Layer: "tcp", RefsOK: c.ok, RefsAsked: c.asked}
		other := inquiry.Row{Site: "b/1", Client: "b", ISP: "West", State: inquiry.Answered, Outcome: "up"}
		rows, _ := rowsOf([]inquiry.Row{own, other})
		f := inquiry.Judge(inquiry.Facts{Label: "Mail", Rows: []inquiry.Row{own, other}})
		if rows[0].RefsState != c.state || strings.Contains(f.Sentence, "internet line fails") != c.line {
			t.Errorf("%d of %d references: the row is %q, the answer %q; wanted %q and %v", c.ok, c.asked, rows[0].RefsState, f.Sentence, c.state, c.line)
		}
	}
}

func TestRowsSayHowTheAskingWent(t *testing.T) {
	rows, _ := rowsOf([]inquiry.Row{{State: inquiry.Answered, Outcome: "up"}, {State: inquiry.Refused}, {State: inquiry.Silent}})
	for i, want := range []string{"works", "did not want to be asked", "no answer"} {
		if rows[i].Word != want {
			t.Errorf("row %d: %q, wanted %q", i, rows[i].Word, want)
		}
	}
}

func TestViewerSeesNoISPOrRegionOfOthers(t *testing.T) {
	html := look(t, detail(t, detailed(), guest), "/check/f1")
	shows(t, html, "AS3352 Telefonica", "eu-south", "another ISP (1)", "another ISP (4)")
	saw := html[strings.Index(html, "What each site saw"):strings.Index(html, "What would make it surer")]
	hides(t, saw, "AS3320", "AS2856", "AS3269", "AS3215", "uk", "eu-west")
}
