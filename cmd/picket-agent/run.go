package main

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/agent/spool"
	"picket/internal/identity"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Watch until stopped",
		Long: `Watch until stopped.

An agent that was revoked keeps running but probes nothing and keeps no results;
it says so in its log and by picket-agent status. To use the machine again, stop
it, join with a new token, and start it.`,
		Args: cobra.NoArgs,
	}
	state := stateFlag(cmd)
	bind := cmd.Flags().String("bind", "", "local `address` of the line to the Picket server (default: any)")
	proxied := proxyFlag(cmd)
	metered := cmd.Flags().Bool("metered", false, "spare an expensive line: fewer heartbeats, and probes within the budget of a metered day")
	join := cmd.Flags().Bool("join", false, "join first if this machine has not, with the token in PICKET_TOKEN (for containers)")
	life := lifeOf(cmd)
	cmd.RunE = lived(life, func(cmd *cobra.Command, _ []string) error {
		log := life.Logger()
		_, err := identity.LoadBundle(*state)
		if _, there, _ := agent.LoadWaiting(*state); *join && !there && errors.Is(err, identity.ErrNotEnrolled) {
			if err := joinFirst(cmd, *state); err != nil {
				return err
			}
			_, err = identity.LoadBundle(*state)
		}
		if errors.Is(err, identity.ErrNotEnrolled) {
			if _, there, _ := agent.LoadWaiting(*state); there {
				life.Ready() // waiting for an admin may take days: no service manager should
			}
			if waited, failed := awaitApproval(cmd.Context(), *state, *bind, *proxied, log); waited {
				if cmd.Context().Err() != nil {
					return nil // stopped while it waited
				}
				if failed != nil {
					return failed
				}
				_, err = identity.LoadBundle(*state)
			}
		}
		switch {
		case errors.Is(err, identity.ErrNotEnrolled):
			return &failure{exitAuth, "this machine is not enrolled (nothing in " + *state + ")", nil,
				"is this the right directory? name another with --state, or enrol: picket-agent join TOKEN"}
		case err != nil:
			return &failure{exitPermission, "the identity in " + *state + " cannot be used", err, ""}
		}
		if err := noPassword(*state, *proxied); err != nil {
			return err
		}
		ways, err := waysOf(*state, *bind, *proxied)
		if err != nil {
			return err
		}
		a, err := agent.New(agent.Options{
			Dir:     *state,
			Ways:    ways,
			Metered: *metered,
			Version: version,
			Log:     log,
		})
		switch {
		case errors.Is(err, spool.ErrLocked):
			return &failure{exitPermission, "an agent already runs on this state directory; see picket-agent status", nil,
				"stop it first, or name another directory with --state"}
		case errors.Is(err, fs.ErrPermission):
			return &failure{exitPermission, "the state directory " + *state + " cannot be used", err, "run as the user who joined"}
		case err != nil:
			return &failure{exitInternal, "cannot start", err, ""}
		}
		life.Ready()
		err = a.Run(cmd.Context())
		switch {
		case errors.Is(err, agent.ErrState):
			return &failure{exitPermission, "the state directory " + *state + " cannot be used", err, "name another with --state"}
		case err != nil:
			return &failure{exitInternal, "stopped with an error", err, ""}
		}
		return nil
	})
	return cmd
}
