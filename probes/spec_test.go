package probes

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestValidateSaysWhatIsWrong(t *testing.T) {
	ok := Spec{Kind: HTTP, Host: "www.example"}
	with := func(change func(*Spec)) Spec { s := ok; change(&s); return s }
	for _, tt := range []struct {
		name string
		spec Spec
		text string // in the error; "" = valid
	}{
		{"the least", ok, ""},
		{"an address", with(func(s *Spec) { s.Host = "2001:db8::1" }), ""},
		{"underscores and a final dot", with(func(s *Spec) { s.Host = "_dmarc.www_1.example." }), ""},
		{"the longest host", with(func(s *Spec) { s.Host = strings.Repeat("a.", 126) + "a" }), ""},
		{"the root for dns", Spec{Kind: DNS, Host: ".", Query: "NS"}, ""},
		{"everything", Spec{Kind: HTTP, Host: "192.0.2.1", Port: 1, Timeout: time.Second, Resolver: "[2001:db8::53]:53", ServerName: "x",
			Query: "mx", Packets: 20, Method: "HEAD", Path: "/?q", Status: []int{200}, Body: "x"}, ""},
		{"a family", with(func(s *Spec) { s.Family = 6 }), ""},
		{"a family and its address", with(func(s *Spec) { s.Family, s.Host = 4, "::ffff:192.0.2.1" }), ""},
		{"a family and its record", Spec{Kind: DNS, Host: "x", Family: 6, Query: "aaaa"}, ""},
		{"no such family", with(func(s *Spec) { s.Family = 5 }), "5 is no IP version"},
		{"an address of another family", with(func(s *Spec) { s.Family, s.Host = 6, "192.0.2.1" }), "192.0.2.1 is not an IPv6 address"},
		{"a record of another family", Spec{Kind: DNS, Host: "x", Family: 6, Query: "A"}, "asks for AAAA, not for \"A\""},
		{"a record of no family", Spec{Kind: DNS, Host: "x", Family: 4, Query: "MX"}, "asks for A, not for \"MX\""},
		{"a resolver without port", with(func(s *Spec) { s.Resolver = "192.0.2.53" }), ""},

		{"a zone of the link", with(func(s *Spec) { s.Host, s.Resolver = "fe80::1%eth0", "[fe80::53%eth0]:53" }), ""},

		{"a zone elsewhere", with(func(s *Spec) { s.Host = "fd00:ec2::254%lo" }), "only a link-local address"},
		{"a zone of loopback", with(func(s *Spec) { s.Host = "::1%lo" }), "only a link-local address"},
		{"a zone of a resolver", with(func(s *Spec) { s.Resolver = "fd00:ec2::254%lo" }), "only a link-local address"},
		{"a zone of a resolver with a port", with(func(s *Spec) { s.Resolver = "[64:ff9b::a9fe:a9fe%lo]:53" }), "only a link-local address"},
		{"no kind", with(func(s *Spec) { s.Kind = 0 }), "kind is missing"},
		{"a new kind", with(func(s *Spec) { s.Kind = 42 }), "kind(42)"},
		{"no host", with(func(s *Spec) { s.Host = "" }), "host: missing"},
		{"a long host", with(func(s *Spec) { s.Host = strings.Repeat("a.", 127) + "a" }), "at most 253"},
		{"a URL", with(func(s *Spec) { s.Host = "https://www.example/" }), "without scheme, port or path"},
		{"a port in the host", with(func(s *Spec) { s.Host = "www.example:443" }), "without scheme, port or path"},
		{"brackets", with(func(s *Spec) { s.Host = "[::1]" }), "without brackets"},
		{"an umlaut", with(func(s *Spec) { s.Host = "bücher.example" }), "xn--"},
		{"a line break", with(func(s *Spec) { s.Host = "a\r\nb" }), "cannot be in a name"},
		{"an empty label", with(func(s *Spec) { s.Host = "a..b" }), "label"},
		{"an address for dns", Spec{Kind: DNS, Host: "192.0.2.1"}, "asks for a name"},
		{"tcp without port", Spec{Kind: TCP, Host: "x"}, "port is missing"},
		{"too hasty", with(func(s *Spec) { s.Timeout = time.Millisecond }), "timeout 1ms"},
		{"too slow", with(func(s *Spec) { s.Timeout = time.Hour }), "timeout 1h0m0s"},
		{"a resolver by name", with(func(s *Spec) { s.Resolver = "dns.example:53" }), "resolver: "},
		{"a long resolver", with(func(s *Spec) { s.Resolver = strings.Repeat("1", 65) }), "resolver: "},
		{"too many packets", with(func(s *Spec) { s.Packets = 21 }), "packets 21"},
		{"negative packets", with(func(s *Spec) { s.Packets = -1 }), "packets -1"},
		{"no certificate", with(func(s *Spec) { s.CA = "x" }), "ca: holds no certificate"},
		{"a large bundle", with(func(s *Spec) { s.CA = strings.Repeat("x", 16<<10+1) }), "ca: 16385 bytes"},
		{"an unknown type", with(func(s *Spec) { s.Query = "WHAT" }), "query: "},
		{"a transfer", with(func(s *Spec) { s.Query = "AXFR" }), "not a record that can be asked for"},
		{"a method that changes things", with(func(s *Spec) { s.Method = "DELETE" }), "method"},
		{"a path without slash", with(func(s *Spec) { s.Path = "index" }), "begin with /"},
		{"a long path", with(func(s *Spec) { s.Path = "/" + strings.Repeat("x", 2048) }), "path has 2049 bytes"},
		{"a header in the path", with(func(s *Spec) { s.Path = "/ HTTP/1.1\r\nX: y" }), "control character"},
		{"a fragment", with(func(s *Spec) { s.Path = "/#top" }), "fragment"},
		{"a broken escape", with(func(s *Spec) { s.Path = "/%zz" }), "escape"},
		{"no such status", with(func(s *Spec) { s.Status = []int{99} }), "status 99"},
		{"many codes", with(func(s *Spec) { s.Status = make([]int, 33) }), "33 codes"},
		{"a long text", with(func(s *Spec) { s.Body = strings.Repeat("x", 1025) }), "body has 1025 bytes"},
		{"two things", Spec{Kind: TCP}, "port is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.spec.Validate()
			if (err == nil) != (tt.text == "") || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %q", err, tt.text)
			}
		})
	}
	err := Spec{Kind: TCP}.Validate()
	if !strings.Contains(err.Error(), "host: missing") {
		t.Errorf("only one of two mistakes is told: %v", err)
	}
	if err := (Spec{Kind: 42, Host: "x"}).Validate(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v is not unsupported", err)
	}
}

