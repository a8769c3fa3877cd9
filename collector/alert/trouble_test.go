package alert

import (
	"strings"
	"testing"
	"time"
)

func TestWhenARouteIsInTrouble(t *testing.T) {
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, c := range []struct {
		name      string
		now       time.Time
		list      []Undelivered
		delivered time.Time
		want      string
	}{
		{"nothing is wrong", at(time.Hour), nil, noon, ""},
		{"a letter backs off", at(5 * time.Minute), []Undelivered{{Route: "chat", Created: noon, Why: "answers 503"}}, noon, ""},
		{"for long", at(5*time.Minute + time.Second), []Undelivered{{Route: "chat", Created: noon, Why: "answers 503"}, {Route: "chat", Created: at(time.Minute), Why: "answers 502"}}, noon, "chat 12:00 2+0 answers 502"},
		{"a letter was given up", at(3 * time.Minute), []Undelivered{{Route: "chat", Created: noon, GivenUp: at(2 * time.Minute), Why: "answers 404"}}, noon, "chat 12:00 0+1 answers 404"},
		{"and another arrived since", at(time.Hour), []Undelivered{{Route: "chat", Created: noon, GivenUp: at(2 * time.Minute)}}, at(3 * time.Minute), ""},
	} {
		got := ""
		for _, x := range Troubles(c.now, c.list, map[string]time.Time{"chat": c.delivered}) {
			got = strings.TrimSpace(x.Route + " " + x.Since.Format("15:04") + " " + string(rune('0'+x.Waiting)) + "+" + string(rune('0'+x.Dead)) + " " + x.Why)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWhoIsToldOfARouteInTrouble(t *testing.T) {
	routes := []Route{
		{Name: "chat", Fallback: "mail"}, {Name: "customers", Class: ClassClient}, {Name: "dry", Shadow: true},
		{Name: "desk", Delay: time.Minute}, {Name: "mail", Delay: time.Hour}, {Name: "boss", OnlyEscalation: true},
	}
	for _, c := range []struct {
		of, bad, want string
	}{
		{"chat", "", "mail"}, {"chat", "mail", "desk"}, {"mail", "", "chat"}, {"mail", "chat desk", "boss"}, {"mail", "chat desk boss", ""},
	} {
		bad := map[string]Trouble{c.of: {}}
		for _, name := range strings.Fields(c.bad) {
			bad[name] = Trouble{}
		}
		if got, _ := Confidant(routes, c.of, bad); got.Name != c.want {
			t.Errorf("%s fails, and so do %q: told %q, want %q", c.of, c.bad, got.Name, c.want)
		}
	}
}

func TestAMessageAboutARouteNamesItsTrouble(t *testing.T) {
	trouble := Trouble{Route: "teams", Since: noon, Why: "the receiver answers 503", Waiting: 2}
	began, err := trouble.Letter(Route{Name: "mail"}, noon.Add(6*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	m := message(t, began)
	if m.Event != Opened || m.Subject != "[ROUTE] Alerts do not arrive by the route teams" || !strings.Contains(m.Text, "answers 503") || !strings.Contains(m.Text, "2 messages") {
		t.Errorf("began: %s\n%s", m.Subject, m.Text)
	}
	if back, ok := TroubleOf(began.Incident); !ok || back.Route != "teams" || !back.Since.Equal(noon) {
		t.Errorf("the id %q stands for %+v", began.Incident, back)
	}
	over, err := trouble.Over(Route{Name: "mail"}, true, noon.Add(time.Hour))
	if err != nil || over.Incident != began.Incident || over.ID == began.ID || message(t, over).Subject != "[OK] The alert route teams delivers again" {
		t.Errorf("over: %+v, %v", over, err)
	}
	for _, id := range []string{"01JOUTAGE", "ROUTE-x", "ROUTE-12", "ROUTE-x-y", "TEST-WEEK-1"} {
		if _, ok := TroubleOf(id); ok {
			t.Errorf("%q is taken for a trouble", id)
		}
	}
}
