package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheSIDOfAService compares with the one service whose SID everybody knows.
func TestTheSIDOfAService(t *testing.T) {
	if got, want := serviceSID("TrustedInstaller"), "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTheCommandLineOfTheService(t *testing.T) {
	got := commandLine(Layout{Program: `C:\Program Files\Picket\picket-agent.exe`, State: `C:\ProgramData\Picket\agent`, Settings: `C:\a b\agent.env`, LogDir: `C:\logs`})
	want := `"C:\Program Files\Picket\picket-agent.exe" run --as-service --state C:\ProgramData\Picket\agent --log-file C:\logs\agent.log --settings "C:\a b\agent.env"`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if strings.Count(rights(), "(A;") != 3 || !strings.Contains(rights(), "D:P(") {
		t.Errorf("others may enter: %s", rights())
	}
}

// TestSettingsCanBeThereBeforeTheService: a proxy may be set first, in a folder
// that is closed before anything is in it. Whom it is closed to only a real
// Windows knows: Wine keeps no such lists.
func TestSettingsCanBeThereBeforeTheService(t *testing.T) {
	state := filepath.Join(os.TempDir(), "PicketSettingsTest", "agent")
	defer removeAll(filepath.Dir(state))
	s := &Service{layout: Layout{State: state, Settings: filepath.Join(state, "agent.env")}}
	for _, text := range []string{"PICKET_PROXY=http://10.0.0.5:3128\n", "PICKET_PROXY=none\n"} {
		if err := s.writeSettings(text); err != nil {
			t.Fatal(err)
		}
		if src, err := os.ReadFile(s.layout.Settings); err != nil || string(src) != text {
			t.Errorf("%q: %v", src, err)
		}
	}
	if err := closeState(s.layout); err != nil {
		t.Errorf("the installation refuses what is its own: %v", err)
	}
}
