package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"picket/collector"
	"picket/collector/store"
)

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Write everything the Picket server needs into one file",
		Long: `Write everything the Picket server needs into one file, while it runs.

The file holds the database (agents, incidents, letters that wait, users, history)
and the server's keys. With it anybody can be this Picket server, so keep it like
a key. Bring it back with: picket restore FILE.`,
		Example: `  picket backup
  picket backup --output /backup/picket.tar.gz --force
  picket backup --output - | age -r RECIPIENT > picket.tar.gz.age`,
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd)
	output := cmd.Flags().String("output", "", "`file` to write, or - for standard output (default: picket-backup-TIME.tar.gz here)")
	force := cmd.Flags().Bool("force", false, "replace the file if it is there")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *output == "-" {
			return explainBackup(*data, streamBackup(cmd.Context(), *data, cmd.OutOrStdout()))
		}
		path := *output
		if path == "" {
			path = "picket-backup-" + time.Now().UTC().Format("20060102T150405Z") + ".tar.gz"
		}
		if _, err := os.Lstat(path); err == nil && !*force {
			return &failure{exitUsage, path + " is there already, nothing was written", nil, "name another file with --output, or replace it with --force"}
		}
		m, size, err := saveBackup(cmd.Context(), *data, path)
		if err != nil {
			return explainBackup(*data, err)
		}
		printBackup(cmd.OutOrStdout(), path, size, m)
		return nil
	}
	return cmd
}

// streamBackup writes a backup of the collector that runs on data, or of data
// itself if none does.
func streamBackup(ctx context.Context, data string, w io.Writer) error {
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&fs.ModeCharDevice != 0 && info.Mode()&fs.ModeDevice != 0 {
			return &failure{exitUsage, "a backup is no text for a terminal, nothing was written", nil, "send it to a file or a program, or leave out --output -"}
		}
	}
	err := collector.DialOperator(data).Backup(ctx, w)
	if errors.Is(err, collector.ErrNoCollector) {
		return collector.BackupDir(ctx, data, version, w)
	}
	return err
}

// saveBackup writes a backup to path, which appears when it is whole and was
// read back. The folder of path needs room for it twice if it is replaced.
func saveBackup(ctx context.Context, data, path string) (m collector.Manifest, size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return m, 0, &failure{exitPermission, "cannot write " + path, err, "name another place with --output"}
	}
	defer func() {
		f.Close()
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	buf := bufio.NewWriterSize(f, 1<<20)
	if err := streamBackup(ctx, data, buf); err != nil {
		return m, 0, err
	}
	if err := errors.Join(buf.Flush(), f.Sync()); err != nil {
		return m, 0, err
	}
	if size, err = f.Seek(0, io.SeekCurrent); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return m, 0, err
	}
	if m, err = collector.VerifyBackup(ctx, f); err != nil {
		return m, 0, err
	}
	return m, size, errors.Join(f.Close(), os.Rename(f.Name(), path))
}

func explainBackup(data string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*failure)):
		return err
	case errors.Is(err, collector.ErrNoData):
		return &failure{exitNetwork, "no collector runs on " + data + ", and there is no database in it", nil, "name the data directory of the Picket server with --data"}
	case errors.Is(err, store.ErrInUse):
		return &failure{exitNetwork, "a collector uses " + data + " but does not answer on its operator socket", err, "wait until it has started or ended, then try again"}
	case errors.Is(err, store.ErrNewer):
		return &failure{exitUsage, "the database is newer than this program", err, "use the picket command of the collector's version"}
	case errors.Is(err, fs.ErrPermission) && !errors.Is(err, collector.ErrNotYours):
		return &failure{exitPermission, "no backup was made", err, "run this as the collector's user or as root"}
	}
	return explain(data, "make a backup", err)
}

func printBackup(w io.Writer, path string, size int64, m collector.Manifest) {
	fmt.Fprintf(w, "Backup written and read back: %s (%s, readable by its owner only)\n\n", path, bytesText(size))
	printInside(w, m)
	fmt.Fprintf(w, "\nKeep it like a key: who has this file can be this Picket server.\n")
	fmt.Fprintf(w, "Not inside: the configuration file and the secrets that it names (mail, webhooks, InfluxDB), and what InfluxDB holds.\n")
	if !slices.ContainsFunc(m.Files, func(f collector.BackupFile) bool { return f.Name == "ca/root.key" }) {
		fmt.Fprintf(w, "Not inside either: the root key. It is not in the data directory; keep it where it is.\n")
	}
	fmt.Fprintf(w, "Bring it back into an empty folder: picket restore %s --data DIRECTORY\n", path)
}

