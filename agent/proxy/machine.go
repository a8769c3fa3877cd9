package proxy

import (
	"net"
	"net/url"
	"path"
	"strings"
)

// machine is a proxy setting as Windows keeps it: two texts.
type machine struct {
	proxies string // "host:port", or "http=host:port;https=host:port"
	bypass  string // "*.corp.example;10.*;<local>"
}

// proxy is the proxy of the setting for hostport; nil: none.
func (m machine) proxy(hostport string) (*url.URL, error) {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil || m.bypassed(host) {
		return nil, nil
	}
	any := ""
	for _, part := range strings.FieldsFunc(m.proxies, func(r rune) bool { return r == ';' || r == ' ' }) {
		kind, addr, named := strings.Cut(part, "=")
		switch {
		case !named:
			if any == "" {
				any = part
			}
		case strings.EqualFold(kind, "https"):
			return Parse(addr)
		}
	}
	return Parse(any)
}

// bypassed says whether the setting sends host past the proxy. "<local>" is every
// name without a dot.
func (m machine) bypassed(host string) bool {
	host = strings.ToLower(host)
	for _, pattern := range strings.FieldsFunc(m.bypass, func(r rune) bool { return r == ';' || r == ' ' }) {
		pattern = strings.ToLower(pattern)
		if pattern == "<local>" {
			if !strings.ContainsAny(host, ".:") {
				return true
			}
			continue
		}
		if _, rest, ok := strings.Cut(pattern, "://"); ok {
			pattern = rest
		}
		if name, _, err := net.SplitHostPort(pattern); err == nil {
			pattern = name
		}
		if ok, err := path.Match(pattern, host); ok && err == nil {
			return true
		}
	}
	return false
}
