package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	serviceName = "PicketAgent"
	// account is a virtual one: Windows makes it with the service, without a
	// password, and with no rights of its own.
	account = `NT SERVICE\` + serviceName
)

// Here is the layout of this system.
func Here() Layout {
	state := filepath.Join(known(windows.FOLDERID_ProgramData, `C:\ProgramData`), "Picket", "agent")
	return Layout{
		Program:  filepath.Join(known(windows.FOLDERID_ProgramFiles, `C:\Program Files`), "Picket", "picket-agent.exe"),
		State:    state,
		Settings: filepath.Join(state, "agent.env"),
		LogDir:   filepath.Join(state, "logs"),
	}
}

// known asks Windows and not the environment, which any user may set for the
// programs that run in their name.
func known(id *windows.KNOWNFOLDERID, otherwise string) string {
	if dir, err := windows.KnownFolderPath(id, windows.KF_FLAG_DEFAULT); err == nil {
		return dir
	}
	return otherwise
}

func supported() bool { return true }

func configure(c *service.Config) {
	c.UserName = account
}

func elevated() bool { return windows.GetCurrentProcessToken().IsElevated() }

func packaged() bool { return false }

func registered() bool { return false } // the manager's answer has no second meaning here

// prepare makes the state directory, closed to everybody but the system,
// administrators and the service.
func prepare(l Layout) error {
	if err := closeState(l); err != nil {
		return err
	}
	if err := os.MkdirAll(l.LogDir, 0o700); err != nil { // inherits
		return fmt.Errorf("make the log directory: %w", err)
	}
	return nil
}

// closeState makes the state directory and the one above it, and closes both.
func closeState(l Layout) error {
	for _, dir := range []string{filepath.Dir(l.State), l.State} {
		if err := closedDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// settingsDir makes the folder of the settings, which is that of the state, and
// closes it: what ProgramData would pass down lets every user read a proxy's
// password.
func settingsDir(l Layout) error { return closeState(l) }

// register makes the service or changes the one that is there: deleting it
// first fails while anybody looks at it (services.msc).
func (s *Service) register(was Status) error {
	if !was.Installed {
		if err := s.sys.Install(); err != nil {
			return err
		}
	}
	return refine(s.layout)
}

// Recovery actions: three restarts, each a little later, the last one for every
// further failure; a day without one begins anew.
const resetPeriod = 24 * 60 * 60 // seconds

func recovery() []mgr.RecoveryAction {
	return []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
		{Type: mgr.ServiceRestart, Delay: 30 * time.Second},
		{Type: mgr.ServiceRestart, Delay: 60 * time.Second},
	}
}

// refine sets what kardianos/service cannot, and what an older version of ours
// may have set otherwise.
func refine(l Layout) error {
	line, err := windows.UTF16PtrFromString(commandLine(l))
	if err != nil {
		return err
	}
	who, err := windows.UTF16PtrFromString(account)
	if err != nil {
		return err
	}
	return onService(func(s *mgr.Service) error {
		const same = windows.SERVICE_NO_CHANGE
		if err := windows.ChangeServiceConfig(s.Handle, same, mgr.StartAutomatic, same, line, nil, nil, nil, who, nil, nil); err != nil {
			return fmt.Errorf("set program and account: %w", err)
		}
		// Delayed: after a restart the machine has better things to do first.
		// Where that is not known (Wine), it starts with the others.
		late := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
		err := windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (*byte)(unsafe.Pointer(&late)))
		if err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			return fmt.Errorf("set the delayed start: %w", err)
		}
		if err := s.SetRecoveryActions(recovery(), resetPeriod); err != nil {
			return fmt.Errorf("set the recovery actions: %w", err)
		}
		return nil
	})
}

// commandLine is what the manager runs, each part quoted: a path with spaces
// that is not lets others put a C:\Program.exe in its way.
func commandLine(l Layout) string {
	parts := []string{l.Program, "run", "--as-service", "--state", l.State, "--log-file", l.LogPath(), "--settings", l.Settings}
	for i, p := range parts {
		if i == 0 || strings.Contains(p, " ") {
			parts[i] = `"` + p + `"`
		}
	}
	return strings.Join(parts, " ")
}

func onService(do func(*mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.OpenService(serviceName)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

// stop asks the service to end and waits for it, at most stopTime.
func (s *Service) stop() error {
	err := onService(func(s *mgr.Service) error {
		status, err := s.Control(svc.Stop)
		if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return nil
		}
		for end := time.Now().Add(stopTime); err == nil && status.State != svc.Stopped; status, err = s.Query() {
			if time.Now().After(end) {
				return errors.New("it did not end in time")
			}
			time.Sleep(100 * time.Millisecond)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("stop the service: %w", err)
	}
	return nil
}

// removeProgram removes the program. The one that runs cannot be removed: it
// goes with the next start of Windows, unless whoever called us removes it.
func removeProgram(path string) error {
	if err := removeNow(path); err != nil {
		name, bad := windows.UTF16PtrFromString(path)
		if bad != nil {
			return bad
		}
		if late := windows.MoveFileEx(name, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT); late != nil {
			return errors.Join(err, late)
		}
	}
	os.Remove(filepath.Dir(path)) // best effort: fails while something is in it
	return nil
}

// removeAll removes a tree. Wine does not know the call by which [os.RemoveAll]
// does it; nothing below path is followed here either.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if !errors.Is(err, windows.ERROR_INVALID_FUNCTION) {
		return err
	}
	var all []string
	err = filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	for i := len(all) - 1; i >= 0; i-- { // what is in a directory comes after it
		err = errors.Join(err, os.Remove(all[i]))
	}
	return err
}

// unprepare removes the folder above the state, if nothing else is in it.
func unprepare(l Layout, _ bool) error {
	os.Remove(filepath.Dir(l.State)) // best effort: others may have things there
	return nil
}

// HandOver has nothing to do: what is made in the state directory inherits its
// list of rights.
func HandOver() error { return nil }
