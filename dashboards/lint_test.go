package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var wantSource = source{Type: "influxdb", UID: "${datasource}"}

func TestJSONIsCanonical(t *testing.T) {
	for name := range shipped(t) {
		src, err := File(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := json.Indent(&out, src, "", "  "); err != nil {
			t.Fatal(err)
		}
		if out.String() != string(src) {
			t.Errorf("%s is not indented by two spaces, so that changes of it could not be read", name)
		}
	}
}

func TestBoards(t *testing.T) {
	uids := map[string]string{}
	for name, b := range shipped(t) {
		if !regexp.MustCompile(`^picket-[a-z-]{1,33}$`).MatchString(b.UID) {
			t.Errorf("%s: uid %q", name, b.UID)
		}
		if other := uids[b.UID]; other != "" {
			t.Errorf("%s and %s have the same uid", name, other)
		}
		uids[b.UID] = name
		if b.ID != nil || b.Editable == nil || *b.Editable || !slices.Contains(b.Tags, "picket") || b.Title == "" || !strings.HasSuffix(b.Description, "?") || b.Refresh == "" {
			t.Errorf("%s: id must be null, editable false, the tag picket, title, a question and refresh set", name)
		}
		if b.SchemaVersion < 36 || b.SchemaVersion > 41 {
			t.Errorf("%s: schema version %d is not read by Grafana 10.4 to 13", name, b.SchemaVersion)
		}
		for _, l := range b.Links {
			if l.Type == "dashboards" && (!l.IncludeVars || !l.KeepTime) {
				t.Errorf("%s: a link to other dashboards loses the variables or the time", name)
			}
		}
	}
}

func TestVariables(t *testing.T) {
	for name, b := range shipped(t) {
		if v := b.Templating.List[0]; v.Name != "datasource" || v.Type != "datasource" || v.Query != "influxdb" || v.Label != "Data source" {
			t.Errorf("%s: the first variable must choose the data source: %+v", name, v)
		}
		var before []string
		for _, v := range b.Templating.List {
			if v.Label == "" || v.Description == "" {
				t.Errorf("%s: variable %s has no label or description", name, v.Name)
			}
			if v.Type == "query" && (v.Datasource != wantSource || v.Refresh != 2 || !v.Multi) {
				t.Errorf("%s: variable %s must be read anew with the time, from the chosen source, and take several", name, v.Name)
			}
			one := v.Name == "target" // its board is about one service
			if v.Type == "query" && (v.IncludeAll == one || v.IncludeAll != (v.AllValue == ".*")) {
				t.Errorf("%s: variable %s: offers all %v, as %q", name, v.Name, v.IncludeAll, v.AllValue)
			}
			for _, m := range matches.FindAllStringSubmatch(v.Query, -1) {
				above := regexp.MustCompile(`^/\^\$(\w+)\$/$`).FindStringSubmatch(m[1])
				if above == nil || !slices.Contains(before, above[1]) {
					t.Errorf("%s: variable %s depends on %s, which is not a variable before it", name, v.Name, m[1])
				}
			}
			before = append(before, v.Name)
		}
	}
}

func TestPanels(t *testing.T) {
	for name, b := range shipped(t) {
		ids := map[int]bool{}
		for i, p := range b.Panels {
			at := fmt.Sprintf("%s, panel %d %q", name, p.ID, p.Title)
			if p.ID == 0 || ids[p.ID] || p.Title == "" || p.Description == "" {
				t.Errorf("%s: id must be unique, title and description set", at)
			}
			ids[p.ID] = true
			g := p.GridPos
			if g.W <= 0 || g.H <= 0 || g.X < 0 || g.X+g.W > 24 {
				t.Errorf("%s: stands outside: %+v", at, g)
			}
			for _, o := range b.Panels[:i] {
				if h := o.GridPos; g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H {
					t.Errorf("%s: overlaps panel %d", at, o.ID)
				}
			}
			if p.Type == "text" {
				continue
			}
			if p.Datasource != wantSource || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
				t.Errorf("%s: the chosen data source, a unit and a query are needed", at)
			}
			for _, q := range p.Targets {
				if q.Datasource != wantSource || !q.RawQuery || q.ResultFormat != "table" && q.ResultFormat != "time_series" {
					t.Errorf("%s, query %s: data source, rawQuery or format", at, q.RefID)
				}
				lintQuery(t, at, q.Query)
				lintPresent(t, at, p, q)
				for _, m := range regexp.MustCompile(`\$tag_(\w+)`).FindAllStringSubmatch(q.Alias, -1) {
					if _, groups, _ := strings.Cut(q.Query, "GROUP BY"); !strings.Contains(groups, `"`+m[1]+`"`) {
						t.Errorf("%s: alias names the tag %s, which the query does not group by", at, m[1])
					}
				}
			}
			lintTransformations(t, at, p)
			lintOverrides(t, at, p)
			if c := p.FieldConfig.Defaults; c.Color.Mode == "thresholds" && len(c.Thresholds.Steps) == 0 {
				t.Errorf("%s: without thresholds Grafana paints everything green", at)
			}
		}
		for _, a := range b.Annotations.List {
			if a.Datasource != wantSource {
				t.Errorf("%s: annotation %s has another data source", name, a.Name)
			}
			if a.Name == "" || a.Target.Query == "" || len(b.Annotations.List) != 3 {
				t.Errorf("%s: the layers are incidents, drills and provider notices: %+v", name, a)
			}
			lintQuery(t, name+", annotation "+a.Name, a.Target.Query)
			for _, c := range []string{a.Target.TextColumn, a.Target.TagsColumn, a.Target.TimeEndColumn} {
				if !strings.Contains(a.Target.Query, `"`+c+`"`) {
					t.Errorf("%s: annotation %s shows the column %q, which it does not ask for", name, a.Name, c)
				}
			}
		}
	}
}

