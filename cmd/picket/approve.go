package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/web"
)

func pendingAgents() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pending",
		Short: "List the machines that asked to join with a tenant's token and wait for an admin",
		Args:  cobra.NoArgs,
	}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	all := cmd.Flags().Bool("all", false, "also those that were denied")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		list, err := collector.DialOperator(*data).Requests(cmd.Context())
		if err != nil {
			return explain(*data, "list requests", err)
		}
		if !*all {
			list = slices.DeleteFunc(list, func(q web.Request) bool { return q.State == "denied" })
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string        `json:"schema"`
				Data   []web.Request `json:"data"`
			}{"picket.requests/v1", list})
		}
		return printRequests(cmd.OutOrStdout(), list, time.Now())
	}
	return cmd
}

func printRequests(out io.Writer, list []web.Request, now time.Time) error {
	if len(list) == 0 {
		fmt.Fprintln(out, "No machine waits for approval.")
		return nil
	}
	t := newTable(out, "REQUEST", "MACHINE", "CLIENT", "SITE", "FROM", "OS", "STATE", "ASKED", "UNTIL")
	for _, q := range list {
		from := q.From
		if q.Network != "" {
			from += " (" + q.Network + ")"
		}
		state, site := q.State, cmp.Or(q.Site, q.Wish)
		if q.By != "" {
			state += " by " + q.By
		}
		if q.State == "waiting" && q.Wish != "" {
			site += "?"
		}
		t.row(q.ID, dash(q.Hostname), q.Client, dash(site), from, q.OS, state, now.Sub(q.Asked).Truncate(time.Second).String()+" ago", utc(q.Expires))
	}
	return t.Flush()
}

func approveAgent() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve REQUEST --site SITE",
		Short: "Let a machine that waits join",
		Long: `Let a machine that waits join.

REQUEST is the first column of picket agent pending. Without --site the machine
joins the site that picket-agent join --site named. It comes for its certificate by
itself, within a minute.`,
		Example: "  picket agent approve k3v9x0qhd2 --site madrid --region eu-south",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	var a web.Approval
	f := cmd.Flags()
	f.StringVar(&a.Site, "site", "", "site that the machine stands at, within its client (made if new)")
	f.StringVar(&a.Region, "region", "", "vantage region: where the site is, such as eu-west")
	f.StringVar(&a.Network, "network", "", "internet provider of the site, unless the config's table knows it")
	f.StringVar(&a.HostedBy, "hosted-by", "", "watched `provider` on whose servers the site runs: it does not vote about it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q, err := collector.DialOperator(*data).Approve(cmd.Context(), args[0], a)
		if err != nil {
			return noRequest(*data, "approve", args[0], err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s may join %s. It comes for its certificate by itself, within a minute.\n", oneLine(cmp.Or(q.Hostname, "The machine")), oneLine(q.Site))
		return nil
	}
	return cmd
}

func denyAgent() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deny REQUEST",
		Short: "Refuse a machine that waits",
		Long:  "Refuse a machine that waits; it is told so when it asks again.\n\nREQUEST is the first column of picket agent pending.",
		Args:  cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q, err := collector.DialOperator(*data).Deny(cmd.Context(), args[0])
		if err != nil {
			return noRequest(*data, "deny", args[0], err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s of client %s may not join.\n", oneLine(cmp.Or(q.Hostname, "The machine")), oneLine(q.Client))
		return nil
	}
	return cmd
}

func noRequest(data, verb, id string, err error) error {
	if errors.Is(err, web.ErrNotFound) {
		return &failure{exitUsage, fmt.Sprintf("%s: there is no request %.40q", verb, id), nil, "picket agent pending shows them"}
	}
	return explain(data, verb+" request "+id, err)
}
