// Package names asks the machine's DNS servers what package independence wants
// to know: who takes the mail of a domain, and where a name leads by CNAME. It
// asks the servers itself, because the system's resolver tells only the end of a
// chain and not what it passes ("msp.trafficmanager.net" on the way to a server
// that tells nothing). Where the servers are not known, as on Windows, the system
// is asked, and the end has to do.
package names

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	resolvConf = "/etc/resolv.conf"
	maxServers = 3 // as in the C library (MAXNS)
	udpSize    = 1232
	resend     = time.Second // an unanswered question is asked again after this
)

// Client asks DNS servers.
type Client struct {
	// Servers are host:port of recursive DNS servers, in the order to try. nil
	// means those of the machine, read anew each time.
	Servers []string
}

// Exchangers returns the most preferred mail exchangers of domain, sorted; those
// that only hold mail for a while are not where mailboxes are. A domain without
// MX records takes its mail itself (RFC 5321, 5.1).
func (c Client) Exchangers(ctx context.Context, domain string) ([]string, error) {
	servers := c.servers()
	if len(servers) == 0 {
		return systemExchangers(ctx, domain)
	}
	m, err := ask(ctx, servers, domain, dns.TypeMX)
	if err != nil {
		return nil, err
	}
	var all []*dns.MX
	for _, rr := range m.Answer {
		if mx, ok := rr.(*dns.MX); ok {
			all = append(all, mx)
		}
	}
	slices.SortFunc(all, func(a, b *dns.MX) int {
		return cmp.Or(cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Mx, b.Mx))
	})
	var names []string
	for _, mx := range all {
		if mx.Preference == all[0].Preference && mx.Mx != "." {
			names = append(names, plain(mx.Mx))
		}
	}
	if len(all) == 0 && m.Rcode == dns.RcodeSuccess {
		names = []string{plain(domain)}
	}
	return names, nil
}

// Chain returns the names that name leads to by CNAME, in order.
func (c Client) Chain(ctx context.Context, name string) ([]string, error) {
	servers := c.servers()
	if len(servers) == 0 {
		return systemChain(ctx, name)
	}
	m, err := ask(ctx, servers, name, dns.TypeA)
	if err != nil {
		return nil, err
	}
	next := map[string]string{}
	for _, rr := range m.Answer {
		if cname, ok := rr.(*dns.CNAME); ok {
			next[plain(cname.Hdr.Name)] = plain(cname.Target)
		}
	}
	var names []string
	for at := plain(name); next[at] != ""; {
		to := next[at]
		delete(next, at) // a chain that bites its tail ends
		names = append(names, to)
		at = to
	}
	return names, nil
}

func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func (c Client) servers() (list []string) {
	if c.Servers != nil {
		return c.Servers
	}
	conf, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil
	}
	for _, s := range conf.Servers[:min(len(conf.Servers), maxServers)] {
		if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
			list = append(list, netip.AddrPortFrom(a, 53).String())
		}
	}
	return list
}

// ask asks one server after the other until one gives a final answer: records,
// or that there are none.
func ask(ctx context.Context, servers []string, name string, qtype uint16) (*dns.Msg, error) {
	var last error
	for k, server := range servers {
		share, cancel := shareOf(ctx, len(servers)-k)
		m, err := exchange(share, server, name, qtype)
		cancel()
		switch {
		case err != nil:
			last = fmt.Errorf("DNS server %s: %w", server, err)
		case m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError:
			return m, nil
		default:
			last = fmt.Errorf("DNS server %s answers %s", server, dns.RcodeToString[m.Rcode])
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

// shareOf is a part of the time that is left.
func shareOf(ctx context.Context, parts int) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Deadline(); ok && parts > 1 {
		return context.WithTimeout(ctx, time.Until(d)/time.Duration(parts))
	}
	return context.WithCancel(ctx)
}

// exchange asks one server, again if the question may have been lost, and over
// TCP if the answer was cut off.
func exchange(ctx context.Context, server, name string, qtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	q.SetEdns0(udpSize, false)
	first, cancel := context.WithTimeout(ctx, resend)
	m, _, err := (&dns.Client{UDPSize: udpSize}).ExchangeContext(first, q, server)
	lost := first.Err() != nil && ctx.Err() == nil
	cancel()
	if err != nil && lost {
		m, _, err = (&dns.Client{UDPSize: udpSize}).ExchangeContext(ctx, q, server)
	}
	if err == nil && m.Truncated {
		m, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, q, server)
	}
	if err != nil {
		return nil, brief(err)
	}
	return m, nil
}

// brief is err without the addresses of both ends, which the caller names.
func brief(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

func systemExchangers(ctx context.Context, domain string) ([]string, error) {
	all, err := net.DefaultResolver.LookupMX(ctx, domain) // sorted by preference
	if none(err) {
		return nil, nil
	}
	if err != nil {
		return nil, brief(err)
	}
	var names []string
	for _, mx := range all {
		if mx.Pref == all[0].Pref && mx.Host != "." {
			names = append(names, plain(mx.Host))
		}
	}
	return names, nil
}

func systemChain(ctx context.Context, name string) ([]string, error) {
	last, err := net.DefaultResolver.LookupCNAME(ctx, name)
	if none(err) {
		return nil, nil
	}
	if err != nil {
		return nil, brief(err)
	}
	if plain(last) == plain(name) {
		return nil, nil
	}
	return []string{plain(last)}, nil
}

func none(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}
