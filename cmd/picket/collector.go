package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
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

With --config it applies that file. Without, it goes on with the configuration
that was applied last in the data folder, by picket setup, picket config apply or
--config; the folder keeps a copy. In a folder where nothing was ever applied it
watches the embedded catalogue of public cloud endpoints, listens for agents on
UDP and TCP 4443 and shows its page on http://127.0.0.1:8443.`,
		Args: cobra.NoArgs,
	}
	path := cmd.Flags().String("config", "", "configuration `file` (default: the one applied last, else the embedded catalogue)")
	data := cmd.Flags().String("data", "", "data `directory` (default: the file's, else PICKET_DATA, else "+defaultData()+")")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		file, src, dir, err := startWith(cmd, *path, *data)
		if err != nil {
			return err
		}
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

// startWith decides what a collector starts with, and in which data folder.
// Nothing has been started when it fails.
func startWith(cmd *cobra.Command, path, data string) (file *config.File, src []byte, dir string, err error) {
	if path == "" {
		dir = cmp.Or(data, defaultData())
		last, err := collector.LastFile(cmd.Context(), dir)
		if !errors.Is(err, collector.ErrNoLast) {
			return startAgain(cmd, dir, last, err)
		}
		return config.Defaults(), nil, dir, nil
	}
	file, src, err = loadConfig(path)
	if f, ok := errors.AsType[*failure](err); ok {
		f.what += "\nNothing was started."
		return nil, nil, "", f
	}
	if secrets := file.Unreadable(); len(secrets) > 0 {
		return nil, nil, "", &failure{exitConfig, "a secret of the configuration cannot be read, nothing was started", errors.Join(secrets...),
			"make it readable for the collector's user; check with: picket config validate FILE"}
	}
	return file, src, cmp.Or(data, file.Data, defaultData()), nil
}

// startAgain goes on with what was applied last. It is stricter with a file that
// somebody names than with one that worked: after a reboot at night a collector
// with one mute alert route is better than none.
func startAgain(cmd *cobra.Command, dir string, last collector.Last, err error) (*config.File, []byte, string, error) {
	var wrong config.Problems
	switch {
	case errors.Is(err, store.ErrInUse):
		return nil, nil, "", explainListen(collector.ErrRunning, dir)
	case errors.As(err, &wrong):
		return nil, nil, "", &failure{exitConfig, "the configuration that was applied last cannot be used any more, nothing was started", err,
			"correct the file, and start once with: picket collector --config FILE"}
	case err != nil:
		return nil, nil, "", &failure{exitPermission, "the data directory " + dir + " cannot be used", err, "repair it, or name another with --data"}
	}
	if last.Warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", last.Warning)
	}
	for _, err := range last.File.Unreadable() {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: a secret cannot be read, what needs it will fail:", err)
	}
	return last.File, last.Source, dir, nil
}

// warnings are what is legal but unwise.
func warnings(file *config.File) (list []string) {
	for _, w := range file.Warnings {
		list = append(list, fmt.Sprint(w))
	}
	return list
}

// loadConfig reads the file at path.
func loadConfig(path string) (*config.File, []byte, error) {
	file, src, err := config.Load(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission):
		return nil, nil, &failure{exitConfig, "cannot read the configuration", err, ""}
	case err != nil:
		return nil, nil, &failure{exitConfig, "the configuration " + filepath.Base(path) + " is wrong:\n" + err.Error(), nil, ""}
	}
	return file, src, nil
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
