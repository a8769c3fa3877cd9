package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"picket/collector/config/strict"
)

func FuzzParse(f *testing.F) {
	for _, c := range mistakes {
		f.Add([]byte(c.src))
	}
	example, err := os.ReadFile("example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte("a: &a [*a]\nb: *a\n? ? ? x\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("p.yaml", src)
		switch {
		case err == nil && file == nil:
			t.Error("neither a file nor an error")
		case err == nil:
			for _, c := range file.Fleet().Checks {
				if verr := c.Spec.Validate(); verr != nil {
					t.Errorf("accepted an invalid check: %v", verr)
				}
			}
		default:
			for _, p := range err.(Problems) {
				if p.Line < 1 || p.Column < 1 || strings.Contains(p.Text, "\n") {
					t.Errorf("bad problem %+v", p)
				}
			}
		}
	})
}

// TestHostileFilesEnd feeds what would blow up a careless reader. The time
// limit is generous: the point is that the work is not exponential.
func TestHostileFilesEnd(t *testing.T) {
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		laughs += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	var stairs strings.Builder
	for i := range 700 {
		stairs.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	many := "targets: &t [" + strings.Repeat("{id: x, checks: [dns, dns, dns]},", 4000) + "]\nnetworks: *t\nproviders: *t\n"
	for name, src := range map[string]string{
		"billion laughs":   laughs + "targets: *j\n",
		"deep flow":        strings.Repeat("[", 1<<18),
		"deep maps":        strings.Repeat("{a: ", 1<<16),
		"deep stairs":      stairs.String(),
		"deep dashes":      strings.Repeat("- ", 1<<16) + "x",
		"question marks":   strings.Repeat("? ", 1<<16),
		"anchors in a row": "a: " + strings.Repeat("&a ", 1<<16) + "x",
		"tags in a row":    "a: " + strings.Repeat("!!str ", 1<<16) + "x",
		"many targets":     many,
		"long line":        "listen: " + strings.Repeat("x", 1<<20),
		"long quoted":      "listen: \"" + strings.Repeat("x", 1<<20) + "\"",
		"many keys":        strings.Repeat("k: v\n", 1<<15),
		"many comments":    strings.Repeat("# x\n", 1<<15),
		"many blanks":      strings.Repeat("\n", 1<<18) + "a: b",
		"block text":       "a: |\n" + strings.Repeat("  x\n", 1<<16),
		"folded text":      "a: >\n" + strings.Repeat("  x\n", 1<<16),
		"too large":        strings.Repeat("#", strict.MaxSource+1),
	} {
		start := time.Now()
		_, err := Parse("p.yaml", []byte(src))
		if err == nil && name != "many comments" {
			t.Errorf("%s: accepted", name)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: took %v", name, d)
		} else if d > time.Second {
			t.Logf("%s: took %v", name, d)
		}
	}
}
