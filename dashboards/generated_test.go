package dashboards

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"picket/dashboards/boards"
	"picket/dashboards/grafana"
)

var update = flag.Bool("update", false, "write the dashboards anew")

// TestGeneratedIsCommitted holds that the JSON that is shipped is what boards/
// says; with -update it makes it so.
func TestGeneratedIsCommitted(t *testing.T) {
	want := map[string]bool{}
	for _, d := range boards.All(DefaultPage) {
		src, err := grafana.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		name := d.UID[len("picket-"):] + ".json"
		want[name] = true
		path := filepath.Join("json", name)
		if *update {
			if err := os.WriteFile(path, src, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		committed, err := os.ReadFile(path)
		if err != nil || string(committed) != string(src) {
			t.Errorf("%s is not what boards/ says (%v): go generate ./dashboards", path, err)
		}
	}
	files, err := os.ReadDir("json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !want[f.Name()] {
			t.Errorf("json/%s is made by nobody", f.Name())
		}
	}
}
