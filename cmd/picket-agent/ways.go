package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"picket/agent/proxy"
	"picket/internal/uplink"
)

// proxyFlag adds --proxy, which join keeps for the runs to come.
func proxyFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("proxy", "",
		"HTTP `proxy` to the Picket server, host:port or http://user@host:port, \"none\" for none (default: what join was given, PICKET_PROXY, HTTPS_PROXY, the settings of Windows); "+
			"a password belongs in the file proxy.secret of the state directory")
}

// waysOf are the ways to the collector from this machine: QUIC, and TCP by the
// proxy that is set, if any, both from the local address bind.
func waysOf(state, bind, proxied string) (uplink.Ways, error) {
	from, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(bind, "0"))
	if err != nil {
		return uplink.Ways{}, &failure{exitUsage, "--bind is no address of this machine", err, "name an address, such as 192.0.2.7"}
	}
	settings, err := proxy.Open(state, proxied)
	switch {
	case errors.Is(err, proxy.ErrProxy):
		return uplink.Ways{}, &failure{exitUsage, "the proxy cannot be used", err, "write it as http://host:port or http://user@host:port"}
	case err != nil:
		return uplink.Ways{}, &failure{exitPermission, "the proxy's settings in " + state + " cannot be used", err, ""}
	}
	dialer := &net.Dialer{}
	if bind != "" {
		dialer.LocalAddr = from
	}
	ways := uplink.Ways{
		Open:  func() (net.PacketConn, error) { return net.ListenPacket("udp", net.JoinHostPort(bind, "0")) },
		Dial:  dialer.DialContext,
		Proxy: settings.For,
	}
	if text := os.Getenv("PICKET_QUIC_AGAIN"); text != "" {
		if ways.Again, err = time.ParseDuration(text); err != nil || ways.Again <= 0 {
			return ways, &failure{exitUsage, "PICKET_QUIC_AGAIN is no length of time", err, "write it as 5m, or leave it out"}
		}
	}
	return ways, nil
}

// noPassword refuses a proxy's password among the arguments of a program that
// stays, where every user of the machine can read it.
func noPassword(state, proxied string) error {
	if u, err := proxy.Parse(proxied); err == nil && u != nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return &failure{exitUsage, "a password does not belong into the arguments of run: every user of this machine can read them", nil,
				"leave it out there, and put it into " + filepath.Join(state, "proxy.secret") + " (mode 0600)"}
		}
	}
	return nil
}

// storeProxy keeps a new proxy for an agent that is enrolled already.
func storeProxy(out io.Writer, dir, proxied string) error {
	if proxied == "" {
		return nil
	}
	switch err := proxy.Store(dir, proxied); {
	case errors.Is(err, proxy.ErrProxy):
		return &failure{exitUsage, "the proxy cannot be used", err, "write it as http://host:port or http://user@host:port"}
	case err != nil:
		return &failure{exitPermission, "the proxy cannot be stored in " + dir, err, "run as a user who may write there"}
	}
	fmt.Fprintln(out, "The proxy was stored; the agent uses it from its next connection on.")
	return nil
}
