package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const hooked = "webhook: https://h.example, secret_env: S"

func TestClassesAndDelays(t *testing.T) {
	for _, c := range []struct {
		route, class string
		delay        time.Duration
	}{
		{hooked, ClassPage, DefaultDelay}, // who says nothing never hears of what is gone within ten seconds
		{hooked + ", class: page", ClassPage, 0},
		{hooked + ", class: chat", ClassChat, 30 * time.Second},
		{hooked + ", class: ticket", ClassTicket, 3 * time.Minute},
		{hooked + ", class: client", ClassClient, 10 * time.Minute},
		{hooked + ", class: client, delay: 1m", ClassClient, time.Minute},
		{hooked + ", delay: 0s", ClassPage, 0},
	} {
		f, err := Parse("p.yaml", []byte("alerts:\n- {name: a, "+c.route+"}\n"))
		if err != nil {
			t.Fatalf("%s: %v", c.route, err)
		}
		if r := f.Alerts[0]; r.Class != c.class || r.Delay != c.delay {
			t.Errorf("%s: class %s after %v, want %s after %v", c.route, r.Class, r.Delay, c.class, c.delay)
		}
	}
}

func TestAPolicyIsRead(t *testing.T) {
	f, err := Parse("p.yaml", []byte(`clients: [{id: acme, tier: gold}, {id: globex}]
alerts:
- name: a
  `+strings.ReplaceAll(hooked, ", ", "\n  ")+`
  min_confidence: suspected
  updates: none
  clients: [acme]
  drills: true
  quiet: [{days: [fri, sat], from: "22:00", to: "07:00", zone: Europe/Madrid, except: critical}]
`))
	if err != nil {
		t.Fatal(err)
	}
	r := f.Alerts[0]
	if r.MinConfidence != "suspected" || r.Updates != "none" || !slices.Equal(r.Clients, []string{"acme"}) || !r.Drills || !slices.Equal(f.Gold, []string{"acme"}) || f.Shadow {
		t.Errorf("got %+v, gold %q", r.Policy, f.Gold)
	}
	if got := quietWords(r.Quiet); got != "22:00-07:00 fri,sat Europe/Madrid except critical" {
		t.Errorf("quiet %s", got)
	}
}

// TestACustomersRouteWithoutClients is told of everybody's sites, which hardly
// anybody means.
func TestACustomersRouteWithoutClients(t *testing.T) {
	for _, c := range []struct {
		route string
		warns bool
	}{
		{hooked + ", class: client", true},
		{hooked + ", class: client, clients: []", true},
		{hooked + ", class: client, clients: [acme]", false},
		{hooked + ", class: chat", false},
	} {
		f, err := Parse("p.yaml", []byte("clients: [{id: acme}]\nalerts:\n- {name: a, "+c.route+"}\n"))
		if err != nil {
			t.Fatalf("%s: %v", c.route, err)
		}
		k := slices.IndexFunc(f.Warnings, func(w Problem) bool { return strings.Contains(w.Text, "alerts[0]") })
		if (k >= 0) != c.warns {
			t.Fatalf("%s: warnings %v", c.route, f.Warnings)
		}
		if c.warns && (f.Warnings[k].Line != 3 || !strings.Contains(f.Warnings[k].Text, "of the sites of all clients")) {
			t.Errorf("%s: %v", c.route, f.Warnings[k])
		}
	}
}

func TestMistakesOfPolicies(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"alerts:\n- {name: a, " + hooked + ", class: pager}\n", `p.yaml:2:63: alerts[0].class "pager": not known here, did you mean "page"?; one of page, chat, ticket, client`},
		{"clients: [{id: acme}]\nalerts:\n- {name: a, " + hooked + ", clients: [amce]}\n", `alerts[0].clients[0] "amce": no such client, did you mean "acme"?; define it under clients`},
		{"alerts:\n- {name: a, " + hooked + ", quiet: [{from: \"22:00\"}]}\n", `alerts[0].quiet[0] needs from and to, such as {from: "22:00", to: "07:00"}`},
		{"alerts:\n- {name: a, " + hooked + ", quiet: [{from: \"22:00\", to: \"25:00\"}]}\n", `alerts[0].quiet[0].to "25:00": is no time of day`},
		{"alerts:\n- {name: a, " + hooked + ", quiet: [{days: [monday], from: \"22:00\", to: \"07:00\"}]}\n", `alerts[0].quiet[0].days[0] "monday": not known here`},
		{"alerts: shadows\n", `p.yaml:1:9: alerts "shadows": not known here, did you mean "shadow"?; one of shadow`},
		{"alerts: {routes: []}\n", `p.yaml:1:9: alerts has no mode: write mode: live, or mode: shadow to have alerts written down and not sent`},
		{"clients: [{id: acme, tier: golden}]\n", `clients[0].tier "golden": not known here, did you mean "gold"?; one of gold, standard`},
	} {
		if _, err := Parse("p.yaml", []byte(c.src)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.src, err, c.want)
		}
	}
}

func TestShadowMode(t *testing.T) {
	for _, c := range []struct {
		src    string
		shadow bool
		routes []string
	}{
		{"alerts: shadow\n", true, []string{"page", "chat", "ticket", "client"}},
		{"alerts: {mode: shadow}\n", true, []string{"page", "chat", "ticket", "client"}},
		{"alerts: {mode: shadow, routes: [{name: a, " + hooked + "}]}\n", true, []string{"a"}},
		{"alerts: {mode: live, routes: [{name: a, " + hooked + "}]}\n", false, []string{"a"}},
		{"alerts: {mode: live}\n", false, nil},
		{"alerts: [{name: a, " + hooked + "}]\n", false, []string{"a"}},
	} {
		f, err := Parse("p.yaml", []byte(c.src))
		if err != nil {
			t.Fatalf("%s: %v", c.src, err)
		}
		var names []string
		for _, r := range f.Alerts {
			names = append(names, r.Name)
			if r.BuiltIn != (len(c.routes) == 4) || r.BuiltIn && r.Delay != classDelay(r.Class) {
				t.Errorf("%s: %+v", c.src, r)
			}
		}
		if f.Shadow != c.shadow || !slices.Equal(names, c.routes) {
			t.Errorf("%s: shadow %v, routes %q", c.src, f.Shadow, names)
		}
	}
}

// TestWhatAPolicyWouldChange: who applies a file sees what becomes of each route.
func TestWhatAPolicyWouldChange(t *testing.T) {
	parse := func(src string) *File {
		f, err := Parse("p.yaml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	was := parse("clients: [{id: acme}]\nalerts: [{name: a, " + hooked + "}]\n")
	now := parse("clients: [{id: acme, tier: gold}]\nalerts: {mode: shadow, routes: [{name: a, " + hooked + ", class: ticket, updates: all, clients: [acme], quiet: [{from: \"22:00\", to: \"07:00\"}]}]}\n")
	var got []string
	for _, c := range Diff(was, now) {
		got = append(got, c.Op+" "+c.Kind+" "+c.ID+": "+c.What)
	}
	want := []string{"~ setting alerts.mode: live -> shadow", "~ setting clients.tier: none -> acme",
		"~ alert a: delay 12s -> 3m, class page -> ticket, updates as its class -> all, quiet none -> 22:00-07:00, clients all -> acme"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if again := Diff(now, now); len(again) > 0 {
		t.Errorf("the same is a change: %+v", again)
	}
}
