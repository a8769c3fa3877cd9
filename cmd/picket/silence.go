package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/alert"
	"picket/collector/web"
)

// ackCommand takes an incident on.
func ackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ack INCIDENT",
		Short: "Take an incident on, so that nobody further is called",
		Long: "Says that somebody is on it. Whoever would be called next is not called any more.\n" +
			"The first acknowledgement of an incident stands for good; each later one is kept\n" +
			"behind it as a note.",
		Example: "  picket incident ack 01KGF3M8Q2 --note \"on the phone with Microsoft\"",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	note := cmd.Flags().String("note", "", "one line for the others")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		done, err := collector.DialOperator(*data).Acknowledge(cmd.Context(), args[0], *note)
		if errors.Is(err, web.ErrNotFound) {
			return &failure{exitUsage, fmt.Sprintf("there is no incident %.40q", args[0]), nil, "picket incident list shows them"}
		}
		if err != nil {
			return explain(*data, "acknowledge incident "+args[0], err)
		}
		if done.First {
			fmt.Fprintf(cmd.OutOrStdout(), "%s is acknowledged: nobody further is called.\n", oneLine(done.Incident))
		} else {
			fmt.Fprintf(cmd.OutOrStdout(), "%s had been acknowledged before; this is kept behind that.\n", oneLine(done.Incident))
		}
		return nil
	}
	return cmd
}

// printHandling tells what people did about an incident.
func printHandling(out io.Writer, h *web.Handling) {
	if h == nil {
		return
	}
	for k, n := range h.Notes {
		name := "Note"
		if k == 0 {
			name = "Taken on"
		}
		fmt.Fprintf(out, "%-10s %s by %s\n", name, utc(n.At), strings.TrimSuffix(oneLine(n.By)+": "+oneLine(n.Text), ": "))
	}
	for _, n := range h.Notices {
		fmt.Fprintf(out, "%-10s %s was told %s\n", "Notice", oneLine(n.Client), utc(n.At))
	}
	for _, o := range h.Opinions {
		fmt.Fprintf(out, "%-10s %s: %s\n", "Opinion", oneLine(o.By), oneLine(o.Verdict))
	}
}

func silenceCommand() *cobra.Command {
	return group("silence", "Mute alerts for a time, with a reason", addSilenceCommand(), previewSilenceCommand(), listSilencesCommand(), expireSilenceCommand())
}

const silenceMatches = `A matcher is field=value, where * stands for any text; all must match. The fields are
provider, service, region, target, client, site (client/site), kind and route. A
client's or a target's silence mutes what concerns nobody else. What is muted is
watched and recorded as ever; who was told before hears the end.`

// silenceFlags reads what add and preview have in common.
func silenceFlags(cmd *cobra.Command) func(args []string) (web.SilenceRequest, error) {
	lasts := cmd.Flags().String("for", "", "how long, such as 4h or 3d; at most 30d")
	until := cmd.Flags().String("until", "", "until when, such as 2026-03-02T02:00:00Z; instead of --for")
	comment := cmd.Flags().String("comment", "", "why, for whoever wonders in a week")
	return func(args []string) (r web.SilenceRequest, err error) {
		r.Comment = strings.TrimSpace(*comment)
		for _, text := range args {
			m, err := alert.ParseMatcher(text)
			if err != nil {
				return r, &failure{exitUsage, alert.WhyNoSilence(err), nil, ""}
			}
			r.Matchers = append(r.Matchers, m)
		}
		switch {
		case *until != "" && *lasts != "":
			return r, &failure{exitUsage, "both --for and --until are given", nil, "keep one"}
		case *until != "":
			if r.Until, err = time.Parse(time.RFC3339, *until); err != nil {
				return r, &failure{exitUsage, fmt.Sprintf("--until %.40q is no time with its zone", *until), nil, "write it like 2026-03-02T02:00:00Z"}
			}
		case *lasts != "":
			if r.For, err = days(*lasts); err != nil {
				return r, &failure{exitUsage, fmt.Sprintf("--for %.40q is not a length of time", *lasts), nil, "write it like 90m, 4h or 3d"}
			}
		}
		return r, nil
	}
}

