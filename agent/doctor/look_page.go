package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Page is what plain HTTP answered in the place of somebody: the Picket server,
// which needs no port 80, or a service that is watched.
type Page struct {
	Host   string // that was asked
	Status int    // 0: nobody answered
	Leads  string // host of a redirect, "" is none
	// Home says that Leads is an address of private networks, and who was asked has
	// a public one: no server out there sends anybody to a private address.
	Home bool
}

const pageTime = 2 * time.Second // for each answer

// pages asks port 80 of the collector, and of what is watched only if that answer
// leads elsewhere: who sends strangers to a log-in page sends them all there.
func (e *Evidence) pages(ctx context.Context, o Options) {
	if e.Proxy != "" || len(e.Addrs) == 0 {
		return // through a proxy this is another question
	}
	at := e.Addrs[0].Addr()
	if o.Allow != nil && !at.IsLoopback() && o.Allow(at) != nil {
		return // whoever answers for DNS must not choose what this site's policy forbids
	}
	host := at.String()
	if len(e.Names) > 0 {
		host = e.Names[0].Host
	}
	first := page(ctx, o, host, at)
	e.Pages = append(e.Pages, first)
	if !first.away() {
		return
	}
	for _, s := range o.Watched {
		if Related(s.Host, host) {
			continue
		}
		if at, err := permitted(ctx, o, s.Host); err == nil {
			e.Pages = append(e.Pages, page(ctx, o, s.Host, at))
		}
	}
}

// page asks for the first page of host at an address and follows nothing.
func page(ctx context.Context, o Options, host string, at netip.Addr) Page {
	p := Page{Host: host}
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	name := host
	if at.Is6() && at.String() == host {
		name = "[" + host + "]"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+name+"/", nil)
	if err != nil {
		return p
	}
	tr := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return o.dial(ctx, netip.AddrPortFrom(at, 80))
	}}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil {
		return p
	}
	res.Body.Close()
	p.Status = res.StatusCode
	if to, err := url.Parse(res.Header.Get("Location")); err == nil && p.Status/100 == 3 {
		p.Leads = strings.ToLower(to.Hostname())
	}
	if a, err := netip.ParseAddr(p.Leads); err == nil {
		p.Home = inner(a) && !inner(at)
	}
	return p
}

// inner says that an address has no meaning outside of its network.
func inner(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

// away says that the answer is of somebody else, or leads to somebody else.
func (p Page) away() bool {
	return p.Status == http.StatusNetworkAuthenticationRequired || p.Leads != "" && !Related(p.Leads, p.Host)
}

// Related says that two names look like one owner's: their last two labels are the
// same. It errs on this side: under "co.uk" everybody is related.
func Related(a, b string) bool { return owner(a) == owner(b) }

func owner(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	labels := strings.Split(host, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// permitted resolves a service that is watched and asks the site's policy.
func permitted(ctx context.Context, o Options, host string) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	addrs, err := lookupNet(ctx, o.Resolver, host)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s has no address", host)
	}
	if err == nil && o.Allow != nil {
		err = o.Allow(addrs[0])
	}
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0], nil
}

func (o Options) dial(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	if o.Ways.Dial != nil {
		return o.Ways.Dial(ctx, "tcp", at.String())
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", at.String())
}
