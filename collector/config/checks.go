package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"picket/collector/config/strict"
	"picket/internal/fleet"
	"picket/probes"
)

// onlyFor says which kinds an option belongs to; an option that is not listed
// belongs to all.
func onlyFor(key string) []probes.Kind {
	switch key {
	case "port":
		return []probes.Kind{probes.TCP, probes.TLS, probes.HTTP}
	case "server_name":
		return []probes.Kind{probes.TLS, probes.HTTP}
	case "query":
		return []probes.Kind{probes.DNS}
	case "packets":
		return []probes.Kind{probes.Ping}
	case "url", "method", "path", "status", "body":
		return []probes.Kind{probes.HTTP}
	}
	return nil
}

// check reads one entry of checks: a kind alone or a block. ok is false if it
// is of no use.
func (s *schema) check(n *strict.Node, path string, b base) (c fleet.Check, id string, ok bool) {
	before := len(s.Problems)
	kinds := []string{"dns", "ping", "tcp", "tls", "http"}
	var kind, address, family string
	port := 0
	sp := &c.Spec
	switch n.Kind {
	case strict.Scalar:
		s.Choice(&kind, kinds...)(n, path)
	default:
		s.Object(n, path, strict.Keys{
			"kind":        s.Choice(&kind, kinds...),
			"id":          s.ID(&id),
			"host":        s.host(&sp.Host),
			"url":         s.webURL(&address),
			"port":        s.Integer(&port, 1, 65535),
			"interval":    s.Duration(&c.Interval, minInterval, maxInterval),
			"timeout":     s.Duration(&sp.Timeout, minTimeout, maxTimeout),
			"resolver":    s.resolver(&sp.Resolver),
			"server_name": s.host(&sp.ServerName),
			"query":       s.Choice(&sp.Query, "A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "SRV", "CAA", "PTR"),
			"packets":     s.Integer(&sp.Packets, 1, 20),
			"family":      s.Choice(&family, "4", "6"),
			"method":      s.Choice(&sp.Method, "GET", "HEAD"),
			"path":        s.requestPath(&sp.Path),
			"status":      s.status(&sp.Status),
			"body":        s.Line(&sp.Body, 200),
		})
		if n.Kind == strict.Object && !n.Has("kind") {
			s.Bad(n.At, "%s has no kind: one of %s", path, strings.Join(kinds, ", "))
		}
	}
	if kind == "" {
		return c, "", false
	}
	sp.Kind, _ = probes.ParseKind(kind)
	sp.Port = uint16(port)
	if family != "" {
		sp.Family = probes.Family(family[0] - '0')
	}
	s.fits(n, path, sp.Kind)
	if address != "" {
		s.fromURL(n, path, sp, address)
	}
	if sp.Host == "" {
		sp.Host = b.host
	}
	if sp.Kind == probes.TLS || sp.Kind == probes.HTTP && !sp.Plain {
		sp.CA = b.ca
	}
	s.defaulted(&c)
	if sp.Timeout == 0 && probes.DefaultTimeout(sp.Kind) > c.Interval {
		sp.Timeout = c.Interval // a probe ends before the next one begins
	}
	if len(s.Problems) == before && !(sp.Host == "" && b.bad) {
		s.whole(n, path, c)
	}
	return c, id, len(s.Problems) == before
}

// fits notes options that the kind does not have.
func (s *schema) fits(n *strict.Node, path string, kind probes.Kind) {
	for _, f := range n.Fields {
		if kinds := onlyFor(f.Key); kinds != nil && !slices.Contains(kinds, kind) {
			s.Bad(f.At, "%s.%s: a %s check has no %s: remove it", path, f.Key, kind, f.Key)
		}
	}
}

// fromURL fills in what the url key says.
func (s *schema) fromURL(n *strict.Node, path string, sp *probes.Spec, address string) {
	at := n.At
	for _, f := range n.Fields {
		switch f.Key {
		case "url":
			at = f.Value.At
		case "host", "port", "path":
			s.Bad(f.At, "%s has both url and %s: keep one", path, f.Key)
		}
	}
	u, err := url.Parse(address)
	if err != nil { // webURL has parsed it
		return
	}
	host := u.Hostname()
	if !validHost(host) || u.Fragment != "" {
		s.Bad(at, "%s.url: not a URL that can be asked: write it in full, such as https://host.example/path", path)
		return
	}
	sp.Host, sp.Plain = host, u.Scheme == "http"
	if p := u.Port(); p != "" {
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil || v == 0 {
			s.Bad(at, "%s.url: port %q is out of bounds: 1 to 65535", path, strict.Clip(p, 20))
			return
		}
		sp.Port = uint16(v)
	}
	if p := u.RequestURI(); p != "/" {
		sp.Path = p
	}
}

// whole judges the check as a whole, with the rules of the prober itself.
func (s *schema) whole(n *strict.Node, path string, c fleet.Check) {
	sp := c.Spec
	switch {
	case sp.Host == "":
		s.Bad(n.At, "%s has no host: give the check or its target a host", path)
	case sp.Kind == probes.TCP && sp.Port == 0:
		s.Bad(n.At, "%s has no port: a tcp check must name it, such as {kind: tcp, port: 443}", path)
	case sp.Timeout > c.Interval:
		s.Bad(n.At, "%s: timeout %s is longer than the interval %s: shorten it", path, strict.Short(sp.Timeout), strict.Short(c.Interval))
	default:
		if err := sp.Validate(); err != nil {
			s.Bad(n.At, "%s: %s", path, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
}

// host reads a DNS name or an IP literal.
func (s *schema) host(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 1024)(n, path)
		if v == "" {
			return
		}
		if !validHost(v) {
			hint := "write a DNS name or an IP address"
			switch {
			case strings.Contains(v, "://"):
				hint = "this is a URL: use an http check with url, or the name alone"
			case strings.Count(v, ":") == 1:
				hint = "the port goes into a key of its own: port"
			}
			s.Wrong(n, path, "not a host: %s", hint)
			return
		}
		*into = v
	}
}

// validHost accepts what DNS and TLS can be asked for: letters, digits, '-',
// '_' and dots in labels of at most 63, or an IP literal without a zone.
func validHost(v string) bool {
	if ip, err := netip.ParseAddr(v); err == nil {
		return ip.Zone() == ""
	}
	name := strings.TrimSuffix(v, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// resolver reads the address of a DNS server; the port may be left out.
func (s *schema) resolver(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 100)(n, path)
		if v == "" {
			return
		}
		if ip, err := netip.ParseAddr(v); err == nil && ip.Zone() == "" {
			*into = net.JoinHostPort(v, "53")
			return
		}
		ap, err := netip.ParseAddrPort(v)
		if err != nil || ap.Port() == 0 || ap.Addr().Zone() != "" {
			s.Wrong(n, path, "not a DNS server: write its IP address, such as 192.0.2.53 or 192.0.2.53:53 (a name would need a DNS server itself)")
			return
		}
		*into = ap.String()
	}
}

// requestPath reads the path and query of a request.
func (s *schema) requestPath(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var v string
		s.Line(&v, 1024)(n, path)
		if v == "" {
			return
		}
		u, err := url.ParseRequestURI(v)
		if err != nil || v[0] != '/' || strings.ContainsAny(v, " #") || u.Host != "" {
			s.Wrong(n, path, "not a path: begin with / and escape spaces and #, such as /health?full=1")
			return
		}
		*into = v
	}
}

// status reads the HTTP status codes that are up: one or a list.
func (s *schema) status(into *[]int) strict.Read {
	one := func(n *strict.Node, path string) {
		v := 0
		s.Integer(&v, 100, 599)(n, path)
		if v != 0 && slices.Contains(*into, v) {
			s.Wrong(n, path, "is given twice: remove one")
			return
		}
		if v != 0 {
			*into = append(*into, v)
		}
	}
	return func(n *strict.Node, path string) {
		if n.Kind == strict.Scalar {
			one(n, path)
			return
		}
		s.Each(32, func(_ int, n *strict.Node, path string) { one(n, path) })(n, path)
	}
}
