package config

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/collector/config/strict"
	"picket/probes"
)

// mistakes are files with a mistake and the exact words that the owner reads.
var mistakes = []struct{ name, src, want string }{
	{"unknown key", "listen: 0.0.0.0:4443\npolitness: 1s\n",
		`p.yaml:2:1: unknown key "politness", did you mean "politeness"?`},
	{"unknown key deep inside", "providers: [{id: p}]\ntargets:\n  - id: t\n    provider: p\n    host: a.example\n    checks:\n      - kind: http\n        intervall: 20s\n",
		`p.yaml:8:9: unknown key "targets[0].checks[0].intervall", did you mean "interval"?`},
	{"unknown key like no other", "clients:\n  - {id: a, xyzzy: 1}\n",
		`p.yaml:2:13: unknown key "clients[0].xyzzy", known here: id, name, tier`},
	{"duration without unit", "politeness: 5\n",
		`p.yaml:1:13: politeness "5": missing unit, did you mean "5s"?`},
	{"duration in words", "interval:\n  dns: 2 minutes\n",
		`p.yaml:2:8: interval.dns "2 minutes": not a duration, did you mean "2m"?`},
	{"duration in days", "interval: {http: 1d}\n",
		`p.yaml:1:18: interval.http "1d": days are not a unit here, did you mean "24h"?`},
	{"duration out of bounds", "interval: {http: 200ms}\n",
		`p.yaml:1:18: interval.http "200ms": out of bounds: at least 1s and at most 24h`},
	{"nonsense duration", "politeness: soon\n",
		`p.yaml:1:13: politeness "soon": not a duration: write a number and a unit, such as 500ms, 20s, 5m or 1h`},
	{"duplicate id", "providers: [{id: p}]\ntargets:\n- {id: t, provider: p, host: a.example, checks: [dns]}\n- {id: u, provider: p, host: a.example, checks: [dns]}\n- {id: t, provider: p, host: b.example, checks: [dns]}\n",
		`p.yaml:5:8: targets[2].id "t": this target id is already used on line 3: rename or remove one`},
	{"duplicate provider", "providers:\n- id: p\n- id: p\n",
		`p.yaml:3:7: providers[1].id "p": this provider id is already used on line 2: rename or remove one`},
	{"duplicate key", "listen: 0.0.0.0:1\nhttp: 127.0.0.1:1\nlisten: 0.0.0.0:2\n",
		`p.yaml:3:1: key "listen" is given twice, first on line 1: remove one`},
	{"unknown provider", "targets:\n- {id: t, provider: azuer, host: a.example, checks: [dns]}\n",
		`p.yaml:2:21: targets[0].provider "azuer": no such provider, did you mean "azure"?; define it under providers`},
	{"unknown client", "clients: [{id: acme}]\ntargets:\n- {id: t, client: amce, host: a.example, checks: [dns]}\n",
		`p.yaml:3:19: targets[0].client "amce": no such client, did you mean "acme"?; define it under clients`},
	{"a family that nobody has", "targets:\n- {id: t, reference: true, host: a.example, checks: [{kind: dns, family: 5}]}\n",
		`p.yaml:2:74: targets[0].checks[0].family "5": not known here, did you mean "4"?; one of 4, 6`},
	{"a family and a record of the other", "targets:\n- {id: t, reference: true, host: a.example, checks: [{kind: dns, family: 6, query: A}]}\n",
		`p.yaml:2:54: targets[0].checks[0]: family: a dns check of IPv6 asks for AAAA, not for "A": leave out one of the two`},
	{"an address of the other family", "targets:\n- {id: t, reference: true, host: 192.0.2.1, checks: [{kind: ping, family: 6}]}\n",
		`p.yaml:2:54: targets[0].checks[0]: family: 192.0.2.1 is not an IPv6 address`},
	{"same check twice", "targets:\n- {id: t, reference: true, host: a.example, checks: [dns, {kind: dns, query: MX}]}\n",
		`p.yaml:2:59: targets[0].checks[1]: this target already has a check "dns" on line 2: give this one an id of its own`},
	{"no host", "targets:\n- {id: t, reference: true, checks: [dns]}\n",
		`p.yaml:2:37: targets[0].checks[0] has no host: give the check or its target a host`},
	{"tcp without port", "targets:\n- {id: t, reference: true, host: a.example, checks: [tcp]}\n",
		`p.yaml:2:54: targets[0].checks[0] has no port: a tcp check must name it, such as {kind: tcp, port: 443}`},
	{"option of another kind", "targets:\n- {id: t, reference: true, host: a.example, checks: [{kind: ping, status: 200}]}\n",
		`p.yaml:2:67: targets[0].checks[0].status: a ping check has no status: remove it`},
	{"host with port", "targets:\n- {id: t, reference: true, host: \"a.example:443\", checks: [tls]}\n",
		`p.yaml:2:34: targets[0].host "a.example:443": not a host: the port goes into a key of its own: port`},
	{"unknown kind", "targets:\n- {id: t, reference: true, host: a.example, checks: [htpt]}\n",
		`p.yaml:2:54: targets[0].checks[0] "htpt": not known here, did you mean "http"?; one of dns, ping, tcp, tls, http`},
	{"prefix with host bits", "networks:\n- {prefix: 198.51.100.7/24, name: A}\n",
		`p.yaml:2:12: networks[0].prefix "198.51.100.7/24": has bits beyond its length, did you mean "198.51.100.0/24"?`},
	{"unsigned webhook", "alerts:\n- {name: a, webhook: \"https://h.example/\"}\n",
		`p.yaml:2:3: alerts[0] has no secret: messages are signed; name a file with secret_file or a variable with secret_env`},
	{"work that ends before it begins", "maintenance:\n- {from: 2026-03-02T22:00:00Z, to: 2026-03-02T02:00:00Z}\n",
		`p.yaml:2:36: maintenance[0].to "2026-03-02T02:00:00Z": is not after from: correct one of them`},
	{"endless work", "maintenance:\n- {from: 2026-03-02T22:00:00Z, to: 2026-04-02T02:00:00Z}\n",
		`p.yaml:2:36: maintenance[0].to "2026-04-02T02:00:00Z": is 30 days after from, at most 14: for longer, do not watch it`},
	{"work without an end", "maintenance:\n- {from: 2026-03-02T22:00:00Z}\n",
		`p.yaml:2:3: maintenance[0] needs from and to, such as {from: 2026-03-01T22:00:00Z, to: 2026-03-02T02:00:00Z, provider: azure}`},
	{"work at no certain time", "maintenance:\n- {from: 2026-03-02 22:00, to: 2026-04-02T02:00:00Z}\n",
		`p.yaml:2:10: maintenance[0].from "2026-03-02 22:00": not a time with its zone: write it like 2026-03-01T22:00:00Z or 2026-03-01T22:00:00+01:00`},
	{"work on nothing", "maintenance:\n- {from: 2026-03-02T22:00:00Z, to: 2026-03-03T02:00:00Z, provider: azuer}\n",
		`p.yaml:2:68: maintenance[0].provider "azuer": no target has this provider, did you mean "azure"?`},
	{"route to nobody", "alerts:\n- {name: a, delay: 1m}\n",
		`p.yaml:2:3: alerts[0] tells nobody: write webhook: with the URL to be told, mail: with a list of addresses, or one of slack, teams, pagerduty, alertmanager, ticket, shoutrrr`},
	{"route with two channels", "smtp: {host: m.example, from: p@m.example}\nalerts:\n- {name: a, webhook: \"https://h.example/\", mail: [a@m.example]}\n",
		`p.yaml:3:3: alerts[0] has both webhook and mail: make a route of each, so that each can fail alone`},
	{"mail without a server", "alerts:\n- {name: a, mail: [a@m.example]}\n",
		`p.yaml:2:3: alerts[0] writes mail, but the file has no smtp: say which server takes it, such as smtp: {host: mail.msp.example, from: picket@msp.example}`},
	{"signed mail", "smtp: {host: m.example, from: p@m.example}\nalerts:\n- {name: a, mail: [a@m.example], secret_env: S}\n",
		`p.yaml:3:3: alerts[0] has a secret, but mail is not signed: remove it`},
	{"no mail address", "smtp: {host: m.example, from: p@m.example}\nalerts:\n- {name: a, mail: [noc at m.example]}\n",
		`p.yaml:3:20: alerts[0].mail[0] "noc at m.example": not a mail address: write one without a name, such as noc@msp.example`},
	{"injected header", "smtp: {host: m.example, from: \"p@m.example\\nBcc: x@m.example\"}\n",
		`p.yaml:1:31: smtp.from: write it on one line, without control characters`},
	{"recipient twice", "smtp: {host: m.example, from: p@m.example}\nalerts:\n- {name: a, mail: [a@m.example, A@m.example]}\n",
		`p.yaml:3:33: alerts[0].mail[1] "A@m.example": is given twice: remove one`},
	{"mistyped channel", "smtp: {host: m.example, from: p@m.example}\nalerts:\n- {name: a, mial: [a@m.example]}\n",
		"p.yaml:3:3: alerts[0] tells nobody: write webhook: with the URL to be told, mail: with a list of addresses, or one of slack, teams, pagerduty, alertmanager, ticket, shoutrrr\n" +
			`p.yaml:3:13: unknown key "alerts[0].mial", did you mean "mail"?`},
	{"mail password in the clear", "smtp: {host: m.example, from: p@m.example, security: none, username: u, password_env: P}\n",
		`p.yaml:1:7: smtp would send its password unencrypted: write security: starttls or tls, or remove the log-in`},
	{"mail user without password", "smtp: {host: m.example, from: p@m.example, username: u}\n",
		`p.yaml:1:7: smtp has a username without a password: name a file with password_file or a variable with password_env`},
	{"unknown security", "smtp: {host: m.example, from: p@m.example, security: startls}\n",
		`p.yaml:1:54: smtp.security "startls": not known here, did you mean "starttls"?; one of starttls, tls, none`},
	{"page open to others without TLS", "http: 0.0.0.0:8443\n",
		`p.yaml:1:7: http "0.0.0.0:8443": other machines can reach this address, so the page needs TLS: add tls: {own_ca: true} or another way (cert_file and key_file, acme), or behind_proxy: true if a proxy in front adds it, or write 127.0.0.1`},
	{"page on every address", "http: \":8443\"\n",
		`p.yaml:1:7: http ":8443": other machines can reach this address, so the page needs TLS: add tls: {own_ca: true} or another way (cert_file and key_file, acme), or behind_proxy: true if a proxy in front adds it, or write 127.0.0.1`},
	{"nobody is the proxy", "behind_proxy: true\nhttp: 0.0.0.0:8443\n",
		`p.yaml:1:15: behind_proxy: other machines can reach 0.0.0.0:8443, so the page must know which of them is the proxy: add trusted_proxies: [192.0.2.5/32] with the proxy's address, or write http: 127.0.0.1:8443 if the proxy runs on this machine`},
	{"nobody is the proxy, with a certificate", "http: 0.0.0.0:8443\nnames: [p.example]\ntls: {own_ca: true}\nbehind_proxy: true\n",
		`p.yaml:4:15: behind_proxy: other machines can reach 0.0.0.0:8443, so the page must know which of them is the proxy: add trusted_proxies: [192.0.2.5/32] with the proxy's address, or write http: 127.0.0.1:8443 if the proxy runs on this machine`},
	{"everybody is the proxy", "http: 0.0.0.0:8443\nbehind_proxy: true\ntrusted_proxies: [0.0.0.0/0]\n",
		`p.yaml:3:19: trusted_proxies[0] "0.0.0.0/0": would believe everybody: write the addresses of the proxies alone`},
	{"proxy without a length", "trusted_proxies: [192.0.2.5]\n",
		`p.yaml:1:19: trusted_proxies[0] "192.0.2.5": not a prefix: write address/bits, such as 192.0.2.5/32 for one machine or 192.0.2.0/28`},
	{"proxy with too many bits", "trusted_proxies: [192.0.2.5/24]\n",
		`p.yaml:1:19: trusted_proxies[0] "192.0.2.5/24": has bits beyond its length, did you mean "192.0.2.0/24"?`},
	{"proxy twice", "trusted_proxies: [192.0.2.5/32, 192.0.2.5/32]\n",
		`p.yaml:1:33: trusted_proxies[1] "192.0.2.5/32": is given twice: remove one`},
	{"no proxy at all", "behind_proxy: true\nhttp: 0.0.0.0:8443\ntrusted_proxies: []\n",
		`p.yaml:3:18: trusted_proxies is empty: write the addresses of the proxies or remove the key`},
	{"two certificates", "tls: {own_ca: true, cert_file: a, key_file: b}\n",
		`p.yaml:1:6: tls names more than one certificate: keep one of cert_file and key_file, acme, own_ca`},
	{"no certificate", "tls: {own_ca: false}\n",
		`p.yaml:1:6: tls names no certificate: write cert_file and key_file, or acme, or own_ca: true`},
	{"certificate without key", "tls: {cert_file: a}\n",
		`p.yaml:1:6: tls has cert_file without key_file: name the file of its private key`},
	{"own certificate for nobody", "http: 0.0.0.0:8443\ntls: {own_ca: true}\n",
		`p.yaml:2:6: tls.own_ca needs names: add names: [picket.example] with the names and addresses under which people open the page`},
	{"public certificate for an address", "tls: {acme: {names: [203.0.113.1]}}\n",
		`p.yaml:1:22: tls.acme.names[0] "203.0.113.1": a public authority certifies DNS names only: write one such as picket.example`},
	{"acme without names", "tls: {acme: {email: a@m.example}}\n",
		`p.yaml:1:13: tls.acme has no names: write the DNS names that the certificate is for`},
	{"mistyped tls", "tsl: {own_ca: true}\n",
		`p.yaml:1:1: unknown key "tsl", did you mean "tls"?`},
	{"name with a port", "names: [\"picket.example:8443\"]\n",
		`p.yaml:1:9: names[0] "picket.example:8443": not a host: the port goes into a key of its own: port`},
	{"port out of bounds", "listen: 0.0.0.0:99999\n",
		`p.yaml:1:9: listen "0.0.0.0:99999": not an address: write host:port, such as 0.0.0.0:4443 or [::]:4443`},
	{"public that nobody can dial", "public: ['0.0.0.0:4443']\n",
		`p.yaml:1:10: public[0] "0.0.0.0:4443": agents cannot dial this: write the name or address and the port under which they reach this collector`},
	{"empty value", "listen:\n",
		`p.yaml:1:1: listen: found nothing, give it a value or remove the key`},
	{"wrong shape", "targets: {id: t}\n",
		`p.yaml:1:10: targets: found a block of key: value, expected a list`},
	{"merge key", "clients:\n- &c {id: a}\n- <<: *c\n",
		`p.yaml:3:3: merge keys (<<) are not supported: write the fields out, or alias a whole value`},
}

