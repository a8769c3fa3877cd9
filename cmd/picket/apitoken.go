package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/access"
	"picket/collector/web"
)

func apiTokenCommand() *cobra.Command {
	create := &cobra.Command{
		Use:     "create NAME --role technician|viewer|admin",
		Short:   "Make an API token for a program; it is printed once",
		Example: "  picket apitoken create prometheus --role technician --ttl 90d",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(create)
	role := create.Flags().String("role", "", "what the program may do: viewer, technician or admin")
	client := create.Flags().String("client", "", "the `client` that a viewer sees")
	ttl := create.Flags().String("ttl", "90d", "how long the token is good, at most 365d; units are s, m, h and d")
	asJSON := create.Flags().Bool("json", false, "print one JSON object")
	create.MarkFlagRequired("role")
	create.RunE = func(cmd *cobra.Command, args []string) error {
		life, err := parseLife("--ttl", *ttl, access.MaxTokenLife)
		if err != nil {
			return err
		}
		o := collector.DialOperator(*data)
		t, err := o.CreateAPIToken(cmd.Context(), web.APITokenRequest{Name: args[0], Role: *role, Client: *client, Life: life})
		if err != nil {
			return explain(*data, "make an API token", err)
		}
		warnClient(cmd.Context(), cmd.ErrOrStderr(), o, *client, "picket apitoken revoke "+t.ID)
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), t)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "API token %s (%s), good until %s. It is shown once:\n\n  %s\n\nPrograms send it as the header Authorization: Bearer TOKEN\n",
			t.ID, t.Role, t.Expires.Local().Format("2006-01-02"), t.Token)
		return nil
	}
	return group("apitoken", "Tokens by which programs use the API and /metrics", create, listAPITokens(), revokeAPIToken())
}

// parseLife reads the duration of a flag, more than nothing and at most most, with days.
func parseLife(flag, text string, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok && err != nil {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 || d > most {
		return 0, &failure{exitUsage, fmt.Sprintf("%s %q is not a time of more than 0s and at most %dd", flag, text, most/(24*time.Hour)), nil, "write a number and a unit, such as 24h or 7d"}
	}
	return d, nil
}

func listAPITokens() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List API tokens", Args: cobra.NoArgs}
	data := dataFlag(list)
	asJSON := list.Flags().Bool("json", false, "print one JSON object")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).APITokens(cmd.Context())
		if err != nil {
			return explain(*data, "list API tokens", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string         `json:"schema"`
				Data   []web.APIToken `json:"data"`
			}{"picket.apitokens/v1", all})
		}
		if len(all) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "No API tokens. Make one: picket apitoken create NAME --role technician")
			return nil
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "TOKEN\tFOR\tROLE\tCLIENT\tMADE BY\tSTATE\tLAST USED")
		for _, t := range all {
			state, used := "until "+t.Expires.Local().Format("2006-01-02"), "never"
			switch {
			case !t.Revoked.IsZero():
				state = "revoked"
			case time.Now().After(t.Expires):
				state = "ended"
			}
			if !t.Used.IsZero() {
				used = t.Used.Local().Format("2006-01-02 15:04")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, oneLine(t.Name), t.Role, dash(t.Client), t.By, state, used)
		}
		return w.Flush()
	}
	return list
}

func revokeAPIToken() *cobra.Command {
	cmd := &cobra.Command{Use: "revoke TOKEN-ID", Short: "End an API token at once and for ever", Args: cobra.ExactArgs(1)}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := collector.DialOperator(*data).RevokeAPIToken(cmd.Context(), args[0]); err != nil {
			return explain(*data, "revoke API token "+args[0], err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "API token %s is revoked.\n", args[0])
		return nil
	}
	return cmd
}
