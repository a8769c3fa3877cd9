package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/internal/identity"
	"picket/internal/uplink"
)

func joinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "join [TOKEN]",
		Short: "Enrol this machine with the join token of its site",
		Long: `Enrol this machine with the join token of its site.

The token comes as an argument, from the environment variable PICKET_TOKEN, or
from standard input when the argument is "-". Before anything is sent, the
collector must prove that it holds the key whose fingerprint is in the token.
The agent's own key is made here and never leaves this machine.

A machine that is enrolled already stays as it is. One whose agent was revoked
joins as a new agent, with the --allow and --deny of the old one unless others
are given; --force-new-identity makes any machine do so. What belonged to the
old agent is moved into a folder old-identity-TIME of the state directory.`,
		Example: "  picket-agent join pk1_...\n  echo \"$TOKEN\" | picket-agent join -",
		Args:    cobra.MaximumNArgs(1),
	}
	state := stateFlag(cmd)
	allow := cmd.Flags().StringSlice("allow", nil, "also probe addresses in `prefix` (loopback and link-local are refused unless allowed)")
	deny := cmd.Flags().StringSlice("deny", nil, "never probe addresses in `prefix`")
	bind := cmd.Flags().String("bind", "", "local `address` to enrol from (default: any)")
	force := cmd.Flags().Bool("force-new-identity", false, "join as a new agent even if this machine is enrolled; the old identity is moved aside")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		policy, err := parsePolicy(*allow, *deny)
		if err != nil {
			return err
		}
		token, err := readToken(args, cmd.InOrStdin())
		if err != nil {
			return err
		}
		o := agent.JoinOptions{Dir: *state, Token: token, Policy: policy, Version: version, Replace: *force}
		return join(cmd, o, *bind)
	}
	return cmd
}

func parsePolicy(allow, deny []string) (p identity.Policy, err error) {
	for _, list := range []struct {
		from []string
		to   *[]netip.Prefix
	}{{allow, &p.Allow}, {deny, &p.Deny}} {
		for _, s := range list.from {
			prefix, err := netip.ParsePrefix(s)
			if err != nil {
				return p, &failure{exitUsage, fmt.Sprintf("%q is no prefix", s), err, "write it as 10.0.0.0/8 or fd00::/8"}
			}
			*list.to = append(*list.to, prefix)
		}
	}
	return p, nil
}

func readToken(args []string, stdin io.Reader) (identity.Token, error) {
	text := os.Getenv("PICKET_TOKEN")
	if len(args) == 1 {
		text = args[0]
	}
	if text == "-" {
		line, err := bufio.NewReader(io.LimitReader(stdin, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return identity.Token{}, &failure{exitUsage, "cannot read the token from standard input", err, ""}
		}
		text = line
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return identity.Token{}, &failure{exitUsage, "no join token given", nil,
			"make one on the collector: picket token create --client CLIENT --site SITE"}
	}
	token, err := identity.ParseToken(text)
	switch {
	case errors.Is(err, identity.ErrTokenCut):
		return token, &failure{exitUsage, "E101 the join token is damaged: it looks cut off or mistyped", err, "copy it again, the whole line starting with pk1_"}
	case err != nil:
		return token, &failure{exitUsage, "E101 this is no join token", err, "copy the line starting with pk1_ that `picket token create` printed"}
	}
	return token, nil
}

func join(cmd *cobra.Command, o agent.JoinOptions, bind string) error {
	out := cmd.OutOrStdout()
	old, err := identity.LoadBundle(o.Dir)
	switch {
	case o.Replace || errors.Is(err, identity.ErrNotEnrolled):
	case err == nil:
		at, _ := agent.RevokedAt(o.Dir) // unreadable: it was not revoked as far as is known
		if at.IsZero() {
			alreadyEnrolled(out, old, o)
			return nil
		}
		o.Replace = true
		fmt.Fprintf(out, "The agent of this machine, %s, was revoked (%s): joining as a new one.\n", old.AgentID(), moment(at))
		if was := old.Info().Policy; len(o.Policy.Allow)+len(o.Policy.Deny) == 0 && len(was.Allow)+len(was.Deny) > 0 {
			o.Policy = was
			fmt.Fprintln(out, "What the old one was allowed and denied to probe stays in force.")
		}
	default:
		return &failure{exitPermission, "the state directory " + o.Dir + " cannot be used", err,
			"repair it, name another with --state, or replace the identity with --force-new-identity"}
	}
	sock, err := openSocket(bind, cmd.ErrOrStderr())
	if err != nil {
		return &failure{exitNetwork, "cannot open a UDP socket", err, "check --bind and the machine's network"}
	}
	defer sock.Close()
	o.Socket = sock
	res, err := agent.Join(cmd.Context(), o)
	switch {
	case errors.Is(err, agent.ErrNotStored):
		return &failure{exitPermission, "enrolled, but the identity cannot be stored in " + o.Dir, err,
			"run as a user who may write there, or name another directory with --state; the token has been used once"}
	case err != nil:
		return explainEnrol(err, o)
	}
	fmt.Fprintf(out, "Enrolled   agent %s for client %s, site %s\n", res.Agent, res.Client, res.Site)
	fmt.Fprintf(out, "Seen from  %s\n", res.Network.Name)
	if res.Outlook != "" {
		fmt.Fprintf(out, "Adds       %s\n", res.Outlook)
	}
	fmt.Fprintf(out, "Stored in  %s (key and certificate, readable by this user only)\n", o.Dir)
	if old != nil {
		fmt.Fprintf(out, "Replaced   agent %s; what belonged to it is in %s\n", old.AgentID(), filepath.Join(o.Dir, "old-identity-*"))
	}
	fmt.Fprintf(out, "Next       picket-agent run --state %s\n", o.Dir)
	return nil
}

// alreadyEnrolled says that nothing happened, and what was therefore ignored.
func alreadyEnrolled(out io.Writer, b *identity.Bundle, o agent.JoinOptions) {
	fmt.Fprintf(out, "Already enrolled as %s (client %s, site %s). Nothing was changed and the token was not used.\n", b.AgentID(), b.Info().Client, b.Info().Site)
	if len(o.Policy.Allow)+len(o.Policy.Deny) > 0 {
		fmt.Fprintln(out, "The flags --allow and --deny were ignored: the policy of the old enrolment stays in force.")
	}
	fmt.Fprintln(out, "To join as a new agent, say after a revocation, use: picket-agent join --force-new-identity TOKEN")
}

// openSocket opens the socket to enrol from, which tells w whom it tries.
func openSocket(bind string, w io.Writer) (net.PacketConn, error) {
	addr, err := net.ResolveUDPAddr("udp", net.JoinHostPort(bind, "0"))
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, err
	}
	return &telling{UDPConn: c, w: w, told: map[string]bool{}}, nil
}

