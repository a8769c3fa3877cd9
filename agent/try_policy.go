package agent

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"picket/internal/identity"
	"picket/probes"
)

// What somebody typed may not become a window into a client's LAN. Two things
// could be looked at through it, addresses and names:
//
//   - An address is asked only if everybody's internet leads there, or the site's
//     own policy allows it by name. A refusal says what kind of address it was and
//     never which: it may be what an internal name stands for.
//   - A name goes to the site's own DNS, which also knows names that the world
//     does not. So only names are asked that look public: two labels or more, and
//     the last one none of those that are set aside for private use. What cannot
//     be told from here: whether a public-looking name has an answer of its own
//     inside (split DNS). Then the answer to "is there such a name" is the site's,
//     the address is not told, nor that of the DNS server that was asked.
//
// Neither binds what the site's configuration asks anyway.

// Why an address is not asked on demand.
var (
	errDenied  = errors.New("local policy: the address is denied by this agent's policy (the --deny of picket-agent join)")
	errSpecial = errors.New("local policy: it is a loopback, link-local or other special address")
	errPrivate = errors.New("local policy: it is a private address, and those are probed on demand only where this agent's policy allows them " +
		"(join it with --allow PREFIX)")
	errInner = errors.New("local policy: it is not a public name, and names that are not in the configuration are looked up on demand only if they are public")
)

// private are the prefixes beyond those of [netip.Addr.IsPrivate] that are
// nobody's on the internet, and may be somebody's inside.
var private = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), // behind carrier-grade NAT (RFC 6598)
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks (RFC 2544)
	netip.MustParsePrefix("192.0.0.0/24"),  // protocol assignments (RFC 6890)
	netip.MustParsePrefix("240.0.0.0/4"),   // reserved (RFC 1112)
	netip.MustParsePrefix("fec0::/10"),     // site-local, as was (RFC 3879)
}

// teredo holds the address of a server, and that of the client in its last four
// bytes, inverted (RFC 4380).
var teredo = netip.MustParsePrefix("2001::/32")

// ends are all addresses that a connection to addr may end at.
func ends(addr netip.Addr) []netip.Addr {
	forms := probes.Canonical(addr)
	if len(forms) == 0 || !teredo.Contains(forms[0]) {
		return forms
	}
	b := forms[0].As16()
	return append(forms, netip.AddrFrom4([4]byte(b[4:8])), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
}

// tryPolicy is the policy for what somebody typed: that of checks, and private
// addresses only where the site's own policy allows them by name. Its errors hold
// no address.
func tryPolicy(p identity.Policy) func(netip.Addr) error {
	deny, allow := plain(p.Deny), plain(p.Allow)
	within := func(list []netip.Prefix, a netip.Addr) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return func(addr netip.Addr) error {
		forms := ends(addr)
		if len(forms) == 0 {
			return errSpecial
		}
		for _, form := range forms {
			if within(deny, form) {
				return errDenied
			}
		}
		if within(allow, forms[0]) {
			return nil
		}
		for _, form := range forms {
			switch {
			case form.IsPrivate() || within(private, form):
				return errPrivate
			case probes.DefaultPolicy(form) != nil:
				return errSpecial
			}
		}
		return nil
	}
}

// tryName says whether the host of what somebody typed may be looked up here.
func tryName(s probes.Spec) error {
	switch _, err := netip.ParseAddr(s.Host); {
	case s.Resolver != "": // not the site's DNS: it tells nothing of the site
	case err == nil && s.Kind != probes.DNS: // the policy judges it
	case s.Kind == 0 || publicName(s.Host):
	default:
		return errInner
	}
	return nil
}

// outward is r without the addresses of the site's own network: that of its DNS
// server, and what the errors of the system tell of this machine.
func outward(r probes.Result) probes.Result {
	if inner(r.Addr) {
		r.Addr = netip.Addr{}
	}
	for _, word := range strings.FieldsFunc(r.Err, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF.:", c) }) {
		word = strings.Trim(word, ".:")
		addr, err := netip.ParseAddr(word)
		if ap, e := netip.ParseAddrPort(word); e == nil {
			addr, err = ap.Addr(), nil
		}
		if err == nil && inner(addr) {
			r.Err = strings.ReplaceAll(r.Err, word, "(an address of the site)")
		}
	}
	return r
}

// inner says that addr is none of the internet.
func inner(addr netip.Addr) bool { return addr.IsValid() && tryPolicy(identity.Policy{})(addr) != nil }

// innerDomains are last labels of names that only make sense inside a network:
// set aside for that (RFC 6761, 6762, 8375, ICANN's "internal"), or so widely used
// for it that they will never be delegated.
var innerDomains = []string{
	"arpa", "corp", "domain", "home", "host", "internal", "intra", "intranet", "invalid", "lan", "local", "localdomain", "localhost",
	"mail", "onion", "private", "test", "workgroup",
}

// publicName says whether a name looks like one of the internet.
func publicName(host string) bool {
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	last := labels[len(labels)-1]
	return len(labels) > 1 && last != "" && !slices.Contains(innerDomains, last)
}
