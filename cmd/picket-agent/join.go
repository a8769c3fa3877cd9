package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"picket/agent"
	"picket/agent/doctor"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// comparedDNS are public resolvers that are asked for the collector's name, and
// nothing else, when this machine's DNS does not know it.
func comparedDNS() []string { return []string{"1.1.1.1", "9.9.9.9"} }

// joining are the flags of a join.
type joining struct {
	state, file, bind, site string
	bundle                  string
	proxy                   string
	allow, deny, at, others []string
	force, plain, asJSON    bool
}

func joinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "join [TOKEN]",
		Short: "Enrol this machine with the join token of its site",
		Long: `Enrol this machine with the join token of its site.

The token comes from --token-file, from standard input when the argument is "-",
from the environment variable PICKET_TOKEN, or as an argument, which other users
of this machine can see while it runs.

First this machine and its line are looked at: clock, DNS, UDP, TCP, ping and the
disk. Nothing is sent before the Picket server has proved that it holds the key
whose fingerprint is in the token. The agent's own key is made here and never
leaves this machine. What goes wrong has a code, E101 to E113: picket-agent help
E105 explains it. If the connection breaks at the wrong moment, run it again with
the same token: it goes on where it was and uses nothing up.

A machine that is enrolled already stays as it is. One whose agent was revoked
joins as a new agent, with the --allow and --deny of the old one unless others
are given; --force-new-identity makes any machine do so. What belonged to the
old agent is moved into a folder old-identity-TIME of the state directory.`,
		Example: "  picket-agent join pk1_...\n  echo \"$TOKEN\" | picket-agent join -\n  picket-agent join --token-file token.txt --json",
		Args:    cobra.MaximumNArgs(1),
	}
	var j joining
	state, proxied := stateFlag(cmd), proxyFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&j.file, "token-file", "", "read the token from this `file`")
	f.StringVar(&j.bundle, "bundle", "", "take the token from a `file` that picket token create --offline made")
	f.StringVar(&j.site, "site", "", "`site` that this machine stands at, for a token that is for all sites of its client")
	f.StringSliceVar(&j.allow, "allow", nil, "also probe addresses in `prefix` (loopback and link-local are refused unless allowed)")
	f.StringSliceVar(&j.deny, "deny", nil, "never probe addresses in `prefix`")
	f.StringVar(&j.bind, "bind", "", "local `address` to enrol from (default: any)")
	f.StringSliceVar(&j.at, "resolve", nil, "the Picket server is at this `IP`: do not ask DNS for it, now or later")
	f.StringSliceVar(&j.others, "compare-dns", comparedDNS(), "DNS `servers` to ask for the Picket server's name if this machine's own do not know it; \"\" for none")
	f.BoolVar(&j.force, "force-new-identity", false, "join as a new agent even if this machine is enrolled; the old identity is moved aside")
	f.BoolVar(&j.plain, "plain", false, "print key=value lines")
	f.BoolVar(&j.asJSON, "json", false, "print one JSON object")
	cmd.MarkFlagsMutuallyExclusive("plain", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		j.state, j.proxy = *state, *proxied
		if err := notTheService(*state); err != nil {
			return err
		}
		t := telling{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), plain: j.plain, json: j.asJSON}
		return t.end(j.run(cmd, args, &t))
	}
	return cmd
}

