package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket/dashboards"
)

// TestTheCommandsOfTheGrafanaPage runs them in an empty folder that stands for the
// root of a machine, and looks at what Grafana and compose would find.
func TestTheCommandsOfTheGrafanaPage(t *testing.T) {
	root, n := t.TempDir(), 0
	if err := os.MkdirAll(filepath.Join(root, "deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + filepath.Dir(picket(t)) + ":" + os.Getenv("PATH")
	for _, b := range fences(t, "grafana.md") {
		if b.info != "sh run=grafana" {
			continue
		}
		n++
		cmd := command(t, "sh", "-euc", strings.NewReplacer("--grafana-dir /etc/", "--grafana-dir /etc/", " /etc/", " "+root+"/etc/").Replace(b.text))
		cmd.Dir, cmd.Env = root, append(os.Environ(), path)
		output(t, cmd)
	}
	if n < 5 {
		t.Fatalf("only %d blocks are run", n)
	}
	info, err := os.Stat(filepath.Join(root, "deploy/.env"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the secrets: %v, %v", info, err)
	}
	given := read(t, root, "deploy/.env")
	services, _ := composed(t)
	for name, s := range services {
		for key, value := range s.Environment {
			if asked, _, ok := strings.Cut(strings.TrimPrefix(value, "${"), ":?"); ok && !strings.Contains(given, asked+"=") {
				t.Errorf("%s asks for %s (%s), and the page does not say so", name, asked, key)
			}
		}
	}
	for _, dir := range []string{"etc/grafana", "grafana"} {
		for _, name := range dashboards.Names() {
			if !strings.Contains(read(t, root, filepath.Join(dir, name)), "icket") {
				t.Errorf("%s is not in %s", name, dir)
			}
		}
	}
	if s := read(t, root, "grafana/provisioning/dashboards/picket.yaml"); !strings.Contains(s, "path: /etc/grafana/dashboards/picket\n") {
		t.Errorf("Grafana would look elsewhere:\n%s", s)
	}
	if s := read(t, root, "etc/grafana/dashboards/picket/overview.json"); !strings.Contains(s, `"https://picket.msp.example"`) {
		t.Error("the dashboards do not link to the page")
	}
	env := read(t, root, "etc/default/grafana-server")
	for _, name := range []string{"PICKET_INFLUX_URL=", "PICKET_INFLUX_BUCKET=", "PICKET_INFLUX_TOKEN="} {
		if !strings.Contains(env, name) {
			t.Errorf("Grafana is not told %s", name)
		}
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// TestTheBucketIsADatabase runs the script of InfluxDB's first start with a
// stand-in for its command line, as the image would.
func TestTheBucketIsADatabase(t *testing.T) {
	services, _ := composed(t)
	db := services["influxdb"]
	const mount = "./compose/influxdb-init.sh:/docker-entrypoint-initdb.d/picket.sh:ro"
	if !strings.Contains(strings.Join(db.Volumes, "\n"), mount) {
		t.Fatalf("InfluxDB does not run the script: %v", db.Volumes)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "influx"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "compose/influxdb-init.sh")
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "DOCKER_INFLUXDB_INIT_BUCKET_ID=0123", "DOCKER_INFLUXDB_INIT_BUCKET=" + db.Environment["DOCKER_INFLUXDB_INIT_BUCKET"]}
	want := "v1 dbrp create --bucket-id 0123 --db " + services["grafana"].Environment["PICKET_INFLUX_BUCKET"] + " --rp autogen --default\n"
	if got := output(t, cmd); got != want {
		t.Errorf("InfluxDB is told %q, want %q", got, want)
	}
}