// telling is a socket that says to whom it sends, each peer once. QUIC sends
// with WriteMsgUDP where the system allows it.
type telling struct {
	*net.UDPConn
	w io.Writer

	mu   sync.Mutex // guards told
	told map[string]bool
}

func (t *telling) tell(addr net.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.told[addr.String()] {
		t.told[addr.String()] = true
		fmt.Fprintf(t.w, "trying %s ...\n", addr)
	}
}

func (t *telling) WriteTo(b []byte, addr net.Addr) (int, error) {
	t.tell(addr)
	return t.UDPConn.WriteTo(b, addr)
}

func (t *telling) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	t.tell(addr)
	return t.UDPConn.WriteMsgUDP(b, oob, addr)
}

// explainEnrol turns what enrolment met into a coded failure with a remedy.
func explainEnrol(err error, o agent.JoinOptions) error {
	addrs := strings.Join(o.Token.Addrs, ", ")
	if errors.Is(err, agent.ErrState) {
		return &failure{exitPermission, "the state directory " + o.Dir + " cannot be used; the token was not used", err,
			"repair it, or name another with --state"}
	}
	if errors.Is(err, context.Canceled) {
		return &failure{exitInterrupted, "interrupted", nil, ""}
	}
	if errors.Is(err, agent.ErrNames) {
		return &failure{exitNetwork, "E105 this machine cannot resolve " + hosts(o.Token.Addrs), err,
			"the token was made with this address, `public:` in the collector's configuration: correct it there and make a new token, or repair this machine's DNS"}
	}
	if r, ok := errors.AsType[*uplink.Refusal](err); ok {
		fix := "make a new one on the collector: picket token create --client CLIENT --site SITE"
		switch r.Code {
		case "token_expired", "token_used", "token_revoked", "token_unknown":
			return &failure{exitAuth, "E102 the collector refused the join token: " + r.Message, nil, fix}
		case "version":
			return &failure{exitVersion, "E113 the collector speaks another protocol: " + r.Message, nil, "install the agent version that belongs to the collector"}
		}
		return &failure{exitAuth, "the collector refused: " + r.Message, nil, ""}
	}
	if errors.Is(err, identity.ErrPin) {
		return &failure{exitNetwork, "E106 what answers at " + addrs + " is not the collector of this token; nothing was sent to it", pinned(err),
			"if a firewall inspects TLS, exempt the collector; if the collector was set up anew, make a new token"}
	}
	return &failure{exitNetwork, "E105 the collector does not answer at " + addrs, err,
		"allow outgoing UDP to it in the firewall, and check that the collector runs"}
}

// hosts are the names in a list of host:port.
func hosts(addrs []string) string {
	var names []string
	for _, a := range addrs {
		if host, _, err := net.SplitHostPort(a); err == nil {
			a = host
		}
		names = append(names, a)
	}
	return strings.Join(names, ", ")
}

// pinned is the part of err that says what was found instead of the pinned
// root, without the layers of TLS and QUIC around it.
func pinned(err error) error {
	for {
		var below []error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			below = []error{e.Unwrap()}
		case interface{ Unwrap() []error }:
			below = e.Unwrap()
		}
		next := slices.IndexFunc(below, func(b error) bool { return errors.Is(b, identity.ErrPin) })
		if next < 0 || below[next] == identity.ErrPin {
			return err
		}
		err = below[next]
	}
}