func (j joining) run(cmd *cobra.Command, args []string, t *telling) error {
	policy, err := parsePolicy(j.allow, j.deny)
	if err != nil {
		return err
	}
	useServiceSettings(t.err, j.state)
	token, note, err := tokenSource{args, j.file, j.bundle}.read(cmd.InOrStdin())
	if err != nil {
		return err
	}
	if note != "" {
		fmt.Fprintln(t.err, "note:", note)
	}
	if token.Addrs, err = resolved(token.Addrs, j.at); err != nil {
		return err
	}
	o := agent.JoinOptions{Dir: j.state, Token: token, Policy: policy, Version: version, Replace: j.force, Proxy: j.proxy, Site: j.site}
	old, done, err := replaced(&o, t)
	if err != nil || done {
		return err
	}
	if err := agent.Fit(o); err != nil {
		return explainState(err, o.Dir)
	}
	if o.Ways, err = waysOf(j.state, j.bind, j.proxy); err != nil {
		return err
	}
	fmt.Fprintln(t.err, "Looking at this machine and its line, at most 10 s ...")
	report := doctor.Look(cmd.Context(), doctor.Options{Dir: j.state, Version: version, Ways: o.Ways,
		Addrs: token.Addrs, Pin: token.Pin, Compare: servers(j.others)}).Judge()
	t.preflight(report.Findings)
	if cmd.Context().Err() != nil {
		return &failure{exitInterrupted, "interrupted", nil, ""}
	}
	if f, bad := report.First(); bad {
		return preflightFailure(f)
	}
	if blocked(report, "quic") && !blocked(report, "tcp") {
		o.Ways.Open = nil // no second wait for what was just found blocked
	}
	res, err := agent.Join(cmd.Context(), o)
	if r, ok := errors.AsType[*uplink.Refusal](err); ok && r.Code == uplink.Waiting {
		t.begin(o.Dir) // it asks again by itself
	}
	if err != nil {
		return explainEnrol(err, o)
	}
	t.enrolled(res, o, old)
	if err := programGone(); err != nil {
		return err
	}
	t.begin(o.Dir)
	return nil
}

// blocked says that the preflight found a transport closed.
func blocked(r doctor.Report, id string) bool {
	f, ok := r.Find(id)
	return !ok || f.Level != uplink.LevelPass
}

// servers are the DNS servers of a flag, "" left out.
func servers(list []string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// replaced decides what becomes of an identity that is there. done says that the
// machine stays as it is.
func replaced(o *agent.JoinOptions, t *telling) (old *identity.Bundle, done bool, err error) {
	old, err = identity.LoadBundle(o.Dir)
	switch {
	case o.Replace || errors.Is(err, identity.ErrNotEnrolled):
		return old, false, nil
	case err != nil:
		return nil, false, explainState(err, o.Dir)
	}
	at, _ := agent.RevokedAt(o.Dir) // unreadable: it was not revoked as far as is known
	if at.IsZero() {
		t.already(old, *o)
		return old, true, storeProxy(t.text(), o.Dir, o.Proxy)
	}
	o.Replace = true
	fmt.Fprintf(t.text(), "The agent of this machine, %s, was revoked (%s): joining as a new one.\n", old.AgentID(), moment(at))
	if was := old.Info().Policy; len(o.Policy.Allow)+len(o.Policy.Deny) == 0 && len(was.Allow)+len(was.Deny) > 0 {
		o.Policy = was
		fmt.Fprintln(t.text(), "What the old one was allowed and denied to probe stays in force.")
	}
	return old, false, nil
}

func parsePolicy(allow, deny []string) (p identity.Policy, err error) {
	for _, list := range []struct {
		from []string
		to   *[]netip.Prefix
	}{{allow, &p.Allow}, {deny, &p.Deny}} {
		for _, s := range list.from {
			prefix, err := netip.ParsePrefix(s)
			if err != nil {
				return p, &failure{exitUsage, fmt.Sprintf("%q is no prefix", s), err, "write it as 10.0.0.0/8 or fd00::/8"}
			}
			*list.to = append(*list.to, prefix)
		}
	}
	return p, nil
}

// programGone is E110: this program's own file went away while it ran.
func programGone() error {
	exe, err := os.Executable()
	if err == nil {
		_, err = os.Stat(exe)
	}
	if err == nil {
		return nil
	}
	return &failure{exitBlocked, "E110 this machine is enrolled, but the program file is gone: " + exe, err,
		"antivirus software usually moved it into quarantine: exclude the agent's folder there and install again; the machine stays enrolled"}
}
