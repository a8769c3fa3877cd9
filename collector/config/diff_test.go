package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const before = `
listen: 0.0.0.0:4443
public: [picket.example:4443]
providers: [{id: p}]
networks: [{prefix: 192.0.2.0/24, name: A}]
targets:
- {id: one, provider: p, host: a.example, checks: [dns, {kind: http, interval: 60s}]}
- {id: two, provider: p, host: b.example, checks: [dns]}
- {id: vpn, client: acme, host: v.example, checks: [{kind: tcp, port: 443}]}
alerts:
- {name: noc, webhook: "https://hooks.example/hunter2", secret_env: S}
`

func lines(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s %s %s", c.Op, c.Kind, c.ID)
		if c.What != "" {
			fmt.Fprintf(&b, ": %s", c.What)
		}
		if c.Restart {
			b.WriteString(" (restart)")
		}
		if c.Clients != nil {
			fmt.Fprintf(&b, " %q", c.Clients)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestDiffSaysWhatChanges(t *testing.T) {
	was, err := Parse("p.yaml", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(was, was); len(d) != 0 {
		t.Errorf("the same file differs: %v", d)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a comment", "listen:", "# x\nlisten:", ""},
		{"an interval", "interval: 60s", "interval: 30s", "~ target one: http interval 1m -> 30s [\"\"]\n"},
		{"another question", "{kind: http, interval: 60s}", "{kind: http, interval: 60s, path: /x}", "~ target one: http asks differently [\"\"]\n"},
		{"a family", "{kind: tcp, port: 443}", "{id: tcp, kind: tcp, port: 443, family: 6}", "~ target vpn: tcp family any -> 6 [\"acme\"]\n"},
		{"more and less checks", "host: b.example, checks: [dns]", "host: b.example, checks: [ping]", "~ target two: +ping, -dns [\"\"]\n"},
		{"a private target", "host: v.example", "host: w.example", "~ target vpn: tcp asks differently [\"acme\"]\n"},
		{"whose it is", "client: acme", "client: globex", "~ target vpn: client acme -> globex [\"acme\" \"globex\"]\n"},
		{"target gone", "- {id: two, provider: p, host: b.example, checks: [dns]}\n", "", "- target two: dns [\"\"]\n"},
		{"a new target", "alerts:", "- {id: tre, provider: p, host: c.example, checks: [dns, ping]}\nalerts:", "+ target tre: dns, ping [\"\"]\n"},
		{"a webhook, which is a secret", "hunter2", "hunter3", "~ alert noc: another webhook\n"},
		{"a route's delay", "secret_env: S", "secret_env: S, delay: 1m", "~ alert noc: delay 12s -> 1m\n"},
		{"planned work", "public:", "maintenance: [{from: 2026-03-01T22:00:00Z, to: 2026-03-02T02:00:00Z, target: one}]\npublic:", "+ maintenance 2026-03-01T22:00:00Z to 2026-03-02T02:00:00Z target one\n"},
		{"the network table", "name: A}", "name: B, upstream: U}", "~ network 192.0.2.0/24: A -> B on U\n"},
		{"the agents' address", "0.0.0.0:4443", "0.0.0.0:4444", "~ setting listen: 0.0.0.0:4443 -> 0.0.0.0:4444 (restart)\n"},
		{"the data folder, which no start reads from what was applied", "public:", "data: /srv/picket\npublic:", "~ setting data: none -> /srv/picket\n"},
		{"what tokens name", "public: [picket.example:4443]", "public: [p.example:4443]", "~ setting public: picket.example:4443 -> p.example:4443\n"},
		{"the page", "public:", "http: 0.0.0.0:8443\ntls: {cert_file: c, key_file: k}\npublic:",
			"~ setting http: 127.0.0.1:8443 -> 0.0.0.0:8443 (restart)\n+ setting tls (restart)\n"},
		{"the pace", "public:", "politeness: 2s\npublic:", "~ setting politeness: 1s -> 2s [\"\"]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(before, c.old) {
				t.Fatal("the case does not fit")
			}
			now, err := Parse("p.yaml", []byte(strings.Replace(before, c.old, c.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			got := lines(Diff(was, now))
			if got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			if strings.Contains(got, "hunter") {
				t.Error("a secret is shown")
			}
			if was.Digest == now.Digest {
				t.Error("two files have one digest")
			}
		})
	}
}

func TestAnotherOrderIsAChangeForAgents(t *testing.T) {
	was, err := Parse("p.yaml", []byte("providers: [{id: p}]\ntargets:\n- &a {id: a, provider: p, host: a.example, checks: [dns]}\n- {id: b, provider: p, host: b.example, checks: [dns]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	now := *was
	now.Targets = []Target{was.Targets[1], was.Targets[0]}
	if got := lines(Diff(was, &now)); got != "~ setting targets: in another order [\"\"]\n" {
		t.Errorf("got %q", got)
	}
}

func TestDigestCoversTheFilesThatAreReadWithIt(t *testing.T) {
	dir := t.TempDir()
	ca, src := filepath.Join(dir, "ca.pem"), []byte("targets:\n- {id: t, reference: true, host: a.example, ca_file: ca.pem, checks: [tls]}\n")
	digest := func(pem string) [32]byte {
		if err := os.WriteFile(ca, []byte(pem), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Parse(filepath.Join(dir, "p.yaml"), src)
		if err != nil {
			t.Fatal(err)
		}
		return f.Digest
	}
	one := testCA(t)
	if a, b := digest(one), digest(one+"\n"); a == b {
		t.Error("another authority, the same digest")
	}
	if a, b := digest(one), digest(one); a != b {
		t.Error("the same files, another digest")
	}
}
