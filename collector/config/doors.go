package config

import (
	"net"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	"picket/collector/config/strict"
)

// Bounds of the page and of mail.
const (
	maxPageNames  = 32
	maxRecipients = 50 // of one route
	maxProxies    = 32
)

// TLS says where the page's certificate comes from. Exactly one way is set.
type TLS struct {
	CertFile, KeyFile string // PEM files, both or none; read anew when they change
	ACME              *ACME  // a public authority, asked by the collector itself
	OwnCA             bool   // the collector's own authority
}

// ACME is a public authority that proves names by asking the page's own port.
type ACME struct {
	Names     []string // lower case, at least one
	Email     string   // whom the authority may write to; "" for none
	Directory string   // the authority's https URL; "" for the library's default
}

// SMTP is the server that takes mail.
type SMTP struct {
	Host     string
	Port     int
	From     string // an address, with or without a name
	Username string // "" for no log-in
	Password Secret // zero for no log-in
	Security string // "starttls", "tls" or "none"
	Hello    string // how the collector names itself; "" for the machine's name
}

// Loopback says whether only this machine can reach address, a host:port. An
// empty host is every address of the machine.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// http reads where the page is. Anything but loopback needs TLS: passwords and
// sessions go over it.
func (s *schema) http(n *strict.Node, path string) {
	s.hostport(&s.out.HTTP)(n, path)
	s.Later(func() {
		f := s.out
		if Loopback(f.HTTP) || f.BehindProxy || s.sawTLS {
			return
		}
		s.Wrong(n, path, "other machines can reach this address, so the page needs TLS: add tls: {own_ca: true} or another way (cert_file and key_file, acme), or behind_proxy: true if a proxy in front adds it, or write 127.0.0.1")
	})
}

// behindProxy reads whether a proxy adds TLS. Where others than this machine can
// reach the page, it must know which of them is the proxy: anybody can write the
// header that says for whom a proxy asks.
func (s *schema) behindProxy(n *strict.Node, path string) {
	s.Boolean(&s.out.BehindProxy)(n, path)
	s.Later(func() {
		if f := s.out; f.BehindProxy && !Loopback(f.HTTP) && !s.sawProxies {
			s.Bad(n.At, "%s: other machines can reach %s, so the page must know which of them is the proxy: add trusted_proxies: [192.0.2.5/32] with the proxy's address, or write http: 127.0.0.1:8443 if the proxy runs on this machine", path, f.HTTP)
		}
	})
}

// proxies reads who may say for whom it asks.
func (s *schema) proxies(n *strict.Node, path string) {
	s.sawProxies = true // a wrong one is told here, and not again at behind_proxy
	if n.Kind == strict.List && len(n.Items) == 0 {
		s.Bad(n.At, "%s is empty: write the addresses of the proxies or remove the key", path)
		return
	}
	s.Each(maxProxies, func(_ int, n *strict.Node, path string) {
		var v string
		s.Line(&v, 64)(n, path)
		if v == "" {
			return
		}
		p, err := netip.ParsePrefix(v)
		switch {
		case err != nil || p.Addr().Is4In6():
			s.Wrong(n, path, "not a prefix: write address/bits, such as 192.0.2.5/32 for one machine or 192.0.2.0/28")
		case p != p.Masked():
			s.Wrong(n, path, "has bits beyond its length, did you mean %q?", p.Masked())
		case p.Bits() == 0:
			s.Wrong(n, path, "would believe everybody: write the addresses of the proxies alone")
		case slices.Contains(s.out.TrustedProxies, p):
			s.Wrong(n, path, "is given twice: remove one")
		default:
			s.out.TrustedProxies = append(s.out.TrustedProxies, p)
		}
	})(n, path)
}

// tls reads where the page's certificate comes from.
func (s *schema) tls(n *strict.Node, path string) {
	s.sawTLS = true // a wrong one is told here, and not again at http
	var t TLS
	s.Object(n, path, strict.Keys{
		"cert_file": s.path(&t.CertFile),
		"key_file":  s.path(&t.KeyFile),
		"acme":      func(n *strict.Node, path string) { t.ACME = s.acme(n, path) },
		"own_ca":    s.Boolean(&t.OwnCA),
	})
	if n.Kind != strict.Object {
		return
	}
	cert, key := n.Has("cert_file"), n.Has("key_file")
	switch {
	case cert && !key:
		s.Bad(n.At, "%s has cert_file without key_file: name the file of its private key", path)
	case key && !cert:
		s.Bad(n.At, "%s has key_file without cert_file: name the file of the certificate and its chain", path)
	}
	ways := 0
	for _, way := range []bool{cert || key, n.Has("acme"), t.OwnCA} {
		if way {
			ways++
		}
	}
	switch {
	case ways == 0:
		s.Bad(n.At, "%s names no certificate: write cert_file and key_file, or acme, or own_ca: true", path)
	case ways > 1:
		s.Bad(n.At, "%s names more than one certificate: keep one of cert_file and key_file, acme, own_ca", path)
	}
	s.out.TLS = &t
	if t.OwnCA {
		s.Later(func() { s.ownNames(n, path) })
	}
}

// ownNames wants names where the address says none.
func (s *schema) ownNames(n *strict.Node, path string) {
	host, _, _ := net.SplitHostPort(s.out.HTTP)
	ip, err := netip.ParseAddr(host)
	if (host == "" || err == nil && ip.IsUnspecified()) && len(s.out.Names) == 0 && !s.sawNames {
		s.Bad(n.At, "%s.own_ca needs names: add names: [picket.example] with the names and addresses under which people open the page", path)
	}
}

