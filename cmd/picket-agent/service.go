package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/cmd/picket-agent/daemon"
	"picket/internal/identity"
	"picket/internal/uplink"
)

func serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Install, start, stop or remove the agent as a service of this machine",
		Long: `Install, start, stop or remove the agent as a service of this machine:
systemd on Linux, launchd on macOS, the service manager on Windows.

All but status needs root or an administrator; all may be repeated.`,
		Example: "  sudo picket-agent join pk1_...\n  sudo picket-agent service install\n  sudo picket-agent service status",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(
		serviceInstall(), serviceUninstall(), serviceStatus(),
		serviceVerb("start", "Start the service", (*daemon.Service).Start),
		serviceVerb("stop", "Stop the service and tell the Picket server goodbye", (*daemon.Service).Stop),
		serviceVerb("restart", "Stop the service and start it again", (*daemon.Service).Restart),
		serviceSet(), serviceHandOver(),
	)
	return cmd
}

func serviceInstall() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the service, or repair it, and start it if this machine has joined",
		Long: `Install the service, or repair it, and start it if this machine has joined.

The program is copied to its place, an account of its own and the state directory
are made, and the service is set to start with the machine.`,
		Args: cobra.NoArgs,
	}
	rest := cmd.Flags().Bool("no-start", false, "do not start it now")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := daemon.Open()
		if err == nil {
			err = s.Install()
		}
		if err != nil {
			return explainService("install the service", err)
		}
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "Installed  %s, starts with the machine\n", s.Layout().Program)
		_, err = identity.LoadBundle(s.Layout().State)
		switch {
		case errors.Is(err, identity.ErrNotEnrolled):
			fmt.Fprintln(out, "Service    not started: this machine has not joined yet")
			fmt.Fprintln(out, "Next       picket-agent join TOKEN, which starts it, too")
			return nil
		case err != nil:
			return &failure{exitPermission, "the service is installed, but the identity in " + s.Layout().State + " cannot be used", err, ""}
		case *rest:
			fmt.Fprintln(out, "Service    not started")
			return nil
		}
		if err := s.Start(); err != nil {
			return explainService("start the service", err)
		}
		fmt.Fprintln(out, "Service    started")
		return nil
	}
	return cmd
}

func serviceVerb(name, short string, do func(*daemon.Service) error) *cobra.Command {
	done := map[string]string{"start": "started", "stop": "stopped", "restart": "started again"}[name]
	return &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		s, err := daemon.Open()
		if err == nil {
			err = do(s)
		}
		if err != nil {
			return explainService(name+" the service", err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), "Service    "+done)
		return nil
	}}
}

func serviceStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether the service is installed and runs",
		Long: `Say whether the service is installed and runs. How the agent itself is doing
says picket-agent status.

Exit code 0 means that it runs, 10 that it is stopped, 11 that it is not installed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := daemon.Open()
			if err != nil {
				return explainService("ask for the service", err)
			}
			st, err := s.Status()
			out := cmd.OutOrStdout()
			switch {
			case err != nil:
				return explainService("ask for the service", err)
			case !st.Installed:
				fmt.Fprintln(out, "Service    not installed")
				return found(exitDown)
			case !st.Running:
				fmt.Fprintln(out, "Service    installed, stopped")
				return found(exitDegraded)
			}
			fmt.Fprintln(out, "Service    runs")
			return nil
		},
	}
}

func serviceUninstall() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service, tell the Picket server goodbye, and remove everything",
		Long: `Stop the service, tell the Picket server goodbye, and remove everything that
"service install" and "join" made: service, program, account, identity, results
that were not delivered, settings and logs. An agent that is installed again
needs a new token.`,
		Args: cobra.NoArgs,
	}
	var keep daemon.Keep
	cmd.Flags().BoolVar(&keep.State, "keep-state", false, "keep identity, results and settings, so that the agent can be installed again without a token")
	cmd.Flags().BoolVar(&keep.Program, "keep-program", false, "leave the program, for an installer that removes it itself")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := daemon.Open()
		if err == nil {
			_ = agent.MarkLeave(s.Layout().State, uplink.ByeUninstall) // without it the goodbye says "stop"
			err = s.Uninstall(keep)
		}
		if err != nil {
			return explainService("remove the service", err)
		}
		out := cmd.OutOrStdout()
		what := map[bool]string{true: "Kept   ", false: "Removed"}
		fmt.Fprintln(out, "Removed    the service and its logs")
		fmt.Fprintf(out, "%s    %s\n", what[keep.Program], s.Layout().Program)
		fmt.Fprintf(out, "%s    %s: identity, results, settings\n", what[keep.State], s.Layout().State)
		return nil
	}
	return cmd
}

func serviceSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME=VALUE...",
		Short: "Set a variable in the service's environment, such as a proxy",
		Long: `Set a variable in the service's environment, such as a proxy. An empty value takes
