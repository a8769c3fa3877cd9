package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/detect"
	"picket/collector/web"
)

// The operator's verbs talk to the running collector over the socket in its
// data directory, never to its database.

// explain turns an answer of the socket into a failure with a remedy.
func explain(data, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, collector.ErrNoCollector):
		return &failure{exitNetwork, "no collector runs on " + data, err,
			"start it (picket collector), or name its data directory with --data; the socket can only be opened by the collector's user"}
	case errors.As(err, new(*web.Error)):
		refused, _ := errors.AsType[*web.Error](err)
		return &failure{exitUsage, refused.Error(), nil, refused.Fix}
	case errors.Is(err, web.ErrNotFound):
		return &failure{exitUsage, what + ": there is none with this id", nil, ""}
	}
	return &failure{exitInternal, what, err, ""}
}

func tokenCommand() *cobra.Command {
	token := &cobra.Command{Use: "token", Short: "Join tokens, by which agents enrol"}
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
	f.StringVar(&req.TTL, "ttl", "24h", "how long the token may be used")
	f.IntVar(&req.Uses, "uses", 1, "how many agents may join with it")
	asJSON := f.Bool("json", false, "print one JSON object")
	create.MarkFlagRequired("client")
	create.MarkFlagRequired("site")
	create.RunE = func(cmd *cobra.Command, _ []string) error {
		reply, err := collector.DialOperator(*data).Token(cmd.Context(), req)
		if err != nil {
			return explain(*data, "make a token", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), reply)
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "Join token for %s, good for %d %s until %s:\n\n  %s\n\n", reply.Site, reply.Uses, plural(reply.Uses, "agent", "agents"),
			reply.Expires.Local().Format("2006-01-02 15:04 MST"), reply.Token)
		fmt.Fprintf(w, "On the machine at the site, run:\n\n  %s\n\nand then: picket-agent run\n", reply.Command)
		return nil
	}
	token.AddCommand(create)
	return token
}

func agentCommand() *cobra.Command {
	agent := &cobra.Command{Use: "agent", Short: "The agents of the fleet"}
	list := &cobra.Command{Use: "list", Short: "List agents: where they are, whether they are connected", Args: cobra.NoArgs}
	data := dataFlag(list)
	asJSON := list.Flags().Bool("json", false, "print one JSON object")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		agents, err := collector.DialOperator(*data).Agents(cmd.Context())
		if err != nil {
			return explain(*data, "list agents", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string      `json:"schema"`
				Data   []web.Agent `json:"data"`
			}{"picket.agents/v1", agents})
		}
		return printAgents(cmd.OutOrStdout(), agents)
	}
	revoke := &cobra.Command{Use: "revoke AGENT", Short: "End an agent's membership at once and for ever", Args: cobra.ExactArgs(1)}
	data2 := dataFlag(revoke)
	revoke.RunE = func(cmd *cobra.Command, args []string) error {
		if err := collector.DialOperator(*data2).Revoke(cmd.Context(), args[0]); err != nil {
			return explain(*data2, "revoke agent "+args[0], err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Agent %s is revoked. To use the machine again, join it with a new token.\n", args[0])
		return nil
	}
	agent.AddCommand(list, revoke)
	return agent
}

func printAgents(out io.Writer, agents []web.Agent) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "AGENT\tSITE\tSEEN ON\tSTATE\tFLEET\tVERSION\tLAST SEEN")
	for _, a := range agents {
		state, seen := "away", "never"
		switch {
		case !a.Revoked.IsZero():
			state = "revoked"
		case a.Connected:
			state = "connected"
		}
		if !a.Seen.IsZero() {
			seen = time.Since(a.Seen).Truncate(time.Second).String() + " ago"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, a.Site, dash(a.Network), state, dash(a.Gossip), dash(a.Version), seen)
	}
	return w.Flush()
}