func TestEveryMistakeIsToldWithItsPlaceAndTheWayOut(t *testing.T) {
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse("p.yaml", []byte(c.src))
			if err == nil {
				t.Fatalf("accepted: %+v", f)
			}
			if got := err.Error(); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAllMistakesOfAFileAreToldInItsOrder(t *testing.T) {
	src := "targets:\n- {id: t, provider: nope, host: a.example, checks: [dns]}\n- {id: t, reference: maybe, host: b.example, checks: []}\npoliteness: 5\n"
	_, err := Parse("p.yaml", []byte(src))
	want := `p.yaml:2:21: targets[0].provider "nope": no such provider; define it under providers
p.yaml:3:3: targets[1].checks is missing: say how to ask, such as checks: [dns, http]
p.yaml:3:8: targets[1].id "t": this target id is already used on line 2: rename or remove one
p.yaml:3:22: targets[1].reference "maybe": write true or false
p.yaml:4:13: politeness "5": missing unit, did you mean "5s"?`
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestBrokenYAMLNamesALine(t *testing.T) {
	for _, src := range []string{"a: [1,\n", "listen: \"x\n", "\tlisten: x\n", "a: b: c\n", "- a\nb: c\n", "@x", "x: !!binary zzz\n", "a: *b\n", "--- \na: 1\n---\nb: 2\n"} {
		_, err := Parse("p.yaml", []byte(src))
		if err == nil || !strings.HasPrefix(err.Error(), "p.yaml:") {
			t.Errorf("%q: %v", src, err)
		}
		t.Logf("%q: %v", src, err)
	}
}

func TestSecretsAreNotRepeatedInMessages(t *testing.T) {
	src := "influx: {url: \"http://user:hunter2@db.example\", bucket: b, token_env: \"hunter2=\", token: hunter2}\nalerts:\n- {name: a, webhook: \"ftp://hunter2\", secret_env: \"hunter-2\"}\n"
	_, err := Parse("p.yaml", []byte(src))
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("got %v", err)
	}
}

func TestTheExampleIsTrue(t *testing.T) {
	src, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("/etc/picket/example.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	if f.Data != "/etc/picket/picket-data" || f.Alerts[2].Secret.File != "/etc/picket/secrets/on-call" {
		t.Errorf("paths are not beside the file: %q, %q", f.Data, f.Alerts[2].Secret.File)
	}
	cfg := f.Fleet()
	if len(f.Targets) < 60 || !f.Catalogue {
		t.Errorf("%d targets, the catalogue should be among them", len(f.Targets))
	}
	api := cfg.Checks[2]
	want := probes.Spec{Kind: probes.HTTP, Host: "api.fra.hoster.example", Port: 8443, Path: "/health?full=1", Method: "GET",
		Status: []int{200, 204}, Body: `"ok":true`, Timeout: 5 * time.Second}
	if api.ID != "hoster-api-fra/http" || api.Interval != 30*time.Second || fmt.Sprintf("%+v", api.Spec) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v", api)
	}
	if first := cfg.Checks[0]; first.ID != "hoster-web-fra/dns" || first.Interval != 20*time.Second || first.Spec.Host != "fra.hoster.example" {
		t.Errorf("got %+v", first)
	}
	if len(f.Warnings) != 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
	// Every key that the schema knows is in the example.
	s := &schema{out: &File{}}
	var at strict.Place
	var w string
	for key := range s.keys(&at, &w) {
		if !bytes.Contains(src, []byte("\n"+key+":")) {
			t.Errorf("the example does not show %q", key)
		}
	}
}

