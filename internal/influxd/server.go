package influxd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	// Database is made at the first start, with a retention policy of [Retention].
	Database  = "picket"
	Retention = "30d"

	stopGrace = 10 * time.Second // influxd flushes its cache; then it is killed
)

// Options says how to run influxd.
type Options struct {
	Dir string // data, log and config; required, made if missing
	// Binary is the influxd to run; "" means [Build].
	Binary string
	// User and Password, if set, turn authentication on and become the
	// administrator. The token of InfluxDB clients is then "user:password".
	User, Password string
}

// Server is a managed influxd. Its methods may be called from many goroutines.
type Server struct {
	// URL is the base address, http://127.0.0.1:port; the same after a restart.
	URL string

	o      Options
	client *http.Client

	mu   sync.Mutex // guards the fields below
	cmd  *exec.Cmd
	done chan struct{} // closed by the goroutine that waits for cmd
}

// Start builds influxd if need be and runs it with its data in dir. ctx bounds
// the start only; end the server with [Server.Stop]. errors.Is: [ErrUnavailable].
func Start(ctx context.Context, dir string) (*Server, error) {
	return StartWith(ctx, Options{Dir: dir})
}

// StartWith is [Start] with more to choose.
func StartWith(ctx context.Context, o Options) (*Server, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start influxd: %w", err)
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start influxd: %w", err)
	}
	if o.Binary == "" {
		if o.Binary, err = Build(ctx); err != nil {
			return nil, err
		}
	}
	s := &Server{o: o, client: &http.Client{Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 4}}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.start(ctx, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// start runs the process and waits until it listens. s.mu is held.
func (s *Server) start(ctx context.Context, listen string) error {
	config := filepath.Join(s.o.Dir, "influxd.conf")
	if err := os.WriteFile(config, configText(s.o, listen), 0o600); err != nil {
		return fmt.Errorf("start influxd: %w", err)
	}
	log := &logWatch{listening: make(chan string, 1)}
	cmd := exec.Command(s.o.Binary, "run", "-config", config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.o.Dir, log, log
	cmd.Env = environ()
	detach(cmd)
	done, begun := make(chan struct{}), make(chan error, 1)
	go func() { // ends with the process
		// Linux sends the parent-death signal when the thread that started the
		// process ends, so this thread stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		begun <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-begun; err != nil {
		return fmt.Errorf("start influxd: %w", err)
	}
	s.cmd, s.done = cmd, done
	select {
	case addr := <-log.listening:
		if s.URL == "" { // a restart keeps it, and somebody may be reading it
			s.URL = "http://" + addr
		}
		return nil
	case <-s.done:
		s.cmd = nil
		return fmt.Errorf("start influxd: it ended at once: %s", log.tail())
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("start influxd: %w: %s", context.Cause(ctx), log.tail()), s.end(os.Kill))
	}
}

// prepare makes the administrator and the database.
func (s *Server) prepare(ctx context.Context) error {
	if s.o.User != "" {
		q := "CREATE USER " + quoteIdent(s.o.User) + " WITH PASSWORD " + quoteString(s.o.Password) + " WITH ALL PRIVILEGES"
		if _, err := s.Query(ctx, q); err != nil {
			return fmt.Errorf("make the administrator: %w", err)
		}
	}
	if _, err := s.Query(ctx, "CREATE DATABASE "+quoteIdent(Database)+" WITH DURATION "+Retention+" NAME \"raw\""); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return nil
}

// Kill ends the process with SIGKILL, as a power cut would.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(os.Kill)
}

// Restart starts influxd again on the same port with the same data, after
// ending it if it still runs.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stop(); err != nil {
		return err
	}
	return s.start(ctx, strings.TrimPrefix(s.URL, "http://"))
}

// Stop ends the process: politely for ten seconds, then not. Stopping a stopped
// server does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop()
}

func (s *Server) stop() error {
	defer s.client.CloseIdleConnections()
	if runtime.GOOS == "windows" { // it has no polite signal
		return s.end(os.Kill)
	}
	return s.end(os.Interrupt)
}

// end sends sig and waits for the end of the process. s.mu is held.
func (s *Server) end(sig os.Signal) error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end influxd: %w", err)
	}
	select {
	case <-s.done:
	case <-time.After(stopGrace):
		if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("kill influxd: %w", err)
		}
		<-s.done
	}
	s.cmd = nil
	return nil
}
