package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/web"
)

// drillCommand plays outages on the running collector.
func drillCommand() *cobra.Command {
	return group("drill", "Play an outage, to see how fast it is found and told", drillRunCommand(), drillListCommand(), drillStopCommand())
}

func drillRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Play an outage for a while, and have people told that it is a drill",
		Long: "Plays an outage on what the agents really see: a second judge beside the real one\n" +
			"hears the chosen sites say that the chosen targets fail. What it finds goes to the\n" +
			"pages and alert routes as an outage would, and is marked DRILL everywhere. Real\n" +
			"outages are found and told as ever. It ends by itself.\n\n" +
			"SCENARIO is a name from picket drill list, the id of a target, or CLOUD-REGION.\n" +
			"Clients see and hear nothing of it unless --clients says so.",
		Example: "  picket drill run azure-westeurope --for 3m\n" +
			"  picket drill run service --provider m365 --service exchange-online\n" +
			"  picket drill run line --site acme/madrid --for 1m",
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	var r web.DrillRequest
	f := cmd.Flags()
	f.DurationVar(&r.For, "for", 3*time.Minute, "how long it is played, 10s to 1h")
	f.BoolVar(&r.Clients, "clients", false, "clients see and hear of it, too")
	f.StringVar(&r.Target, "target", "", "the `id` of the only target that fails")
	f.StringVar(&r.Provider, "provider", "", "the `cloud` that fails")
	f.StringVar(&r.Service, "service", "", "the `service` of the cloud that fails")
	f.StringVar(&r.Region, "region", "", "the cloud's `region` that fails")
	f.StringSliceVar(&r.Sites, "site", nil, "only this `client/site` sees it, or is cut off; may be repeated")
	f.StringVar(&r.ISP, "isp", "", "only sites on this `ISP` see it, or are cut off")
	asJSON := f.Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Scenario = args[0]
		d, err := collector.DialOperator(*data).StartDrill(cmd.Context(), r)
		if err != nil {
			return explain(*data, "begin a drill", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), d)
		}
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "DRILL %s began: %s, for %s.\n", oneLine(d.ID), oneLine(d.Title), after(d.For))
		if !d.Clients {
			fmt.Fprintln(out, "Clients see and hear nothing of it.")
		}
		fmt.Fprintln(out, "How fast it is found and told: picket drill list. End it now: picket drill stop.")
		return nil
	}
	return cmd
}

func drillStopCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "stop", Short: "End the drill that is on, and tell those who were told", Args: cobra.NoArgs}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := collector.DialOperator(*data).StopDrill(cmd.Context())
		if err != nil {
			return explain(*data, "stop the drill", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), d)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "DRILL %s has ended: %s.\n%s\n", oneLine(d.ID), oneLine(d.Title), drillResult(d))
		return nil
	}
	return cmd
}

func drillListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List what can be played, and how fast past drills were found and told", Args: cobra.NoArgs}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).Drills(cmd.Context(), 50)
		if err != nil {
			return explain(*data, "list drills", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string     `json:"schema"`
				Data   web.Drills `json:"data"`
			}{"picket.drills/v1", all})
		}
		return printDrills(cmd.OutOrStdout(), all)
	}
	return cmd
}

func printDrills(out io.Writer, all web.Drills) error {
	t := newTable(out, "SCENARIO", "WHAT IS PLAYED", "NEEDS")
	for _, s := range all.Scenarios {
		t.row(s.Name, s.Title, s.Needs)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if len(all.Drills) == 0 {
		fmt.Fprintln(out, "No drill was ever played: nobody knows how fast you would be told.")
		return nil
	}
	t = newTable(out, "DRILL", "BEGUN", "STATE", "DETECTED", "CONFIRMED", "TOLD", "WHAT")
	for _, d := range all.Drills {
		told := make([]string, len(d.Told))
		for i, r := range d.Told {
			told[i] = r.Route + " " + took(d.Begun, r.At)
		}
		state := d.State
		if d.Why != "" {
			state += ": " + d.Why
		}
		t.row(d.ID, utc(d.Begun), state, took(d.Begun, d.Detected), took(d.Begun, d.Confirmed), strings.Join(told, ", "), d.Title)
	}
	return t.Flush()
}

// took is the time from one moment to another, "" if that never came.
func took(from, to time.Time) string {
	if to.IsZero() {
		return ""
	}
	return fmt.Sprintf("%.1f s", to.Sub(from).Seconds())
}

// drillResult says how fast a drill was found and told.
func drillResult(d web.Drill) string {
	if d.Detected.IsZero() {
		return "It was not found while it was played."
	}
	s := "Detected after " + took(d.Begun, d.Detected)
	if !d.Confirmed.IsZero() {
		s += ", confirmed after " + took(d.Begun, d.Confirmed)
	}
	if len(d.Told) == 0 {
		return s + ". Nobody was told yet."
	}
	for i, r := range d.Told {
		s += map[bool]string{true: ", told after ", false: ", "}[i == 0] + took(d.Begun, r.At) + " (" + oneLine(r.Route) + ")"
	}
	return s + "."
}
