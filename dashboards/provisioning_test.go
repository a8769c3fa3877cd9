package dashboards

import (
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"picket/internal/influxd"
)

func TestProvisioning(t *testing.T) {
	var sources struct {
		Datasources []struct {
			UID, Type, URL string
			Editable       bool
			JSONData       map[string]any    `yaml:"jsonData"`
			Secure         map[string]string `yaml:"secureJsonData"`
		}
	}
	read(t, "provisioning/datasources/picket.yaml", &sources)
	if len(sources.Datasources) != 1 {
		t.Fatalf("%d data sources", len(sources.Datasources))
	}
	s := sources.Datasources[0]
	if s.Type != "influxdb" || s.UID == "" || s.Editable || s.URL != "${PICKET_INFLUX_URL}" || s.JSONData["version"] != "InfluxQL" ||
		s.JSONData["dbName"] != "${PICKET_INFLUX_BUCKET}" || s.JSONData["httpHeaderName1"] != "Authorization" ||
		s.Secure["httpHeaderValue1"] != "Token ${PICKET_INFLUX_TOKEN}" {
		t.Errorf("data source %+v", s)
	}
	var folders struct {
		Providers []struct {
			Folder         string
			AllowUIUpdates bool `yaml:"allowUiUpdates"`
			Options        struct{ Path string }
		}
	}
	read(t, "provisioning/dashboards/picket.yaml", &folders)
	if len(folders.Providers) != 1 || folders.Providers[0].AllowUIUpdates || folders.Providers[0].Options.Path != DefaultHome+"/"+home {
		t.Errorf("folders %+v", folders)
	}
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	src, err := File(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(src, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestTheOneRule holds that there is one alert rule, which looks for judgements
// where the boards do and fires when there are none.
func TestTheOneRule(t *testing.T) {
	var file struct {
		Groups []struct {
			Folder, Interval string
			Rules            []rule
		}
	}
	read(t, "provisioning/alerting/picket.yaml", &file)
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) != 1 {
		t.Fatalf("%+v: there is one rule, or two engines disagree", file.Groups)
	}
	g := file.Groups[0]
	r := g.Rules[0]
	if g.Folder != "Picket" || g.Interval != "1m" || r.UID != "picket-dead-man" || r.NoData != "Alerting" || r.ExecErr != "Alerting" || r.IsPaused ||
		r.Annotations["summary"] == "" {
		t.Errorf("%+v in %s every %s", r, g.Folder, g.Interval)
	}
	refs := map[string]rulePart{}
	for _, d := range r.Data {
		if d.RelativeTimeRange.From != 180 || d.RefID != d.Model.RefID {
			t.Errorf("part %s looks back %d s", d.RefID, d.RelativeTimeRange.From)
		}
		refs[d.RefID] = d
	}
	last := refs[r.Condition]
	newest := refs[last.Model.Expression]
	query := refs[newest.Model.Expression]
	if last.Model.Type != "threshold" || len(last.Model.Conditions) != 1 || last.Model.Conditions[0].Evaluator.Type != "lt" || newest.Model.Type != "reduce" ||
		query.DatasourceUID != "picket-influx" {
		t.Errorf("the rule does not hang together: %+v", refs)
	}
	w, s := staged(), started(t, influxd.Options{})
	w.write(t, s, "")
	// What Grafana makes of the file, and then of the query.
	influxql := func(now time.Time) string {
		text := strings.ReplaceAll(query.Model.Query, "$$", "$")
		return strings.ReplaceAll(text, "$timeFilter", "time >= "+ms(now.Add(-3*time.Minute))+"ms and time <= "+ms(now)+"ms")
	}
	if got := rows(t, s, influxql(w.now)); len(got) != 1 || got[0] == "count=0" {
		t.Errorf("while it judges: %v", got)
	}
	if got := rows(t, s, influxql(w.now.Add(5*time.Minute))); len(got) != 0 {
		t.Errorf("five minutes after the last judgement: %v", got)
	}
}

type rule struct {
	UID, Title, Condition string
	NoData                string `yaml:"noDataState"`
	ExecErr               string `yaml:"execErrState"`
	IsPaused              bool   `yaml:"isPaused"`
	Annotations           map[string]string
	Data                  []rulePart
}

type rulePart struct {
	RefID             string                 `yaml:"refId"`
	DatasourceUID     string                 `yaml:"datasourceUid"`
	RelativeTimeRange struct{ From, To int } `yaml:"relativeTimeRange"`
	Model             struct {
		RefID      string `yaml:"refId"`
		Type       string
		Expression string
		Query      string
		Conditions []struct {
			Evaluator struct {
				Type   string
				Params []float64
			}
		}
	}
}
