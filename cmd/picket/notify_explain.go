package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/web"
)

func notifyExplainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain INCIDENT",
		Short: "Say for every alert route what it was told of an incident, and why not more",
		Long: "Says for every alert route what it was told of an incident and when, and if it was\n" +
			"told nothing, or nothing more: why, and when that is looked at again.",
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	route := cmd.Flags().String("route", "", "this route only")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e, err := collector.DialOperator(*data).Explain(cmd.Context(), args[0], *route)
		if err != nil {
			return explain(*data, "explain incident "+args[0], err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string          `json:"schema"`
				Data   web.Explanation `json:"data"`
			}{"picket.alert_explanation/v1", e})
		}
		printExplanation(cmd.OutOrStdout(), e)
		return nil
	}
	return cmd
}

func printExplanation(w io.Writer, e web.Explanation) {
	fmt.Fprintf(w, "%s  %s  (%s)\n", e.Incident, oneLine(e.Title), e.State)
	if len(e.Routes) == 0 {
		fmt.Fprintln(w, noRoutes)
	}
	for _, r := range e.Routes {
		name := r.Route
		switch {
		case r.Gone:
			name += " (no longer configured)"
		case r.Shadow:
			name += " (" + r.Class + ", shadow: written down, not sent)"
		case r.Class != "":
			name += " (" + r.Class + ")"
		}
		fmt.Fprintf(w, "\n%s\n", name)
		if r.Detour != "" {
			fmt.Fprintf(w, "  not counted on: %s [%s]\n", oneLine(r.Detour), r.Counted)
		}
		for _, l := range r.Told {
			fmt.Fprintf(w, "  %s  %s: %s\n", l.At.Local().Format("2006-01-02 15:04:05 MST"), l.Event, letterFate(l))
		}
		switch {
		case r.Gone:
		case r.Event != "":
			fmt.Fprintf(w, "  now  %s: %s\n", r.Event, oneLine(r.Words))
		case len(r.Told) == 0:
			fmt.Fprintf(w, "  told nothing: %s [%s]\n", oneLine(r.Words), r.Reason)
		default:
			fmt.Fprintf(w, "  told no more: %s [%s]\n", oneLine(r.Words), r.Reason)
		}
		if !r.Next.IsZero() && r.Event == "" {
			fmt.Fprintf(w, "  looked at again at %s, or when something changes\n", r.Next.Local().Format("2006-01-02 15:04:05 MST"))
		}
	}
}

// letterFate is how far a letter came.
func letterFate(l web.ToldLetter) string {
	text := l.State
	if l.State == "sent" {
		text += " at " + l.Done.Local().Format("15:04:05")
	}
	if l.Error != "" && l.State != "sent" {
		text += fmt.Sprintf(" (%d failed: %s)", l.Tries, oneLine(l.Error))
	}
	return text
}

func notifyShadowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shadow",
		Short: "List what would have been sent in shadow mode",
		Long: "Lists the alerts that shadow mode (alerts: shadow, or mode: shadow in the\n" +
			"configuration) has written down instead of sending them, the oldest first.",
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd)
	since := cmd.Flags().Duration("since", 24*time.Hour, "how far to look back")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).Shadowed(cmd.Context(), time.Now().Add(-*since))
		if err != nil {
			return explain(*data, "list what would have been sent", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string             `json:"schema"`
				Data   []web.ShadowLetter `json:"data"`
			}{"picket.alert_shadow/v1", all})
		}
		return printShadow(cmd.OutOrStdout(), all, *since)
	}
	return cmd
}

func printShadow(out io.Writer, all []web.ShadowLetter, since time.Duration) error {
	if len(all) == 0 {
		_, err := fmt.Fprintf(out, "Nothing would have been sent in the last %s.\n", after(since))
		return err
	}
	perRoute := map[string]int{}
	var names []string
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WHEN\tROUTE\tEVENT\tWOULD HAVE SAID")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.At.Local().Format("2006-01-02 15:04:05"), l.Route, l.Event, oneLine(l.Subject))
		if perRoute[l.Route]++; perRoute[l.Route] == 1 {
			names = append(names, l.Route)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, name := range names {
		fmt.Fprintf(out, "%s would have had %d %s in the last %s.\n", name, perRoute[name], plural(perRoute[name], "message", "messages"), after(since))
	}
	return nil
}
