package daemon

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kardianos/service"
)

// What keeps a command from being carried out.
var (
	// ErrRights: only root, or an elevated administrator, may do this.
	ErrRights = errors.New("not permitted for this user")
	// ErrPackaged: a package of the distribution brought the service.
	ErrPackaged = errors.New("the service belongs to a package")
	// ErrNoManager: there is no systemd, launchd or Windows service manager.
	ErrNoManager = errors.New("no supported service manager runs here")
	// ErrNotInstalled: there is no such service.
	ErrNotInstalled = errors.New("the service is not installed")
)

// Layout is where an installed agent has its things.
type Layout struct {
	Program  string // the binary
	State    string // identity, configuration, results; the service's own
	Settings string // environment of the service: NAME=VALUE lines
	LogDir   string // holds agent.log and its predecessors; "": the manager keeps the log
}

// LogPath is the log file, or "".
func (l Layout) LogPath() string {
	if l.LogDir == "" {
		return ""
	}
	return filepath.Join(l.LogDir, "agent.log")
}

// Service is the agent as the operating system's service manager sees it.
type Service struct {
	layout Layout
	sys    service.Service
}

// Open returns the service of this machine, installed or not. errors.Is:
// [ErrNoManager].
func Open() (*Service, error) {
	if !supported() {
		return nil, ErrNoManager
	}
	l := Here()
	conf := &service.Config{
		Name: serviceName, DisplayName: "Picket Agent",
		Description: "Watches cloud services from this site and tells the Picket server. Opens no port.",
		Executable:  l.Program, Arguments: []string{"run", "--state", l.State},
	}
	if l.LogDir != "" {
		conf.Arguments = append(conf.Arguments, "--log-file", l.LogPath(), "--settings", l.Settings)
	}
	configure(conf)
	sys, err := service.New(idle{}, conf)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoManager, err)
	}
	return &Service{layout: l, sys: sys}, nil
}

// idle is what is controlled from outside and never run.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }

// Layout is where the service has its things.
func (s *Service) Layout() Layout { return s.layout }

// Status is what the manager says.
type Status struct {
	Installed bool
	Running   bool
	Packaged  bool // by a package of the distribution
}

// Status asks the manager.
func (s *Service) Status() (Status, error) {
	st := Status{Packaged: packaged()}
	state, err := s.sys.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		return st, nil
	case err != nil && state == service.StatusUnknown && registered():
		st.Installed = true // systemd: "failed" is an error of its own there
		return st, nil
	case err != nil:
		return st, fmt.Errorf("ask for the service: %w", err)
	}
	st.Installed, st.Running = true, state == service.StatusRunning
	return st, nil
}

// Install makes the service, or puts right what differs, without starting one
// that did not run. errors.Is: [ErrRights], [ErrPackaged].
func (s *Service) Install() error {
	was, err := s.begin()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	here := sameFile(self, s.layout.Program)
	if was.Packaged && !here {
		return ErrPackaged // its program is not ours to replace
	}
	if was.Running {
		if err := s.stop(); err != nil {
			return err
		}
	}
	if !here {
		if err := place(self, s.layout.Program); err != nil {
			return fmt.Errorf("install the program: %w", err)
		}
	}
	if err := prepare(s.layout); err != nil {
		return err
	}
	if err := s.register(was); err != nil {
		return fmt.Errorf("register the service: %w", err)
	}
	if was.Running {
		return s.Start()
	}
	return nil
}

// begin asks what is there, if we may change it.
func (s *Service) begin() (Status, error) {
	if !elevated() {
		return Status{}, ErrRights
	}
	return s.Status()
}

// Start starts the service. errors.Is: [ErrNotInstalled], [ErrRights].
func (s *Service) Start() error { return s.control(s.sys.Start, "start") }

// Stop ends the service and waits until it has ended, which tells the collector
// goodbye. One that does not run is fine.
func (s *Service) Stop() error {
	st, err := s.begin()
	switch {
	case err != nil:
		return err
	case !st.Installed:
		return ErrNotInstalled
	case !st.Running:
		return nil
	}
	return s.stop()
}

// Restart stops and starts.
func (s *Service) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start()
}

func (s *Service) control(do func() error, what string) error {
	st, err := s.begin()
	switch {
	case err != nil:
		return err
	case !st.Installed:
		return ErrNotInstalled
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s the service: %w", what, err)
	}
	return nil
}

// Keep says what Uninstall leaves. The zero value leaves nothing.
type Keep struct {
	State   bool // the state directory, and the account that owns it
	Program bool // for an installer that put it there itself
}

// Uninstall stops the service, which tells the collector goodbye, and removes
// everything that Install made. What could not be removed is in the error; the
// rest is gone all the same. errors.Is: [ErrRights], [ErrPackaged].
func (s *Service) Uninstall(keep Keep) error {
	st, err := s.begin()
	switch {
	case err != nil:
		return err
	case st.Packaged:
		return ErrPackaged
	}
	if st.Running {
		if err := s.stop(); err != nil {
			return err // an agent that still runs would write into what is removed
		}
	}
	var errs []error
	if st.Installed {
		if err := s.sys.Uninstall(); err != nil {
			errs = append(errs, fmt.Errorf("remove the service: %w", err))
		}
	}
	gone := []string{s.layout.LogDir}
	if !keep.State {
		gone = append(gone, s.layout.Settings, s.layout.State)
	}
	for _, path := range gone {
		if path == "" {
			continue
		}
		if err := removeAll(path); err != nil {
			errs = append(errs, err)
		}
	}
	if !keep.Program {
		errs = append(errs, removeProgram(s.layout.Program))
	}
	errs = append(errs, unprepare(s.layout, keep.State))
	return errors.Join(errs...)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// place copies the program from to to, in one step for whoever runs it.
func place(from, to string) (err error) {
	dir := filepath.Dir(to)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	tmp, err := os.CreateTemp(dir, ".picket-agent-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // it has another name by then, unless something failed
	_, err = io.Copy(tmp, src)
	if err == nil && runtime.GOOS != "windows" {
		err = tmp.Chmod(0o755)
	}
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), to)
}

// removeNow removes a file that may be missing.
func removeNow(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
