package dashboards

import (
	"testing"

	"github.com/goccy/go-yaml"
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
