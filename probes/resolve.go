package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// resolve turns the spec's host into the one address that the probe will
// contact, and asks the policy about it. It fills DNS, Addr and Family.
//
// The address is the first IPv4 address that the resolver gives, or the first
// IPv6 address of a name that has no other. One family is asked for after the
// other, so that a broken AAAA answer cannot fail a check over IPv4; servers
// rotate their answers, so successive probes see all addresses. With a family in
// the spec, only that one is asked for.
func (r *run) resolve(ctx context.Context) (netip.Addr, error) {
	addr, err := netip.ParseAddr(r.spec.Host)
	if err != nil {
		done := r.phase(LayerDNS, &r.res.DNS)
		if r.spec.Resolver == "" {
			addr, err = r.p.systemLookup(ctx, r.spec.Host, r.spec.Family)
		} else {
			addr, err = r.explicitLookup(ctx)
		}
		done()
	}
	if err != nil {
		return netip.Addr{}, err
	}
	addr = addr.Unmap()
	if !r.spec.fits(addr) { // ::ffff:192.0.2.1 in an AAAA record
		return netip.Addr{}, &fault{DNSEmpty, fmt.Errorf("%s has no IPv%v address", r.spec.Host, r.spec.Family)}
	}
	r.met(addr)
	return addr, r.p.permit(addr)
}

// systemLookup asks as any program on this machine would: hosts file, search
// rules, split DNS and all. The resolver does not tell a name that does not
// exist from one without addresses; both are DNSNXDomain. family 0 is any.
func (p *Prober) systemLookup(ctx context.Context, host string, family Family) (netip.Addr, error) {
	var err error
	for _, network := range []string{"ip4", "ip6"} {
		if family != 0 && network != "ip"+family.String() {
			continue
		}
		var addrs []netip.Addr
		addrs, err = p.resolver.LookupNetIP(ctx, network, host)
		if err == nil && len(addrs) > 0 {
			return addrs[0], nil
		}
		if _, other := errors.AsType[*net.AddrError](err); other {
			continue // "no suitable address": there are some of the other family
		}
		if d, ok := errors.AsType[*net.DNSError](err); !ok || !d.IsNotFound {
			return netip.Addr{}, orEmpty(host, err)
		}
	}
	return netip.Addr{}, orEmpty(host, err)
}

func orEmpty(host string, err error) error {
	if _, other := errors.AsType[*net.AddrError](err); err == nil || other {
		return &fault{DNSEmpty, fmt.Errorf("%s has no address", host)}
	}
	return err
}

// explicitLookup asks the spec's own DNS server. A datagram may be lost, so
// the question is repeated once, as a stub resolver does; what the answer cost
// shows in the DNS phase.
func (r *run) explicitLookup(ctx context.Context) (netip.Addr, error) {
	server, err := r.spec.server()
	if err != nil {
		return netip.Addr{}, &fault{BadSpec, err}
	}
	if err := r.p.permit(server.Addr()); err != nil {
		return netip.Addr{}, err
	}
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		if r.spec.Family != 0 && dns.TypeToString[qtype] != r.spec.address() {
			continue
		}
		var m *dns.Msg
		m, err = r.p.askTwice(ctx, server, r.spec.Host, qtype)
		if err != nil {
			return netip.Addr{}, r.p.routed(ctx, server.Addr(), LayerDNS, err)
		}
		if addrs := addresses(m); len(addrs) > 0 {
			return addrs[0], nil
		}
		if err = rcodeFault(m, qtype); err != nil && m.Rcode != dns.RcodeSuccess {
			return netip.Addr{}, err
		}
	}
	return netip.Addr{}, err
}

// resendAfter is when an unanswered question is asked again.
const resendAfter = time.Second

func (p *Prober) askTwice(ctx context.Context, server netip.AddrPort, name string, qtype uint16) (*dns.Msg, error) {
	first, cancel := context.WithTimeout(ctx, resendAfter)
	defer cancel()
	m, err := p.ask(first, server, name, qtype)
	if err != nil && isTimeout(err) && ctx.Err() == nil {
		return p.ask(ctx, server, name, qtype)
	}
	return m, err
}

// addresses returns the A and AAAA records of m.
func addresses(m *dns.Msg) (addrs []netip.Addr) {
	for _, rr := range m.Answer {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, a.Unmap())
		}
	}
	return addrs
}

// resolvConf is where Unix keeps the addresses of its DNS servers.
const resolvConf = "/etc/resolv.conf"

// systemServers reads the operating system's DNS servers; nil where it keeps
// them elsewhere. It is read anew each time: VPNs and laptops change it.
func systemServers() []netip.AddrPort { return serversOf(resolvConf) }

// maxServers is how many of them count, as in the C library (MAXNS).
const maxServers = 3

func serversOf(file string) (servers []netip.AddrPort) {
	conf, err := dns.ClientConfigFromFile(file)
	if err != nil {
		return nil
	}
	for _, s := range conf.Servers[:min(len(conf.Servers), maxServers)] {
		if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
			servers = append(servers, netip.AddrPortFrom(a, 53))
		}
	}
	return servers
}
