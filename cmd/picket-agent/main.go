// Command picket-agent watches cloud services from one site of a client and
// tells its collector. It opens no port: everything goes over one outgoing flow,
// QUIC or, where UDP is blocked, TLS over TCP.
//
// The commands live one to a file; this file holds what they share: the state
// directory, the shape of errors, and the exit codes, which scripts and RMM
// tools rely on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"picket/cmd/picket-agent/daemon"
)

// version is set by the linker.
var version = "dev"

// Exit codes; their meaning never changes.
const (
	exitOK          = 0
	exitInternal    = 1
	exitUsage       = 2
	exitPermission  = 3
	exitAuth        = 4  // token, approval, revocation
	exitNetwork     = 5  // collector unreachable
	exitEnvironment = 6  // clock, disk
	exitBlocked     = 7  // local security software
	exitVersion     = 8  // protocol
	exitDegraded    = 10 // ran well, found something degraded or unknown
	exitDown        = 11 // ran well, found a failure
	exitInterrupted = 130
)

// failure is an error as people see it: what failed, why, what to do.
type failure struct {
	code int
	what string
	why  error
	fix  string
}

func (f *failure) Error() string {
	s := f.what
	if f.why != nil {
		s += "\n  why: " + f.why.Error()
	}
	if f.fix != "" {
		s += "\n  fix: " + f.fix
	}
	if code := pageCode(f.what); code != "" {
		s += "\n  help: picket-agent help " + code
	}
	return s
}

func (f *failure) Unwrap() error { return f.why }

// found ends a command that ran well with an exit code that says what it found.
type found int

func (f found) Error() string { return fmt.Sprintf("exit %d", int(f)) }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	switch f, ok := errors.AsType[found](err); {
	case err == nil:
		return exitOK
	case ok:
		return int(f)
	case ctx.Err() != nil:
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "error:", err)
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	fmt.Fprintln(stderr, "  usage:", cmd.UseLine()) // cobra says what is wrong, not how it is right
	return exitUsage
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "picket-agent",
		Short:         "Watch cloud services from this site and tell the Picket server",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Example: `  picket-agent join pk1_...        enrol this machine with the token of its site
  picket-agent run                 watch until stopped
  picket-agent status              how is it doing, who else is there
  picket-agent doctor              what is wrong, and what to do
  picket-agent help E105           what a code means
  picket-agent service install     have the system run it, now and after each start
  picket-agent probe http https://example.com`,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(joinCommand(), runCommand(), statusCommand(), doctorCommand(), probeCommand(), serviceCommand(), leavingCommand())
	root.SetHelpCommand(helpCommand(root))
	return root
}

// stateFlag adds --state, which every command but probe needs.
func stateFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("state", defaultState(), "state `directory` of the agent (environment PICKET_AGENT_STATE)")
}

// notTheService is why a command that was given no state directory stops, run by
// somebody without rights on a machine that has the service: it would speak of an
// agent of this account, which there is not, and a join would make one that nobody
// starts. Whoever has joined an agent of their own, or names a directory, means it.
func notTheService(state string) error {
	service := daemon.Here().State
	if runtime.GOOS == "windows" || os.Geteuid() == 0 || os.Getenv("PICKET_AGENT_STATE") != "" || state != defaultState() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(state, "agent.crt")); err == nil || serviceState(service) == "" || serviceState(service) == missingService {
		return nil
	}
	return &failure{exitPermission, "E109 the agent of this machine runs as a service, and its state in " + service + " is closed to this account", nil,
		"run the same with sudo; for an agent of your own name its directory: --state DIRECTORY"}
}

func defaultState() string {
	if dir := os.Getenv("PICKET_AGENT_STATE"); dir != "" {
		return dir
	}
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		return daemon.Here().State
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "picket-agent"
	}
	return filepath.Join(dir, "picket-agent")
}
