package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"picket/agent/spool"
	"picket/internal/fleet"
)

// stateLimit bounds what is read back from disk (a roster of 500 seats and a
// few thousand checks stay far below it).
const stateLimit = 32 << 20

// state is what the collector told last, in memory and on disk, so that an
// agent that starts without its collector knows what to ask and as whom.
type state struct {
	dir string

	mu   sync.Mutex // guards the fields below
	cfg  *fleet.Config
	ros  fleet.Roster
	mine fleet.Network
	// unsaved says that mine could not be written.
	unsaved bool
}

// openState loads what is there. A damaged file is an error of that file only:
// it is set aside, and the collector sends it anew.
func openState(dir string) (*state, error) {
	s := &state{dir: dir}
	err := errors.Join(load(dir, "config.json", &s.cfg), load(dir, "roster.json", &s.ros), load(dir, "network.json", &s.mine))
	if err != nil {
		return nil, err
	}
	return s, nil
}

// load reads a stored value into into, which is touched only if all of it can
// be read.
func load[T any](dir, name string, into *T) error {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read stored state: %w", err)
	}
	if info.Size() <= stateLimit {
		src, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read stored state: %w", err)
		}
		var value T
		if json.Unmarshal(src, &value) == nil {
			*into = value
			return nil
		}
	}
	if err := os.Rename(path, path+".damaged"); err != nil {
		return fmt.Errorf("set damaged state aside: %w", err)
	}
	return nil
}

// store writes v so that a crash leaves the old or the new content, never half.
func (s *state) store(name string, v any) error { return keep(s.dir, name, v) }

// keep replaces a file of dir by v as JSON, mode 0600: a crash leaves the old or
// the new.
func keep(dir, name string, v any) error {
	src, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	tmp, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(src)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	return os.Rename(tmp.Name(), filepath.Join(dir, name))
}

func (s *state) config() *fleet.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

func (s *state) setConfig(cfg fleet.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.store("config.json", cfg); err != nil {
		return err
	}
	s.cfg = &cfg
	return nil
}

func (s *state) setRoster(r fleet.Roster) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ros = r // in force even if it cannot be stored: the next push tries again
	return s.store("roster.json", r)
}

func (s *state) rosterVersion() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ros.Version
}

func (s *state) setNetwork(n fleet.Network) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mine == n && !s.unsaved {
		return nil
	}
	s.mine = n // results carry it, stored or not
	err := s.store("network.json", n)
	s.unsaved = err != nil
	return err
}

// network is the id that the collector gave to the network we were last seen from.
func (s *state) network() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mine.ID
}

func (s *state) networkName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mine.Name
}

// member says whether name is on the roster, the collector always.
func (s *state) member(name string) bool {
	_, ok := s.seat(name)
	return ok || name == fleet.CollectorID
}

func (s *state) seat(agent string) (fleet.Seat, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seat := range s.ros.Seats {
		if seat.Agent == agent {
			return seat, true
		}
	}
	return fleet.Seat{}, false
}

// sites counts the sites on the roster.
func (s *state) sites() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, seat := range s.ros.Seats {
		seen[seat.Site] = true
	}
	return len(seen)
}

func openSpool(o Options) (*spool.Spool, error) {
	sp, err := spool.Open(spool.Options{Dir: filepath.Join(o.Dir, "spool"), MaxBytes: o.Spool, Log: o.Log})
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	return sp, nil
}
