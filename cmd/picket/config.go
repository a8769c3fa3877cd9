package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"picket/collector"
	"picket/collector/web"
)

// exitChanges is the answer of `picket config plan` when applying would change
// something.
const exitChanges = 20

func configCommand() *cobra.Command {
	return group("config", "The collector's configuration file", validateCommand(), planCommand(), applyCommand())
}

func validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a configuration file; exit code 78 if it is wrong, 10 if it is unwise",
		Long: `Check a configuration file.

It also says whether alerts and the page depend on what is watched (W301, W302),
and asks DNS where mailboxes and names lead for that; --no-environment asks
nobody. With --data it asks the running collector, too, whether its sites are on
enough ISPs to confirm an outage (W310). picket help W301 explains a warning.

Exit codes: 0 it is fine, 10 it has warnings with a code, 78 it is wrong.`,
		Args: cobra.ExactArgs(1),
	}
	alone := cmd.Flags().Bool("no-environment", false, "look at the file alone: no DNS, no secrets")
	data := cmd.Flags().String("data", "", "also ask the collector with this data `directory` what its sites could confirm")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, _, err := loadConfig(args[0])
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		for _, w := range warnings(file) {
			fmt.Fprintln(out, "warning:", w)
		}
		if !*alone {
			for _, err := range file.Unreadable() {
				fmt.Fprintln(out, "warning: this user cannot read a secret, and a collector would not start:", err)
			}
		}
		found := collector.CheckIndependence(cmd.Context(), file, !*alone)
		if *data != "" {
			cover, err := collector.DialOperator(*data).Coverage(cmd.Context())
			if err != nil {
				return explain(*data, "read the coverage", err)
			}
			found.Warnings = append(found.Warnings, collector.ThinCover(cover, file.ProviderName)...)
		}
		printIndependence(out, found)
		fleet := file.Fleet()
		fmt.Fprintf(out, "ok: %d targets, %d checks, %d networks, %d alert routes\n",
			len(fleet.Targets), len(fleet.Checks), len(file.Networks), len(file.Alerts))
		printEstimates(out, file)
		if len(found.Warnings) > 0 {
			return &verdict{exitUnsure}
		}
		return nil
	}
	return cmd
}

// printIndependence says what alerts and the page depend on.
func printIndependence(out io.Writer, found collector.Independent) {
	for _, w := range found.Warnings {
		fmt.Fprintf(out, "warning: %s\n         %s   [%s]\n", oneLine(w.Text), oneLine(w.Fix), w.Code)
	}
	if len(found.Unknown) > 0 {
		fmt.Fprintf(out, "note: not found out: %s\n", oneLine(strings.Join(found.Unknown, "; ")))
	}
}

func planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "Show what would change in the running collector; exit code 20 if anything would",
		Long: `Show what would change in the running collector if FILE were applied.

Exit codes: 0 nothing would change, 20 something would, 78 the file is wrong.
The plan id at the end names exactly this change: given to picket config apply
--plan, it is refused if the file or the collector has changed meanwhile.`,
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := configFile(args[0])
		if err != nil {
			return err
		}
		p, err := collector.DialOperator(*data).PlanConfig(cmd.Context(), f)
		if err != nil {
			return explainConfig(*data, "plan", err)
		}
		if *asJSON {
			err = printJSON(cmd.OutOrStdout(), p)
		} else {
			printPlan(cmd.OutOrStdout(), args[0], p)
			if len(p.Changes) > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "\nApply it with: picket config apply %s --plan %s\n", args[0], p.ID)
			}
		}
		if err == nil && len(p.Changes) > 0 {
			return &verdict{exitChanges}
		}
		return err
	}
	return cmd
}

func applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Have the running collector use a configuration file, without a restart",
		Long: `Have the running collector use FILE, without a restart.

What to watch, from which networks and whom to tell changes at once, and agents
are told; listen, http, tls, names, login, behind_proxy and influx count from the
next start. data cannot be changed this way: another folder is refused. The
collector keeps a copy of FILE: a restart uses what was applied last.

It shows the plan and asks first; --yes does not ask, and --plan ID applies only
what picket config plan showed under that id.`,
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	plan := cmd.Flags().String("plan", "", "apply only if this is still the plan with this `id`")
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object; needs --yes or --plan")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := configFile(args[0])
		if err != nil {
			return err
		}
		o := collector.DialOperator(*data)
		if *plan == "" && !*yes {
			p, err := o.PlanConfig(cmd.Context(), f)
			if err != nil {
				return explainConfig(*data, "plan", err)
			}
			if *asJSON || !term.IsTerminal(int(os.Stdin.Fd())) {
				return &failure{exitUsage, "nothing was applied: there is nobody to ask", nil, "look with picket config plan, then pass --plan ID, or --yes"}
			}
			printPlan(cmd.OutOrStdout(), args[0], p)
			if p.Same {
				return nil
			}
			switch yes, err := mayApply(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), p); {
			case err != nil:
				return err
			case !yes:
				return &failure{exitInterrupted, "nothing was applied", nil, ""}
			}
			*plan = p.ID
		}
		done, err := o.ApplyConfig(cmd.Context(), f, *plan)
		if err != nil {
			return explainConfig(*data, "apply", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), done)
		}
		printApplied(cmd.OutOrStdout(), args[0], done)
		return nil
	}
	return cmd
}

