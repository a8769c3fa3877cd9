package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
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
			"is this the right directory? name another with --data, or start it: picket collector --data " + data}
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
	return group("incident", "What is and was wrong, and who is on it", list, show, ackCommand(), noticeCommand())
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
	t := newTable(out, "INCIDENT", "STATE", "SINCE", "LASTED", "WHAT")
	for _, i := range all {
		end := i.Resolved
		if end.IsZero() {
			end = time.Now()
		}
		t.row(i.ID, stateWord(i), utc(i.Started), end.Sub(i.Started).Truncate(time.Second).String(), i.Title)
	}
	return t.Flush()
}

// stateWord is where an incident is, in the words of the page.
func stateWord(i detect.Incident) string {
	if i.Drill {
		i.Drill = false
		return "DRILL " + stateWord(i)
	}
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

func printIncident(out io.Writer, i web.HandledIncident) error {
	fmt.Fprintf(out, "%s  %s\n%s\n", oneLine(i.ID), oneLine(i.Title), oneLine(i.Summary))
	if !strings.Contains(i.Summary, i.Reason.Text) {
		fmt.Fprintln(out, oneLine(i.Reason.Text))
	}
	state := stateWord(i.Incident)
	if w := i.Confidence.Word(); w != "" && w != state {
		state += " (" + w + ")"
	}
	fmt.Fprintf(out, "\nState      %s\n", state)
	for _, at := range []struct {
		name string
		time time.Time
	}{{"Started", i.Started}, {"Confirmed", i.Confirmed}, {"Recovered", i.Recovered}, {"Resolved", i.Resolved}} {
		if !at.time.IsZero() {
			fmt.Fprintf(out, "%-10s %s\n", at.name, utc(at.time))
		}
	}
	printHandling(out, i.Handling)
	if i.Says != "" {
		fmt.Fprintf(out, "%-10s %s\n", "Official", oneLine(i.Says))
		if o := i.Official; o != nil && o.Title != "" {
			fmt.Fprintf(out, "%-10s %s  %s\n", "", oneLine(o.Title), oneLine(o.URL))
		}
	}
	for _, x := range i.Impact {
		fmt.Fprintf(out, "%-10s %s: %d of %d %s\n", "Client", oneLine(x.Client), x.Failing, x.Sites, plural(x.Sites, "site fails", "sites fail"))
	}
	if len(i.Neighbours) > 0 {
		fmt.Fprint(out, "\nWhy this and not its neighbours:\n")
		for _, n := range i.Neighbours {
			fmt.Fprintf(out, "  %s: %s\n", oneLine(n.Label), oneLine(n.Why))
		}
	}
	fmt.Fprintln(out)
	t := newTable(out, "SITE", "ISP", "SEEN FROM", "TARGET", "ANSWER", "LAYER", "FIRST", "LAST", "WHY", "ADDRESS", "ERROR")
	for _, e := range i.Evidence {
		t.row(e.Site, e.Network, e.VRegion, e.Target, e.Answer, e.Layer, hourOf(e.First), hourOf(e.Last),
			strings.TrimSpace(e.Cause+" "+detect.WhyWords(e.Why)), strings.TrimSpace(e.Addr+" "+e.Edge), e.Err)
	}
	return t.Flush()
}

// hourOf is the time of the day, "" of none.
func hourOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("15:04:05")
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
	var silent []detect.SiteStatus
	for _, site := range v.Sites {
		if !site.Eligible {
			silent = append(silent, site)
		}
	}
	played, drill := 0, ""
	for _, i := range v.Open {
		if i.Drill {
			played++
		}
	}
	if played > 0 {
		drill = fmt.Sprintf(" (and %d in a DRILL)", played)
	}
	fmt.Fprintf(out, "%d of %d %s vote, %d open %s%s, at %s\n", len(v.Sites)-len(silent), len(v.Sites), plural(len(v.Sites), "site", "sites"),
		len(v.Open)-played, plural(len(v.Open)-played, "incident", "incidents"), drill, utc(time.Now()))
	if len(silent) > 0 {
		fmt.Fprintln(out)
		t := newTable(out, "SITE THAT DOES NOT VOTE", "WHY")
		for _, site := range silent {
			t.row(site.ID, whySilent(site))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(v.Open) > 0 {
		fmt.Fprintln(out)
		t := newTable(out, "OPEN INCIDENT", "STATE", "SINCE", "WHAT")
		for _, i := range v.Open {
			t.row(i.ID, stateWord(i), utc(i.Started), i.Summary)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	t := newTable(out, "CLOUD", "REGION", "STATE", "SITES", "ISPS")
	for _, c := range v.Cells {
		t.row(c.Provider, c.Region, verdictWord(c.State), strconv.Itoa(c.Sites), strconv.Itoa(c.Networks))
	}
	return t.Flush()
}

// whySilent is why a site does not vote.
func whySilent(s detect.SiteStatus) string {
	why := s.Why
	switch {
	case why != "":
	case s.Agents == 0:
		why = "it has no agent"
	case !s.Connected:
		why = "no agent of it is connected"
	default:
		why = "its agent does not say"
	}
	if !s.Connected && !s.LastSeen.IsZero() {
		why += ", last seen " + utc(s.LastSeen)
	}
	return why
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
