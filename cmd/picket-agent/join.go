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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// joinTimeout is how long enrolment may take, all addresses of the token tried.
const joinTimeout = 30 * time.Second

func joinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "join [TOKEN]",
		Short: "Enrol this machine with the join token of its site",
		Long: `Enrol this machine with the join token of its site.

The token comes as an argument, from the environment variable PICKET_TOKEN, or
from standard input when the argument is "-". Before anything is sent, the
collector must prove that it holds the key whose fingerprint is in the token.
The agent's own key is made here and never leaves this machine.`,
		Example: "  picket-agent join pk1_...\n  echo \"$TOKEN\" | picket-agent join -",
		Args:    cobra.MaximumNArgs(1),
	}
	state := stateFlag(cmd)
	allow := cmd.Flags().StringSlice("allow", nil, "also probe addresses in `prefix` (loopback and link-local are refused unless allowed)")
	deny := cmd.Flags().StringSlice("deny", nil, "never probe addresses in `prefix`")
	bind := cmd.Flags().String("bind", "", "local `address` to enrol from (default: any)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		policy, err := parsePolicy(*allow, *deny)
		if err != nil {
			return err
		}
		token, err := readToken(args, cmd.InOrStdin())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), joinTimeout)
		defer cancel()
		return join(ctx, cmd.OutOrStdout(), *state, *bind, token, policy)
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

func join(ctx context.Context, out io.Writer, state, bind string, token identity.Token, policy identity.Policy) error {
	if b, err := identity.LoadBundle(state); err == nil {
		fmt.Fprintf(out, "Already enrolled as %s (client %s, site %s). Nothing was changed.\n", b.AgentID(), b.Info().Client, b.Info().Site)
		return nil
	} else if !errors.Is(err, identity.ErrNotEnrolled) {
		return &failure{exitPermission, "the state directory " + state + " cannot be used", err, "repair it, or name another with --state"}
	}
	sock, err := net.ListenPacket("udp", net.JoinHostPort(bind, "0"))
	if err != nil {
		return &failure{exitNetwork, "cannot open a UDP socket", err, "check --bind and the machine's network"}
	}
	defer sock.Close()
	res, err := agent.Join(ctx, agent.JoinOptions{Dir: state, Socket: sock, Token: token, Policy: policy, Version: version})
	switch {
	case errors.Is(err, agent.ErrNotStored):
		return &failure{exitPermission, "enrolled, but the identity cannot be stored in " + state, err,
			"run as a user who may write there, or name another directory with --state; the token has been used once"}
	case err != nil:
		return explainEnrol(err, token)
	}
	fmt.Fprintf(out, "Enrolled   agent %s for client %s, site %s\n", res.Agent, res.Client, res.Site)
	fmt.Fprintf(out, "Seen from  %s\n", res.Network.Name)
	fmt.Fprintf(out, "Stored in  %s (key and certificate, readable by this user only)\n", state)
	fmt.Fprintf(out, "Next       picket-agent run --state %s\n", state)
	return nil
}

// explainEnrol turns what enrolment met into a coded failure with a remedy.
func explainEnrol(err error, token identity.Token) error {
	addrs := strings.Join(token.Addrs, ", ")
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
		return &failure{exitNetwork, "E106 what answers at " + addrs + " is not the collector of this token; nothing was sent to it", err,
			"if a firewall inspects TLS, exempt the collector; if the collector was set up anew, make a new token"}
	}
	return &failure{exitNetwork, "E105 the collector does not answer at " + addrs, err,
		"allow outgoing UDP to it in the firewall, and check that the collector runs"}
}
