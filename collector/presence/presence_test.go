package presence

import (
	"strings"
	"testing"
	"time"
)

// stage plays sessions in virtual time: everybody who is here is heard every second.
type stage struct {
	r      *Room
	now    time.Time
	here   map[string]bool
	events []Event
}

func newStage() *stage {
	return &stage{r: New(Options{}), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), here: map[string]bool{}}
}

func isp(name string) Line { return Line{Family: 4, Key: "isp " + name, Name: name, Table: true} }

func prefix(p string) Line { return Line{Family: 4, Key: p, Name: "network of " + p} }

func (s *stage) hello(id string, l Line) {
	s.events = append(s.events, s.r.Hello(s.now, Agent{ID: id, Site: "acme/madrid", Roams: strings.HasPrefix(id, "roams")}, l)...)
	s.here[id] = true
}

func (s *stage) gone(id, reason string) {
	s.r.Gone(s.now, id, reason)
	delete(s.here, id)
}

func (s *stage) pass(d time.Duration) {
	step := time.Second
	if d > time.Hour {
		step = 10 * time.Minute
	}
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(step)
		for id := range s.here {
			s.r.Heard(s.now, id)
		}
		s.events = append(s.events, s.r.Tick(s.now)...)
	}
}

func (s *stage) kinds() string {
	var k []string
	for _, e := range s.events {
		k = append(k, strings.TrimSuffix(e.Kind+" "+e.Agent, " "))
	}
	s.events = nil
	return strings.Join(k, ", ")
}

func (s *stage) away(id string) bool { _, ok := s.r.Away(id); return ok }

func TestASiteOnItsBackupLine(t *testing.T) {
	s := newStage()
	s.hello("a", isp("Fibre"))
	s.pass(time.Hour)
	if st := s.r.Where("acme/madrid"); !st.Since.IsZero() || s.kinds() != "" {
		t.Fatalf("at home: %+v", st)
	}
	moved := s.now
	s.gone("a", "")
	s.hello("a", isp("Mobile"))
	st := s.r.Where("acme/madrid")
	if !st.Sure || !st.Since.Equal(moved) || st.Now.Name != "Mobile" || st.Usual.Name != "Fibre" || !s.r.Spare("acme/madrid", isp("Mobile")) {
		t.Fatalf("on the backup line: %+v", st)
	}
	if text := s.events[0].Text; text != "acme/madrid is on another line: Mobile instead of Fibre." || s.kinds() != "line" {
		t.Errorf("told %q", text)
	}
	s.pass(time.Hour)
	s.gone("a", "")
	s.hello("a", isp("Fibre"))
	if st := s.r.Where("acme/madrid"); !st.Since.IsZero() || s.kinds() != "home" || s.away("a") {
		t.Errorf("home again: %+v", st)
	}
}

func TestAnotherPrefixIsNoBackupLine(t *testing.T) {
	s := newStage()
	s.hello("a", prefix("198.51.100.0/24"))
	s.pass(time.Minute)
	s.hello("a", prefix("203.0.113.0/24"))
	if st := s.r.Where("acme/madrid"); st.Sure || st.Since.IsZero() || s.r.Spare("acme/madrid", st.Now) {
		t.Errorf("%+v", st)
	}
	if text := s.events[0].Text; !strings.Contains(text, "or another address of the same") {
		t.Errorf("told %q", text)
	}
}

func TestALineThatLastsIsTheUsualOne(t *testing.T) {
	s := newStage()
	s.hello("a", isp("Fibre"))
	s.hello("a", isp("Cable"))
	s.kinds()
	s.pass(8 * 24 * time.Hour)
	if st := s.r.Where("acme/madrid"); !st.Since.IsZero() || st.Usual.Name != "Cable" || s.kinds() != "home" {
		t.Errorf("%+v", st)
	}
}

func TestBothIPVersionsAreNoTwoLines(t *testing.T) {
	s := newStage()
	six := Line{Family: 6, Key: "network of 2001:db8::/48", Name: "network of 2001:db8::/48"}
	s.hello("a", prefix("198.51.100.0/24"))
	s.hello("b", six)
	s.pass(5 * time.Minute)
	s.hello("a", six)
	s.hello("b", prefix("198.51.100.0/24"))
	s.pass(5 * time.Minute)
	if k := s.kinds(); k != "" {
		t.Errorf("told %s", k)
	}
}

