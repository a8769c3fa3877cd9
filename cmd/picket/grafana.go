package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"picket/dashboards"
)

func grafanaCommand() *cobra.Command {
	export := &cobra.Command{
		Use:   "export --dir DIR",
		Short: "Write the Grafana dashboards of this version, and how Grafana finds them",
		Long: `Write the Grafana dashboards of this version, and how Grafana finds them.

With --dir /etc/grafana a Grafana on this machine takes them at its next start.
Its environment must say where InfluxDB is: PICKET_INFLUX_URL,
PICKET_INFLUX_BUCKET and PICKET_INFLUX_TOKEN (one that may only read).
With them goes one alert rule: that the Picket server has fallen silent.`,
		Example: `  sudo picket grafana export --dir /etc/grafana --page https://picket.msp.example
  picket grafana export --dir ./grafana --grafana-dir /etc/grafana    # a folder for a container's mount`,
		Args: cobra.NoArgs,
	}
	var o dashboards.Options
	f := export.Flags()
	f.StringVar(&o.Dir, "dir", "", "Grafana's configuration `directory`, such as "+dashboards.DefaultHome)
	f.StringVar(&o.Home, "grafana-dir", "", "that `directory` as Grafana sees it, if it is mounted elsewhere (default: --dir)")
	f.StringVar(&o.Page, "page", dashboards.DefaultPage, "`address` of the Picket page, for links")
	f.BoolVar(&o.Force, "force", false, "overwrite files that differ, as after an upgrade")
	export.MarkFlagRequired("dir")
	export.RunE = func(cmd *cobra.Command, _ []string) error {
		changed, err := dashboards.Export(o)
		switch {
		case errors.Is(err, dashboards.ErrDiffers):
			return &failure{exitUsage, "nothing was written", err, "overwrite with --force, or name another --dir"}
		case errors.Is(err, dashboards.ErrOption):
			return &failure{exitUsage, "nothing was written", err, "picket grafana export --help"}
		case errors.Is(err, fs.ErrPermission):
			return &failure{exitPermission, "the dashboards cannot be written to " + o.Dir, err, "run this as a user who may write there (sudo)"}
		case err != nil:
			return &failure{exitInternal, "the dashboards cannot be written to " + o.Dir, err, ""}
		}
		w := cmd.OutOrStdout()
		if len(changed) == 0 {
			fmt.Fprintf(w, "All dashboards in %s are those of this version.\n", o.Dir)
			return nil
		}
		for _, path := range changed {
			fmt.Fprintln(w, "wrote", path)
		}
		fmt.Fprintln(w, "\nGrafana needs PICKET_INFLUX_URL, PICKET_INFLUX_BUCKET and PICKET_INFLUX_TOKEN in its environment.")
		fmt.Fprintln(w, "Restart it once, so that it reads the data source.")
		return nil
	}
	return group("grafana", "Dashboards for Grafana", export)
}
