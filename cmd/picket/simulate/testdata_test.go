package simulate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAllScenariosOfTheRepoLoad holds the files: each is complete, named as it
// calls itself, and runs on enough seeds to claim a bound: 50, or five days of
// those that count what happens in a time.
func TestAllScenariosOfTheRepoLoad(t *testing.T) {
	const folder = "../../../collector/detect/testdata/scenarios"
	files, err := filepath.Glob(folder + "/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	more, err := filepath.Glob(folder + "/long/*.yaml")
	if err != nil || len(more) == 0 {
		t.Fatalf("%d long files, %v", len(more), err)
	}
	for _, file := range append(files, more...) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Load(file, src)
		if err != nil {
			t.Error(err)
			continue
		}
		if want := strings.TrimSuffix(filepath.Base(file), ".yaml"); s.ID != want {
			t.Errorf("%s calls itself %s", file, s.ID)
		}
		if s.Title == "" || s.Seeds < 50 && time.Duration(s.Seeds)*s.Duration < 5*24*time.Hour || len(s.Expect)+len(s.Forbid) == 0 {
			t.Errorf("%s: title %q, %d seeds, %d expectations and %d that must not be", file, s.Title, s.Seeds, len(s.Expect), len(s.Forbid))
		}
		same(t, s)
	}
}
