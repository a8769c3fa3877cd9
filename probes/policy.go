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
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata service"},   // Azure's host
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud's metadata service"},     // Oracle
	{netip.MustParsePrefix("fd00:ec2::254/128"), "a cloud's metadata service"},  // AWS over IPv6
}

// embeddings are the IPv6 prefixes by which an IPv4 address is reached through
// a translator or a tunnel, and the bytes that hold it.
var embeddings = []struct {
	prefix netip.Prefix
	at     [4]int
}{
	{netip.MustParsePrefix("::/96"), [4]int{12, 13, 14, 15}},           // IPv4-compatible (RFC 4291)
	{netip.MustParsePrefix("::ffff:0:0:0/96"), [4]int{12, 13, 14, 15}}, // IPv4-translated (RFC 2765)
	{netip.MustParsePrefix("64:ff9b::/96"), [4]int{12, 13, 14, 15}},    // NAT64 (RFC 6052)
	{netip.MustParsePrefix("2002::/16"), [4]int{2, 3, 4, 5}},           // 6to4 (RFC 3056)
}

// localNAT64 is where a site puts NAT64 prefixes of its own (RFC 8215). Their
// length is the site's, and with it the place of the IPv4 address: after 48, 56,
// 64 or 96 bits, around the eighth byte (RFC 6052, 2.2). What follows the
// address is ignored by translators, so it cannot tell the forms apart.
var localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")

var localForms = [][4]int{{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}}

// Canonical returns every address that a connection to addr may end at, each
// without zone: first addr itself, an IPv4-mapped one as IPv4, then the IPv4
// addresses that it embeds. A policy must refuse addr if it refuses any of
// them; a [netip.Prefix] contains no address that has a zone, and none of
// another family. What is not an address has no form.
func Canonical(addr netip.Addr) []netip.Addr {
	if !addr.IsValid() {
		return nil
	}
	addr = addr.Unmap().WithZone("")
	forms := []netip.Addr{addr}
	if addr.Is4() {
		return forms
	}
	b := addr.As16()
	embedded := func(at [4]int) netip.Addr {
		return netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]})
	}
	for _, e := range embeddings {
		if e.prefix.Contains(addr) {
			forms = append(forms, embedded(e.at))
		}
	}
	if localNAT64.Contains(addr) {
		for _, at := range localForms {
			// 0.0.0.0/8 is nowhere to translate to: it is a form that was not meant.
			if a := embedded(at); a.As4()[0] != 0 {
				forms = append(forms, a)
			}
		}
	}
	return forms
}

// DefaultPolicy refuses the addresses by which a check could turn an agent
// against its own host: loopback, link-local (the metadata service of most
// clouds, 169.254.169.254, is there), multicast, broadcast and the unspecified
// address, in whatever form ([Canonical]). Private networks are allowed:
// services of the client live there, and a site that thinks otherwise says so
// in its own policy.
func DefaultPolicy(addr netip.Addr) error {
	forms := Canonical(addr)
	if len(forms) == 0 {
		return fmt.Errorf("local policy: %v is not an address", addr)
	}
	for _, form := range forms {
		if what := harm(form); what != "" {
			return fmt.Errorf("local policy: %v is %s", form, what)
		}
	}
	return nil
}

// harm says what makes addr dangerous, "" if nothing does.
func harm(addr netip.Addr) string {
	switch {
	case addr.IsUnspecified():
		return "the unspecified address"
	case addr.IsLoopback():
		return "loopback"
	case addr.IsLinkLocalUnicast():
		return "link-local"
	case addr.IsMulticast():
		return "multicast"
	}
	for _, f := range forbidden {
		if f.prefix.Contains(addr) {
			return f.what
		}
	}
	return ""
}
