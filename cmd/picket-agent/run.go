package main

import (
	"errors"
	"io/fs"
	"net"

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
	bind := cmd.Flags().String("bind", "", "local `address` of the line to the collector (default: any)")
	metered := cmd.Flags().Bool("metered", false, "spare an expensive line: fewer heartbeats")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log := logger(cmd.ErrOrStderr())
		_, err := identity.LoadBundle(*state)
		switch {
		case errors.Is(err, identity.ErrNotEnrolled):
			return &failure{exitAuth, "this machine is not enrolled (nothing in " + *state + ")", nil,
				"is this the right directory? name another with --state, or enrol: picket-agent join TOKEN"}
		case err != nil:
			return &failure{exitPermission, "the identity in " + *state + " cannot be used", err, ""}
		}
		a, err := agent.New(agent.Options{
			Dir:     *state,
			Open:    func() (net.PacketConn, error) { return net.ListenPacket("udp", net.JoinHostPort(*bind, "0")) },
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
		err = a.Run(cmd.Context())
		switch {
		case errors.Is(err, agent.ErrState):
			return &failure{exitPermission, "the state directory " + *state + " cannot be used", err, "name another with --state"}
		case err != nil:
			return &failure{exitInternal, "stopped with an error", err, ""}
		}
		log.Info("agent has stopped; what was not delivered is kept on disk")
		return nil
	}
	return cmd
}
