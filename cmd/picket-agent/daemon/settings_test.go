package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsAreReadAsSystemdDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.env")
	text := "\ufeff# a remark\r\nPICKET_TEST_A=one\r\n\nPICKET_TEST_B=\"two words\"\nPICKET_TEST_C=a=b'\n;x\nPICKET_TEST_D=mine\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PICKET_TEST_D", "yours")
	for _, name := range []string{"A", "B", "C"} {
		t.Setenv("PICKET_TEST_"+name, "")
		os.Unsetenv("PICKET_TEST_" + name)
	}
	if err := UseSettings(path); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "one", "B": "two words", "C": "a=b'", "D": "yours"} {
		if got := os.Getenv("PICKET_TEST_" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, path := range []string{"", path + "-missing"} {
		if err := UseSettings(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestAWrongSettingIsNotRepeated(t *testing.T) {
	_, err := parseSettings(strings.NewReader("A=1\nhttp://user:hidden@proxy\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
}