var (
	matches = regexp.MustCompile(`=~ *(/(?:[^/\\]|\\.)*/|\S+)`)
	fills   = regexp.MustCompile(`fill\((\w+)\)`)
)

func lintQuery(t *testing.T, at, q string) {
	t.Helper()
	if !strings.Contains(q, "$timeFilter") {
		t.Errorf("%s: reads all that was ever written: %s", at, q)
	}
	for _, m := range matches.FindAllStringSubmatch(q, -1) {
		if !regexp.MustCompile(`^/\^\$\w+\$/$`).MatchString(m[1]) {
			t.Errorf("%s: %s is not an anchored variable", at, m[1])
		}
	}
	timed := strings.Count(q, "GROUP BY time(")
	for _, m := range fills.FindAllStringSubmatch(q, -1) {
		if m[1] != "null" {
			t.Errorf("%s: %s invents what was not seen", at, m[0])
		}
		timed--
	}
	if timed != 0 {
		t.Errorf("%s: a series over time says fill(null), so that a gap is a gap", at)
	}
	if strings.Contains(q, `FROM "verdict"`) && !strings.Contains(q, `"scope" = 'target'`) {
		t.Errorf("%s: verdicts of all scopes would be counted together", at)
	}
}

// TestColoursAreThePages holds one palette for page and dashboards; its
// contrast is measured where the page is.
func TestColoursAreThePages(t *testing.T) {
	css, err := os.ReadFile("../collector/web/assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	for name := range shipped(t) {
		src, err := File(name)
		if err != nil {
			t.Fatal(err)
		}
		colours := regexp.MustCompile(`#[0-9a-fA-F]{6}\b`).FindAllString(string(src), -1)
		slices.Sort(colours)
		for _, c := range slices.Compact(colours) {
			if !bytes.Contains(bytes.ToLower(css), []byte(strings.ToLower(c))) {
				t.Errorf("%s: the page has no colour %s", name, c)
			}
		}
		if len(colours) == 0 {
			t.Errorf("%s has no colours", name)
		}
	}
}
