package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/web"
	"picket/internal/identity"
)

// createOptions is what the flags of token create say.
type createOptions struct {
	web.TokenRequest
	data, ttl, out string
	json           bool
}

func createToken() *cobra.Command {
	create := &cobra.Command{
		Use:   "create --client CLIENT --site SITE",
		Short: "Make a join token",
		Long: `Make a join token.

  --kind one-shot  one agent of a site, within an hour: a technician stands there
  --kind site      25 agents of a site, within 30 days: the policy of an RMM tool
  --kind tenant    500 agents of a client, within 7 days. Each one waits until an
                   admin has approved it (picket agent pending), who also names
                   its site, unless picket-agent join --site did

Without --kind it is one-shot, or site if --uses is more than 1. The secret is in
the token and is shown once. --offline puts the token and the certificate it leads
to into one file, to be carried to a machine: picket-agent join --bundle FILE.`,
		Example: `  picket token create --client acme --site madrid --region eu --network "AS3352 Telefonica"
  picket token create --client acme --site azure-vm --hosted-by azure
  picket token create --kind tenant --client acme
  picket token create --client acme --site madrid --offline -o acme-madrid.pkbundle`,
		Args: cobra.NoArgs,
	}
	var o createOptions
	data := dataFlag(create)
	f := create.Flags()
	f.StringVar(&o.Kind, "kind", "", "one-shot, site or tenant")
	f.StringVar(&o.Client, "client", "", "client that the site belongs to (made if new)")
	f.StringVar(&o.Site, "site", "", "site that the agent stands at (made if new)")
	f.StringVar(&o.Region, "region", "", "vantage region: where the site is, such as eu-west")
	f.StringVar(&o.Network, "network", "", "internet provider of the site, unless the config's table knows it")
	f.BoolVar(&o.Roaming, "roaming", false, "for laptops: away from their site's lines they are marked away and do not vote")
	f.StringVar(&o.HostedBy, "hosted-by", "", "watched `provider` on whose servers the site runs: it does not vote about it; none takes that back")
	f.StringVar(&o.TTL, "expires", "", "how long the token may be used, at most 90d; units are s, m, h and d (default: by its kind)")
	f.StringVar(&o.ttl, "ttl", "", "the same as --expires")
	f.MarkHidden("ttl")
	f.IntVar(&o.Uses, "uses", 0, "how many agents may join with it (default: by its kind)")
	f.BoolVar(&o.Offline, "offline", false, "write a bundle to carry to the machine, to the file of --out")
	f.StringVarP(&o.out, "out", "o", "", "`file` of the bundle, made with mode 0600")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	create.MarkFlagRequired("client")
	create.RunE = func(cmd *cobra.Command, _ []string) error {
		o.data = *data
		if err := o.complete(cmd.Flags().Changed("uses")); err != nil {
			return err
		}
		return runCreate(cmd, o)
	}
	return create
}

// complete checks the flags that need no collector.
func (o *createOptions) complete(uses bool) error {
	switch {
	case uses && o.Uses < 1:
		return &failure{exitUsage, fmt.Sprintf("--uses %d makes no sense", o.Uses), nil, "a token is good for 1 to 10000 agents"}
	case o.Kind != "" && o.Kind != web.KindOneShot && o.Kind != web.KindSite && o.Kind != web.KindTenant:
		return &failure{exitUsage, fmt.Sprintf("there is no kind %q", o.Kind), nil, "name one-shot, site or tenant"}
	case o.Kind != web.KindTenant && o.Site == "":
		return &failure{exitUsage, `required flag(s) "site" not set`, nil, "name the site with --site, or make a token for all sites of the client with --kind tenant"}
	case o.Offline != (o.out != ""):
		return &failure{exitUsage, "--offline and --out belong together", nil, "picket token create --client C --site S --offline -o FILE.pkbundle"}
	}
	flag, ttl := "--expires", cmp.Or(o.TTL, o.ttl)
	if o.TTL == "" && o.ttl != "" {
		flag = "--ttl"
	}
	if ttl == "" {
		return nil
	}
	life, err := parseLife(flag, ttl, maxTTL)
	o.TTL = life.String()
	return err
}

func runCreate(cmd *cobra.Command, o createOptions) error {
	if o.out != "" { // before a token is made for nothing
		if _, err := os.Lstat(o.out); !errors.Is(err, fs.ErrNotExist) {
			return &failure{exitUsage, o.out + " is there already", nil, "name another file with --out, or remove it"}
		}
	}
	reply, err := collector.DialOperator(o.data).Token(cmd.Context(), o.TokenRequest)
	if err != nil {
		return explain(o.data, "make a token", err)
	}
	made, err := identity.ParseToken(reply.Token)
	if err != nil {
		return &failure{exitInternal, "the collector made a token that cannot be read", err, "use a picket command of the collector's version"}
	}
	warnAddrs(cmd.ErrOrStderr(), made.Addrs)
	w := cmd.OutOrStdout()
	if o.out != "" {
		err := identity.WriteJoinFile(o.out, identity.JoinFile{Token: made, Root: []byte(reply.Root), Client: reply.Client, Site: reply.Site, Expires: reply.Expires})
		if err != nil {
			return &failure{exitPermission, "the bundle was not written; the token in it is lost", err, "revoke it: picket token revoke " + reply.ID}
		}
		reply.Token, reply.Command = "", "picket-agent join --bundle "+shellWord(o.out)
	}
	if o.json {
		return printJSON(w, reply)
	}
	printMade(w, reply, made.Addrs, o.out)
	return nil
}

// printMade shows a new token, or where its bundle is.
func printMade(w io.Writer, t web.Token, addrs []string, bundle string) {
	what := cmp.Or(t.Site, "any site of "+t.Client)
	fmt.Fprintf(w, "Join token for %s, good for %d %s until %s:\n\n", oneLine(what), t.Uses, plural(t.Uses, "agent", "agents"), utc(t.Expires))
	if bundle == "" {
		fmt.Fprintf(w, "  %s\n\n", t.Token)
	} else {
		fmt.Fprintf(w, "  %s\n\nKeep that file like a password, and delete it after use.\n", bundle)
	}
	fmt.Fprintf(w, "Agents will dial %s.\n", strings.Join(addrs, ", then "))
	fmt.Fprintf(w, "On the machine at the site, as root or administrator, run:\n\n  %s\n\nThat starts the service, too. Where the agent was not installed as one: picket-agent run\n", t.Command)
	if t.Kind == web.KindTenant {
		fmt.Fprintln(w, "\nEach machine then waits until you approve it: picket agent pending")
	}
}

// shellWord is s for a shell.
func shellWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"`$&|;<>()*?[]#~!{}\\") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
