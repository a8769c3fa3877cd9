package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/collector"
	"picket/collector/config"
	"picket/collector/influx"
)

// Bounds of what setup waits for.
const (
	resolveWithin = 5 * time.Second
	influxWithin  = 10 * time.Second
	mailWithin    = 5 * time.Second
)

// check tries what the configuration needs of the machine and the world. What
// would keep the server from working is refused; what may be right, and looks
// odd from here, is said.
func (s *setup) check(ctx context.Context) error {
	if err := checkPorts(s.file); err != nil {
		return err
	}
	if err := s.checkCertificate(); err != nil {
		return err
	}
	if err := s.checkNames(ctx); err != nil {
		return err
	}
	if err := s.checkInflux(ctx); err != nil {
		return err
	}
	s.checkMail(ctx)
	return nil
}

// checkPorts opens what the collector will listen on, and closes it again.
func checkPorts(f *config.File) error {
	udp, err := net.ListenPacket("udp", f.Listen)
	if err != nil {
		return explainListen(&collector.AddressError{Key: "listen", Addr: f.Listen, Err: err}, "")
	}
	udp.Close()
	tcp, err := net.Listen("tcp", f.HTTP)
	if err != nil {
		return explainListen(&collector.AddressError{Key: "http", Addr: f.HTTP, Err: err}, "")
	}
	tcp.Close()
	return nil
}

// checkCertificate wants the files of --tls files to be a certificate and its key.
func (s *setup) checkCertificate() error {
	if s.answer["tls"] != "files" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(s.answer["tls-cert"], s.answer["tls-key"])
	if err != nil {
		return &failure{exitUsage, "the page cannot use the certificate " + s.answer["tls-cert"] + ", nothing was written", err,
			"name a certificate with its chain (--tls-cert) and its key (--tls-key), both PEM; or go on with --skip-checks"}
	}
	if left := time.Until(pair.Leaf.NotAfter); left <= 0 {
		fmt.Fprintf(s.out, "note: the certificate %s is over since %s; browsers refuse it until its files have a newer one.\n", s.answer["tls-cert"], pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// checkNames wants that every name that others will use can be resolved.
func (s *setup) checkNames(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	ours, _ := net.InterfaceAddrs() // without them nothing is said about where a name leads
	var hosts []string
	for _, a := range s.file.Public {
		host, _, _ := net.SplitHostPort(a)
		hosts = append(hosts, host)
	}
	asked := map[string]bool{}
	for _, host := range slices.Concat(hosts, s.file.Names) {
		if _, err := netip.ParseAddr(host); err == nil || asked[host] {
			continue
		}
		asked[host] = true
		found, err := s.lookup(ctx, host)
		if err != nil {
			return &failure{exitNetwork, "the name " + host + " does not resolve, nothing was written", err,
				"make its DNS record first, name an address instead (--public 203.0.113.10), or go on with --skip-checks"}
		}
		if !leadsHere(found, ours) {
			fmt.Fprintf(s.out, "note: %s is %s, which is no address of this machine. Fine behind a router or proxy that forwards to it; else correct the DNS record.\n", host, strings.Join(found, ", "))
		}
	}
	return nil
}

// leadsHere says whether one of found is an address of this machine, or nobody
// knows its addresses.
func leadsHere(found []string, ours []net.Addr) bool {
	for _, a := range ours {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && slices.Contains(found, p.Addr().WithZone("").String()) {
			return true
		}
	}
	return len(ours) == 0
}

// checkInflux writes one point.
func (s *setup) checkInflux(ctx context.Context) error {
	in := s.file.Influx
	if in == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, influxWithin)
	defer cancel()
	err := collector.TryInflux(ctx, *in, s.hidden["influx-token"])
	if err == nil {
		return nil
	}
	alarm, refused := errors.AsType[*influx.AlarmError](err)
	switch {
	case refused && (alarm.Status == 401 || alarm.Status == 403):
		return &failure{exitAuth, "InfluxDB at " + in.URL + " refuses the token, nothing was written", err,
			fmt.Sprintf("make a token that may write to bucket %q, and name its file with --influx-token-file", in.Bucket)}
	case refused && alarm.Status == 404:
		return &failure{exitAuth, fmt.Sprintf("InfluxDB at %s has no bucket %q for us, nothing was written", in.URL, in.Bucket), err,
			"make the bucket first, or correct --influx-bucket and --influx-org"}
	case refused:
		return &failure{exitNetwork, "InfluxDB at " + in.URL + " does not take a point, nothing was written", err, "correct --influx-url; or go on with --skip-checks"}
	}
	return &failure{exitNetwork, "InfluxDB at " + in.URL + " cannot be reached, nothing was written", err, "start it, correct --influx-url, or go on with --skip-checks"}
}

// checkMail only looks whether somebody answers: mail servers come and go, and
// picket notify test tells the whole truth.
func (s *setup) checkMail(ctx context.Context) {
	m := s.file.SMTP
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, mailWithin)
	defer cancel()
	address := net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		fmt.Fprintf(s.out, "note: the mail server %s does not answer from here now (%v). Try it later with: picket notify test\n", address, err)
		return
	}
	conn.Close()
}
