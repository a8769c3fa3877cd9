package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"picket/collector"
	"picket/collector/web"
)

func agentCommand() *cobra.Command {
	return group("agent", "The agents of the fleet", listAgents(), pendingAgents(), approveAgent(), denyAgent(), revokeAgent())
}

func listAgents() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List agents: where they are, whether they are connected", Args: cobra.NoArgs}
	data := dataFlag(list)
	asJSON := list.Flags().Bool("json", false, "print one JSON object")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		agents, err := collector.DialOperator(*data).Agents(cmd.Context())
		if err != nil {
			return explain(*data, "list agents", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string      `json:"schema"`
				Data   []web.Agent `json:"data"`
			}{"picket.agents/v1", agents})
		}
		return printAgents(cmd.OutOrStdout(), agents)
	}
	return list
}

func printAgents(out io.Writer, agents []web.Agent) error {
	if len(agents) == 0 {
		fmt.Fprintln(out, "No agents yet. Make a token for the first: picket token create --client CLIENT --site SITE")
		return nil
	}
	t := newTable(out, "AGENT", "SITE", "SEEN ON", "STATE", "FLEET", "VERSION", "LAST SEEN", "DOCTOR", "NOTES")
	for _, a := range agents {
		state, seen := a.Presence(), "never"
		if a.Clone != nil && a.Revoked.IsZero() {
			state = "copied" // another machine came with its identity and was refused
		}
		if !a.Seen.IsZero() {
			seen = time.Since(a.Seen).Truncate(time.Second).String() + " ago"
		}
		notes := a.Notes(func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") })
		t.row(a.ID, a.Site, a.Network, state, a.Gossip, a.Version, seen, doctorWord(a.Doctor), strings.Join(notes, "; "))
	}
	return t.Flush()
}

// doctorWord is what an agent's latest report about itself comes to.
func doctorWord(d *web.Doctor) string {
	if d == nil {
		return "-"
	}
	count := map[string]int{}
	for _, f := range d.Findings {
		count[f.Level]++
	}
	switch {
	case count["FAIL"] > 0:
		return fmt.Sprintf("%d FAIL, %d WARN", count["FAIL"], count["WARN"])
	case count["WARN"] > 0:
		return fmt.Sprintf("%d WARN", count["WARN"])
	}
	return "well"
}

func revokeAgent() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke AGENT",
		Short: "End an agent's membership at once and for ever",
		Long: `End an agent's membership at once and for ever.

AGENT is an agent's id, the first column of picket agent list, or CLIENT/SITE if
one agent stands at that site. At a terminal you are asked before.`,
		Example: "  picket agent revoke acme/bilbao",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o := collector.DialOperator(*data)
		agents, err := o.Agents(cmd.Context())
		if err != nil {
			return explain(*data, "list agents", err)
		}
		a, err := findAgent(agents, args[0])
		if err != nil {
			return err
		}
		question := fmt.Sprintf("Revoke agent %s at %s (%s)? It cannot be undone: the machine has to join again. [y/N] ", a.ID, oneLine(a.Site), dash(oneLine(a.Hostname)))
		if !*yes && term.IsTerminal(int(os.Stdin.Fd())) {
			switch yes, err := agreed(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), question); {
			case err != nil:
				return err
			case !yes:
				return &failure{exitInterrupted, "nothing was revoked", nil, ""}
			}
		}
		if err := o.Revoke(cmd.Context(), a.ID); err != nil {
			return explain(*data, "revoke agent "+a.ID, err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Agent %s at %s is revoked. To use the machine again, join it as a new agent: picket-agent join --force-new-identity TOKEN\n", a.ID, oneLine(a.Site))
		return nil
	}
	return cmd
}

// findAgent is the agent that name means: its id, or its site if no other agent
// that is not revoked stands there.
func findAgent(agents []web.Agent, name string) (web.Agent, error) {
	var ids []string
	var there web.Agent
	for _, a := range agents {
		if strings.EqualFold(a.ID, name) {
			return a, nil
		}
		if a.Site == name && a.Revoked.IsZero() {
			there, ids = a, append(ids, a.ID)
		}
	}
	switch {
	case len(ids) == 1:
		return there, nil
	case len(ids) > 1:
		return there, &failure{exitUsage, fmt.Sprintf("%d agents stand at %s", len(ids), oneLine(name)), nil, "name one by its id: " + strings.Join(ids, ", ")}
	case slices.ContainsFunc(agents, func(a web.Agent) bool { return a.Site == name }):
		return there, &failure{exitUsage, "every agent at " + oneLine(name) + " is revoked already", nil, ""}
	}
	return there, &failure{exitUsage, fmt.Sprintf("there is no agent with the id %q, and none at a site of this name", name), nil,
		"name an id or a CLIENT/SITE of picket agent list: " + someAgents(agents)}
}

// someAgents names the agents that could have been meant, at most eight.
func someAgents(agents []web.Agent) string {
	var names []string
	for _, a := range agents {
		if a.Revoked.IsZero() {
			names = append(names, a.ID+" ("+oneLine(a.Site)+")")
		}
	}
	switch {
	case len(names) == 0:
		return "there are none"
	case len(names) > 8:
		return strings.Join(names[:8], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