func incidentCommand() *cobra.Command {
	incident := &cobra.Command{Use: "incident", Short: "What is and was wrong"}
	list := &cobra.Command{Use: "list", Short: "List incidents, the newest first", Args: cobra.NoArgs}
	data := dataFlag(list)
	asJSON := list.Flags().Bool("json", false, "print one JSON object")
	open := list.Flags().Bool("open", false, "only those that are not over")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).Incidents(cmd.Context(), *open, 100)
		if err != nil {
			return explain(*data, "list incidents", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string            `json:"schema"`
				Data   []detect.Incident `json:"data"`
			}{"picket.incidents/v1", all})
		}
		return printIncidents(cmd.OutOrStdout(), all)
	}
	show := &cobra.Command{Use: "show INCIDENT", Short: "Show an incident with the evidence of every site", Args: cobra.ExactArgs(1)}
	data2 := dataFlag(show)
	asJSON2 := show.Flags().Bool("json", false, "print one JSON object")
	show.RunE = func(cmd *cobra.Command, args []string) error {
		i, err := collector.DialOperator(*data2).Incident(cmd.Context(), args[0])
		if err != nil {
			return explain(*data2, "show incident "+args[0], err)
		}
		if *asJSON2 {
			return printJSON(cmd.OutOrStdout(), i)
		}
		return printIncident(cmd.OutOrStdout(), i)
	}
	incident.AddCommand(list, show)
	return incident
}

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "What the collector sees now", Args: cobra.NoArgs}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		view, err := look(cmd.Context(), collector.DialOperator(*data))
		if err != nil {
			return explain(*data, "read the status", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), view)
		}
		return printView(cmd.OutOrStdout(), view)
	}
	return cmd
}

func printIncidents(out io.Writer, all []detect.Incident) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "No incidents.")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "INCIDENT\tSTATE\tSINCE\tLASTED\tWHAT")
	for _, i := range all {
		end := i.Resolved
		if end.IsZero() {
			end = time.Now()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", i.ID, i.State, i.Started.Local().Format("2006-01-02 15:04:05"),
			end.Sub(i.Started).Truncate(time.Second), i.Title)
	}
	return w.Flush()
}

func printIncident(out io.Writer, i detect.Incident) error {
	fmt.Fprintf(out, "%s  %s\n%s\n\n", i.ID, i.Title, i.Summary)
	fmt.Fprintf(out, "State      %s (%s)\nReason     %s\nStarted    %s\n", i.State, i.Confidence.Word(), i.Reason.Text, i.Started.Local().Format(time.DateTime))
	if !i.Resolved.IsZero() {
		fmt.Fprintf(out, "Resolved   %s\n", i.Resolved.Local().Format(time.DateTime))
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SITE\tISP\tTARGET\tANSWER\tLAYER\tWHY")
	for _, e := range i.Evidence {
		why := strings.TrimSpace(e.Cause + " " + e.Why)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Site, e.Network, dash(e.Target), e.Answer, dash(e.Layer), dash(why))
	}
	return w.Flush()
}

// view is what `picket status` shows, schema picket.overview/v1.
type view struct {
	Schema string              `json:"schema"`
	Sites  []detect.SiteStatus `json:"sites"`
	Cells  []detect.Cell       `json:"cells"`
	Open   []detect.Incident   `json:"open"`
}

func look(ctx context.Context, o *collector.Operator) (v view, err error) {
	v.Schema = "picket.overview/v1"
	if v.Sites, err = o.Sites(ctx); err != nil {
		return v, err
	}
	if v.Cells, err = o.Cells(ctx); err != nil {
		return v, err
	}
	v.Open, err = o.Incidents(ctx, true, 100)
	return v, err
}

func printView(out io.Writer, v view) error {
	voting := 0
	for _, site := range v.Sites {
		if site.Eligible {
			voting++
		}
	}
	fmt.Fprintf(out, "%d of %d sites vote, %d open %s\n\n", voting, len(v.Sites), len(v.Open), plural(len(v.Open), "incident", "incidents"))
	for _, i := range v.Open {
		fmt.Fprintf(out, "%s: %s\n", i.Confidence.Word(), i.Summary)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CLOUD\tREGION\tSTATE\tSITES\tISPS")
	for _, c := range v.Cells {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", c.Provider, dash(c.Region), c.State, c.Sites, c.Networks)
	}
	return w.Flush()
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return &failure{exitInternal, "cannot print", err, ""}
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
