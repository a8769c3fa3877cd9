package inquiry

import (
	"strings"
	"testing"

	"picket/internal/fleet"
	"picket/probes"
)

func everybody(string) bool { return true }

var watched = &fleet.Config{
	Targets: []fleet.Target{{ID: "mail", Name: "Exchange Online"}, {ID: "erp", Client: "acme"}, {ID: "box"}},
	Checks: []fleet.Check{
		{ID: "mail/dns", Target: "mail", Spec: probes.Spec{Kind: probes.DNS, Host: "mail.example"}},
		{ID: "mail/https", Target: "mail", Spec: probes.Spec{Kind: probes.HTTP, Host: "mail.example", Path: "/health"}},
		{ID: "erp/tls", Target: "erp", Spec: probes.Spec{Kind: probes.TLS, Host: "erp.acme.example", Port: 8443}},
		{ID: "box/ping", Target: "box", Spec: probes.Spec{Kind: probes.Ping, Host: "192.0.2.7"}},
	},
}

func TestWhatIsMeant(t *testing.T) {
	for text, want := range map[string]string{
		"mail": "mail http exact", "Mail": "mail http exact", " exchange online ": "mail http exact",
		"mail.example": "mail http exact", "MAIL.example.": "mail http exact", "https://mail.example": "mail http exact",
		"https://mail.example/health": "mail http exact", "https://mail.example/other": "mail dns", "erp": "erp tls exact",
		"erp.acme.example:8443": "erp tls exact", "erp.acme.example:443": "", "192.0.2.7": "box ping exact",
		"other.example": "", "https://erp.acme.example:8443": "erp tls", "http://mail.example": "mail dns", "": "", "ftp://mail.example": "", "http://": "",
	} {
		got := ""
		if s, ok := Find(watched, text, everybody); ok {
			got = s.Target.ID + " " + s.Spec.Kind.String()
			if s.Exact {
				got += " exact"
			}
		}
		if want == "mail dns" { // whichever check: it is another page
			if !strings.HasPrefix(got, "mail ") || strings.HasSuffix(got, "exact") {
				t.Errorf("%q is found as %q", text, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%q is found as %q, wanted %q", text, got, want)
		}
	}
	other := func(client string) bool { return client != "acme" }
	for _, text := range []string{"erp", "ERP", "erp.acme.example:8443", "https://erp.acme.example:8443"} {
		if s, ok := Find(watched, text, other); ok {
			t.Errorf("%q of another client is found: %+v", text, s)
		}
	}
	if got := Near(watched, "erq", other); strings.Contains(got, "erp") {
		t.Errorf("another client's target is proposed: %q", got)
	}
	for text, want := range map[string]string{"mial": "mail", "mail.exampel": "mail.example", "exchange onlin": "Exchange Online", "zzzzzz": "", "": ""} {
		if got := Near(watched, text, everybody); got != want {
			t.Errorf("near %q: %q, wanted %q", text, got, want)
		}
	}
}

func TestWhatMayBeTyped(t *testing.T) {
	for text, want := range map[string]string{
		"www.example": "https://www.example/", "www.example:8443": "https://www.example:8443/", "http://www.example/a?b=c#d": "http://www.example/a?b=c",
		"www.example/a%20b": "https://www.example/a%20b", "https://www.example?x=1": "https://www.example/?x=1",
		"192.0.2.9": "tcp 192.0.2.9:443", "192.0.2.9:80": "tcp 192.0.2.9:80", "[2001:db8::1]:80": "tcp [2001:db8::1]:80", "2001:db8::1": "tcp [2001:db8::1]:443",
	} {
		s, err := Parse(text)
		if err != nil || s.Title() != want {
			t.Errorf("%q is asked as %q (%v), wanted %q", text, s.Title(), err, want)
		}
	}
	for _, text := range []string{
		"", " ", "ftp://www.example", "file:///etc/passwd", "https://user:hunter2@www.example", "https://www.example:0", "https://www.example:99999",
		"https://exämple.example", "https://" + strings.Repeat("a", 3000), "javascript:alert(1)", "https://a b.example", "http://[::1", "https://www.example/\x00",
	} {
		s, err := Parse(text)
		if err == nil {
			t.Errorf("%q is asked as %s", text, s.Title())
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"www.example", "https://a.example:1/x?y", "[::1]:80", "http://u:p@h", "1.2.3.4", "::ffff:1.2.3.4%x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err == nil && s.Validate() != nil {
			t.Fatalf("%q makes %+v", text, s)
		}
		Find(watched, text, everybody)
		Near(watched, text, everybody)
	})
}
