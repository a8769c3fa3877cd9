package config

import (
	"slices"
	"testing"
)

func TestWhoMayReachThePage(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8443": true, "[::1]:8443": true, "localhost:1": true, "127.8.9.1:1": true, "[::ffff:127.0.0.1]:1": true,
		":8443": false, "0.0.0.0:8443": false, "[::]:8443": false, "192.0.2.1:8443": false, "picket.example:1": false, "": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v", address, got)
		}
	}
	for _, good := range []string{
		"http: 0.0.0.0:8443\nbehind_proxy: true\ntrusted_proxies: [192.0.2.5/32]\n",
		"trusted_proxies: [192.0.2.0/28, \"2001:db8::/64\"]\nbehind_proxy: true\nhttp: 0.0.0.0:8443\n",
		"behind_proxy: true\n",
		"http: \"[::1]:8443\"\nbehind_proxy: true\n",
		"http: 0.0.0.0:8443\nnames: [p.example]\ntls: {own_ca: true}\n",
		"http: 192.0.2.1:8443\ntls: {own_ca: true}\n",
		"http: 0.0.0.0:443\ntls: {acme: {names: [P.example.]}}\n",
		"http: \"[::1]:8443\"\n",
	} {
		if _, err := Parse("p.yaml", []byte(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestDoorsAsRead(t *testing.T) {
	f, err := Parse("/etc/picket/picket.yaml", []byte(`
http: 0.0.0.0:443
names: [Picket.Example, 192.0.2.1]
tls: {acme: {names: [picket.example, www.picket.example.], email: a@m.example}}
login: true
smtp: {host: m.example, from: "Picket <p@m.example>", security: tls, username: u, password_file: s/smtp}
alerts: [{name: noc, mail: [a@m.example]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"picket.example", "192.0.2.1", "www.picket.example"}; !slices.Equal(f.Names, want) {
		t.Errorf("names %q, want %q", f.Names, want)
	}
	if m := f.SMTP; m.Port != 465 || m.Password.File != "/etc/picket/s/smtp" || m.From != "Picket <p@m.example>" {
		t.Errorf("smtp %+v", m)
	}
	if r := f.Alerts[0]; r.Webhook != "" || !slices.Equal(r.Mail, []string{"a@m.example"}) || r.Secret != (Secret{}) || r.Kinds != "all" {
		t.Errorf("route %+v", r)
	}
	if !f.Login || f.BehindProxy || f.TLS.ACME == nil || f.TLS.OwnCA {
		t.Errorf("login %v, proxy %v, tls %+v", f.Login, f.BehindProxy, f.TLS)
	}
	if errs := f.Unreadable(); len(errs) != 1 {
		t.Errorf("the SMTP password is not there, got %v", errs)
	}
	for security, port := range map[string]int{"starttls": 587, "tls": 465, "none": 25} {
		f, err := Parse("p.yaml", []byte("smtp: {host: m.example, from: p@m.example, security: "+security+"}\n"))
		if err != nil || f.SMTP.Port != port {
			t.Errorf("%s: %v, %+v", security, err, f)
		}
	}
}

func TestMailAddresses(t *testing.T) {
	for v, want := range map[string]bool{
		"a@m.example": true, "a+b@m.example": true, "a@[192.0.2.1]": true,
		"a": false, "a@": false, "@m.example": false, "A <a@m.example>": false, "a@m.example, b@m.example": false,
		"a b@m.example": false, "ä@m.example": false, "\"a\"@m.example": false, "a@m..example": false,
	} {
		if got := plainAddress(v); got != want {
			t.Errorf("plainAddress(%q) = %v", v, got)
		}
	}
}