it away. With "-" the lines are read from standard input, which keeps a password
out of the list of processes. The service takes it when it is started again.`,
		Example: "  sudo picket-agent service set PICKET_PROXY=http://10.0.0.5:3128",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 64<<10))
				if err != nil {
					return &failure{exitUsage, "cannot read standard input", err, ""}
				}
				args = strings.Split(strings.TrimSpace(string(text)), "\n")
			}
			s, err := daemon.Open()
			if err == nil {
				err = s.Set(args)
			}
			if err != nil {
				return explainService("set this", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Set        in %s\nNext       picket-agent service restart\n", s.Layout().Settings)
			return nil
		},
	}
}

// serviceHandOver is for systemd, which calls it before every start.
func serviceHandOver() *cobra.Command {
	return &cobra.Command{Use: "hand-over", Hidden: true, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		if err := daemon.HandOver(); err != nil {
			return &failure{exitPermission, "the service's user cannot be given the state directory", err, ""}
		}
		return nil
	}}
}

func explainService(what string, err error) error {
	what = "cannot " + what
	switch {
	case errors.Is(err, daemon.ErrRights):
		fix := "run it with sudo"
		if runtime.GOOS == "windows" {
			fix = "run it in a PowerShell that was opened with \"Run as administrator\""
		}
		return &failure{exitPermission, "E109 " + what + ": this needs more rights", nil, fix}
	case errors.Is(err, daemon.ErrPackaged):
		return &failure{exitUsage, what + ": it came with a package of this system", nil,
			"use its package manager, such as: sudo apt purge picket-agent, or sudo dnf remove picket-agent"}
	case errors.Is(err, daemon.ErrNotInstalled):
		return &failure{exitUsage, what + ": it is not installed", nil, "picket-agent service install"}
	case errors.Is(err, daemon.ErrNoManager):
		return &failure{exitUsage, what + ": this machine is not run by systemd, launchd or Windows", nil,
			"have your own supervisor run: picket-agent run --state " + defaultState()}
	case errors.Is(err, os.ErrPermission):
		return &failure{exitPermission, what, err, "a security program or a policy may forbid it"}
	}
	return &failure{exitInternal, what, err, ""}
}

// lifeOf adds the flags by which a service manager calls `run`.
func lifeOf(cmd *cobra.Command) *daemon.Life {
	life := new(daemon.Life)
	cmd.Flags().StringVar(&life.LogFile, "log-file", "", "log to this `file`, of at most 12 MB with its predecessors, instead of standard error")
	cmd.Flags().StringVar(&life.Settings, "settings", "", "read NAME=VALUE lines from this `file` into the environment first")
	cmd.Flags().BoolVar(&life.AsService, "as-service", false, "the service manager of Windows started this")
	cmd.Flags().Lookup("as-service").Hidden = true
	return life
}

// lived wraps run so that it also lives under a service manager.
func lived(life *daemon.Life, run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return life.Run(cmd.Context(), cmd.ErrOrStderr(), func(ctx context.Context) error {
			ctx, stop := leavingFor(ctx)
			defer stop()
			cmd.SetContext(ctx)
			err := run(cmd, args)
			if f, ok := errors.AsType[*failure](err); ok && (f.code == exitUsage || f.code == exitAuth) {
				return daemon.Permanent{Err: err}
			}
			return err
		})
	}
}

// leavingFor turns the shutdown order of a service manager into the reason of the
// agent's goodbye.
func leavingFor(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if errors.Is(cause, daemon.ErrShutdown) {
			cause = agent.Leaving(uplink.ByeShutdown)
		}
		cancel(cause)
	})
	return own, func() { stop(); cancel(nil) }
}

// joinFirst is the join of `run --join`, for a container that has no shell.
func joinFirst(cmd *cobra.Command, state string) error {
	root := command()
	root.SetArgs([]string{"join", "--state", state})
	root.SetOut(cmd.OutOrStdout())
	root.SetErr(cmd.ErrOrStderr())
	return root.ExecuteContext(cmd.Context())
}

// startService starts the service, if it is installed for the state directory,
// and says so: the last line of a join.
func startService(out io.Writer, state string) {
	s, err := daemon.Open()
	if err == nil && s.Layout().State == state {
		if st, err := s.Status(); err == nil && st.Installed {
			if err := s.Restart(); err != nil {
				fmt.Fprintf(out, "Service    could not be started: %v\n", err)
				fmt.Fprintln(out, "Next       picket-agent service start")
				return
			}
			fmt.Fprintln(out, "Service    started, and starts with the machine")
			return
		}
	}
	fmt.Fprintf(out, "Next       picket-agent run --state %s\n", state)
}

// useServiceSettings lets a join for the service go the way that the service
// will: by its proxy.
func useServiceSettings(w io.Writer, state string) {
	l := daemon.Here()
	if state != l.State {
		return
	}
	if err := daemon.UseSettings(l.Settings); err != nil && !errors.Is(err, os.ErrPermission) {
		fmt.Fprintln(w, "warning: the settings of the service were left out:", err)
	}
}
