package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"picket/agent/spool"
	"picket/internal/cluster"
	"picket/internal/uplink"
	"picket/internal/vantage"
)

// Status is what `picket-agent status` shows: schema picket.agent-status/v1,
// to which fields may be added.
type Status struct {
	Schema    string                `json:"schema"`
	Time      time.Time             `json:"generated_at"`
	Agent     string                `json:"agent"`
	Client    string                `json:"client"`
	Site      string                `json:"site"`
	Version   string                `json:"version"`
	Started   time.Time             `json:"started"`
	Connected bool                  `json:"connected"`
	Transport string                `json:"transport,omitempty"` // quic, tcp, "tcp by proxy"; "" while not connected
	KeptOut   *KeptOut              `json:"kept_out,omitempty"`  // why the collector does not let it in; what is seen is kept on disk
	Revoked   time.Time             `json:"revoked,omitzero"`    // when the collector said so; then nothing is asked here
	Network   string                `json:"network"`
	Config    uint64                `json:"config"`
	Until     time.Time             `json:"certificate_until"`
	Health    uplink.Health         `json:"health"`
	Spool     spool.Stats           `json:"spool"`
	Checks    []vantage.CheckStatus `json:"checks"`
	Members   []cluster.Member      `json:"members"`
	Traffic   Traffic               `json:"traffic"`
	SeenFrom  string                `json:"seen_from,omitempty"` // the address that the collector sees; "" not told
}

// Status tells how the agent is doing now.
func (a *Agent) Status() Status {
	info := a.bundle.Info()
	return Status{
		Schema: "picket.agent-status/v1", Time: time.Now(),
		Agent: info.Agent, Client: info.Client, Site: info.Site, Version: a.o.Version, Started: a.started,
		Connected: a.client.Connected(), Transport: a.client.Transport(), KeptOut: a.kept.Load(), Revoked: a.revokedAt(), Network: a.state.networkName(), Config: a.mind.config().ID,
		Until: a.bundle.NotAfter(), Health: a.health(), Spool: a.spool.Stats(),
		Checks: a.mind.checks(), Members: a.members(), Traffic: a.trafficStatus(), SeenFrom: a.seenFrom(),
	}
}

// members are who gossip sees, with the seats that the roster tells us.
func (a *Agent) members() []cluster.Member {
	all := a.gossip.Members()
	for i, m := range all {
		if seat, ok := a.state.seat(m.Seat.Agent); ok {
			all[i].Seat = seat
		}
	}
	return all
}

// Made is how many results this agent has put into its spool since it started.
func (a *Agent) Made() uint64 {
	runs := a.spool.Runs() // the last one is ours
	if len(runs) == 0 {
		return 0
	}
	return runs[len(runs)-1].Newest
}

// socketName is the status socket inside the state directory. It is a file
// that only the agent's user may open: an agent listens on no port.
const socketName = "agent.sock"

// maxSocketPath is how long the path of a socket may be on every system that we
// run on: macOS and the BSDs have 104 bytes for it, Linux has 108, one is a zero.
const maxSocketPath = 103

// listenStatus opens the status socket. It is bound inside a folder that only
// our user may enter and gets its name when its mode is right, so that nobody
// else can open it at any moment.
func listenStatus(dir string) (net.Listener, error) {
	path := filepath.Join(dir, socketName)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("%w: the path of its status socket, %s, has %d bytes, and a socket may have %d", ErrState, path, len(path), maxSocketPath)
	}
	nest := filepath.Join(dir, ".sock") // with its /s no longer than the final path
	if err := errors.Join(os.RemoveAll(nest), os.Mkdir(nest, 0o700)); err != nil {
		return nil, fmt.Errorf("make a folder for the status socket: %w", err)
	}
	defer os.RemoveAll(nest)
	if info, err := os.Lstat(nest); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, errors.Join(fmt.Errorf("%s is open to others", nest), err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(nest, "s"), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open status socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // it would remove the name it was bound with
	err = os.Chmod(filepath.Join(nest, "s"), 0o600)
	if err == nil {
		err = os.Rename(filepath.Join(nest, "s"), path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("place the status socket: %w", err), l.Close())
	}
	return &namedSocket{Listener: l, path: path}, nil
}

// namedSocket removes its name when it is closed.
type namedSocket struct {
	net.Listener
	path string
	once sync.Once
}

func (s *namedSocket) Close() error {
	s.once.Do(func() { os.Remove(s.path) }) // best effort: the next start replaces it
	return s.Listener.Close()
}

// serveStatus answers on l until ctx ends.
func (a *Agent) serveStatus(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(a.Status())
	})
	mux.HandleFunc("GET /log", func(w http.ResponseWriter, _ *http.Request) { w.Write(a.tail.lines.text()) })
	mux.HandleFunc("GET /goroutines", func(w http.ResponseWriter, _ *http.Request) { pprof.Lookup("goroutine").WriteTo(w, 2) })
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve status: %w", err)
	}
	return nil
}

// ErrNotRunning says that no agent answers on the status socket of the directory.
var ErrNotRunning = errors.New("no agent is running on this state directory")

// ErrNotYours says that the status socket belongs to another user.
var ErrNotYours = errors.New("it belongs to another user")

// AskStatus asks the agent that runs on dir how it is doing. errors.Is:
// [ErrNotRunning], [ErrNotYours].
func AskStatus(ctx context.Context, dir string) (Status, error) {
	var s Status
	b, err := askAgent(ctx, dir, "/status")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	return s, nil
}

// askTime is how long an agent may take to answer on its socket [E]: a process
// that is stopped, or stuck, takes the connection and never says a word.
const askTime = 5 * time.Second

// askAgent asks the agent that runs on dir for one path of its socket. Errors are
// those of [AskStatus].
func askAgent(ctx context.Context, dir, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTime, errors.New("a process is there and does not answer; restart it"))
	defer cancel()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, socketName))
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent"+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the made-up URL says nothing to people
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: %w", ErrNotYours, err)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, context.Cause(ctx))
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the agent answers %s: another version?", res.Status)
	}
	b, err := io.ReadAll(http.MaxBytesReader(nil, res.Body, stateLimit))
	if err != nil {
		return nil, fmt.Errorf("read the agent's answer: %w", err)
	}
	return b, nil
}
