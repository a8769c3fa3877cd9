package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/alert/notice"
)

// noticeCommand drafts what a client is told.
func noticeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notice INCIDENT [--client CLIENT] [--language LANGUAGE]",
		Short: "Draft what a client is told of an incident, in plain language",
		Long: "Prints a notice that a person can send to a client, and sends nothing. With --sent\n" +
			"it notes instead that the client was told now; of each client the first time counts.",
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	client := cmd.Flags().String("client", "", "client to write to (default: everybody who is concerned)")
	language := cmd.Flags().String("language", notice.English, "en or es")
	sent := cmd.Flags().Bool("sent", false, "note that the client was told now")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o := collector.DialOperator(*data)
		if *sent {
			if *client == "" {
				return &failure{exitUsage, "--sent needs --client", nil, "name the client that was told"}
			}
			if err := o.NoteNotice(cmd.Context(), args[0], *client); err != nil {
				return explain(*data, "note a client notice", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Noted: %s was told.\n", oneLine(*client))
			return nil
		}
		d, err := o.DraftNotice(cmd.Context(), args[0], *client, *language)
		if err != nil {
			return explain(*data, "draft a notice of "+args[0], err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), d)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "Subject: %s\n\n%s", d.Subject, d.Body)
		return err
	}
	return cmd
}