// TestAMachineThatWasCarriedAway is a laptop that goes home in the evening.
func TestAMachineThatWasCarriedAway(t *testing.T) {
	s := newStage()
	s.hello("desk", isp("Fibre"))
	s.hello("laptop", isp("Fibre"))
	s.pass(time.Hour)
	s.gone("laptop", "")
	s.hello("laptop", prefix("192.0.2.0/24"))
	s.pass(25 * time.Second)
	if s.away("laptop") {
		t.Error("away at once: a router that changes lines moves its machines one by one")
	}
	s.pass(time.Minute)
	if !s.away("laptop") || s.away("desk") || s.kinds() != "away laptop" {
		t.Fatal("the laptop is not away")
	}
	if st := s.r.Where("acme/madrid"); !st.Since.IsZero() {
		t.Errorf("its site went with it: %+v", st)
	}
	s.gone("desk", "shutdown") // the night
	s.pass(14 * time.Hour)
	if !s.away("laptop") || s.kinds() != "" {
		t.Error("the laptop speaks for its site from the kitchen table")
	}
	s.hello("desk", isp("Fibre"))
	s.gone("laptop", "")
	s.hello("laptop", isp("Fibre"))
	if s.away("laptop") || s.kinds() != "back laptop" {
		t.Error("it is back and still away")
	}
}

// TestARouterMovesItsMachinesOneByOne: none of them is away.
func TestARouterMovesItsMachinesOneByOne(t *testing.T) {
	s := newStage()
	for _, id := range []string{"a", "b"} {
		s.hello(id, isp("Fibre"))
	}
	s.pass(time.Hour)
	delete(s.here, "b") // its packets go nowhere, its session is not over yet
	s.hello("a", isp("Mobile"))
	s.pass(20 * time.Second)
	s.hello("b", isp("Mobile"))
	s.pass(5 * time.Minute)
	if k := s.kinds(); k != "line" || s.away("a") || s.away("b") {
		t.Errorf("told %s", k)
	}
	s.hello("a", isp("Fibre"))
	s.pass(2 * time.Minute)
	if k := s.kinds(); k != "home" || s.away("b") {
		t.Errorf("on the way back: told %s, b away %v: the second line is the site's", k, s.away("b"))
	}
}

func TestRoaming(t *testing.T) {
	s := newStage()
	s.hello("desk", isp("Fibre"))
	s.hello("roams", prefix("192.0.2.0/24"))
	if !s.away("roams") {
		t.Error("a machine that roams is not away at once")
	}
	s.gone("desk", "")
	s.pass(time.Hour)
	if st := s.r.Where("acme/madrid"); !s.away("roams") || !st.Since.IsZero() {
		t.Errorf("it moved its site: %+v", st)
	}
	s.gone("roams", "")
	s.r.Forget("roams")
	s.hello("roams", prefix("203.0.113.0/24")) // another that roams, with nobody at the desk
	if st := s.r.Where("acme/madrid"); !s.away("roams") || !st.Since.IsZero() {
		t.Errorf("it moved its site at its first hello: %+v", st)
	}
	s.hello("roams", isp("Fibre"))
	if s.away("roams") {
		t.Error("it is where its site is, and away")
	}
}

func TestGoodbyeIsRememberedUntilTheNextHello(t *testing.T) {
	s := newStage()
	s.hello("a", isp("Fibre"))
	s.gone("a", "upgrade")
	lines, chairs := s.r.Unsaved()
	if len(chairs) != 1 || chairs[0].Reason != "upgrade" || len(lines["acme/madrid"]) != 1 {
		t.Fatalf("to be kept: %+v %+v", lines, chairs)
	}
	again := New(Options{})
	again.Restore(s.now, lines["acme/madrid"], chairs)
	if at, why := again.Left("a"); why != "upgrade" || !at.Equal(s.now) {
		t.Errorf("after a restart: %q at %v", why, at)
	}
	if e := again.Hello(s.now, Agent{ID: "a", Site: "acme/madrid"}, isp("Mobile")); len(e) != 1 || e[0].Kind != "line" {
		t.Errorf("the usual line was forgotten: %+v", e)
	}
	if at, why := again.Left("a"); why != "" || !at.IsZero() {
		t.Errorf("said goodbye and is here: %q", why)
	}
	if _, chairs := again.Unsaved(); len(chairs) != 1 || !chairs[0].Left.IsZero() {
		t.Errorf("its return is not kept: %+v", chairs)
	}
}

func TestLinesAreBounded(t *testing.T) {
	s := newStage()
	s.hello("a", isp("Fibre"))
	for i := range 100 {
		s.hello("a", prefix(strings.Repeat("x", i+1)))
		s.pass(time.Second)
	}
	lines, _ := s.r.Unsaved()
	if n := len(lines["acme/madrid"]); n > maxLines || s.r.Where("acme/madrid").Usual.Name != "Fibre" {
		t.Errorf("%d lines", n)
	}
}
