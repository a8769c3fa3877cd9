package dashboards

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// board is what the tests read of a dashboard's JSON.
type board struct {
	ID            any      `json:"id"`
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	Editable      *bool    `json:"editable"`
	SchemaVersion int      `json:"schemaVersion"`
	Refresh       string   `json:"refresh"`
	Panels        []panel  `json:"panels"`
	Links         []struct {
		Type        string `json:"type"`
		IncludeVars bool   `json:"includeVars"`
		KeepTime    bool   `json:"keepTime"`
	} `json:"links"`
	Annotations struct {
		List []annotation `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int                      `json:"id"`
	Type        string                   `json:"type"`
	Title       string                   `json:"title"`
	Description string                   `json:"description"`
	Datasource  source                   `json:"datasource"`
	GridPos     struct{ X, Y, W, H int } `json:"gridPos"`
	TimeFrom    string                   `json:"timeFrom"`
	Interval    string                   `json:"interval"`
	Targets     []query                  `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit  string `json:"unit"`
			Color struct {
				Mode string `json:"mode"`
			} `json:"color"`
			Thresholds struct {
				Steps []any `json:"steps"`
			} `json:"thresholds"`
			Links []link `json:"links"`
		} `json:"defaults"`
		Overrides []override `json:"overrides"`
	} `json:"fieldConfig"`
	Options         json.RawMessage `json:"options"`
	Transformations []struct {
		ID      string `json:"id"`
		Options struct {
			RowField, ColumnField, ValueField string
			IndexByName                       map[string]int
			RenameByName                      map[string]string
			Fields                            map[string]struct{ Aggregations []string }
		} `json:"options"`
	} `json:"transformations"`
}

type link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

type override struct {
	Matcher struct {
		ID      string `json:"id"`
		Options string `json:"options"`
	} `json:"matcher"`
	Properties []struct {
		ID    string `json:"id"`
		Value any    `json:"value"`
	} `json:"properties"`
}

// links are those that an override gives to a column.
func (o override) links(t *testing.T) (all []link) {
	t.Helper()
	for _, p := range o.Properties {
		if p.ID != "links" {
			continue
		}
		src, err := json.Marshal(p.Value)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(src, &all); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// tableOf are the options of a table; zero for another panel.
func tableOf(p panel) (o struct {
	SortBy []struct {
		DisplayName string `json:"displayName"`
	} `json:"sortBy"`
}) {
	_ = json.Unmarshal(p.Options, &o) // what is not there is zero
	return o
}

type query struct {
	RefID        string `json:"refId"`
	Datasource   source `json:"datasource"`
	RawQuery     bool   `json:"rawQuery"`
	ResultFormat string `json:"resultFormat"`
	Alias        string `json:"alias"`
	Query        string `json:"query"`
}

type annotation struct {
	Name       string `json:"name"`
	Enable     bool   `json:"enable"`
	Datasource source `json:"datasource"`
	Target     struct {
		Query         string `json:"query"`
		TextColumn    string `json:"textColumn"`
		TagsColumn    string `json:"tagsColumn"`
		TimeEndColumn string `json:"timeEndColumn"`
	} `json:"target"`
}

type variable struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	Description string `json:"description"`
	Type        string `json:"type"`
	Query       string `json:"query"`
	Datasource  source `json:"datasource"`
	Refresh     int    `json:"refresh"`
	Multi       bool   `json:"multi"`
	IncludeAll  bool   `json:"includeAll"`
	AllValue    string `json:"allValue"`
}

// shipped reads every dashboard that is shipped, by the name of its file.
func shipped(t *testing.T) map[string]board {
	t.Helper()
	all := map[string]board{}
	for _, name := range Names() {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		src, err := File(name)
		if err != nil {
			t.Fatal(err)
		}
		var b board
		if err := json.Unmarshal(src, &b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b
	}
	if len(all) == 0 {
		t.Fatal("no dashboard is shipped")
	}
	return all
}

// view is what a person has chosen in Grafana: range and variables.
type view struct {
	from, to time.Time
	vars     map[string][]string // nil and absent: "All"
}

// firstChoice is what a variable without "all" begins with in the staged world.
const firstChoice = "afd-weu"

// rendered is the InfluxQL that Grafana sends for text in a view. span is the
// panel's own range ("" for the dashboard's), interval its least one.
func rendered(t *testing.T, b board, text string, v view, span, interval string) string {
	t.Helper()
	from := v.from
	if span != "" {
		d, err := time.ParseDuration(span)
		if err != nil {
			t.Fatalf("timeFrom: %v", err)
		}
		from = v.to.Add(-d)
	}
	filter := "time >= " + ms(from) + "ms and time <= " + ms(v.to) + "ms"
	text = strings.ReplaceAll(text, "$timeFilter", filter)
	if interval == "" {
		interval = "30s"
	}
	text = strings.ReplaceAll(text, "$__interval", interval)
	for _, one := range b.Templating.List {
		if one.Type == "textbox" {
			text = strings.ReplaceAll(text, "$"+one.Name, one.Query)
		}
		if one.Type != "query" {
			continue
		}
		value := one.AllValue
		if !one.IncludeAll {
			value = "(" + firstChoice + ")" // Grafana chooses the first there is
		}
		if chosen := v.vars[one.Name]; chosen != nil {
			chosen = slices.Clone(chosen)
			for i, c := range chosen {
				chosen[i] = strings.ReplaceAll(regexp.QuoteMeta(c), "/", `\/`)
			}
			value = "(" + strings.Join(chosen, "|") + ")"
		}
		text = strings.ReplaceAll(text, "$"+one.Name, value)
	}
	if strings.Contains(strings.ReplaceAll(text, "$/", ""), "$") { // what is left ends a regular expression
		t.Fatalf("a variable is left in %s", text)
	}
	return text
}

func ms(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }
