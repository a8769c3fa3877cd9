package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/config"
	"picket/collector/web"
)

// previewFlags are the flags of picket notify preview.
type previewFlags struct {
	incident, example, route, channel, zone, data string
	html                                          bool
}

// channelKinds are what --channel takes.
func channelKinds() []string {
	return []string{"text", string(channel.KindMail), string(channel.KindSlack), string(channel.KindTeams), string(channel.KindPagerDuty),
		string(channel.KindAlertmanager), string(channel.KindTicket), string(channel.KindWebhook), string(channel.KindShoutrrr)}
}

func notifyPreviewCommand() *cobra.Command {
	var f previewFlags
	cmd := &cobra.Command{
		Use:   "preview (--incident ID | --example NAME) [--route ROUTE | --channel CHANNEL] [--html]",
		Short: "Print what would be sent about an incident or an example, and send nothing",
		Long: "Prints what would be sent, and sends nothing. With --route it is what that route\n" +
			"would get: by its channel, and in its zone. An example needs no collector unless\n" +
			"--route is given.\n\nExamples:\n" + exampleNames() + "\nChannels: " + strings.Join(channelKinds(), ", ") + ".",
		Example: `  picket notify preview --example provider-region
  picket notify preview --example recovered --channel teams
  picket notify preview --incident 01KGF3M8Q2V7Q8J5T3Z4X6Y9AB --route on-call`,
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd)
	cmd.Flags().StringVar(&f.incident, "incident", "", "id of the incident")
	cmd.Flags().StringVar(&f.example, "example", "", "name of an example")
	cmd.Flags().StringVar(&f.route, "route", "", "alert route")
	cmd.Flags().StringVar(&f.channel, "channel", "", "channel, if no route is given (default text)")
	cmd.Flags().StringVar(&f.zone, "zone", "", "time zone of an example, such as Europe/Madrid, if no route is given (default this machine's)")
	cmd.Flags().BoolVar(&f.html, "html", false, "print the HTML half of the mail")
	cmd.MarkFlagsOneRequired("incident", "example")
	cmd.MarkFlagsMutuallyExclusive("incident", "example")
	cmd.MarkFlagsMutuallyExclusive("route", "channel")
	cmd.MarkFlagsMutuallyExclusive("html", "channel")
	cmd.MarkFlagsMutuallyExclusive("zone", "route")
	cmd.MarkFlagsMutuallyExclusive("zone", "incident")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f.data = *data
		p, err := f.preview(cmd)
		if err != nil {
			return err
		}
		kind := f.channel
		if f.route != "" {
			kind = p.Way
			if !slices.Contains(channelKinds(), kind) {
				kind = "text" // a route that is only written down
			}
		}
		return printPreview(cmd.OutOrStdout(), p.Message, kind, f.html)
	}
	return cmd
}

func exampleNames() string {
	var b strings.Builder
	for _, e := range alert.Examples() {
		fmt.Fprintf(&b, "  %-16s %s\n", e.Name, e.About)
	}
	return b.String()
}

// preview words the alert: an example without a route here, all else in the collector.
func (f previewFlags) preview(cmd *cobra.Command) (web.Preview, error) {
	if f.example != "" && f.route == "" {
		e, ok := alert.ExampleNamed(f.example)
		if !ok {
			return web.Preview{}, &failure{exitUsage, "there is no example " + f.example, nil, "picket notify preview --help lists them"}
		}
		zone, err := time.LoadLocation(f.zone)
		switch {
		case f.zone == "":
			zone = time.Local
		case err != nil:
			return web.Preview{}, &failure{exitUsage, f.zone + " is no time zone", nil, "write its name, such as Europe/Madrid, America/New_York or UTC"}
		}
		e.Route.Name = "preview"
		return web.Preview{Message: exampleWords(zone).Write(e.Telling)}, nil
	}
	p, err := collector.DialOperator(f.data).PreviewAlert(cmd.Context(), web.PreviewRequest{Incident: f.incident, Example: f.example, Route: f.route})
	return p, explain(f.data, "preview an alert", err)
}

// exampleWords word examples as an installation in zone with the embedded catalogue would.
func exampleWords(zone *time.Location) alert.Words {
	return alert.Words{Provider: config.Defaults().ProviderName, Zone: zone, Page: "https://picket.msp.example"}
}

// printPreview prints m as the channel of a kind sends it: text is the subject
// and the text of a mail.
func printPreview(w io.Writer, m alert.Message, kind string, html bool) error {
	var body []byte
	var err error
	switch kind {
	case "", "text":
		kind = string(channel.KindMail)
	}
	if html {
		body, err = channel.HTML(m)
	} else {
		_, body, err = channel.Render(channel.Kind(kind), m)
	}
	if err != nil {
		return &failure{exitUsage, err.Error(), nil, "one of " + strings.Join(channelKinds(), ", ")}
	}
	if json.Valid(body) {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", "  "); err == nil {
			body = pretty.Bytes()
		}
	}
	_, err = fmt.Fprintf(w, "%s\n", bytes.TrimRight(body, "\n"))
	return err
}
