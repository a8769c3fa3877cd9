package probes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// dns asks a DNS server for records. With an explicit resolver that server
// alone; otherwise the operating system's servers in their order, the next one
// only if the one before did not know (as a stub resolver does), and where
// those are not known, the operating system itself.
func (r *run) dns(ctx context.Context) error {
	qtype, err := r.spec.qtype()
	if err != nil {
		return &fault{BadSpec, err}
	}
	if r.spec.Resolver == "" {
		servers := r.p.servers()
		if len(servers) == 0 {
			return r.askSystem(ctx, qtype)
		}
		return r.askServers(ctx, servers, qtype)
	}
	server, err := r.spec.server()
	if err != nil {
		return &fault{BadSpec, err}
	}
	r.met(server.Addr())
	if err := r.p.permit(server.Addr()); err != nil {
		return err
	}
	return r.askServers(ctx, []netip.AddrPort{server}, qtype)
}

// askServers asks one server after the other, each for its share of the time
// that is left, until one gives a final answer.
func (r *run) askServers(ctx context.Context, servers []netip.AddrPort, qtype uint16) (err error) {
	defer r.answered()
	for i, server := range servers {
		if err = r.askServer(ctx, server, qtype, len(servers)-i); err == nil {
			return nil
		}
		f, _ := errors.AsType[*fault](err)
		if ctx.Err() != nil || f != nil && (f.cause == DNSNXDomain || f.cause == DNSEmpty) {
			return err
		}
	}
	return err
}

func (r *run) askServer(ctx context.Context, server netip.AddrPort, qtype uint16, left int) error {
	if d, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(d)/time.Duration(left))
		defer cancel()
	}
	r.met(server.Addr())
	done := r.phase(LayerDNS, &r.res.DNS)
	m, err := r.p.ask(ctx, server, r.spec.Host, qtype)
	done()
	if err != nil {
		r.res.Code = -1
		return r.p.routed(ctx, server.Addr(), LayerDNS, err)
	}
	r.res.Code = m.Rcode
	return rcodeFault(m, qtype)
}

// rcodeFault says what is wrong with an answer; nil if it holds what was asked.
func rcodeFault(m *dns.Msg, qtype uint16) error {
	cause := DNSServfail
	switch m.Rcode {
	case dns.RcodeSuccess:
		for _, rr := range m.Answer {
			if rr.Header().Rrtype == qtype {
				return nil
			}
		}
		return &fault{DNSEmpty, fmt.Errorf("NOERROR without a %s record", dns.TypeToString[qtype])}
	case dns.RcodeNameError:
		cause = DNSNXDomain
	case dns.RcodeRefused:
		cause = DNSRefused
	}
	name, ok := dns.RcodeToString[m.Rcode]
	if !ok {
		name = fmt.Sprintf("rcode %d", m.Rcode)
	}
	return &fault{cause, fmt.Errorf("the DNS server answered %s", name)}
}

// askSystem asks the operating system, which answers for the common types.
func (r *run) askSystem(ctx context.Context, qtype uint16) error {
	host, found := r.spec.Host, 0
	var err error
	done := r.phase(LayerDNS, &r.res.DNS)
	defer r.answered()
	defer done()
	switch qtype {
	case dns.TypeA, dns.TypeAAAA:
		network := map[uint16]string{dns.TypeA: "ip4", dns.TypeAAAA: "ip6"}[qtype]
		var addrs []netip.Addr
		addrs, err = r.p.resolver.LookupNetIP(ctx, network, host)
		found = len(addrs)
		err = orNil(err)
	case dns.TypeMX:
		mx, e := r.p.resolver.LookupMX(ctx, host)
		found, err = len(mx), e
	case dns.TypeNS:
		ns, e := r.p.resolver.LookupNS(ctx, host)
		found, err = len(ns), e
	case dns.TypeTXT:
		txt, e := r.p.resolver.LookupTXT(ctx, host)
		found, err = len(txt), e
	default:
		return &fault{Unsupported, fmt.Errorf("this system's resolver cannot be asked for %s; name a resolver", dns.TypeToString[qtype])}
	}
	if err == nil && found == 0 {
		return &fault{DNSEmpty, fmt.Errorf("%s has no %s record", host, dns.TypeToString[qtype])}
	}
	return err
}

// orNil drops the error by which the net package says that there are
// addresses, but none of the family asked for.
func orNil(err error) error {
	if f, ok := errors.AsType[*fault](orEmpty("", err)); ok && f.cause == DNSEmpty {
		return nil
	}
	return err
}
