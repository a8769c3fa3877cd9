package probes

import (
	"fmt"
	"net/netip"
)

// forbidden are addresses that no kind of a [netip.Addr] covers, and that a
// stranger's check must never reach from inside a site.
var forbidden = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this host"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's metadata service"}, // Alibaba
	{netip.MustParsePrefix("fd00:ec2::254/128"), "a cloud's metadata service"},  // AWS over IPv6
}

// nat64 embeds an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// DefaultPolicy refuses the addresses by which a check could turn an agent
// against its own host: loopback, link-local (the metadata service of most
// clouds, 169.254.169.254, is there), multicast, broadcast and the unspecified
// address. Private networks are allowed: services of the client live there,
// and a site that thinks otherwise says so in its own policy.
func DefaultPolicy(addr netip.Addr) error {
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	what := ""
	switch {
	case !addr.IsValid():
		what = "not an address"
	case addr.IsUnspecified():
		what = "the unspecified address"
	case addr.IsLoopback():
		what = "loopback"
	case addr.IsLinkLocalUnicast():
		what = "link-local"
	case addr.IsMulticast():
		what = "multicast"
	}
	for _, f := range forbidden {
		if what == "" && f.prefix.Contains(addr) {
			what = f.what
		}
	}
	if what != "" {
		return fmt.Errorf("local policy: %v is %s", addr, what)
	}
	return nil
}
