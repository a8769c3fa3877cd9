package main

import (
	"cmp"
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
	t := newTable(out, "TOKEN", "KIND", "FOR", "STATE", "USES", "EXPIRES", "MADE", "LAST USED")
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
			last = strings.TrimSuffix(utc(j.LastUsed)+" from "+j.LastFrom, " from ")
			if j.LastNetwork != "" {
				last += " (" + j.LastNetwork + ")"
			}
		}
		made := utc(j.Created)
		if j.By != "" {
			made += " by " + j.By
		}
		t.row(j.ID, j.Kind, cmp.Or(j.Site, j.Client+", any site"), state, fmt.Sprintf("%d/%d", j.Used, j.Uses), utc(j.Expires), made, last)
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
