package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/detect"
)

func coverageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "coverage",
		Short: "What today's fleet could confirm, what not, and what would help",
		Long: `What today's fleet could confirm, what not, and what would help.

For every service and cloud region that is watched: if it went down now for
everybody, how sure could Picket be? The answer is the quorum rule's own, asked
with the sites that may vote at this moment.`,
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).Coverage(cmd.Context())
		if err != nil {
			return explain(*data, "read the coverage", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string            `json:"schema"`
				Data   []detect.Coverage `json:"data"`
			}{"picket.coverage/v1", all})
		}
		return printCoverage(cmd.OutOrStdout(), all)
	}
	return cmd
}

func printCoverage(out io.Writer, all []detect.Coverage) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "Nothing is watched.")
		return nil
	}
	sure := 0
	help := map[string]int{}
	var order []string
	t := newTable(out, "CLOUD", "SERVICE", "REGION", "AN OUTAGE", "SITES", "ISPS", "SPARE", "WHY NOT MORE")
	for _, c := range all {
		word := "cannot be called"
		switch c.Confidence {
		case detect.ConfidenceConfirmed:
			word = "can be confirmed"
			sure++
		case detect.ConfidenceProbable, detect.ConfidenceSuspected:
			word = "at most " + strings.ToLower(c.Confidence.Word())
		}
		why := ""
		if c.Confidence != detect.ConfidenceConfirmed {
			why = c.Text
		}
		for _, m := range c.Missing {
			why = strings.TrimSpace(why + fmt.Sprintf(" %d %s cannot testify: %s.", m.Sites, plural(m.Sites, "site", "sites"), m.Why))
		}
		t.row(c.Provider, c.Service, strings.TrimSpace(c.Region+" "+c.Client), word, fmt.Sprint(c.Sites), fmt.Sprint(c.Networks), fmt.Sprint(c.Spare), why)
		for _, g := range c.Gains {
			if help[g.Text] == 0 {
				order = append(order, g.Text)
			}
			help[g.Text]++
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d of %d %s could be confirmed now.\n", sure, len(all), plural(len(all), "service", "services"))
	for _, text := range order {
		fmt.Fprintf(out, "  For %d of them, %s.\n", help[text], text)
	}
	return nil
}
