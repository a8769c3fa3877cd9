package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"picket/cmd/picket/demo"
	"picket/collector"
	"picket/collector/config"
	"picket/collector/store"
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
		if f, ok := errors.AsType[*failure](err); ok {
			f.what += "\nNothing was started."
			return f
		}
		if secrets := unreadable(file); len(secrets) > 0 {
			return &failure{exitConfig, "a secret of the configuration cannot be read, nothing was started", errors.Join(secrets...),
				"make it readable for the collector's user; check with: picket config validate FILE"}
		}
		dir := cmp.Or(*data, file.Data, defaultData())
		for _, w := range warnings(file) {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
		}
		sockets, err := collector.Listen(file, dir)
		if err != nil {
			return explainListen(err, dir)
		}
		c, err := collector.New(cmd.Context(), collector.Options{
			File: file, Source: src, Dir: dir, Sockets: sockets, Version: version, Log: logger(cmd.ErrOrStderr()),
		})
		switch {
		case errors.Is(err, store.ErrInUse):
			return &failure{exitNetwork, "a collector is already running on " + dir, err, "end it, or name another directory with --data"}
		case errors.Is(err, fs.ErrPermission):
			return &failure{exitPermission, "the data directory " + dir + " cannot be used", err, ""}
		case err != nil:
			return &failure{exitInternal, "cannot start on " + dir, err, ""}
		}
		if err := c.Run(cmd.Context()); err != nil {
			return &failure{exitInternal, "stopped with an error", err, ""}
		}
		return nil
	}
	return cmd
}

// explainListen turns what kept the sockets from opening into a failure with
// the remedy that fits it.
func explainListen(err error, dir string) error {
	if a, ok := errors.AsType[*collector.AddressError](err); ok {
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return &failure{exitNetwork, fmt.Sprintf("the address %s is in use (key %s of the configuration)", a.Addr, a.Key), a.Err,
				"end what uses it, or change " + a.Key + " in the configuration"}
		case errors.Is(err, fs.ErrPermission):
			return &failure{exitPermission, fmt.Sprintf("this user may not listen on %s (key %s of the configuration)", a.Addr, a.Key), a.Err,
				"take a port above 1023, or change " + a.Key + " in the configuration"}
		}
		return &failure{exitNetwork, fmt.Sprintf("cannot listen on %s (key %s of the configuration)", a.Addr, a.Key), a.Err,
			"name an address of this machine as " + a.Key + " in the configuration"}
	}
	switch {
	case errors.Is(err, collector.ErrRunning):
		return &failure{exitNetwork, "a collector is already running on " + dir, nil, "end it, or name another directory with --data"}
	case errors.Is(err, collector.ErrSocketPath):
		return &failure{exitPermission, "the path of the data directory is too long", err, "name a shorter one with --data"}
	}
	return &failure{exitPermission, "the data directory " + dir + " cannot be used", err, "repair it, or name another with --data"}
}

// unreadable says which secrets that the file names cannot be read now.
func unreadable(file *config.File) (errs []error) {
	for _, r := range file.Alerts {
		if _, err := r.Secret.Read(); err != nil {
			errs = append(errs, fmt.Errorf("alert route %s: %w", r.Name, err))
		}
	}
	if in := file.Influx; in != nil && in.Token != (config.Secret{}) {
		if _, err := in.Token.Read(); err != nil {
			errs = append(errs, fmt.Errorf("influx: %w", err))
		}
	}
	return errs
}

// warnings are what is legal but unwise.
func warnings(file *config.File) (list []string) {
	for _, w := range file.Warnings {
		list = append(list, fmt.Sprint(w))
	}
	host, _, err := net.SplitHostPort(file.HTTP)
	ip, notIP := netip.ParseAddr(host)
	if err == nil && host != "localhost" && (notIP != nil || !ip.IsLoopback()) {
		list = append(list, fmt.Sprintf("http: %s can be reached from other machines, and the page has no log-in yet: put a proxy with one before it, or write http: 127.0.0.1:8443", file.HTTP))
	}
	return list
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
		return nil, nil, &failure{exitConfig, "the configuration " + filepath.Base(path) + " is wrong:\n" + err.Error(), nil, ""}
	}
	return file, src, nil
}

func configCommand() *cobra.Command {
	validate := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a configuration file; exit code 78 if it is wrong",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, _, err := loadConfig(args[0])
			if err != nil {
				return err
			}
			for _, w := range warnings(file) {
				fmt.Fprintln(cmd.OutOrStdout(), "warning:", w)
			}
			for _, err := range unreadable(file) {
				fmt.Fprintln(cmd.OutOrStdout(), "warning: this user cannot read a secret, and a collector would not start:", err)
			}
			fleet := file.Fleet()
			fmt.Fprintf(cmd.OutOrStdout(), "ok: %d targets, %d checks, %d networks, %d alert routes\n",
				len(fleet.Targets), len(fleet.Checks), len(file.Networks), len(file.Alerts))
			return nil
		},
	}
	return group("config", "The collector's configuration file", validate)
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
	f.StringVar(&o.Page, "page", "", "`address` of the status page (default: "+config.DefaultHTTP+", or a free port if that is in use)")
	verbose := f.Bool("verbose", false, "show what collector and agents log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Out = cmd.OutOrStdout()
		if *verbose {
			o.Log = logger(cmd.ErrOrStderr())
		}
		err := demo.Run(cmd.Context(), o)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, demo.ErrOption):
			return &failure{exitUsage, err.Error(), nil, "picket demo --help"}
		case errors.Is(err, demo.ErrMachine):
			return &failure{exitNetwork, err.Error(), nil, ""}
		case errors.Is(err, demo.ErrInterrupted):
			return &failure{exitInterrupted, err.Error(), nil, ""}
		case errors.Is(err, demo.ErrNotHeld):
			return &failure{exitFailed, "the story did not hold", err, "run it again with --verbose; if it fails twice, please report it"}
		}
		return &failure{exitInternal, "the demo broke", err, "run it again with --verbose; if it fails twice, please report it"}
	}
	return cmd
}
