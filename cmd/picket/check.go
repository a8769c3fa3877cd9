package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/inquiry"
)

// exitUnsure is the answer of `picket check` when nobody can tell who it is.
const exitUnsure = 10

// checkCommand asks "is it us, our ISP, or them?".
func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check TARGET [--site CLIENT/SITE]",
		Short: "Is it us, our ISP, or them? Have sites look now and say who it is",
		Long: "Has a site and up to five others, on as many internet providers as there are, look\n" +
			"at TARGET now, and says within ten seconds who it is: the site's own side, its\n" +
			"internet provider, the way between that and the service, or the service.\n" +
			"TARGET is the id or name of a target that is watched, its host, or any other host\n" +
			"or http(s) URL. Without --site the question is about everybody.\n" +
			"Exit codes: 0 it works, 11 something is down, 10 nobody can tell, 2 there is no\n" +
			"such target or site, or it was asked too often.",
		Example: "  picket check outlook.office365.com --site acme/madrid\n  picket check https://erp.example/login --json",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	var q inquiry.Question
	cmd.Flags().StringVar(&q.Site, "site", "", "the site where it does not work, as CLIENT/SITE")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q.Target = args[0]
		f, err := collector.DialOperator(*data).Check(cmd.Context(), q)
		if err != nil {
			return explain(*data, "check "+q.Target, err)
		}
		if *asJSON {
			err = printJSON(cmd.OutOrStdout(), struct {
				Schema string          `json:"schema"`
				Data   inquiry.Finding `json:"data"`
			}{"picket.check/v1", f})
		} else {
			err = printFinding(cmd.OutOrStdout(), f)
		}
		if err != nil {
			return err
		}
		return exitOf(f)
	}
	return cmd
}

// exitOf is the answer as an exit code; nil for 0.
func exitOf(f inquiry.Finding) error {
	switch f.Party {
	case inquiry.Nobody:
		return nil
	case inquiry.CantTell:
		return &verdict{exitUnsure}
	}
	return &verdict{exitFailed}
}

// printFinding prints an answer: the sentence, the chain, what each site saw,
// what is missing.
func printFinding(out io.Writer, f inquiry.Finding) error {
	fmt.Fprintf(out, "VERDICT   %s\n", oneLine(f.Sentence))
	if word := f.Confidence.Word(); word != "" && f.Party != inquiry.Nobody {
		fmt.Fprintf(out, "          %s.\n", word)
	}
	if f.Detail != "" {
		fmt.Fprintf(out, "          %s\n", oneLine(f.Detail))
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CHAIN\tSTATE\tSEEN")
	for _, l := range f.Chain {
		fmt.Fprintf(w, "%s\t%s\t%s\n", oneLine(l.Name), linkWord(l.State), oneLine(l.Text))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(f.Rows) > 0 {
		fmt.Fprintln(out)
		fmt.Fprintln(w, "SITE\tISP\tANSWER\tDNS\tCONNECT\tTLS\tFIRST BYTE\tREFERENCES\tWHY")
		for _, r := range f.Rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", rowSite(r), dash(r.ISP), rowAnswer(r), phase(r.DNS), phase(r.Connect), phase(r.TLS), phase(r.TTFB), rowRefs(r), dash(rowWhy(r)))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	for i, m := range f.Missing {
		head := "MISSING"
		if i > 0 {
			head = ""
		}
		fmt.Fprintf(out, "%-9s %s\n", head, oneLine(m))
	}
	if f.Incident != "" {
		fmt.Fprintf(out, "INCIDENT  picket incident show %s\n", f.Incident)
	}
	_, err := fmt.Fprintf(out, "ASKED     %s, answered in %.1f s\n", f.At.Local().Format("2006-01-02 15:04:05 MST"), f.Took.Seconds())
	return err
}

func linkWord(s inquiry.LinkState) string {
	switch s {
	case inquiry.LinkOK:
		return "ok"
	case inquiry.LinkBroken:
		return "BROKEN"
	case inquiry.LinkSlow:
		return "slow"
	}
	return "?"
}

func rowSite(r inquiry.Row) string {
	if r.Own {
		return "> " + r.Site
	}
	return "  " + dash(r.Site)
}

// rowAnswer is what a site says, failing layer first.
func rowAnswer(r inquiry.Row) string {
	switch {
	case r.State == inquiry.Silent:
		return "no word"
	case r.State != inquiry.Answered:
		return "did not look"
	case r.Outcome == "up":
		return "ok"
	case r.Outcome == "unknown":
		return "can't tell"
	case r.Outcome == "down" && r.Layer != "":
		return "FAILS at " + r.Layer
	}
	return r.Outcome
}

func rowRefs(r inquiry.Row) string {
	if r.RefsAsked == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", r.RefsOK, r.RefsAsked)
}

// rowWhy is the agent's own text about what went wrong, cleaned for a terminal.
func rowWhy(r inquiry.Row) string {
	why := strings.TrimSpace(r.Why + " " + r.Cause)
	if r.Err != "" {
		why += ": " + r.Err
	}
	return oneLine(why)
}

func phase(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
