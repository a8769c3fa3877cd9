package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/web"
)

// notifyCommand is whom Picket tells, and whether that works.
func notifyCommand() *cobra.Command {
	return group("notify", "Whom Picket tells, and whether it arrives", notifyTestCommand(), notifyRoutesCommand(), notifyReceiptsCommand(), notifyExplainCommand(), notifyShadowCommand(), notifyPreviewCommand())
}

func notifyTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [ROUTE]",
		Short: "Send a message that is marked as a test, on one alert route or on all",
		Long: "Sends a message that is clearly marked as a test on one alert route, or on all of\n" +
			"them, and says of each whether it arrived and if not, why and what to do.\n" +
			"Exit codes: 0 all were delivered, 11 some were not, 2 there is no such route.",
		Args: cobra.MaximumNArgs(1),
	}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := collector.DialOperator(*data).TestAlerts(cmd.Context(), strings.Join(args, ""))
		if err != nil {
			return explain(*data, "test the alert routes", err)
		}
		if *asJSON {
			err = printJSON(cmd.OutOrStdout(), struct {
				Schema string         `json:"schema"`
				Data   []web.Delivery `json:"data"`
			}{"picket.alert_test/v1", all})
		} else {
			printDeliveries(cmd.OutOrStdout(), all)
		}
		failed := 0
		for _, d := range all {
			if !d.OK {
				failed++
			}
		}
		if failed > 0 && err == nil {
			err = &failure{exitFailed, fmt.Sprintf("%d of %d alert %s not take the test message", failed, len(all), plural(len(all), "route did", "routes did")), nil, ""}
		}
		return err
	}
	return cmd
}

func printDeliveries(w io.Writer, all []web.Delivery) {
	if len(all) == 0 {
		fmt.Fprintln(w, noRoutes)
		return
	}
	for _, d := range all {
		state := "delivered"
		if !d.OK {
			state = "FAILED"
		}
		fmt.Fprintf(w, "%-9s  %s  (%s to %s, %.1f s)\n", state, d.Route, d.Way, oneLine(strings.Join(d.To, ", ")), d.Took.Seconds())
		if !d.OK {
			fmt.Fprintf(w, "           why: %s\n", oneLine(d.Why))
		}
		if d.Fix != "" {
			fmt.Fprintf(w, "           fix: %s\n", oneLine(d.Fix))
		}
	}
}

const noRoutes = "No alert routes: nobody is told of anything. Write them under alerts: in the configuration and apply it (picket config apply FILE)."

func notifyRoutesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "routes", Short: "List whom Picket tells of what, without the secrets", Args: cobra.NoArgs}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).AlertRoutes(cmd.Context())
		if err != nil {
			return explain(*data, "list the alert routes", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string           `json:"schema"`
				Data   []web.AlertRoute `json:"data"`
			}{"picket.alert_routes/v1", all})
		}
		return printRoutes(cmd.OutOrStdout(), all)
	}
	return cmd
}

func printRoutes(out io.Writer, all []web.AlertRoute) error {
	if len(all) == 0 {
		fmt.Fprintln(out, noRoutes)
		return nil
	}
	kinds := map[string]string{"": "everything", "all": "everything", "provider-side": "clouds", "site": "sites and ISPs"}
	sure := map[string]string{"": "Likely", "suspected": "Possible", "probable": "Likely", "confirmed": "Confirmed"}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	if all[0].Shadow {
		fmt.Fprintln(out, "Shadow mode: nothing is sent. What routes would be told is written down (picket notify shadow).")
	}
	fmt.Fprintln(w, "ROUTE\tFOR\tWAY\tTO\tTOLD OF\tFROM\tAFTER\tRESOLVED AFTER")
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Class, r.Way, oneLine(strings.Join(r.To, ", ")), kinds[r.Kinds], sure[r.MinConfidence],
			after(r.Delay), after(r.ResolveDelay))
	}
	return w.Flush()
}

// after is a delay for people.
func after(d time.Duration) string {
	if d == 0 {
		return "at once"
	}
	s := d.String() // 1h30m0s
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func notifyReceiptsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receipts",
		Short: "List whom Picket told of what, and whether it arrived",
		Long: "Lists the newest messages of all routes, or with --incident all of one incident:\n" +
			"when each was written, when it arrived and how long that took, how often it was\n" +
			"tried in vain and what the last failure was. Tests and messages about routes\n" +
			"that fail are among them.",
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd)
	incident := cmd.Flags().String("incident", "", "only of the incident with this `id`")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).Receipts(cmd.Context(), *incident)
		if err != nil {
			return explain(*data, "read the receipts", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string       `json:"schema"`
				Data   []web.Letter `json:"data"`
			}{"picket.alert_receipts/v1", all})
		}
		return printReceipts(cmd.OutOrStdout(), all)
	}
	return cmd
}

func printReceipts(out io.Writer, all []web.Letter) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "Nobody was told of anything yet.")
		return nil
	}
	t := newTable(out, "WRITTEN (UTC)", "ABOUT", "ROUTE", "WHAT", "STATE", "TOOK", "FAILED TRIES", "LAST FAILURE")
	for _, l := range all {
		took := ""
		if !l.Sent.IsZero() {
			took = fmt.Sprintf("%.1f s", l.Took.Seconds())
		}
		t.row(l.At.UTC().Format("2006-01-02 15:04:05"), l.Incident, l.Route, l.Event, l.State, took, fmt.Sprint(l.Tries), oneLine(l.Why))
	}
	return t.Flush()
}
