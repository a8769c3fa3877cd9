package inquiry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"picket/collector/detect"
)

func TestWhoMaySeeAnAnswer(t *testing.T) {
	f := Finding{Client: "acme", Rows: []Row{{Site: "acme/madrid", Client: "acme", ISP: "North", Region: "here", Err: "own", Own: true},
		{Site: "b/1", Client: "b", ISP: "West", Region: "b-headquarters", Why: "local policy of b", Err: "lookup on 10.0.0.1", Addr: "192.0.2.1", RefsOK: 3},
		{Site: "b/2", Client: "b", ISP: "North"}}}
	if !f.Concerns("") || !f.Concerns("acme") || f.Concerns("b") || (Finding{}).Concerns("acme") {
		t.Error("the wrong people may see it")
	}
	if got, want := f.For("acme").Rows, []Row{f.Rows[0], {ISP: "another ISP", RefsOK: 3}, {ISP: "North"}}; !slices.Equal(got, want) {
		t.Errorf("for acme: %+v, wanted %+v", got, want)
	}
	if f.Rows[1].Site != "b/1" || f.For("").Rows[1] != f.Rows[1] {
		t.Errorf("for the staff: %+v; kept: %+v", f.For("").Rows, f.Rows)
	}
}

func TestForeignISPsAreCountedAndNotNamed(t *testing.T) {
	f := Finding{Client: "acme"}
	for _, isp := range []string{"North", "West", "City", "West", "", "Sun"} {
		f.Rows = append(f.Rows, Row{Client: "b", ISP: isp})
	}
	f.Rows = append(f.Rows, Row{Client: "acme", Site: "acme/madrid", ISP: "North"})
	f.isps = []string{"Sun"} // of a site of acme's that nobody asked
	isps := func(f Finding) (list []string) {
		for _, r := range f.Rows {
			list = append(list, r.ISP)
		}
		return list
	}
	if got := fmt.Sprintf("%q", isps(f.For("acme"))); got != `["North" "another ISP (1)" "another ISP (2)" "another ISP (1)" "" "Sun" "North"]` {
		t.Errorf("for acme: %s", got)
	}
	if got := fmt.Sprintf("%q", isps(f.For("c"))); strings.Contains(got, "North") || strings.Contains(got, "Sun") {
		t.Errorf("for c, which has none of these ISPs: %s", got)
	}
}

// TestNoAnswerNamesAnother holds the promise that sentences, links and what is
// missing are safe to show to whoever's answer it is: whatever is marked in a
// scenario belongs to another client.
func TestNoAnswerNamesAnother(t *testing.T) {
	marked := strings.NewReplacer(" West ", " AS1-secret ", " City ", " AS2-secret ", " Sun ", " AS3-secret ", " Sea ", " AS4-secret ", "b/", "secret/")
	for _, c := range scenarios() {
		for _, ispIsShared := range []bool{true, false} {
			c := c
			c.rows, c.fleet = marked.Replace(c.rows), marked.Replace(c.fleet)
			if !ispIsShared && strings.HasPrefix(c.rows, "-") { // about everybody: not even North is acme's
				c.rows = strings.ReplaceAll(c.rows, " North ", " AS5-secret ")
			}
			f := factsOf(t, c)
			f.Client = "acme"
			for i := range f.Rows {
				if r := &f.Rows[i]; r.Client != "acme" {
					r.Region, r.Addr, r.Err, r.Why = "secret-region", "192.0.2.66-secret", "secret error", "secret reason"
				}
			}
			if ispIsShared {
				f.Sites = append(f.Sites, detect.SiteStatus{ID: "acme/other", Client: "acme", Network: "Lone"})
			}
			got := Judge(f).For("acme")
			text, err := json.Marshal(got)
			if err != nil || strings.Contains(string(text), "secret") {
				t.Errorf("%s: an answer for acme tells of another client: %s %v", c.name, text, err)
			}
			if len(got.Rows) != len(f.Rows) {
				t.Errorf("%s: %d of %d rows are left", c.name, len(got.Rows), len(f.Rows))
			}
		}
	}
}

// TestAnISPIsNamedToItsOwn: about everybody, a client is told which ISP it is if
// that is one of its own, and the staff always.
func TestAnISPIsNamedToItsOwn(t *testing.T) {
	f := factsOf(t, scenario{rows: "-; b/1 North tcp; b/5 North tcp; b/2 West ok; b/3 City ok"})
	for _, c := range []struct{ client, has, says string }{{"", "", "between North and"}, {"acme", "North", "between North and"}, {"acme", "City", "between another ISP and"}, {"acme", "", "between another ISP and"}} {
		f.Client = c.client
		facts := f
		facts.Sites = append(slices.Clone(f.Sites), detect.SiteStatus{ID: "acme/other", Client: "acme", Network: c.has})
		got := Judge(facts)
		if got.Party != Path || !strings.Contains(got.Sentence, c.says) {
			t.Errorf("to %q, which has %q: %s", c.client, c.has, got.Sentence)
		}
		if row := got.For(c.client).Rows[0].ISP; (row == "North") != (c.says == "between North and") {
			t.Errorf("to %q, which has %q, the row shows %q", c.client, c.has, row)
		}
	}
}

func TestWhatReferencesSayOfALine(t *testing.T) {
	for _, c := range []struct {
		ok, asked int
		want      LinkState
	}{{0, 0, LinkUnknown}, {0, 1, LinkUnknown}, {1, 1, LinkOK}, {1, 2, LinkBroken}, {2, 3, LinkOK}, {1, 3, LinkBroken}, {3, 5, LinkOK}, {2, 4, LinkBroken}, {0, 3, LinkBroken}} {
		if got := (Row{RefsOK: c.ok, RefsAsked: c.asked}).Line(); got != c.want {
			t.Errorf("%d of %d references: %s, wanted %s", c.ok, c.asked, got, c.want)
		}
	}
}
