// Command picket is the collector and the verbs of those who operate it, and
// the demo that shows the whole of Picket on one machine.
//
// The commands live one to a file; this file holds what they share: the data
// directory, the shape of errors, and the exit codes, which scripts rely on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// Exit codes; their meaning never changes.
const (
	exitOK          = 0
	exitInternal    = 1
	exitUsage       = 2
	exitPermission  = 3
	exitNetwork     = 5
	exitFailed      = 11 // ran well, found what must not be
	exitConfig      = 78 // EX_CONFIG: the configuration is wrong, nothing was started
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
	return s
}

func (f *failure) Unwrap() error { return f.why }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if v, ok := errors.AsType[*verdict](err); ok {
		return v.code
	}
	fmt.Fprintln(stderr, "error:", err)
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "  usage:", cmd.UseLine()) // cobra says what is wrong, not how it is right
	return exitUsage
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "picket",
		Short:         "Is it us, our ISP, or them? The collector of Picket",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Example: `  picket demo                                        see it find an outage, on this machine alone
  picket setup                                       make a collector of your own
  picket collector                                   run it
  picket token create --client acme --site madrid    enrol a site
  picket incident list                               what is and was wrong`,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(demoCommand(), setupCommand(), collectorCommand(), configCommand(), statusCommand(), checkCommand(), coverageCommand(), incidentCommand(),
		tokenCommand(), siteCommand(), agentCommand(), userCommand(), apiTokenCommand(), notifyCommand(), silenceCommand(), drillCommand(), grafanaCommand(), backupCommand(), restoreCommand(), simulateCommand())
	root.SetHelpCommand(helpCommand(root))
	return root
}

// group makes a command that only holds others. Without a Run of its own cobra
// would answer an unknown sub-command with the help and success.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return &failure{exitUsage, fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath()), nil, cmd.CommandPath() + " --help lists them"}
	}
	cmd.AddCommand(subs...)
	return cmd
}

// dataFlag adds --data to a verb that talks to the running collector.
func dataFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("data", defaultData(), "data `directory` of the collector (environment PICKET_DATA)")
}

func defaultData() string {
	if dir := os.Getenv("PICKET_DATA"); dir != "" {
		return dir
	}
	switch {
	case runtime.GOOS == "windows":
		return filepath.Join(os.Getenv("ProgramData"), "Picket", "collector")
	case os.Geteuid() == 0:
		return "/var/lib/picket"
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "picket-data"
	}
	return filepath.Join(dir, "picket")
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
