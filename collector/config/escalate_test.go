package config

import (
	"strings"
	"testing"
	"time"
)

// ways are routes by their name and what else is said of them.
func ways(routes ...string) string {
	src := "alerts:\n"
	for _, r := range routes {
		name, more, _ := strings.Cut(r, " ")
		src += "- {name: " + name + ", webhook: \"https://h.example/\", secret_env: S" + more + "}\n"
	}
	return src
}

func TestEscalation(t *testing.T) {
	f, err := Parse("p.yaml", []byte(ways("chat , escalate: {after: 15m, to: ana}", "ana , only_escalation: true, escalate: {after: 1h, to: all}", "all")))
	if err != nil {
		t.Fatal(err)
	}
	a := f.Alerts
	if a[0].Escalate != (Escalation{15 * time.Minute, "ana"}) || a[0].OnlyEscalation || !a[1].OnlyEscalation || a[1].Escalate != (Escalation{time.Hour, "all"}) || a[2].Escalate.To != "" {
		t.Errorf("%+v", a)
	}
	was, err := Parse("p.yaml", []byte(ways("chat", "ana , escalate: {after: 30m, to: all}", "all")))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, c := range Diff(was, f) {
		said[c.Op+c.ID] = c.What
	}
	if said["~chat"] != "escalate none -> to ana after 15m" || said["~ana"] != "escalate to all after 30m -> to all after 1h, only_escalation false -> true" || len(said) != 2 {
		t.Errorf("%q", said)
	}
}

func TestEscalationsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"to nobody known": {ways("chat , escalate: {after: 15m, to: an}", "ana"), `p.yaml:2:89: alerts[0].escalate.to "an": no such alert route, did you mean "ana"?; define it under alerts`},
		"to itself":       {ways("chat , escalate: {after: 15m, to: chat}"), `p.yaml:2:89: alerts[0].escalate.to "chat": goes round in a circle: the last route must escalate to nobody`},
		"in a circle": {ways("a , escalate: {after: 15m, to: b}", "b , escalate: {after: 15m, to: c}", "c , escalate: {after: 15m, to: b}"),
			`p.yaml:3:86: alerts[1].escalate.to "c": goes round in a circle: the last route must escalate to nobody`},
		"without end": {ways("a , escalate: {after: 15m, to: b}", "b , escalate: {after: 15m, to: c}", "c , escalate: {after: 15m, to: d}", "d"),
			`p.yaml:2:86: alerts[0].escalate.to "b": is the first of more than 2 steps: leave some out`},
		"without a time": {ways("a , escalate: {to: b}", "b"), `p.yaml:2:69: alerts[0].escalate needs after and to, such as {after: 15m, to: on-call}`},
		"at once":        {ways("a , escalate: {after: 10s, to: b}", "b"), `p.yaml:2:77: alerts[0].escalate.after "10s": out of bounds: at least 1m and at most 24h`},
		"a last resort of nobody": {ways("a , only_escalation: true"), `p.yaml:2:76: alerts[0].only_escalation "true": no route escalates to a, so nobody would ever be told on it: ` +
			`write escalate: {after: 15m, to: a} at another one, or leave this out`},
	} {
		_, err := Parse("p.yaml", []byte(c.src))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n%v, want\n%s", name, err, c.want)
		}
	}
}
