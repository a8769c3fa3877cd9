package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"picket/agent/doctor"
	"picket/internal/fleet"
	"picket/internal/identity"
)

// Support gathers what a bundle for support holds beside the doctor's report: how
// the agent of dir is, its configuration without what could be a secret, its last
// log lines, what its goroutines do, and this machine's network. What cannot be
// had says so in its place.
func Support(ctx context.Context, dir, version string) []doctor.File {
	files := []doctor.File{{Name: "system.txt", About: "this machine: system, network addresses, DNS servers", Data: system(version)}}
	ask := func(name, about, path string) {
		b, err := askAgent(ctx, dir, path)
		if err != nil {
			b = []byte("not to be had: " + err.Error() + "\n")
		}
		files = append(files, doctor.File{Name: name, About: about, Data: b})
	}
	ask("status.json", "how the agent is: checks, results waiting, fleet", "/status")
	ask("log.txt", "the agent's last log lines", "/log")
	ask("goroutines.txt", "what the agent's goroutines do", "/goroutines")
	files = append(files,
		doctor.File{Name: "identity.json", About: "who the agent is and what it may probe (no key)", Data: whoami(dir)},
		doctor.File{Name: "config.json", About: "what it checks (bodies and queries removed)", Data: storedConfig(dir)})
	return files
}

func whoami(dir string) []byte {
	b, err := identity.LoadBundle(dir)
	if err != nil {
		return []byte(err.Error() + "\n")
	}
	return indented(struct {
		identity.Info
		Until string `json:"certificate_until"`
		Pin   string `json:"pin"`
	}{b.Info(), b.NotAfter().UTC().Format("2006-01-02"), b.Pin().String()})
}

// readConfig is the configuration on disk. It is read without the setting aside
// of damaged files: a doctor changes nothing.
func readConfig(dir string) (cfg fleet.Config, err error) {
	path := filepath.Join(dir, "config.json")
	if info, err := os.Stat(path); err != nil || info.Size() > stateLimit {
		return cfg, errors.New("there is none, or it is too long")
	}
	src, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(src, &cfg)
	}
	if err != nil {
		return fleet.Config{}, errors.New("it cannot be read") // the parser would quote it
	}
	return cfg, nil
}

// storedConfig is the configuration on disk without what could be a secret.
func storedConfig(dir string) []byte {
	cfg, err := readConfig(dir)
	if err != nil {
		return []byte(err.Error() + "\n")
	}
	for i := range cfg.Checks {
		s := &cfg.Checks[i].Spec
		if s.Body != "" {
			s.Body = "[removed]"
		}
		if path, query, _ := strings.Cut(s.Path, "?"); query != "" {
			s.Path = path + "?[removed]"
		}
	}
	return indented(cfg)
}

func system(version string) []byte {
	var b bytes.Buffer
	host, _ := os.Hostname()
	fmt.Fprintf(&b, "picket-agent %s, %s/%s, %s\nhost %s, %d processors\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version(), host, runtime.NumCPU())
	ifs, err := net.Interfaces()
	if err != nil {
		fmt.Fprintln(&b, "interfaces:", err)
	}
	for _, i := range ifs {
		addrs, _ := i.Addrs() // one that went away meanwhile has none
		fmt.Fprintf(&b, "interface %s mtu %d %s: %v\n", i.Name, i.MTU, i.Flags, addrs)
	}
	if conf, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		fmt.Fprintf(&b, "\n/etc/resolv.conf:\n%s", conf[:min(len(conf), 4<<10)])
	}
	return b.Bytes()
}

func indented(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return []byte("it cannot be written: " + err.Error() + "\n")
	}
	return append(b, '\n')
}
