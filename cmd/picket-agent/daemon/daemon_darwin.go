package daemon

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kardianos/service"
)

// serviceName is launchd's label, and the name of the plist.
const serviceName = "io.picket.agent"

//go:embed picket-agent.plist
var plist string

// Here is the layout of this system.
func Here() Layout {
	const state = "/Library/Application Support/Picket/agent"
	return Layout{
		Program:  "/usr/local/bin/picket-agent",
		State:    state,
		Settings: filepath.Join(state, "agent.env"),
		LogDir:   "/Library/Logs/Picket",
	}
}

func supported() bool { return true }

func configure(c *service.Config) { c.Option = service.KeyValue{"LaunchdConfig": plist} }

func elevated() bool { return os.Geteuid() == 0 }

func packaged() bool { return false }

func registered() bool {
	_, err := os.Stat("/Library/LaunchDaemons/" + serviceName + ".plist")
	return err == nil
}

func prepare(l Layout) error {
	if err := os.MkdirAll(l.State, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	if err := os.MkdirAll(l.LogDir, 0o755); err != nil {
		return fmt.Errorf("make the log directory: %w", err)
	}
	return nil
}

// settingsDir makes the folder of the settings, which is that of the state.
func settingsDir(l Layout) error { return os.MkdirAll(filepath.Dir(l.Settings), 0o700) }

// register writes the plist anew; it has no state of its own.
func (s *Service) register(was Status) error {
	if was.Installed {
		if err := s.sys.Uninstall(); err != nil {
			return err
		}
	}
	return s.sys.Install()
}

// stop unloads the job, which ends the process, and waits for that.
func (s *Service) stop() error {
	if err := s.sys.Stop(); err != nil {
		return fmt.Errorf("stop the service: %w", err)
	}
	for end := time.Now().Add(stopTime); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if st, err := s.sys.Status(); err != nil || st != service.StatusRunning {
			return nil
		}
	}
	return errors.New("stop the service: it did not end in time")
}

func removeProgram(path string) error { return removeNow(path) }

func removeAll(path string) error { return os.RemoveAll(path) }

// unprepare removes the folder above the state, if nothing else is in it.
func unprepare(l Layout, _ bool) error {
	os.Remove(filepath.Dir(l.State)) // best effort: others may have things there
	return nil
}

// HandOver has nothing to do: the service runs as root.
func HandOver() error { return nil }
