package strict

import (
	"strings"
	"testing"
	"time"
)

// TestProblemsAreToldAtOnceInOrder reads a file with several mistakes, one of
// them found only at the end.
func TestProblemsAreToldAtOnceInOrder(t *testing.T) {
	const src = "name: 'true'\nwiat: 5m\nwait: 5 minutes\non: 'true'\nlist: [1, x]\n"
	root, problems := Parse("f.yaml", []byte(src))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var name string
	var wait time.Duration
	var on bool
	sum := 0
	r := Reader{File: "f.yaml"}
	r.Later(func() { r.Bad(root.Fields[0].At, "name is not defined") })
	r.Object(root, "the file", Keys{
		"name": r.Line(&name, 10),
		"wait": r.Duration(&wait, 0, time.Hour),
		"on":   r.Boolean(&on),
		"list": r.Each(5, func(_ int, n *Node, path string) {
			var v int
			r.Integer(&v, 0, 9)(n, path)
			sum += v
		}),
	})
	want := []string{
		"f.yaml:1:1: name is not defined",
		`f.yaml:2:1: unknown key "wiat", did you mean "wait"?`,
		`f.yaml:3:7: wait "5 minutes": not a duration, did you mean "5m"?`,
		`f.yaml:4:5: on "true": write true or false`,
		`f.yaml:5:11: list[1] "x": not a whole number: write one from 0 to 9`,
	}
	if got := r.Settle().Error(); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if name != "true" || sum != 1 {
		t.Errorf("name %q, sum %d: what is right must be taken", name, sum)
	}
}

func TestEmptySourceIsNothing(t *testing.T) {
	for _, src := range []string{"", "# only words\n", "---\n"} {
		if root, problems := Parse("f.yaml", []byte(src)); len(problems) > 0 || root.Kind != Null {
			t.Errorf("%q: %v, %v", src, root, problems)
		}
	}
}
