package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/sitefile"
	"picket/collector/web"
)

func siteCommand() *cobra.Command {
	return group("site", "The sites of the fleet", importSites())
}

func importSites() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "Make the sites of a list, and a join token for each",
		Long: `Make the sites of a list, and a join token for each.

The first line of the file names its columns: client and site, and if wanted
region, isp, and hosted_by (the watched provider on whose servers the site runs).
Everything that is wrong with the file is told at once, and then nothing is done.

Printed is the same list as CSV with one token per site, to be put where an RMM
tool takes it from. A site that has a good token keeps it, and the secret of that
is not shown again: importing the same file twice changes nothing. --new-tokens
makes new ones and revokes those. "-" reads from standard input.`,
		Example: `  picket site import sites.csv --plan
  picket site import sites.csv --out tokens.csv`,
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	f := cmd.Flags()
	var req web.SiteImport
	f.BoolVar(&req.Plan, "plan", false, "only say what would be done")
	f.BoolVar(&req.Renew, "new-tokens", false, "make new tokens for sites that have one, and revoke those")
	f.StringVar(&req.TTL, "expires", "30d", "how long the tokens may be used, at most 90d; units are s, m, h and d")
	f.IntVar(&req.Uses, "uses", 25, "how many agents may join with each")
	out := f.String("out", "", "write the tokens to `file`, made with mode 0600, instead of to standard output")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		life, err := parseLife("--expires", req.TTL, maxTTL)
		if err != nil {
			return err
		}
		if req.Uses < 1 {
			return &failure{exitUsage, fmt.Sprintf("--uses %d makes no sense", req.Uses), nil, "a token is good for 1 to 10000 agents"}
		}
		req.TTL = life.String()
		if req.CSV, err = readList(args[0], cmd.InOrStdin()); err != nil {
			return err
		}
		return runImport(cmd, *data, *out, req)
	}
	return cmd
}

func readList(name string, stdin io.Reader) (string, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", &failure{exitUsage, "cannot read " + name, err, ""}
		}
		defer f.Close()
		in = f
	}
	src, err := io.ReadAll(io.LimitReader(in, sitefile.MaxSize+1))
	switch {
	case err != nil:
		return "", &failure{exitUsage, "cannot read " + name, err, ""}
	case len(src) > sitefile.MaxSize:
		return "", &failure{exitUsage, fmt.Sprintf("%s is larger than %d bytes", name, sitefile.MaxSize), nil, "split it"}
	}
	return string(src), nil
}

func runImport(cmd *cobra.Command, data, out string, req web.SiteImport) (err error) {
	to := cmd.OutOrStdout()
	if out != "" && !req.Plan { // before tokens are made for nothing
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return &failure{exitUsage, out + " is there already", nil, "name another file with --out, or remove it"}
		}
		if err != nil {
			return &failure{exitPermission, "cannot make " + out, err, ""}
		}
		defer func() {
			if err = errors.Join(err, f.Close()); err != nil {
				err = errors.Join(err, os.Remove(out))
			}
		}()
		to = f
	}
	list, err := collector.DialOperator(data).ImportSites(cmd.Context(), req)
	if err != nil {
		return explain(data, "import sites", err)
	}
	if err := sitefile.Write(to, importTable(list, req.Plan)); err != nil {
		return &failure{exitPermission, "cannot write the tokens", err, "make them again: picket site import --new-tokens"}
	}
	fmt.Fprintln(cmd.ErrOrStderr(), importSummary(list, req.Plan))
	return nil
}

// importTable is what is printed: the list, and what became of each row.
func importTable(list []web.ImportedSite, plan bool) [][]string {
	rows := [][]string{{"client", "site", "region", "isp", "hosted_by", "token", "token_id", "expires", "result"}}
	for _, s := range list {
		result := s.Change
		switch {
		case s.Standing:
			result += "; has a good token, which is not shown again"
		case plan:
			result += "; gets a token"
		}
		until := ""
		if !s.Expires.IsZero() {
			until = s.Expires.UTC().Format(time.RFC3339)
		}
		rows = append(rows, []string{s.Client, s.Site, s.Region, s.ISP, s.HostedBy, s.Token, s.ID, until, result})
	}
	return rows
}

func importSummary(list []web.ImportedSite, plan bool) string {
	n := map[string]int{}
	tokens := 0
	for _, s := range list {
		n[s.Change]++
		if !s.Standing || s.Token != "" {
			tokens++
		}
	}
	text := fmt.Sprintf("%d %s: %d new, %d changed, %d as before; %d join %s", len(list), plural(len(list), "site", "sites"), n["new"], n["changed"], n["same"],
		tokens, plural(tokens, "token", "tokens"))
	return cmp.Or(map[bool]string{true: text + " would be made. Nothing was done."}[plan], text+" made.")
}
