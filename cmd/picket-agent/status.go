package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/internal/identity"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the agent of this machine is doing and whom it sees",
		Long: `Show how the agent of this machine is doing and whom it sees.

Exit code 0 means connected, 3 that this account may not ask (E109), 4 revoked or a copy of another machine (E111), 8 too
old or too new (E113), 5 that no agent answers, 10 not connected or waiting for
approval (E112). With --rmm 1003, 1004, 1008, 1005 and 1010.`,
		Args: cobra.NoArgs,
	}
	state := stateFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print everything as one JSON object")
	rmm := cmd.Flags().Bool("rmm", false, "for remote monitoring tools: the verdict first, plain lines, exit codes + 1000")
	cmd.MarkFlagsMutuallyExclusive("json", "rmm")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := notTheService(*state); err != nil {
			return rmmFailure(cmd.OutOrStdout(), err, *rmm)
		}
		s, err := agent.AskStatus(cmd.Context(), *state)
		if *rmm {
			return rmmStatus(cmd.OutOrStdout(), s, err, *state)
		}
		switch {
		case errors.Is(err, agent.ErrNotYours):
			return &failure{exitPermission, "the status socket in " + *state + " may only be opened by the agent's user", err, "run this as that user or as root"}
		case err != nil:
			return noAnswer(*state, err)
		}
		if *asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			if err := enc.Encode(s); err != nil {
				return &failure{exitInternal, "cannot print the status", err, ""}
			}
		} else {
			printStatus(cmd.OutOrStdout(), s, *state)
		}
		switch {
		case !s.Revoked.IsZero():
			return found(exitAuth)
		case s.KeptOut != nil && s.KeptOut.Code == "E113":
			return found(exitVersion)
		case s.KeptOut != nil:
			return found(exitAuth)
		case !s.Connected:
			return found(exitDegraded)
		}
		return nil
	}
	return cmd
}

// rmmStatus says in a few plain lines how the agent is; err is why it was not to
// be asked.
func rmmStatus(w io.Writer, s agent.Status, err error, state string) error {
	if errors.Is(err, agent.ErrNotYours) {
		return printRMM(w, exitPermission, []string{"UNKNOWN: the agent belongs to another user", "  fix: run this as root or administrator"})
	}
	if err != nil {
		return rmmFailure(w, noAnswer(state, err), true)
	}
	line := fmt.Sprintf("%s, %d of %d references answer, %d results wait, %d lost, version %s",
		oneLine(s.Network), s.Health.RefsOK, s.Health.RefsAsked, s.Spool.Pending, s.Health.Dropped, s.Version)
	switch {
	case !s.Revoked.IsZero():
		return printRMM(w, exitAuth, []string{"FAIL " + s.Site + ": REVOKED since " + moment(s.Revoked), "  fix: " + comeBack(identity.Info{Client: s.Client, Site: s.Site}, state)})
	case s.KeptOut != nil:
		code := exitAuth
		if s.KeptOut.Code == "E113" {
			code = exitVersion
		}
		return printRMM(w, code, []string{"FAIL " + s.Site + ": " + s.KeptOut.Code + " " + oneLine(s.KeptOut.Text), "  fix: " + s.KeptOut.Fix})
	case !s.Connected:
		return printRMM(w, exitDegraded, []string{"WARN " + s.Site + ": not connected to the Picket server; results are kept", line, "  fix: picket-agent doctor"})
	case !s.Health.Voting:
		return printRMM(w, exitOK, []string{"PASS " + s.Site + ": connected, does not vote now (" + oneLine(s.Health.Why) + ")", line})
	}
	return printRMM(w, exitOK, []string{"PASS " + s.Site + ": connected, votes", line})
}