// acme reads how a public authority is asked.
func (s *schema) acme(n *strict.Node, path string) *ACME {
	a := &ACME{}
	s.Object(n, path, strict.Keys{
		"names":     s.names(&a.Names, true),
		"email":     s.address(&a.Email),
		"directory": s.webURL(&a.Directory),
	})
	if n.Kind != strict.Object {
		return a
	}
	if !n.Has("names") {
		s.Bad(n.At, "%s has no names: write the DNS names that the certificate is for", path)
	}
	if strings.HasPrefix(a.Directory, "http://") {
		s.Bad(n.At, "%s.directory: an authority is asked over https", path)
	}
	// People may open the page under what it has a certificate for.
	s.Later(func() {
		for _, name := range a.Names {
			if !slices.Contains(s.out.Names, name) {
				s.out.Names = append(s.out.Names, name)
			}
		}
	})
	return a
}

// names reads hosts under which the page is known; public ones are DNS names
// that an authority on the internet would certify.
func (s *schema) names(into *[]string, public bool) strict.Read {
	return func(n *strict.Node, path string) {
		if n.Kind == strict.List && len(n.Items) == 0 {
			s.Bad(n.At, "%s is empty: write at least one name or remove the key", path)
			return
		}
		s.Each(maxPageNames, func(_ int, n *strict.Node, path string) {
			var v string
			s.host(&v)(n, path)
			if v == "" {
				return
			}
			v = strings.ToLower(strings.TrimSuffix(v, "."))
			_, err := netip.ParseAddr(v)
			switch {
			case public && (err == nil || !strings.Contains(v, ".")):
				s.Wrong(n, path, "a public authority certifies DNS names only: write one such as picket.example")
			case slices.Contains(*into, v):
				s.Wrong(n, path, "is given twice: remove one")
			default:
				*into = append(*into, v)
			}
		})(n, path)
	}
}

// smtp reads the server that takes mail.
func (s *schema) smtp(n *strict.Node, path string) {
	m := &SMTP{Security: "starttls"}
	s.Object(n, path, strict.Keys{
		"host":          s.host(&m.Host),
		"port":          s.Integer(&m.Port, 1, 65535),
		"from":          s.mailbox(&m.From),
		"username":      s.Line(&m.Username, 200),
		"password_file": s.path(&m.Password.File),
		"password_env":  s.variable(&m.Password.Env),
		"security":      s.Choice(&m.Security, "starttls", "tls", "none"),
		"hello":         s.host(&m.Hello),
	})
	s.out.SMTP = m
	if n.Kind != strict.Object {
		return
	}
	for _, key := range []string{"host", "from"} {
		if !n.Has(key) {
			s.Bad(n.At, "%s.%s is missing: write it, or remove smtp to go without mail", path, key)
		}
	}
	file, env, user := n.Has("password_file"), n.Has("password_env"), n.Has("username")
	switch {
	case file && env:
		s.Bad(n.At, "%s has both password_file and password_env: keep one", path)
	case user && !file && !env:
		s.Bad(n.At, "%s has a username without a password: name a file with password_file or a variable with password_env", path)
	case !user && (file || env):
		s.Bad(n.At, "%s has a password without a username: write it, or remove both to send without a log-in", path)
	case user && m.Security == "none" && m.Host != "" && !Loopback(net.JoinHostPort(m.Host, "25")):
		s.Bad(n.At, "%s would send its password unencrypted: write security: starttls or tls, or remove the log-in", path)
	}
	if !n.Has("port") {
		m.Port = map[string]int{"starttls": 587, "tls": 465, "none": 25}[m.Security]
	}
}

// mailbox reads an address that may have a name before it.
func (s *schema) mailbox(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 320)(n, path)
		if v == "" {
			return
		}
		if a, err := mail.ParseAddress(v); err != nil || !plainAddress(a.Address) {
			s.Wrong(n, path, "not a mail address: write one, such as picket@msp.example or Picket <picket@msp.example>")
			return
		}
		*into = v
	}
}

// address reads a mail address alone.
func (s *schema) address(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 254)(n, path)
		if v == "" {
			return
		}
		if !plainAddress(v) {
			s.Wrong(n, path, "not a mail address: write one without a name, such as noc@msp.example")
			return
		}
		*into = v
	}
}

// plainAddress accepts what every mail server does: ASCII, no quotes, no
// comments, a host name or a bracketed address behind the @.
func plainAddress(v string) bool {
	local, host, ok := strings.Cut(v, "@")
	a, err := mail.ParseAddress(v)
	if !ok || err != nil || a.Address != v || len(local) > 64 || strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return false
	}
	return strings.HasPrefix(host, "[") || validHost(host)
}

// recipients reads whom a route writes to.
func (s *schema) recipients(into *[]string) strict.Read {
	return func(n *strict.Node, path string) {
		if n.Kind == strict.List && len(n.Items) == 0 {
			s.Bad(n.At, "%s is empty: write at least one address", path)
			return
		}
		s.Each(maxRecipients, func(_ int, n *strict.Node, path string) {
			var v string
			s.address(&v)(n, path)
			switch {
			case v == "":
			case slices.ContainsFunc(*into, func(w string) bool { return strings.EqualFold(v, w) }):
				s.Wrong(n, path, "is given twice: remove one")
			default:
				*into = append(*into, v)
			}
		})(n, path)
	}
}