// days reads a length of time, in which d stands for 24 hours.
func days(text string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		return time.Duration(v) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

func addSilenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add MATCHER... --for TIME --comment WHY",
		Short: "Mute the alerts that match, for at most 30 days",
		Long:  "Mutes the alerts that match, from now on.\n\n" + silenceMatches,
		Example: "  picket silence add provider=azure region=westeurope --for 4h --comment \"known, ticket 4711\"\n" +
			"  picket silence add 'site=acme/*' route=desk --until 2026-03-02T02:00:00Z --comment \"office moves\"",
		Args: cobra.MinimumNArgs(1),
	}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	read := silenceFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := read(args)
		if err == nil && r.Until.IsZero() && r.For == 0 {
			err = &failure{exitUsage, "a silence needs an end", nil, "add --for 4h, or --until with a time"}
		}
		if err == nil && r.Comment == "" {
			err = &failure{exitUsage, "a silence needs a reason", nil, "add --comment \"why\", for whoever wonders in a week"}
		}
		if err != nil {
			return err
		}
		s, err := collector.DialOperator(*data).AddSilence(cmd.Context(), r)
		if err != nil {
			return explain(*data, "add a silence", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string        `json:"schema"`
				Data   alert.Silence `json:"data"`
			}{"picket.silence/v1", s})
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s mutes %s until %s.\nTo end it before: picket silence expire %s\n", s.ID, oneLine(matchers(s)), utc(s.Until), s.ID)
		return nil
	}
	return cmd
}

func matchers(s alert.Silence) string {
	parts := make([]string, len(s.Matchers))
	for k, m := range s.Matchers {
		parts[k] = m.String()
	}
	return strings.Join(parts, " ")
}

func previewSilenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "preview MATCHER...",
		Short:   "Say which alerts of the last 7 days a silence would have muted",
		Long:    "Says which alerts of the last 7 days a silence would have muted. Nothing is muted.\n\n" + silenceMatches,
		Example: "  picket silence preview provider=azure region=westeurope",
		Args:    cobra.MinimumNArgs(1),
	}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	read := silenceFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := read(args)
		if err != nil {
			return err
		}
		if r.Until.IsZero() && r.For == 0 {
			r.For = time.Hour // how long makes no difference to what was
		}
		m, err := collector.DialOperator(*data).PreviewSilence(cmd.Context(), r)
		if err != nil {
			return explain(*data, "preview a silence", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string    `json:"schema"`
				Data   web.Muted `json:"data"`
			}{"picket.muted/v1", m})
		}
		return printMuted(cmd.OutOrStdout(), m)
	}
	return cmd
}

func printMuted(out io.Writer, m web.Muted) error {
	if m.Alerts == 0 {
		fmt.Fprintln(out, "This would have muted no alert in the last 7 days.")
		return nil
	}
	least := ""
	if m.Partial {
		least = "at least "
	}
	fmt.Fprintf(out, "This would have muted %s%d %s in the last 7 days, about %d %s.\n\n", least, m.Alerts, plural(m.Alerts, "alert", "alerts"),
		len(m.Incidents), plural(len(m.Incidents), "incident", "incidents"))
	t := newTable(out, "INCIDENT", "LAST ALERT", "ALERTS", "ROUTES", "WHAT")
	for _, i := range m.Incidents {
		t.row(i.ID, utc(i.At), strconv.Itoa(i.Alerts), strings.Join(i.Routes, ", "), i.Title)
	}
	return t.Flush()
}

func listSilencesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List what is muted now", Args: cobra.NoArgs}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	all := cmd.Flags().Bool("all", false, "also those that ended in the last 30 days")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		list, err := collector.DialOperator(*data).Silences(cmd.Context())
		if err != nil {
			return explain(*data, "list silences", err)
		}
		now := time.Now()
		shown := []alert.Silence{}
		for _, s := range list {
			if *all || s.InForce(now) {
				shown = append(shown, s)
			}
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string          `json:"schema"`
				Data   []alert.Silence `json:"data"`
			}{"picket.silences/v1", shown})
		}
		return printSilences(cmd.OutOrStdout(), shown, now)
	}
	return cmd
}

func printSilences(out io.Writer, list []alert.Silence, now time.Time) error {
	if len(list) == 0 {
		fmt.Fprintln(out, "Nothing is silenced.")
		return nil
	}
	t := newTable(out, "SILENCE", "MUTES", "UNTIL", "BY", "WHY")
	for _, s := range list {
		end := utc(s.Until)
		switch {
		case !s.Ended.IsZero():
			end = "ended " + utc(s.Ended) + " by " + s.EndedBy
		case !s.InForce(now):
			end = "expired " + end
		}
		t.row(s.ID, matchers(s), end, s.Author, s.Comment)
	}
	return t.Flush()
}

func expireSilenceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "expire SILENCE", Short: "End a silence now: what it held back is told", Args: cobra.ExactArgs(1)}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := collector.DialOperator(*data).EndSilence(cmd.Context(), args[0])
		if errors.Is(err, web.ErrNotFound) {
			return &failure{exitUsage, fmt.Sprintf("there is no silence %.40q", args[0]), nil, "picket silence list shows them"}
		}
		if err != nil {
			return explain(*data, "end silence "+args[0], err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is over: what it held back is told, if it goes on.\n", oneLine(args[0]))
		return nil
	}
	return cmd
}