// noAnswer says why no agent answers on a state directory.
func noAnswer(state string, err error) error {
	b, none := identity.LoadBundle(state)
	if at, _ := agent.RevokedAt(state); none == nil && !at.IsZero() {
		return &failure{exitAuth, "REVOKED: the Picket server does not accept this agent (" + b.AgentID() + ") since " + moment(at) + "; no agent runs", nil, comeBack(b.Info(), state)}
	}
	fix := "is this the right directory? name another with --state, or start it: picket-agent run --state " + state
	service := serviceState(state)
	if service == stoppedService {
		fix = "start it: picket-agent service start; if it stops again, see its log and picket-agent doctor"
	}
	if w, waits, _ := agent.LoadWaiting(state); waits && errors.Is(none, identity.ErrNotEnrolled) {
		return &failure{exitDegraded, "E112 since " + moment(w.Since) + ": " + oneLine(w.Message), nil,
			"an admin approves it on the Picket server: picket agent approve " + oneLine(w.Request) + "; then picket-agent run --state " + state + " finishes by itself"}
	}
	if errors.Is(none, identity.ErrNotEnrolled) && service == stoppedService {
		return &failure{exitNetwork, "this machine has not joined yet: there is no identity in " + state, nil, "picket-agent join TOKEN, which starts the service, too"}
	}
	if errors.Is(none, identity.ErrNotEnrolled) {
		fix = "no agent was enrolled there; is this the right directory? name another with --state, or enrol: picket-agent join --state " + state + " TOKEN"
	}
	return &failure{exitNetwork, "no agent answers in " + state, err, fix}
}

// comeBack is how a revoked machine gets to work again.
func comeBack(i identity.Info, state string) string {
	return fmt.Sprintf("make a new token on the Picket server (picket token create --client %s --site %s), stop the agent here, "+
		"join (picket-agent join --state %s TOKEN), and start the agent again", quoted(i.Client), quoted(strings.TrimPrefix(i.Site, i.Client+"/")), state)
}

// quoted is a word for a shell.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:@", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(oneLine(s), "'", `'\''`) + "'"
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// oneLine makes text that came from elsewhere one printable line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func printStatus(w io.Writer, s agent.Status, state string) {
	if !s.Revoked.IsZero() {
		printRevoked(w, s, state)
		return
	}
	connected := "connected"
	if !s.Connected {
		connected = "NOT connected: going on with the stored configuration"
	}
	fmt.Fprintf(w, "Agent      %s  (client %s, site %s, version %s)\n", s.Agent, s.Client, s.Site, s.Version)
	fmt.Fprintf(w, "Server     %s, seen from %s\n", connected, oneLine(s.Network))
	if k := s.KeptOut; k != nil {
		fmt.Fprintf(w, "           %s %s\n  fix: %s\n", k.Code, oneLine(k.Text), k.Fix)
	}
	fmt.Fprintf(w, "Line       %d of %d references answer; ", s.Health.RefsOK, s.Health.RefsAsked)
	if s.Health.Voting {
		fmt.Fprintln(w, "votes")
	} else {
		fmt.Fprintf(w, "does not vote: %s\n", s.Health.Why)
	}
	fmt.Fprintf(w, "Results    %d waiting for the Picket server (%d bytes), %d lost\n", s.Spool.Pending, s.Spool.Bytes, s.Health.Dropped)
	fmt.Fprintf(w, "Traffic    %s\n", trafficWords(s.Traffic))
	fmt.Fprintf(w, "Identity   certificate until %s, renews itself\n", s.Until.UTC().Format(time.DateOnly))
	fmt.Fprintf(w, "Checks     %d, configuration %d\n", len(s.Checks), s.Config)
	fmt.Fprintf(w, "Fleet      members: %d\n", len(s.Members))
	for _, m := range s.Members {
		fmt.Fprintf(w, "  %-8s %-28s %-24s %s\n", m.State, oneLine(m.Seat.Agent), oneLine(m.Seat.Site), oneLine(m.Seat.Network))
	}
}

// printRevoked says first that nothing happens here, and what to do.
func printRevoked(w io.Writer, s agent.Status, state string) {
	fmt.Fprintf(w, "REVOKED    the Picket server does not accept this agent since %s\n", moment(s.Revoked))
	fmt.Fprintln(w, "           It was revoked, or the Picket server does not know it. Nothing is probed here.")
	fmt.Fprintf(w, "  fix: %s\n\n", comeBack(identity.Info{Client: s.Client, Site: s.Site}, state))
	fmt.Fprintf(w, "Agent      %s  (client %s, site %s, version %s)\n", s.Agent, s.Client, s.Site, s.Version)
	fmt.Fprintln(w, "Server     not connected; asked again every few minutes, in case it changes its mind")
	if s.Spool.Pending > 0 {
		fmt.Fprintf(w, "Results    %d not delivered before (%d bytes); kept on disk\n", s.Spool.Pending, s.Spool.Bytes)
	}
}
