package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	lookupTime  = 4 * time.Second // for the machine's DNS, which tries its servers in turn
	compareTime = 2 * time.Second // for each server to compare with, all at once
)

// lookUp asks the machine's DNS for host, and others if that fails.
func lookUp(ctx context.Context, o Options, host string) Name {
	n := Name{Host: host}
	begun := time.Now()
	own, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	asked, server := witnessed(o.Resolver)
	n.Addrs, n.Err = lookupNet(own, asked, host)
	n.Took, n.Server = time.Since(begun), server()
	if n.Err != nil {
		n.compare(ctx, o.Compare)
	}
	return n
}

func lookupNet(ctx context.Context, r *net.Resolver, host string) ([]netip.Addr, error) {
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// witnessed is r, which notes the server that it asked last. Go's own resolver
// does that; the system's keeps it to itself, so the note may stay empty.
func witnessed(r *net.Resolver) (*net.Resolver, func() string) {
	var mu sync.Mutex // guards last
	var last string
	dial := r.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	w := &net.Resolver{PreferGo: r.PreferGo, StrictErrors: r.StrictErrors, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		last = address
		mu.Unlock()
		return dial(ctx, network, address)
	}}
	return w, func() string {
		mu.Lock()
		defer mu.Unlock()
		if host, port, err := net.SplitHostPort(last); err == nil && port == "53" {
			return host
		}
		return last
	}
}

// compare asks other servers for the name, all at once; the first answer counts,
// else the last failure.
func (n *Name) compare(ctx context.Context, servers []string) {
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	type answer struct {
		server string
		addrs  []netip.Addr
		err    error
	}
	answers := make(chan answer, len(servers))
	for _, s := range servers {
		at := s
		if _, _, err := net.SplitHostPort(s); err != nil {
			at = net.JoinHostPort(s, "53")
		}
		go func() {
			r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, at)
			}}
			addrs, err := lookupNet(ctx, r, n.Host)
			answers <- answer{s, addrs, err}
		}()
	}
	for range servers {
		a := <-answers
		if a.err == nil || n.ElsewhereServer == "" || noSuchName(a.err) {
			n.ElsewhereServer, n.Elsewhere, n.ElsewhereErr = a.server, a.addrs, a.err
		}
		if a.err == nil {
			return
		}
	}
}

func noSuchName(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

// rewritten asks for a name that cannot exist (RFC 6761, 6.4).
func rewritten(ctx context.Context, r *net.Resolver) Rewrite {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	addrs, err := lookupNet(ctx, r, "picket-"+strings.ToLower(rand.Text()[:12])+".invalid.")
	if err != nil || len(addrs) == 0 {
		return Rewrite{Asked: true}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return Rewrite{Asked: true, Addr: addrs[0]}
}
