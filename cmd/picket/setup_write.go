package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"picket/collector"
	"picket/collector/access"
	"picket/collector/config"
	"picket/collector/store"
)

// exitAuth: a token, a password or an approval is missing or refused.
const exitAuth = 4

//go:embed setup.yaml.tmpl
var setupText string

// render makes the text of the configuration and has it read, as the collector
// will.
func (s *setup) render() error {
	t, err := template.New("picket.yaml").Funcs(template.FuncMap{
		"q": strconv.Quote, "list": func(v string) []string { return parts(v) },
	}).Option("missingkey=zero").Parse(setupText)
	if err != nil {
		return &failure{exitInternal, "the template of the configuration is broken", err, ""}
	}
	a := map[string]any{"secrets": s.hidden, "a": s.answer, "made": time.Now().UTC().Format("2006-01-02")}
	var b bytes.Buffer
	if err := t.Execute(&b, a); err != nil {
		return &failure{exitInternal, "the configuration cannot be written down", err, ""}
	}
	s.text = b.Bytes()
	if s.file, err = config.Parse(s.answer["config"], s.text); err != nil {
		return &failure{exitUsage, "these answers make no configuration, nothing was written", err, "correct the answer that is named; picket setup --dry-run shows the whole"}
	}
	return nil
}

// write makes the data folder first, since that can fail in more ways, and then
// the files.
func (s *setup) write(ctx context.Context) (collector.Prepared, error) {
	name := s.answer["config"]
	if _, err := os.Lstat(name); err == nil && !s.force {
		return collector.Prepared{}, &failure{exitUsage, name + " is there already, nothing was written", nil,
			"name another file with --config, or replace it with --force"}
	}
	dir := s.answer["data"]
	done, err := collector.Prepare(ctx, collector.PrepareOptions{
		Dir: dir, File: s.file, Source: s.text, Admin: s.answer["admin"], Password: s.hidden["admin-password"],
		Client: s.answer["client"], Site: s.answer["site"], Region: s.answer["region"], Network: s.answer["network"], Again: s.force,
	})
	switch {
	case errors.Is(err, store.ErrInUse), errors.Is(err, collector.ErrRunning):
		return done, &failure{exitNetwork, "a collector is running on " + dir + ", nothing was written", nil, "end it, or name another directory with --data"}
	case errors.Is(err, store.ErrName), errors.Is(err, access.ErrName), errors.Is(err, access.ErrPassword):
		return done, &failure{exitUsage, "the data folder was not made", err, ""}
	case errors.Is(err, fs.ErrPermission):
		return done, &failure{exitPermission, "the data folder " + dir + " cannot be made", err, "run this as root (sudo), or name another directory with --data"}
	case err != nil:
		return done, &failure{exitInternal, "the data folder " + dir + " cannot be made", err, ""}
	}
	if err := errors.Join(s.writeFiles(), s.handOver(serviceUser)); err != nil {
		return done, &failure{exitPermission, "the data folder " + dir + " is ready, but a file beside it was not written", err,
			"make the folder of " + name + " writable, and run this again with --force"}
	}
	return done, nil
}

// writeFiles writes the configuration and its secrets. What stood there before
// is kept as .bak.
func (s *setup) writeFiles() error {
	name := s.answer["config"]
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	for _, key := range []string{"smtp-password", "influx-token"} {
		if s.hidden[key] == "" {
			continue
		}
		path := s.secretFile(key)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := replaceFile(path, []byte(s.hidden[key]+"\n"), 0o600); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(name); err == nil {
		if err := os.Rename(name, name+".bak"); err != nil {
			return err
		}
	}
	return replaceFile(name, s.text, 0o644)
}

func (s *setup) secretFile(key string) string {
	return filepath.Join(filepath.Dir(s.answer["config"]), "secrets", key)
}

// replaceFile writes a file that is there whole or not at all.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".picket-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// The packaged service: whom it runs as, its unit, its data folder.
const (
	serviceUser = "picket"
	serviceUnit = "/usr/lib/systemd/system/picket-collector.service"
	serviceData = "/var/lib/picket"
)

// handOver gives what root has made to the user of the service, if the machine
// has one.
func (s *setup) handOver(name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil // not installed as a service
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	if err = errors.Join(err, gerr); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	// Whoever owns the folder already may put links into it while we work: so
	// nothing is reached but through the folder itself.
	give := func(dir string, uid int, mode func(fs.DirEntry) fs.FileMode) error {
		root, err := os.OpenRoot(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer root.Close()
		return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && d.Type()&fs.ModeSymlink != 0 {
				return nil
			}
			if err = errors.Join(err, root.Lchown(path, uid, gid)); err == nil && mode != nil {
				err = root.Chmod(path, mode(d))
			}
			return err
		})
	}
	// The data is the service's own; the secrets it may read and not change.
	return errors.Join(give(s.answer["data"], uid, nil), give(filepath.Dir(s.secretFile("any")), -1, func(d fs.DirEntry) fs.FileMode {
		if d.IsDir() {
			return 0o750
		}
		return 0o640
	}))
}

// report says what there is and what comes next.
func (s *setup) report(done collector.Prepared) {
	out, dir := s.out, s.answer["data"]
	fmt.Fprintf(out, "\nConfiguration  %s\nData folder    %s (keys inside: back it up with picket backup)\n", s.answer["config"], dir)
	switch admin := s.answer["admin"]; {
	case done.Users > 0:
		fmt.Fprintf(out, "Users          %d, as they were before (picket user list)\n", done.Users)
	case admin != "":
		fmt.Fprintf(out, "First user     %s\n", admin)
		if s.made {
			fmt.Fprintf(out, "Password       %s   (shown this once; change it under Settings)\n", s.hidden["admin-password"])
		}
	}
	fmt.Fprintf(out, "Page           %s\n", s.pageAddress())
	if s.answer["tls"] == "own-ca" {
		fmt.Fprintf(out, "               browsers warn until they trust %s\n", filepath.Join(dir, "ca", "root.crt"))
	}
	run := "picket collector"
	if dir != defaultData() {
		run += " --data " + quoted(dir)
	}
	fmt.Fprintf(out, "\n1. Start the Picket server:\n\n  %s\n", run)
	if _, err := os.Stat(serviceUnit); err == nil && dir == serviceData {
		fmt.Fprintf(out, "\n   or, to have it run always:\n\n  sudo systemctl enable --now %s\n", strings.TrimSuffix(filepath.Base(serviceUnit), ".service"))
	}
	fmt.Fprintf(out, "\n2. On a machine at %s, enrol the first Picket agent (until %s):\n\n  picket-agent join %s\n  picket-agent run\n",
		done.Site, done.Expires.Local().Format("2006-01-02 15:04 MST"), done.Token)
	warnAddrs(out, s.file.Public)
}

// pageAddress is what people type.
func (s *setup) pageAddress() string {
	host, port, _ := net.SplitHostPort(s.file.HTTP)
	if len(s.file.Names) > 0 {
		host = s.file.Names[0]
	}
	scheme := "http"
	if s.file.TLS != nil || s.file.BehindProxy {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(cmp.Or(host, "localhost"), port)
}

// quoted makes a path fit for a shell.
func quoted(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool {
		return !(r == '/' || r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	}) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
