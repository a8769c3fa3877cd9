package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/agent/doctor"
	"picket/internal/uplink"
)

// rmmOffset is added to exit codes other than 0 for remote monitoring tools, some
// of which keep 1 to 999 for themselves. Where a process has only a byte for its
// exit code (all but Windows) the system cuts it to the lowest one: 1010 is 242,
// 1011 is 243, as it is for every program there.
const rmmOffset = 1000

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with the agent of this machine, and what to do",
		Long: `Find out what is wrong with the agent of this machine, and what to do.

It takes at most 10 s and changes nothing. Each check passes, warns, fails, or is
skipped because of another one; warnings and failures say what they mean and what
to do. The running agent does the same every 6 hours and tells the Picket server.

Exit code 0: all is well; 10: warnings; 11: failures. With --rmm 1010 and 1011.`,
		Example: "  picket-agent doctor\n  picket-agent doctor --json\n  picket-agent doctor --bundle support.zip",
		Args:    cobra.NoArgs,
	}
	state, proxied := stateFlag(cmd), proxyFlag(cmd)
	f := cmd.Flags()
	asJSON := f.Bool("json", false, "print one JSON object (schema picket.doctor/v1)")
	rmm := f.Bool("rmm", false, "for remote monitoring tools: the verdict first, at most 40 plain lines, exit codes + 1000")
	bundle := f.String("bundle", "", "also write a zip `file` for support: report, status, log, configuration, without secrets; nothing is uploaded")
	bind := f.String("bind", "", "local `address` of the line to the Picket server (default: any)")
	others := f.StringSlice("compare-dns", comparedDNS(), "DNS `servers` to ask for the Picket server's name if this machine's own do not know it; \"\" for none")
	cmd.MarkFlagsMutuallyExclusive("json", "rmm")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := notTheService(*state); err != nil {
			return rmmFailure(cmd.OutOrStdout(), err, *rmm)
		}
		useServiceSettings(cmd.ErrOrStderr(), *state)
		_, waits, _ := agent.LoadWaiting(*state) // unreadable: it does not, as far as is known
		revoked, _ := agent.RevokedAt(*state)    // unreadable: it was not, as far as is known
		ways, err := waysOf(*state, *bind, *proxied)
		if err != nil {
			return err
		}
		watched, allow := agent.Witnesses(*state)
		r := doctor.Look(cmd.Context(), doctor.Options{
			Watched: watched, Allow: allow,
			Dir: *state, Version: version, Ways: ways, Running: agent.AskRunning(*state), Waits: waits, Revoked: revoked, Service: serviceState(*state), Compare: servers(*others),
		}).Judge()
		if cmd.Context().Err() != nil {
			return &failure{exitInterrupted, "interrupted", nil, ""}
		}
		out := cmd.OutOrStdout()
		switch {
		case *asJSON:
			enc := json.NewEncoder(out)
			enc.SetIndent("", "  ")
			if err := enc.Encode(r); err != nil {
				return &failure{exitInternal, "cannot print the report", err, ""}
			}
		case *rmm:
			r.WriteRMM(out)
		default:
			r.WriteText(out)
		}
		if *bundle != "" {
			if err := writeBundle(cmd, *bundle, r, *state); err != nil {
				return err
			}
		}
		return verdict(r.Verdict, *rmm)
	}
	return cmd
}

// verdict is the exit code of a report.
func verdict(level uplink.Level, rmm bool) error {
	code := exitOK
	switch level {
	case uplink.LevelWarn:
		code = exitDegraded
	case uplink.LevelFail:
		code = exitDown
	}
	return rmmFound(code, rmm)
}

func rmmFound(code int, rmm bool) error {
	switch {
	case code == exitOK:
		return nil
	case rmm:
		return found(code + rmmOffset)
	}
	return found(code)
}

// writeBundle writes the zip beside its name first, so that there is never half of
// one, and says what is inside.
func writeBundle(cmd *cobra.Command, path string, r doctor.Report, state string) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return &failure{exitUsage, path + " is there already", nil, "name another file"}
	}
	if err != nil {
		return &failure{exitPermission, "cannot write the bundle", err, "name a file in a folder that you may write to"}
	}
	files, err := doctor.WriteBundle(out, r, append(agent.Support(cmd.Context(), state, version), serviceLog(cmd.Context(), state)...))
	if err = errors.Join(err, out.Close()); err != nil {
		os.Remove(path) // best effort: half a bundle helps nobody
		return &failure{exitInternal, "cannot write the bundle", err, ""}
	}
	w := cmd.ErrOrStderr()
	fmt.Fprintf(w, "Written    %s, for you to pass on: nothing was uploaded. Tokens, keys and passwords were removed.\n", path)
	for _, f := range files {
		fmt.Fprintf(w, "           %-16s %6d bytes  %s\n", f.Name, len(f.Data), f.About)
	}
	return nil
}

// rmmFailure is err, for a remote monitoring tool in its form.
func rmmFailure(w io.Writer, err error, rmm bool) error {
	if f, ok := errors.AsType[*failure](err); ok && rmm {
		return printRMM(w, f.code, []string{"FAIL: " + f.what, "  fix: " + f.fix})
	}
	return err
}

// printRMM writes lines for a remote monitoring tool and ends with its exit code.
func printRMM(w io.Writer, code int, lines []string) error {
	doctor.WriteLines(w, lines)
	return rmmFound(code, true)
}
