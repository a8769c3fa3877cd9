package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/agent/spool"
	"picket/internal/identity"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Watch until stopped",
		Args:  cobra.NoArgs,
	}
	state := stateFlag(cmd)
	bind := cmd.Flags().String("bind", "", "local `address` of the line to the collector (default: any)")
	metered := cmd.Flags().Bool("metered", false, "spare an expensive line: fewer heartbeats")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log := logger(cmd.ErrOrStderr())
		_, err := identity.LoadBundle(*state)
		switch {
		case errors.Is(err, identity.ErrNotEnrolled):
			return &failure{exitAuth, "this machine is not enrolled (nothing in " + *state + ")", nil, "picket-agent join TOKEN"}
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

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the agent of this machine is doing and whom it sees",
		Args:  cobra.NoArgs,
	}
	state := stateFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print everything as one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := agent.AskStatus(cmd.Context(), *state)
		switch {
		case errors.Is(err, agent.ErrNotYours):
			return &failure{exitPermission, "the status socket in " + *state + " may only be opened by the agent's user", err, "run this as that user or as root"}
		case err != nil:
			return &failure{exitNetwork, "no agent answers in " + *state, err, "start it: picket-agent run"}
		}
		if *asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(s)
		}
		printStatus(cmd.OutOrStdout(), s)
		if !s.Connected {
			return found(exitDegraded)
		}
		return nil
	}
	return cmd
}

func printStatus(w io.Writer, s agent.Status) {
	connected := "connected"
	if !s.Connected {
		connected = "NOT connected: going on with the stored configuration"
	}
	fmt.Fprintf(w, "Agent      %s  (client %s, site %s, version %s)\n", s.Agent, s.Client, s.Site, s.Version)
	fmt.Fprintf(w, "Collector  %s, seen from %s\n", connected, s.Network)
	fmt.Fprintf(w, "Line       %d of %d references answer; ", s.Health.RefsOK, s.Health.RefsAsked)
	if s.Health.Voting {
		fmt.Fprintln(w, "votes")
	} else {
		fmt.Fprintf(w, "does not vote: %s\n", s.Health.Why)
	}
	fmt.Fprintf(w, "Results    %d waiting for the collector (%d bytes), %d lost\n", s.Spool.Pending, s.Spool.Bytes, s.Health.Dropped)
	fmt.Fprintf(w, "Identity   certificate until %s, renews itself\n", s.Until.Format(time.DateOnly))
	fmt.Fprintf(w, "Checks     %d, configuration %d\n", len(s.Checks), s.Config)
	fmt.Fprintf(w, "Fleet      %d members\n", len(s.Members))
	for _, m := range s.Members {
		fmt.Fprintf(w, "  %-8s %-28s %-24s %s\n", m.State, m.Seat.Agent, m.Seat.Site, m.Seat.Network)
	}
}
