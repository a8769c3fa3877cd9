package main

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"picket/agent"
)

// leavingCommand notes why the agent is about to be stopped. It is for the
// scripts of packages and not shown: people have nothing to do with it.
func leavingCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "leaving {upgrade|uninstall}",
		Short:  "Note why the agent is about to be stopped, so that its goodbye says so (for package scripts)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
	}
	state := stateFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		err := agent.MarkLeave(*state, args[0])
		switch {
		case errors.Is(err, agent.ErrLeave):
			return &failure{exitUsage, "nothing was noted", err, ""}
		case errors.Is(err, fs.ErrNotExist):
			return nil // no state, no agent, nobody to say goodbye
		case err != nil:
			return &failure{exitPermission, "nothing was noted in " + *state, err, "run it as root or as the agent's user; the stop itself needs no note"}
		}
		return nil
	}
	return cmd
}
