package probes

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds of a [Spec]. A spec comes from a collector, which an agent trusts
// with questions but not with its memory.
const (
	maxHost    = 253 // RFC 1035: 255 bytes on the wire
	maxPath    = 2048
	maxCA      = 16 << 10
	maxText    = 1024 // Body
	maxPackets = 20
	maxStatus  = 32
)

// methods are those that do not change what they ask.
var methods = []string{"", "GET", "HEAD", "OPTIONS"}

// Validate says what is wrong with s, all of it at once, in words for the
// person who wrote it. An error that wraps [errors.ErrUnsupported] means that
// another version may know better.
func (s Spec) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	switch _, known := kindNames[s.Kind]; {
	case s.Kind == 0:
		bad("kind is missing (one of dns, ping, tcp, tls, http)")
	case !known:
		bad("%v: %w by this version", s.Kind, errors.ErrUnsupported)
	}
	if err := validHost(s.Host, s.Kind == DNS); err != nil {
		bad("host: %w", err)
	}
	if s.ServerName != "" {
		if err := validHost(s.ServerName, false); err != nil {
			bad("server name: %w", err)
		}
	}
	if s.Kind == TCP && s.Port == 0 {
		bad("port is missing: a tcp check needs one")
	}
	if s.Timeout != 0 && (s.Timeout < MinTimeout || s.Timeout > MaxTimeout) {
		bad("timeout %v is not within %v and %v", s.Timeout, MinTimeout, MaxTimeout)
	}
	if s.Resolver != "" {
		if _, err := s.server(); err != nil {
			bad("resolver: %w", err)
		}
	}
	if s.Packets < 0 || s.Packets > maxPackets {
		bad("packets %d is not within 1 and %d", s.Packets, maxPackets)
	}
	if _, err := s.roots(); err != nil {
		bad("ca: %w", err)
	}
	if _, err := s.qtype(); err != nil {
		bad("query: %w", err)
	}
	if err := s.validFamily(); err != nil {
		bad("family: %w", err)
	}
	return errors.Join(append(errs, s.validHTTP()...)...)
}

// validFamily refuses a family that nobody has, and one that contradicts what is
// asked anyway.
func (s Spec) validFamily() error {
	if s.Family == 0 {
		return nil
	}
	if s.Family != 4 && s.Family != 6 {
		return fmt.Errorf("%d is no IP version: 4, 6, or none for any", uint8(s.Family))
	}
	if a, err := netip.ParseAddr(s.Host); err == nil && !s.fits(a) {
		return fmt.Errorf("%v is not an IPv%v address", a, s.Family)
	}
	if q := strings.ToUpper(s.Query); s.Kind == DNS && q != "" && q != s.address() {
		return fmt.Errorf("a dns check of IPv%v asks for %s, not for %.20q: leave out one of the two", s.Family, s.address(), q)
	}
	return nil
}

// fits says whether a probe may ask over addr's family.
func (s Spec) fits(addr netip.Addr) bool {
	return s.Family == 0 || addr.Unmap().Is4() == (s.Family == 4)
}

// address is the type of the address records of the family.
func (s Spec) address() string {
	if s.Family == 6 {
		return "AAAA"
	}
	return "A"
}

// validHTTP checks the fields that only an HTTP probe reads; they are bounded
// for every kind, because they travel with every kind.
func (s Spec) validHTTP() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !slices.Contains(methods, s.Method) {
		bad("method %.20q is not one of GET, HEAD, OPTIONS", s.Method)
	}
	switch {
	case len(s.Path) > maxPath:
		bad("path has %d bytes, at most %d are allowed", len(s.Path), maxPath)
	case s.Path != "":
		if _, err := s.url(); err != nil {
			bad("path: %w", err)
		}
	}
	if len(s.Status) > maxStatus {
		bad("status has %d codes, at most %d are allowed", len(s.Status), maxStatus)
	}
	for _, code := range s.Status[:min(len(s.Status), maxStatus)] {
		if code < 100 || code > 599 {
			bad("status %d is not within 100 and 599", code)
		}
	}
	if len(s.Body) > maxText {
		bad("body has %d bytes, at most %d are allowed", len(s.Body), maxText)
	}
	return errs
}

