package config

import (
	"fmt"
	"strings"
	"testing"
)

// A list of thousands in flow style is as good as one in block style.
func TestLongListsAreFine(t *testing.T) {
	src := "networks: ["
	for i := range 5000 {
		src += fmt.Sprintf("{prefix: 10.%d.%d.0/24, name: n},", i/256, i%256)
	}
	if f, err := Parse("p.yaml", []byte(src+"]")); err != nil || len(f.Networks) != 5000 {
		t.Error(err)
	}
}

func BenchmarkParseLargeFleet(b *testing.B) {
	var s strings.Builder
	s.WriteString("providers: [{id: p}]\ninclude_catalogue: true\ntargets:\n")
	for i := range 5000 {
		fmt.Fprintf(&s, "  - id: t-%d\n    name: Target %d\n    provider: p\n    service: web\n    host: t%d.example\n    checks: [dns, {kind: http, path: /health, status: [200, 204]}]\n", i, i, i)
	}
	src := []byte(s.String())
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Parse("p.yaml", src); err != nil {
			b.Fatal(err)
		}
	}
}