func TestFleetIsDeterministicAndValid(t *testing.T) {
	a, b := Defaults().Fleet(), Defaults().Fleet()
	if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
		t.Error("two compilations differ")
	}
	seen := map[string]bool{}
	for _, c := range a.Checks {
		if seen[c.ID] {
			t.Errorf("check id %q twice", c.ID)
		}
		seen[c.ID] = true
		if err := c.Spec.Validate(); err != nil || c.Interval <= 0 {
			t.Errorf("%s: interval %v, %v", c.ID, c.Interval, err)
		}
	}
}

func TestLongestPrefixWins(t *testing.T) {
	f, err := Parse("p.yaml", []byte(`networks:
- {prefix: 10.0.0.0/8, name: wide}
- {prefix: 10.1.0.0/16, name: narrow, upstream: up}
- {prefix: "2001:db8::/32", name: six}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ addr, name, upstream string }{
		{"10.1.2.3", "narrow", "up"}, {"10.2.0.1", "wide", ""}, {"::ffff:10.1.0.1", "narrow", "up"},
		{"2001:db8::1", "six", ""}, {"192.0.2.1", "", ""},
	} {
		name, upstream, ok := f.Lookup(netip.MustParseAddr(c.addr))
		if name != c.name || upstream != c.upstream || ok != (c.name != "") {
			t.Errorf("%s: got %q %q %v", c.addr, name, upstream, ok)
		}
	}
	if _, _, ok := f.Lookup(netip.Addr{}); ok {
		t.Error("no address belongs to no network")
	}
}

func TestWhatComesFromTheCatalogue(t *testing.T) {
	own := "targets:\n- {id: m365-teams, name: Ours, provider: m365, service: teams, host: teams.example, checks: [dns]}\n"
	f, err := Parse("p.yaml", []byte(own))
	if err != nil || len(f.Targets) != 1 || f.Catalogue {
		t.Fatalf("own targets alone: %v, %d targets", err, len(f.Targets))
	}
	if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Text, "reference") {
		t.Errorf("no warning about missing references: %v", f.Warnings)
	}
	if f.ProviderName("m365") != "Microsoft 365" {
		t.Errorf("got %q", f.ProviderName("m365"))
	}
	f, err = Parse("p.yaml", []byte(own+"include_catalogue: true\n"))
	if err != nil || f.Targets[0].Name != "Ours" || len(f.Targets) != len(Defaults().Targets) {
		t.Errorf("replacing: %v, %d targets", err, len(f.Targets))
	}
	f, err = Parse("p.yaml", []byte("include_catalogue: false\n"))
	if err != nil || len(f.Targets) != 0 || len(f.Warnings) != 1 {
		t.Errorf("empty: %v, %+v", err, f)
	}
}

func TestFilesBesideTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("ca.pem", testCA(t))
	write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	write("secret", "  s3cret \n")
	src := "targets:\n- {id: t, reference: true, host: a.example, ca_file: %s, checks: [dns, {kind: tls, timeout: 2s}, http]}\n"
	p := write("picket.yaml", fmt.Sprintf(src, "ca.pem"))
	f, _, err := Load(p)
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.Fleet()
	if cfg.Checks[0].Spec.CA != "" || !strings.HasPrefix(cfg.Checks[1].Spec.CA, "-----BEGIN") || cfg.Checks[2].Spec.CA == "" {
		t.Error("the CA belongs to tls and https checks, and to no other")
	}
	for file, want := range map[string]string{"key.pem": "never a key", "gone.pem": "no such file", ".": "not a regular file"} {
		_, err := Parse(p, []byte(fmt.Sprintf(src, file)))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ":2:54: ") {
			t.Errorf("%s: %v", file, err)
		}
	}
	secret := Secret{File: filepath.Join(dir, "secret")}
	if v, err := secret.Read(); err != nil || string(v) != "s3cret" {
		t.Errorf("%q %v", v, err)
	}
	t.Setenv("PICKET_TEST_SECRET", "")
	if _, err := (Secret{Env: "PICKET_TEST_SECRET"}).Read(); err == nil {
		t.Error("an empty secret is no secret")
	}
}