// validHost accepts IP literals and names in ASCII.
func validHost(h string, query bool) error {
	switch {
	case h == "":
		return errors.New("missing")
	case len(h) > maxHost+1: // a trailing dot is free
		return fmt.Errorf("%d bytes, at most %d are allowed", len(h), maxHost)
	case query && h == ".":
		return nil
	case strings.HasPrefix(h, "["):
		return fmt.Errorf("%.60q: write the address without brackets", h)
	}
	if a, err := netip.ParseAddr(h); err == nil {
		if query {
			return fmt.Errorf("%s is an address, a dns check asks for a name", h)
		}
		return validZone(a)
	}
	for _, c := range []byte(h) {
		switch {
		case c >= 0x80:
			return fmt.Errorf("%.60q: write an international name in its xn-- form", h)
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		case c == ':' || c == '/':
			return fmt.Errorf("%.60q: only the name belongs here, without scheme, port or path", h)
		default:
			return fmt.Errorf("%.60q: %q cannot be in a name", h, c)
		}
	}
	name := strings.TrimSuffix(h, ".")
	if len(name) > maxHost {
		return fmt.Errorf("%d bytes, at most %d are allowed", len(name), maxHost)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return fmt.Errorf("%.60q: a label has %d bytes, allowed are 1 to 63", h, len(label))
		}
	}
	return nil
}

// validZone refuses a zone where it has no meaning: elsewhere than on a
// link-local address the system ignores it, but it hides the address from
// prefixes.
func validZone(a netip.Addr) error {
	if a.Zone() != "" && !a.IsLinkLocalUnicast() {
		return fmt.Errorf("%.60q: only a link-local address has a zone", a)
	}
	return nil
}

func (s Spec) timeout() time.Duration { return cmp.Or(s.Timeout, DefaultTimeout(s.Kind)) }

// port returns the TCP port to connect to.
func (s Spec) port() uint16 {
	if s.Kind == HTTP && s.Plain {
		return cmp.Or(s.Port, 80)
	}
	return cmp.Or(s.Port, 443)
}

// server returns the explicit DNS server; s.Resolver may leave out the port.
func (s Spec) server() (netip.AddrPort, error) {
	if len(s.Resolver) > 64 {
		return netip.AddrPort{}, errors.New("longer than any address")
	}
	if a, err := netip.ParseAddr(s.Resolver); err == nil {
		port := uint16(53)
		if s.Kind == DNS {
			port = cmp.Or(s.Port, port)
		}
		return netip.AddrPortFrom(a.Unmap(), port), validZone(a)
	}
	ap, err := netip.ParseAddrPort(s.Resolver)
	if err != nil || ap.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address with a port, such as 192.0.2.53:53", s.Resolver)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), validZone(ap.Addr())
}

// qtype returns the record type that a dns probe asks for.
func (s Spec) qtype() (uint16, error) {
	q := strings.ToUpper(cmp.Or(s.Query, s.address()))
	t, ok := dns.StringToType[q]
	if !ok {
		return 0, fmt.Errorf("%.20q is not a record type that this version knows: %w", s.Query, errors.ErrUnsupported)
	}
	switch t {
	case dns.TypeNone, dns.TypeReserved, dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR, dns.TypeOPT, dns.TypeTSIG, dns.TypeTKEY, dns.TypeMAILA, dns.TypeMAILB:
		return 0, fmt.Errorf("%s is not a record that can be asked for", q)
	}
	return t, nil
}

// roots returns the pool that alone is trusted, nil for the system's.
func (s Spec) roots() (*x509.CertPool, error) {
	if s.CA == "" {
		return nil, nil
	}
	if len(s.CA) > maxCA {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(s.CA), maxCA)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(s.CA)) {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return pool, nil
}

// url returns what an HTTP probe asks for.
func (s Spec) url() (*url.URL, error) {
	path := cmp.Or(s.Path, "/")
	if path[0] != '/' {
		return nil, errors.New("must begin with /")
	}
	if strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, errors.New("has a space or a control character, which must be escaped")
	}
	if strings.Contains(path, "#") {
		return nil, errors.New("has a fragment, which is never sent")
	}
	path, query, _ := strings.Cut(path, "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, errors.New("has a broken % escape")
	}
	u := &url.URL{Scheme: "https", Path: plain, RawPath: path, RawQuery: query, Host: s.authority()}
	if s.Plain {
		u.Scheme = "http"
	}
	return u, nil
}

// authority returns the host, with its port if that is not the scheme's.
func (s Spec) authority() string {
	host := strings.TrimSuffix(cmp.Or(s.ServerName, s.Host), ".")
	if strings.Contains(host, ":") {
		host, _, _ = strings.Cut(host, "%")
		host = "[" + host + "]"
	}
	if p := s.port(); p != (Spec{Kind: HTTP, Plain: s.Plain}).port() {
		host += ":" + strconv.Itoa(int(p))
	}
	return host
}
