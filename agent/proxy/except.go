package proxy

import (
	"net"
	"net/netip"
	"strings"
)

// excepted says that NO_PROXY keeps hostport from the proxy, by the rules that
// most programs share (those of golang.org/x/net/http/httpproxy, but names in
// letters of other scripts must be written in their xn-- form): a list, by commas,
// of *, addresses, prefixes, and names, which stand for all names below them and,
// unless written .name or *.name, for themselves; all but prefixes may have a port.
// This machine itself is never asked by a proxy.
func excepted(list, hostport string) bool {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return true // no proxy would know better
	}
	host = strings.ToLower(strings.TrimSpace(host))
	addr, err := netip.ParseAddr(host)
	if addr = addr.Unmap(); host == "localhost" || err == nil && addr.IsLoopback() {
		return true
	}
	for entry := range strings.SplitSeq(list, ",") {
		if excepts(strings.ToLower(strings.TrimSpace(entry)), host, port, addr) {
			return true
		}
	}
	return false
}

// excepts judges one entry; addr is host's if it is an address.
func excepts(entry, host, port string, addr netip.Addr) bool {
	if entry == "*" {
		return true
	}
	if p, err := netip.ParsePrefix(entry); err == nil {
		return addr.IsValid() && p.Contains(addr)
	}
	name := entry
	if h, p, err := net.SplitHostPort(entry); err == nil {
		if p != "" && p != port {
			return false
		}
		name = h
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return a.Unmap() == addr
	}
	name = strings.TrimPrefix(name, "*")
	switch {
	case name == "":
		return false
	case name[0] == '.':
		return strings.HasSuffix(host, name)
	}
	return host == name || strings.HasSuffix(host, "."+name)
}
