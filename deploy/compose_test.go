package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"picket/collector/config"
	"picket/dashboards"
)

type service struct {
	Image       string
	Build       map[string]any
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Networks    []string
	Privileged  bool
	User        string
	SecurityOpt []string `yaml:"security_opt"`
	Healthcheck struct {
		Test []string
	}
}

func composed(t *testing.T) (map[string]service, map[string]struct{ Internal bool }) {
	t.Helper()
	src, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]service
		Networks map[string]struct{ Internal bool }
	}
	if err := yaml.Unmarshal(src, &file); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"influxdb", "grafana", "collector"} {
		if _, ok := file.Services[name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
	return file.Services, file.Networks
}

// TestNoPasswordHasADefault refuses any secret that is not asked for.
func TestNoPasswordHasADefault(t *testing.T) {
	services, _ := composed(t)
	secret := regexp.MustCompile(`PASSWORD|TOKEN|SECRET|_KEY`)
	asked := regexp.MustCompile(`^\$\{[A-Z_]+:\?[^}]+\}$|^\$\{PICKET_GRAFANA_TOKEN:-\$\{PICKET_INFLUX_TOKEN\}\}$`)
	found := 0
	for name, s := range services {
		for key, value := range s.Environment {
			if !secret.MatchString(key) {
				continue
			}
			found++
			if !asked.MatchString(value) {
				t.Errorf("%s: %s is %q; a secret is asked for: ${NAME:?what it is}", name, key, value)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d secrets are known to this test", found)
	}
	if g := services["grafana"].Environment; g["GF_AUTH_ANONYMOUS_ENABLED"] != "false" || g["GF_USERS_ALLOW_SIGN_UP"] != "false" {
		t.Error("strangers may look into Grafana")
	}
}

func TestImagesArePinnedAndWatched(t *testing.T) {
	services, _ := composed(t)
	exact := regexp.MustCompile(`^[a-z0-9/.-]+:[0-9]+\.[0-9]+\.[0-9]+$`)
	for name, s := range services {
		if s.Build == nil && !exact.MatchString(s.Image) {
			t.Errorf("%s: image %q is not one version", name, s.Image)
		}
		if len(s.Healthcheck.Test) < 2 || s.Healthcheck.Test[0] != "CMD" {
			t.Errorf("%s: nobody asks whether it is well", name)
		}
		if s.Privileged || !strings.Contains(strings.Join(s.SecurityOpt, " "), "no-new-privileges:true") {
			t.Errorf("%s: it may gain privileges", name)
		}
	}
}

func TestOnlyAgentsComeIn(t *testing.T) {
	services, networks := composed(t)
	for name, s := range services {
		for _, p := range s.Ports {
			if p != "4443:4443/udp" && !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the world", name, p)
			}
		}
	}
	db := services["influxdb"]
	if len(db.Ports) != 0 || len(db.Networks) != 1 || !networks[db.Networks[0]].Internal {
		t.Error("InfluxDB can be reached from outside")
	}
}

// TestWhatIsMountedExists holds the paths that compose and Grafana must agree on.
func TestWhatIsMountedExists(t *testing.T) {
	services, _ := composed(t)
	mounts := map[string]string{}
	for name, s := range services {
		for _, v := range s.Volumes {
			parts := strings.Split(v, ":")
			if !strings.HasPrefix(parts[0], ".") {
				continue
			}
			mounts[parts[1]] = parts[0]
			if _, err := os.Stat(parts[0]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if parts[len(parts)-1] != "ro" {
				t.Errorf("%s: %s may be written", name, parts[0])
			}
		}
	}
	for _, name := range dashboards.Names() {
		at, covered := dashboards.DefaultHome+"/"+name, false
		for inside := range mounts {
			covered = covered || at == inside || strings.HasPrefix(at, inside+"/")
		}
		if !covered {
			t.Errorf("Grafana does not find %s", at)
		}
	}
	env := services["grafana"].Environment
	src, err := dashboards.File("provisioning/datasources/picket.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(src), -1) {
		if env[m[1]] == "" {
			t.Errorf("Grafana's data source wants %s", m[1])
		}
	}
}

// TestTheConfigurationIsTaken parses what the container is started with.
func TestTheConfigurationIsTaken(t *testing.T) {
	file, _, err := config.Load("compose/picket.yaml")
	if err != nil {
		t.Fatal(err)
	}
	services, _ := composed(t)
	c := services["collector"]
	switch {
	case file.Influx == nil || c.Environment[file.Influx.Token.Env] == "":
		t.Error("the collector is not told the token of InfluxDB")
	case file.TLS == nil || !file.TLS.OwnCA:
		t.Error("the page has no TLS")
	case file.Influx.URL != services["grafana"].Environment["PICKET_INFLUX_URL"] || file.Influx.Bucket != services["grafana"].Environment["PICKET_INFLUX_BUCKET"]:
		t.Error("collector and Grafana use different databases")
	case file.Influx.Org != services["influxdb"].Environment["DOCKER_INFLUXDB_INIT_ORG"] || file.Influx.Bucket != services["influxdb"].Environment["DOCKER_INFLUXDB_INIT_BUCKET"]:
		t.Error("InfluxDB is set up for another organisation or bucket")
	}
}

func TestTheImageIsBuiltByTheGoOfTheModule(t *testing.T) {
	docker, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
	got := regexp.MustCompile(`(?m)^FROM golang:(\d+\.\d+)-`).FindStringSubmatch(string(docker))
	if want == nil || got == nil || want[1] != got[1] {
		t.Errorf("the Dockerfile takes Go %v, go.mod wants %v", got, want)
	}
	if !regexp.MustCompile(`(?m)^USER [1-9][0-9]*:`).Match(docker) {
		t.Error("the server runs as root in its container")
	}
}
