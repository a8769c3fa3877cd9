package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/detect"
	"picket/collector/web"
	"picket/internal/identity"
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
			"start it (picket collector), or name its data directory with --data"}
	case errors.Is(err, collector.ErrNotYours):
		return &failure{exitPermission, "the operator socket in " + data + " may only be opened by the collector's user", err, "run this as that user or as root"}
	case errors.As(err, new(*web.Error)):
		refused, _ := errors.AsType[*web.Error](err)
		return &failure{exitUsage, refused.Error(), nil, refused.Fix}
	case errors.Is(err, web.ErrNotFound):
		return &failure{exitUsage, what + ": there is none with this id", nil, ""}
	}
	return &failure{exitInternal, what, err, ""}
}

func tokenCommand() *cobra.Command {
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
		life, err := parseTTL(req.TTL)
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
			reply.Expires.Local().Format("2006-01-02 15:04 MST"), reply.Token)
		fmt.Fprintf(w, "Agents will dial %s.\n", strings.Join(made.Addrs, ", then "))
		fmt.Fprintf(w, "On the machine at the site, run:\n\n  %s\n\nand then: picket-agent run\n", reply.Command)
		return nil
	}
	return group("token", "Join tokens, by which agents enrol", create)
}

// maxTTL is the collector's bound.
const maxTTL = 90 * 24 * time.Hour

// parseTTL reads a duration, with days.
func parseTTL(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok && err != nil {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 || d > maxTTL {
		return 0, &failure{exitUsage, fmt.Sprintf("--ttl %q is not a time of more than 0s and at most 90d", text), nil, "write a number and a unit, such as 24h or 7d"}
	}
	return d, nil
}

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

func agentCommand() *cobra.Command {
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
		fmt.Fprintf(cmd.OutOrStdout(), "Agent %s is revoked. To use the machine again, join it as a new agent: picket-agent join --force-new-identity TOKEN\n", args[0])
		return nil
	}
	return group("agent", "The agents of the fleet", list, revoke)
}

func printAgents(out io.Writer, agents []web.Agent) error {
	if len(agents) == 0 {
		fmt.Fprintln(out, "No agents yet. Make a token for the first: picket token create --client CLIENT --site SITE")
		return nil
	}
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
	return group("incident", "What is and was wrong", list, show)
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", i.ID, stateWord(i), i.Started.Local().Format("2006-01-02 15:04:05"),
			end.Sub(i.Started).Truncate(time.Second), i.Title)
	}
	return w.Flush()
}

// stateWord is where an incident is, in the words of the page.
func stateWord(i detect.Incident) string {
	switch i.State {
	case detect.Recovering:
		return "recovering"
	case detect.Resolved:
		return "resolved"
	}
	if w := i.Confidence.Word(); w != "" {
		return w
	}
	return string(i.State)
}

// verdictWord is the state of a cell in the words of the page.
func verdictWord(v detect.VerdictState) string {
	switch v {
	case detect.OK:
		return "healthy"
	case detect.Disputed:
		return "mixed results"
	case detect.NoData:
		return "no data"
	}
	return v.String()
}

func printIncident(out io.Writer, i detect.Incident) error {
	fmt.Fprintf(out, "%s  %s\n%s\n", i.ID, i.Title, i.Summary)
	if !strings.Contains(i.Summary, i.Reason.Text) {
		fmt.Fprintln(out, i.Reason.Text)
	}
	state := stateWord(i)
	if w := i.Confidence.Word(); w != "" && w != state {
		state += " (" + w + ")"
	}
	fmt.Fprintf(out, "\nState      %s\n", state)
	for _, at := range []struct {
		name string
		time time.Time
	}{{"Started", i.Started}, {"Confirmed", i.Confirmed}, {"Recovered", i.Recovered}, {"Resolved", i.Resolved}} {
		if !at.time.IsZero() {
			fmt.Fprintf(out, "%-10s %s\n", at.name, at.time.Local().Format(time.DateTime))
		}
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SITE\tISP\tTARGET\tANSWER\tLAYER\tWHY\tERROR")
	for _, e := range i.Evidence {
		why := strings.TrimSpace(e.Cause + " " + e.Why)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Site, e.Network, dash(e.Target), e.Answer, dash(e.Layer), dash(why), dash(oneLine(e.Err)))
	}
	return w.Flush()
}

// oneLine makes text that came from an agent fit for a terminal.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
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
		fmt.Fprintf(out, "%s: %s\n", stateWord(i), i.Summary)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CLOUD\tREGION\tSTATE\tSITES\tISPS")
	for _, c := range v.Cells {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", c.Provider, dash(c.Region), verdictWord(c.State), c.Sites, c.Networks)
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
