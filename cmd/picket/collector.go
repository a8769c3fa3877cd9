package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"picket/cmd/picket/demo"
	"picket/collector"
	"picket/collector/config"
)

func collectorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "collector",
		Short: "Run a collector until stopped",
		Long: `Run a collector until stopped.

Without --config it watches the embedded catalogue of public cloud endpoints,
listens for agents on UDP 4443 and shows its page on http://127.0.0.1:8443.`,
		Args: cobra.NoArgs,
	}
	path := cmd.Flags().String("config", "", "configuration `file` (default: the embedded catalogue)")
	data := cmd.Flags().String("data", "", "data `directory` (default: the file's, else PICKET_DATA, else "+defaultData()+")")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		file, src, err := loadConfig(*path)
		if err != nil {
			return err
		}
		dir := *data
		if dir == "" {
			dir = file.Data
		}
		if dir == "" {
			dir = defaultData()
		}
		for _, w := range file.Warnings {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
		}
		sockets, err := collector.Listen(file, dir)
		if err != nil {
			return &failure{exitNetwork, "cannot listen", err, "end what uses the address, or change listen and http in the configuration"}
		}
		c, err := collector.New(cmd.Context(), collector.Options{
			File: file, Source: src, Dir: dir, Sockets: sockets, Version: version, Log: logger(cmd.ErrOrStderr()),
		})
		if err != nil {
			return &failure{exitInternal, "cannot start on " + dir, err, ""}
		}
		if err := c.Run(cmd.Context()); err != nil {
			return &failure{exitInternal, "stopped with an error", err, ""}
		}
		return nil
	}
	return cmd
}

// loadConfig reads the file at path; "" is the embedded defaults.
func loadConfig(path string) (*config.File, []byte, error) {
	if path == "" {
		return config.Defaults(), nil, nil
	}
	file, src, err := config.Load(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission):
		return nil, nil, &failure{exitConfig, "cannot read the configuration", err, ""}
	case err != nil:
		return nil, nil, &failure{exitConfig, "the configuration " + filepath.Base(path) + " is wrong, nothing was started:\n" + err.Error(), nil, ""}
	}
	return file, src, nil
}

func configCommand() *cobra.Command {
	cfg := &cobra.Command{Use: "config", Short: "The collector's configuration file"}
	validate := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a configuration file; exit code 78 if it is wrong",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, _, err := loadConfig(args[0])
			if err != nil {
				return err
			}
			for _, w := range file.Warnings {
				fmt.Fprintln(cmd.OutOrStdout(), "warning:", w)
			}
			fleet := file.Fleet()
			fmt.Fprintf(cmd.OutOrStdout(), "ok: %d targets, %d checks, %d networks, %d alert routes\n",
				len(fleet.Targets), len(fleet.Checks), len(file.Networks), len(file.Alerts))
			return nil
		},
	}
	cfg.AddCommand(validate)
	return cfg
}

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See Picket find an outage, on this machine alone",
		Long: `See Picket find an outage, on this machine alone.

Starts a real collector, twelve real agents at simulated sites, and a simulated
cloud of real servers on loopback; breaks a cloud region, then one client's
line; shows what is found, told and resolved. Takes about two minutes, then the
page stays up until Ctrl-C.`,
		Args: cobra.NoArgs,
	}
	var o demo.Options
	f := cmd.Flags()
	f.BoolVar(&o.Once, "once", false, "end after the story; exit code 0 only if everything held")
	f.BoolVar(&o.JSON, "json", false, "print a machine summary as the last line")
	f.StringVar(&o.Influx, "influx", "", "also write to InfluxDB: \"managed\" starts one, a URL uses one")
	f.StringVar(&o.Page, "page", "127.0.0.1:0", "`address` of the status page")
	verbose := f.Bool("verbose", false, "show what collector and agents log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Out = cmd.OutOrStdout()
		if *verbose {
			o.Log = logger(cmd.ErrOrStderr())
		}
		err := demo.Run(cmd.Context(), o)
		if err != nil && cmd.Context().Err() == nil {
			return &failure{exitFailed, "the story did not hold", err, "run it again with --verbose; if it fails twice, please report it"}
		}
		if !o.Once {
			return nil // Ctrl-C is how it ends
		}
		return err
	}
	return cmd
}
