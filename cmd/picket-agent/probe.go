package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"picket/probes"
)

func probeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe KIND TARGET",
		Short: "Run one probe from here and explain what it saw",
		Long: `Run one probe from here and explain what it saw.

KIND is dns, ping, tcp, tls or http. TARGET is a name or address (dns, ping), a
host:port (tcp, tls) or a URL (http). Exit code 0 means up, 10 degraded or
unknown, 11 down.`,
		Example: `  picket-agent probe dns example.com --query AAAA --resolver 9.9.9.9:53
  picket-agent probe tls example.com:443
  picket-agent probe http https://example.com/health --json`,
		Args: cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	asJSON := f.Bool("json", false, "print the result as one JSON object")
	timeout := f.Duration("timeout", 0, "give up after this time (default: that of the kind)")
	resolver := f.String("resolver", "", "DNS server `ip:port` to use instead of the system's")
	query := f.String("query", "", "record `type` of a dns probe (default A)")
	packets := f.Int("packets", 0, "echo requests of a ping (default 3)")
	ca := f.String("ca-file", "", "trust only the certificates in this PEM `file`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		spec, err := parseTarget(args[0], args[1])
		if err != nil {
			return err
		}
		spec.Timeout, spec.Resolver, spec.Query, spec.Packets = *timeout, *resolver, *query, *packets
		if *ca != "" {
			src, err := os.ReadFile(*ca)
			if err != nil {
				return &failure{exitUsage, "cannot read --ca-file", err, ""}
			}
			spec.CA = string(src)
		}
		if err := spec.Validate(); err != nil {
			return &failure{exitUsage, "this probe makes no sense", err, ""}
		}
		// A person at the keyboard may probe what they like: no policy here.
		r := probes.New(probes.Options{}).Probe(cmd.Context(), spec)
		if *asJSON {
			src, err := json.Marshal(probes.NewReport(spec, r))
			if err != nil {
				return &failure{exitInternal, "cannot print the result", err, ""}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n", src)
		} else {
			fmt.Fprint(cmd.OutOrStdout(), probes.Explain(spec, r))
		}
		switch r.Outcome {
		case probes.Up:
			return nil
		case probes.Down:
			return found(exitDown)
		default:
			return found(exitDegraded)
		}
	}
	return cmd
}

// parseTarget reads KIND and TARGET as people write them.
func parseTarget(kind, target string) (probes.Spec, error) {
	k, err := probes.ParseKind(kind)
	if err != nil {
		return probes.Spec{}, &failure{exitUsage, err.Error(), nil, "picket-agent probe http https://example.com"}
	}
	s := probes.Spec{Kind: k, Host: target}
	switch k {
	case probes.HTTP:
		u, err := url.Parse(target)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return s, &failure{exitUsage, fmt.Sprintf("%q is no http or https URL", target), err, "write it as https://example.com/path"}
		}
		s.Host, s.Plain, s.Path = u.Hostname(), u.Scheme == "http", u.RequestURI()
		if u.Port() != "" {
			err = setPort(&s, u.Port())
			return s, err
		}
	case probes.TCP, probes.TLS:
		host, port, err := net.SplitHostPort(target)
		switch {
		case err == nil:
			s.Host = host
			err = setPort(&s, port)
			return s, err
		case k == probes.TCP:
			return s, &failure{exitUsage, fmt.Sprintf("%q names no port", target), err, "write it as example.com:443"}
		}
	case probes.Ping, probes.DNS:
		if addr, err := netip.ParseAddr(target); err == nil {
			s.Host = addr.String()
		}
	}
	return s, nil
}

func setPort(s *probes.Spec, text string) error {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return &failure{exitUsage, fmt.Sprintf("%q is no port", text), nil, "a port is a number from 1 to 65535"}
	}
	s.Port = uint16(port)
	return nil
}
