package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/web"
	"picket/internal/identity"
)

func tokenCommand() *cobra.Command {
	return group("token", "Join tokens, by which agents enrol", createToken(), listTokens(), revokeToken())
}

func createToken() *cobra.Command {
	create := &cobra.Command{
		Use:     "create --client CLIENT --site SITE",
		Short:   "Make a join token for a site",
		Example: "  picket token create --client acme --site madrid --region eu --network \"AS3352 Telefonica\"",
		Args:    cobra.NoArgs,
	}
	data := dataFlag(create)
	f := create.Flags()
	var req web.TokenRequest
	f.StringVar(&req.Client, "client", "", "client that the site belongs to (made if new)")
	f.StringVar(&req.Site, "site", "", "site that the agent stands at (made if new)")
	f.StringVar(&req.Region, "region", "", "vantage region: where the site is, such as eu-west")
	f.StringVar(&req.Network, "network", "", "internet provider of the site, unless the config's table knows it")
	f.StringVar(&req.TTL, "ttl", "24h", "how long the token may be used, at most 90d; units are s, m, h and d")
	f.IntVar(&req.Uses, "uses", 1, "how many agents may join with it")
	asJSON := f.Bool("json", false, "print one JSON object")
	create.MarkFlagRequired("client")
	create.MarkFlagRequired("site")
	create.RunE = func(cmd *cobra.Command, _ []string) error {
		if req.Uses < 1 {
			return &failure{exitUsage, fmt.Sprintf("--uses %d makes no sense", req.Uses), nil, "a token is good for 1 to 10000 agents"}
		}
		life, err := parseLife(req.TTL, maxTTL)
		if err != nil {
			return err
		}
		req.TTL = life.String()
		reply, err := collector.DialOperator(*data).Token(cmd.Context(), req)
		if err != nil {
			return explain(*data, "make a token", err)
		}
		made, err := identity.ParseToken(reply.Token)
		if err != nil {
			return &failure{exitInternal, "the collector made a token that cannot be read", err, "use a picket command of the collector's version"}
		}
		warnAddrs(cmd.ErrOrStderr(), made.Addrs)
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), reply)
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "Join token for %s, good for %d %s until %s:\n\n  %s\n\n", reply.Site, reply.Uses, plural(reply.Uses, "agent", "agents"),
			utc(reply.Expires), reply.Token)
		fmt.Fprintf(w, "Agents will dial %s.\n", strings.Join(made.Addrs, ", then "))
		fmt.Fprintf(w, "On the machine at the site, run:\n\n  %s\n\nand then: picket-agent run\n", reply.Command)
		return nil
	}
	return create
}

func listTokens() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List join tokens: for which site, how often used, until when", Args: cobra.NoArgs}
	data := dataFlag(list)
	asJSON := list.Flags().Bool("json", false, "print one JSON object")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).Tokens(cmd.Context())
		if err != nil {
			return explain(*data, "list join tokens", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string          `json:"schema"`
				Data   []web.JoinToken `json:"data"`
			}{"picket.tokens/v1", all})
		}
		return printTokens(cmd.OutOrStdout(), all, time.Now())
	}
	return list
}

func printTokens(out io.Writer, all []web.JoinToken, now time.Time) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "No join tokens. Make one: picket token create --client CLIENT --site SITE")
		return nil
	}
	t := newTable(out, "TOKEN", "SITE", "STATE", "USES", "EXPIRES", "MADE", "LAST USED")
	for _, j := range all {
		state, last := "good", "never"
		switch {
		case !j.Revoked.IsZero():
			state = "revoked"
		case !now.Before(j.Expires):
			state = "expired"
		case j.Used >= j.Uses:
			state = "used up"
		}
		if !j.LastUsed.IsZero() {
			last = utc(j.LastUsed)
		}
		t.row(j.ID, j.Site, state, fmt.Sprintf("%d/%d", j.Used, j.Uses), utc(j.Expires), utc(j.Created), last)
	}
	return t.Flush()
}

func revokeToken() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke TOKEN-ID",
		Short: "End a join token at once; agents that joined with it stay",
		Long:  "End a join token at once; agents that joined with it stay.\n\nTOKEN-ID is the first column of picket token list.",
		Args:  cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id := args[0]
		if t, err := identity.ParseToken(id); err == nil {
			id = t.ID // the whole token was pasted
		}
		err := collector.DialOperator(*data).RevokeToken(cmd.Context(), id)
		if errors.Is(err, web.ErrNotFound) {
			return &failure{exitUsage, "revoke join token: there is none with this id", nil, "picket token list shows them"}
		}
		if err != nil {
			return explain(*data, "revoke join token "+id, err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Join token %s is revoked: nobody joins with it any more. Agents that did stay (picket agent list).\n", id)
		return nil
	}
	return cmd
}

// maxTTL is the collector's bound.
const maxTTL = 90 * 24 * time.Hour

// warnAddrs warns of addresses that only some machines understand.
func warnAddrs(w io.Writer, addrs []string) {
	for _, a := range addrs {
		host, _, err := net.SplitHostPort(a)
		if err != nil {
			continue
		}
		why := ""
		if ip, err := netip.ParseAddr(host); err == nil {
			if ip.IsLoopback() {
				why = "means each machine itself, so only agents on this machine can join"
			}
		} else if !strings.Contains(strings.Trim(host, "."), ".") {
			why = "is a bare host name, which machines at other sites can hardly resolve"
		}
		if why != "" {
			fmt.Fprintf(w, "warning: %s %s; set `public: [collector.example.com:4443]` in the collector's configuration\n", a, why)
		}
	}
}
