package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"picket/docs"
)

// helpCommand is cobra's help, which also knows the codes: those that agents print
// when they cannot join, since whoever operates the collector is asked about them,
// and those of warnings about the configuration.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND | CODE]",
		Short:   "Explain a command, or the code of a failure or warning",
		Example: "  picket help token create\n  picket help E105\n  picket help codes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && strings.EqualFold(args[0], "codes") {
				fmt.Fprint(cmd.OutOrStdout(), docs.Codes())
				return nil
			}
			if len(args) == 1 && docs.IsCode(args[0]) {
				page, ok := docs.Page(args[0])
				if !ok {
					return &failure{exitUsage, "there is no code " + strings.ToUpper(args[0]), nil, "picket help codes lists them"}
				}
				fmt.Fprint(cmd.OutOrStdout(), page)
				return nil
			}
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return &failure{exitUsage, fmt.Sprintf("there is no command or code %q", strings.Join(args, " ")), nil, "picket --help lists the commands, picket help codes the codes"}
			}
			return about.Help()
		},
	}
}
