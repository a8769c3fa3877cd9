package dashboards

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// lintPresent refuses panels that show the past as the present.
func lintPresent(t *testing.T, at string, p panel, q query) {
	t.Helper()
	const age = "dateTimeFromNow"                           // such a panel says how old the last point is
	overTime := strings.Contains(q.Query, "GROUP BY time(") // then last is that of a bucket
	if strings.Contains(q.Query, "last(") && !overTime && p.TimeFrom == "" && p.FieldConfig.Defaults.Unit != age {
		t.Errorf("%s: last() over the dashboard's range shows the state of a dead collector as today's", at)
	}
	if strings.HasSuffix(p.Title, " now") && p.TimeFrom == "" {
		t.Errorf("%s: says now and means the dashboard's range", at)
	}
}

// lintTransformations refuses columns that no query of the panel makes.
func lintTransformations(t *testing.T, at string, p panel) {
	t.Helper()
	grouped := map[string]bool{}
	for _, tr := range p.Transformations {
		for c, g := range tr.Options.Fields {
			for _, a := range g.Aggregations {
				grouped[c+" ("+a+")"] = true
			}
		}
		used := []string{tr.Options.RowField, tr.Options.ColumnField, tr.Options.ValueField}
		for c := range tr.Options.IndexByName {
			used = append(used, c)
		}
		for c := range tr.Options.RenameByName {
			used = append(used, c)
		}
		for _, c := range used {
			if c != "" && c != "Time" && !grouped[c] && !strings.Contains(p.Targets[0].Query, `"`+c+`"`) {
				t.Errorf("%s: %s handles the column %q, which the query does not make", at, tr.ID, c)
			}
		}
	}
}

// screen are the names that a panel's columns have on screen.
func screen(p panel) []string {
	var names []string
	for _, tr := range p.Transformations {
		for _, name := range tr.Options.RenameByName {
			names = append(names, name)
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, prop := range o.Properties {
			if name, ok := prop.Value.(string); ok && prop.ID == "displayName" {
				names = append(names, name)
			}
		}
	}
	return names
}

// lintOverrides refuses settings of a column that is not there.
func lintOverrides(t *testing.T, at string, p panel) {
	t.Helper()
	names := screen(p)
	for _, q := range p.Targets {
		for _, m := range regexp.MustCompile(`AS "([^"]+)"`).FindAllStringSubmatch(q.Query, -1) {
			names = append(names, m[1])
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byName" && !slices.Contains(names, o.Matcher.Options) {
			t.Errorf("%s: there is no column %q to set", at, o.Matcher.Options)
		}
	}
	for _, s := range tableOf(p).SortBy {
		if !slices.Contains(names, s.DisplayName) {
			t.Errorf("%s: there is no column %q to sort by", at, s.DisplayName)
		}
	}
}

// lintLinks follows the links of values: to a board that is there, with variables
// that it has, from columns or tags that the panel has; time, data source and the
// page's address go with them.
func lintLinks(t *testing.T, at string, p panel, all map[string]board) int {
	t.Helper()
	links := slices.Clone(p.FieldConfig.Defaults.Links)
	for _, o := range p.FieldConfig.Overrides {
		links = append(links, o.links(t)...)
	}
	names := screen(p)
	for _, l := range links {
		for _, m := range regexp.MustCompile(`\$\{__data\.fields(?:\.(\w+)|\["([^"]+)"\])\}`).FindAllStringSubmatch(l.URL, -1) {
			if !slices.Contains(names, m[1]+m[2]) {
				t.Errorf("%s: the link %q uses the column %q, which is not on screen", at, l.Title, m[1]+m[2])
			}
		}
		for _, m := range regexp.MustCompile(`\$\{__field\.labels\.(\w+)\}`).FindAllStringSubmatch(l.URL, -1) {
			if !strings.Contains(p.Targets[0].Query[strings.LastIndex(p.Targets[0].Query, "GROUP BY"):], `"`+m[1]+`"`) {
				t.Errorf("%s: the link %q uses the tag %q, which the query does not group by", at, l.Title, m[1])
			}
		}
		path, query, _ := strings.Cut(l.URL, "?")
		uid, toBoard := strings.CutPrefix(path, "/d/")
		if !toBoard {
			if !strings.HasPrefix(l.URL, "${page}/") {
				t.Errorf("%s: the link %q leads neither to a board nor to the page: %s", at, l.Title, l.URL)
			}
			continue
		}
		b, ok := all[home+"/"+strings.TrimPrefix(uid, "picket-")+".json"]
		if !ok || b.UID != uid {
			t.Errorf("%s: the link %q leads to %s, which is not there", at, l.Title, uid)
		}
		for _, kept := range []string{"${__url_time_range}", "${datasource:queryparam}", "${page:queryparam}"} {
			if !strings.Contains(query, kept) {
				t.Errorf("%s: the link %q loses %s", at, l.Title, kept)
			}
		}
		for _, m := range regexp.MustCompile(`var-(\w+)=|\$\{(\w+):queryparam\}`).FindAllStringSubmatch(query, -1) {
			if !slices.ContainsFunc(b.Templating.List, func(v variable) bool { return v.Name == m[1]+m[2] }) {
				t.Errorf("%s: the link %q sets %s, which %s does not have", at, l.Title, m[1]+m[2], uid)
			}
		}
	}
	return len(links)
}

func TestLinksLeadSomewhere(t *testing.T) {
	all, links := shipped(t), 0
	for name, b := range all {
		for _, p := range b.Panels {
			if p.Type != "text" {
				links += lintLinks(t, name+", "+p.Title, p, all)
			}
		}
	}
	if links < 10 {
		t.Errorf("only %d links", links)
	}
}
