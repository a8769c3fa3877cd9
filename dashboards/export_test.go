package dashboards

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"picket/internal/influxd"
)

// TestTheDataSourceIsAnswered sends what Grafana would send by the provisioned
// data source to a server that asks for credentials.
func TestTheDataSourceIsAnswered(t *testing.T) {
	const token = "picket:a-long-password"
	s := started(t, influxd.Options{User: "picket", Password: "a-long-password"})
	w := staged()
	w.write(t, s, token)
	src, err := File("provisioning/datasources/picket.yaml")
	if err != nil {
		t.Fatal(err)
	}
	expanded := os.Expand(string(src), func(name string) string {
		return map[string]string{"PICKET_INFLUX_URL": s.URL, "PICKET_INFLUX_BUCKET": influxd.Database, "PICKET_INFLUX_TOKEN": token}[name]
	})
	var file struct {
		Datasources []struct {
			URL      string
			JSONData map[string]string `yaml:"jsonData"`
			Secure   map[string]string `yaml:"secureJsonData"`
		}
	}
	if err := yaml.Unmarshal([]byte(expanded), &file); err != nil {
		t.Fatal(err)
	}
	d := file.Datasources[0]
	form := url.Values{"db": {d.JSONData["dbName"]}, "q": {`SHOW TAG VALUES FROM "verdict" WITH KEY = "provider"`}}
	req, err := http.NewRequestWithContext(t.Context(), d.JSONData["httpMode"], d.URL+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set(d.JSONData["httpHeaderName1"], d.Secure["httpHeaderValue1"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "azure") {
		t.Errorf("%s: %s, %v", resp.Status, body, err)
	}
}

func TestExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "grafana")
	changed, err := Export(Options{Dir: dir, Home: "/srv/grafana", Page: "https://picket.msp.example/"})
	if err != nil || len(changed) != len(Names()) {
		t.Fatalf("first export: %v, %v", changed, err)
	}
	content := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if s := content("dashboards/picket/overview.json"); !strings.Contains(s, `"https://picket.msp.example"`) || strings.Contains(s, DefaultPage) {
		t.Error("the dashboards do not link to the page that was named")
	}
	if s := content("provisioning/dashboards/picket.yaml"); !strings.Contains(s, "path: /srv/grafana/dashboards/picket\n") {
		t.Errorf("Grafana is told to look elsewhere:\n%s", s)
	}
	info, err := os.Stat(filepath.Join(dir, "provisioning/datasources/picket.yaml"))
	if err != nil || info.Mode().Perm()&0o044 != 0o044 {
		t.Errorf("Grafana's user cannot read it: %v, %v", info, err)
	}
	again := Options{Dir: dir, Home: "/srv/grafana", Page: "https://picket.msp.example"}
	if changed, err := Export(again); err != nil || len(changed) != 0 {
		t.Errorf("a second export changed %v, %v", changed, err)
	}

	own := filepath.Join(dir, "provisioning/datasources/picket.yaml")
	if err := os.WriteFile(own, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(again); !errors.Is(err, ErrDiffers) || content("provisioning/datasources/picket.yaml") != "mine" {
		t.Errorf("a file of somebody's own: %v", err)
	}
	again.Force = true
	if changed, err := Export(again); err != nil || !slices.Equal(changed, []string{own}) {
		t.Errorf("forced: %v, %v", changed, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*/*/.picket-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestExportRefusesWhatGrafanaWouldMisread(t *testing.T) {
	for name, o := range map[string]Options{
		"no folder":            {},
		"a script":             {Page: "javascript:alert(1)"},
		"a password":           {Page: "https://user:password@picket.example"},
		"a quote":              {Page: `https://picket.example/"}`},
		"a variable":           {Page: "https://${secret}.example"},
		"a folder of variable": {Home: "/etc/$HOME"},
	} {
		if name != "no folder" {
			o.Dir = t.TempDir()
		}
		if _, err := Export(o); !errors.Is(err, ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