func TestURLKeepsThePathAsWritten(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{Host: "www.example"}, "https://www.example/"},
		{Spec{Host: "www.example.", Port: 443, Path: "/a%2Fb?c=%20&d"}, "https://www.example/a%2Fb?c=%20&d"},
		{Spec{Host: "www.example", Port: 8443}, "https://www.example:8443/"},
		{Spec{Host: "2001:db8::1", Plain: true}, "http://[2001:db8::1]/"},
		{Spec{Host: "192.0.2.1", ServerName: "www.example", Plain: true, Port: 8080}, "http://www.example:8080/"},
	} {
		tt.spec.Kind = HTTP
		u, err := tt.spec.url()
		if err != nil || u.String() != tt.want {
			t.Errorf("got %v, %v; want %s", u, err, tt.want)
		}
	}
}

func FuzzSpec(f *testing.F) {
	f.Add("www.example", "/a?b", "192.0.2.1:53", "MX", "")
	f.Add("[::1]", "//evil/..", "1", "TYPE9", "-----BEGIN CERTIFICATE-----")
	f.Fuzz(func(t *testing.T, host, path, resolver, query, ca string) {
		s := Spec{Kind: HTTP, Host: host, Path: path, Resolver: resolver, Query: query, CA: ca}
		err := s.Validate()
		s.Title()
		if err != nil {
			return
		}
		u, err := s.url()
		if err != nil {
			t.Fatal(err)
		}
		back, err := url.Parse(u.String())
		if err != nil || back.Host != u.Host {
			t.Fatalf("%q is not a URL of the same host: %v", u, err)
		}
	})
}
