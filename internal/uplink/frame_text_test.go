package uplink

import (
	"strings"
	"testing"
	"unicode/utf8"

	"picket/internal/uplink/wire"
)

func TestTextsOfTheOtherEndAreOnePrintableLine(t *testing.T) {
	const evil = "ok\x1b[2J\x1b]0;pwned\x07\r\nroot#\t\x00\u009b31m\u202egnp.exe\u2066\u200b\u00ad\ufeff é日本\xff"
	const plain = "ok[2J]0;pwned  root# 31mgnp.exe é日本\ufffd"
	if got := clip(evil, maxText); got != plain {
		t.Errorf("%q, want %q", got, plain)
	}
	h, err := helloFrom(&wire.Hello{Version: evil, Os: evil, Hostname: evil, Health: &wire.Health{Why: evil}}) // an agent of one's own making
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]string{"version": h.Version, "system": h.OS, "host": h.Hostname, "why": h.Health.Why} {
		if got != plain {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := clip(strings.Repeat("é", 10)+"\x1b", 7); got != "ééé" || !utf8.ValidString(got) {
		t.Errorf("cut: %q", got)
	}
}
