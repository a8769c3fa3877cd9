package simulate

import (
	"reflect"
	"testing"
)

// place blanks what a copy of the file need not share.
func place(s Scenario) Scenario {
	s.File = ""
	for i := range s.Faults {
		s.Faults[i].Line = 0
	}
	for i := range s.Expect {
		s.Expect[i].Line = 0
	}
	for i := range s.Forbid {
		s.Forbid[i].Line = 0
	}
	return s
}

// same says whether what Write makes of s is read back to the same scenario.
func same(t *testing.T, s *Scenario) {
	t.Helper()
	text := Write(s)
	back, err := Load("back.yaml", text)
	if err != nil {
		t.Fatalf("written and refused: %v\n%s", err, text)
	}
	if a, b := place(*s), place(*back); !reflect.DeepEqual(a, b) {
		t.Errorf("written and read back:\n%+v\nwas\n%+v\ntext\n%s", b, a, text)
	}
}

func TestWriteIsReadBack(t *testing.T) {
	full, err := Load("S06.yaml", []byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	same(t, full)
	defaults := Defaults()
	defaults.ID = "defaults"
	same(t, &defaults)
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(shown))
	f.Add([]byte("faults: [{at: 1d2h, how: {slow: x1.5}}, {how: blocked, what: {kind: [ping]}}]\nduration: 30d\n"))
	f.Add([]byte("expect: [{any: [{kind: site}], within: {max: 3s}}, {flagged: []}]\nreferences: []\n"))
	f.Add([]byte("noise: {fail: 1e-3, uplink: {per_year: 0.5, lasts: 1m}}\nid: \"\\u00e9'\"\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Load("f.yaml", src)
		if err == nil {
			same(t, s)
			return
		}
		for _, p := range problems(err) {
			if p.Line < 1 || p.Column < 1 || p.Text == "" {
				t.Errorf("bad problem %+v", p)
			}
		}
	})
}