// verdict is an exit code without an error: the command ran well and its answer
// is not "all is as it should be".
type verdict struct{ code int }

func (v *verdict) Error() string { return fmt.Sprintf("exit code %d", v.code) }

// configFile reads a file for the collector, which knows it by its absolute
// path. What is wrong with it is told here, in the words of validate.
func configFile(path string) (f web.ConfigFile, err error) {
	_, src, err := loadConfig(path)
	if err != nil {
		return f, err
	}
	if f.Name, err = filepath.Abs(path); err != nil {
		return f, &failure{exitInternal, "cannot find the folder of " + path, err, ""}
	}
	f.Source = src
	return f, nil
}

// explainConfig turns an answer of the collector into a failure.
func explainConfig(data, what string, err error) error {
	refused, ok := errors.AsType[*web.Error](err)
	if ok && slices.Contains([]string{"config", "secret", "data"}, refused.Code) {
		return &failure{exitConfig, refused.What, errors.New(refused.Why), refused.Fix}
	}
	if errors.Is(err, collector.ErrBrokeOff) {
		return &failure{exitNetwork, what + " the configuration", err, "see what is in force with: picket config plan FILE"}
	}
	return explain(data, what+" the configuration", err)
}

// maxShown is how many changes are listed; nobody reads more.
const maxShown = 200

func printPlan(w io.Writer, path string, p web.ConfigPlan) {
	for _, text := range p.Warnings {
		fmt.Fprintln(w, "warning:", text)
	}
	if len(p.Changes) == 0 {
		if p.Same {
			fmt.Fprintf(w, "Nothing would change: the collector uses %s as it is.\n", path)
		} else {
			fmt.Fprintf(w, "Nothing would change but the text that a restart uses: %s is not what was applied, and means the same.\n", path)
		}
		printRestart(w, p.Restart)
		return
	}
	for i, c := range p.Changes {
		if i == maxShown {
			fmt.Fprintf(w, "   ... and %d more\n", len(p.Changes)-i)
			break
		}
		line := fmt.Sprintf(" %s %-8s %s", c.Op, c.Kind, oneLine(c.ID))
		if c.What != "" {
			line += "   " + oneLine(c.What)
		}
		if c.Agents > 0 {
			line += fmt.Sprintf("   (%d %s)", c.Agents, plural(c.Agents, "agent", "agents"))
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "%d %s, %d %s with something else to do; %d targets, %d checks afterwards. Plan %s\n", len(p.Changes), plural(len(p.Changes), "change", "changes"),
		p.Agents, plural(p.Agents, "agent", "agents"), p.Targets, p.Checks, p.ID)
	printRestart(w, p.Restart)
}

func printRestart(w io.Writer, keys []string) {
	if len(keys) > 0 {
		fmt.Fprintf(w, "These keys count from the next start of the collector: %s\n", strings.Join(keys, ", "))
	}
}

func printApplied(w io.Writer, path string, a web.ConfigApplied) {
	fmt.Fprintf(w, "Applied %s: %d %s, plan %s.\n", path, len(a.Changes), plural(len(a.Changes), "change", "changes"), a.ID)
	fmt.Fprintf(w, "Agents: %d of %d connected use it", a.Took, a.Online)
	if silent := a.Online - a.Took - len(a.Refused); silent > 0 {
		fmt.Fprintf(w, ", %d did not answer yet", silent)
	}
	if a.Offline > 0 {
		fmt.Fprintf(w, ", %d offline %s it when they come back", a.Offline, plural(a.Offline, "agent learns", "agents learn"))
	}
	fmt.Fprintln(w, ".")
	for _, r := range a.Refused {
		fmt.Fprintf(w, "refused by agent %s at %s, which goes on with what it had: %s\n", r.Agent, r.Site, oneLine(r.Why))
	}
	printRestart(w, a.Restart)
}

// mayApply asks for a yes to p. Another text that means the same is only kept, and
// needs none.
func mayApply(ctx context.Context, in io.Reader, out io.Writer, p web.ConfigPlan) (bool, error) {
	if len(p.Changes) == 0 {
		return true, nil
	}
	return agreed(ctx, in, out, "\nApply it? [y/N] ")
}
