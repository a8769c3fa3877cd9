package daemon

import (
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
