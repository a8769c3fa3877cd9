package detect

import "testing"

// A cloud is blamed for what fails in many of its services, not for many failures
// in few of them.
func TestSpreadCountsParts(t *testing.T) {
	s := spread{many: 6}
	s.add("", true, true) // a global service has no region
	for _, name := range []string{"storage", "storage", "storage", "compute"} {
		s.add(name, true, true)
	}
	for _, name := range []string{"sql", "sql", "identity", "cosmos"} {
		s.add(name, name == "sql", false)
	}
	if s.all != 5 || s.seen != 3 || s.bad != 2 {
		t.Errorf("of %d services %d are seen and %d fail", s.all, s.seen, s.bad)
	}
	if !s.fresh(0.6) || s.fails(0.6) {
		t.Errorf("fresh %v, fails %v", s.fresh(0.6), s.fails(0.6))
	}
	var none spread
	if !none.fails(0.6) {
		t.Error("a cloud without regions cannot be blamed")
	}
	many := spread{many: 2, all: 100, bad: 2}
	if !many.fails(0.6) {
		t.Error("of a large cloud so many are enough")
	}
}
