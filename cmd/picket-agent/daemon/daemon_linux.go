package daemon

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kardianos/service"
)

const (
	serviceName = "picket-agent"
	account     = "picket-agent"
	ownUnit     = "/etc/systemd/system/picket-agent.service"
)

// unit is what the packages install and what Install writes where there is no
// package.
//
//go:embed picket-agent.service
var unit string

// Unit is the text of the systemd unit, for the tests of the packages.
func Unit() string { return unit }

// Here is the layout of this system.
func Here() Layout {
	return Layout{
		Program:  "/usr/bin/picket-agent",
		State:    "/var/lib/picket-agent",
		Settings: "/etc/default/picket-agent",
	}
}

func supported() bool { return service.Platform() == "linux-systemd" }

func configure(c *service.Config) { c.Option = service.KeyValue{"SystemdScript": unit} }

func elevated() bool { return os.Geteuid() == 0 }

// packaged says whether a package of the distribution brought the unit: those
// are kept apart from the administrator's own by systemd's rules.
func packaged() bool {
	for _, dir := range []string{"/usr/lib", "/lib"} {
		if _, err := os.Stat(dir + "/systemd/system/picket-agent.service"); err == nil {
			return true
		}
	}
	return false
}

func registered() bool {
	_, err := os.Stat(ownUnit)
	return err == nil || packaged()
}

// prepare makes the service's user and its state directory.
func prepare(l Layout) error {
	if err := addUser(l); err != nil {
		return err
	}
	// The same that systemd's StateDirectory= does at every start: it is done
	// here for the token that is used before the first one.
	err := os.Mkdir(l.State, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the state directory: %w", err)
	}
	return HandOver()
}

// settingsDir makes the folder of the settings, which is the system's.
func settingsDir(l Layout) error { return os.MkdirAll(filepath.Dir(l.Settings), 0o755) }

func addUser(l Layout) error {
	if _, err := user.Lookup(account); err == nil {
		return nil
	}
	return command("useradd", "--system", "--user-group", "--home-dir", l.State, "--no-create-home",
		"--shell", "/usr/sbin/nologin", "--comment", "Picket agent", account)
}

// register writes and enables the unit; a package's own is only enabled.
func (s *Service) register(was Status) error {
	if was.Packaged {
		return command("systemctl", "enable", serviceName+".service")
	}
	if old, err := os.ReadFile(ownUnit); err == nil && string(old) != unit {
		if err := os.Remove(ownUnit); err != nil { // an older one of ours
			return err
		}
	} else if err == nil {
		return command("systemctl", "enable", serviceName+".service")
	}
	return s.sys.Install()
}

func (s *Service) stop() error {
	if err := s.sys.Stop(); err != nil { // systemctl waits
		return fmt.Errorf("stop the service: %w", err)
	}
	return nil
}

func removeProgram(path string) error { return removeNow(path) }

func removeAll(path string) error { return os.RemoveAll(path) }

// unprepare removes the account, unless it owns what is kept.
func unprepare(_ Layout, keep bool) error {
	if _, err := user.Lookup(account); err != nil || keep {
		return nil
	}
	return command("userdel", account)
}

// HandOver gives the service's user what root left in the state directory, say
// by joining: systemd calls it as root before every start. The user may put
// links there, so none is followed, and a file with a second name elsewhere is
// left alone.
func HandOver() error {
	u, err := user.Lookup(account)
	if err != nil {
		return fmt.Errorf("hand over the state: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return fmt.Errorf("hand over the state: user id %q: %w", u.Uid, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return fmt.Errorf("hand over the state: group id %q: %w", u.Gid, err)
	}
	root, err := os.OpenRoot(Here().State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("hand over the state: %w", err)
	}
	defer root.Close()
	return handOver(root, 0, uid, gid)
}

func command(name string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}