// printInside says what a backup holds, for people.
func printInside(w io.Writer, m collector.Manifest) {
	in := m.Inside
	counts := []string{
		fmt.Sprintf("%d %s", in.Agents, plural(in.Agents, "agent", "agents")),
		fmt.Sprintf("%d %s", in.Users, plural(in.Users, "user", "users")),
		fmt.Sprintf("%d open %s", in.Open, plural(in.Open, "incident", "incidents")),
		fmt.Sprintf("%d %s waiting to be sent", in.Waiting, plural(in.Waiting, "letter", "letters")),
	}
	var database int64
	var keys []string
	for _, f := range m.Files {
		if f.Name == "picket.db" {
			database = f.Size
			continue
		}
		keys = append(keys, f.Name)
	}
	fmt.Fprintf(w, "  made      %s by version %s\n", m.Made.Local().Format("2006-01-02 15:04:05 MST"), m.Version)
	fmt.Fprintf(w, "  database  %s: %s\n", bytesText(database), strings.Join(counts, ", "))
	fmt.Fprintf(w, "  keys      %s\n", strings.Join(keys, ", "))
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

func restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a backup back into an empty data directory",
		Long: `Bring a backup back into an empty data directory.

Every file is held against its checksum, the keys and the database are proved,
and only then does the folder get them; if anything is wrong, it stays empty.
Agents come back by themselves and need not join again. What was done and what
was delivered after the backup is gone: agents send no result a second time.`,
		Example: "  picket restore picket-backup-20260301T120000Z.tar.gz --data /var/lib/picket",
		Args:    cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return &failure{exitUsage, "cannot read the backup, nothing was restored", err, ""}
		}
		defer f.Close()
		m, err := collector.Restore(cmd.Context(), f, *data)
		if err != nil {
			return explainRestore(args[0], *data, err)
		}
		printRestored(cmd.OutOrStdout(), *data, m)
		return nil
	}
	return cmd
}

func explainRestore(path, data string, err error) error {
	switch {
	case errors.Is(err, collector.ErrBackup):
		return &failure{exitFailed, path + " cannot be restored, nothing was changed", err, "take another backup; copy this one again if it came over a network"}
	case errors.Is(err, store.ErrNewer):
		return &failure{exitFailed, path + " was made by a newer version, nothing was changed", err, "install that version of Picket, then restore"}
	case errors.Is(err, collector.ErrRunning):
		return &failure{exitNetwork, "a collector runs on " + data + ", nothing was changed", nil, "end it and empty the folder, or name another with --data"}
	case errors.Is(err, collector.ErrUnfinished):
		return &failure{exitPermission, "a restore into " + data + " was cut short, nothing was changed", err, "empty the folder, then restore again"}
	case errors.Is(err, collector.ErrNotEmpty):
		return &failure{exitPermission, data + " is not empty, nothing was changed", err, "move what is in it away, or name another folder with --data"}
	case errors.Is(err, collector.ErrForeign):
		return &failure{exitPermission, "root cannot restore safely into " + data + ", nothing was changed", err, "run this as the folder's owner, such as: sudo -u picket picket restore ..."}
	case errors.Is(err, collector.ErrDataDir), errors.Is(err, fs.ErrPermission):
		return &failure{exitPermission, "the folder " + data + " cannot be used, nothing was changed", err, "run this as the collector's user or as root"}
	case errors.Is(err, context.Canceled):
		return &failure{exitInterrupted, "interrupted, nothing was changed", nil, ""}
	}
	return &failure{exitInternal, "cannot restore " + path + ", nothing was changed", err, ""}
}

func printRestored(w io.Writer, data string, m collector.Manifest) {
	fmt.Fprintf(w, "Restored into %s\n\n", data)
	printInside(w, m)
	fmt.Fprintf(w, `
Start it as the user who owns the folder: picket collector --data %s
Agents that were members then come back by themselves. Put the secrets of the
configuration (mail, webhooks, InfluxDB) where it names them.

What was done after the backup is not known any more:
  agents that joined since then have to join again   picket token create
  agents revoked since then are members again        picket agent revoke
  users and API tokens are as they were, and everybody has to log in again
  letters that were waiting then are sent, maybe a second time
  results delivered since then are gone: the graphs have a gap (InfluxDB keeps its own)
`, data)
}
