package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	Network   string                `json:"network"`
	Config    uint64                `json:"config"`
	Until     time.Time             `json:"certificate_until"`
	Health    uplink.Health         `json:"health"`
	Spool     spool.Stats           `json:"spool"`
	Checks    []vantage.CheckStatus `json:"checks"`
	Members   []cluster.Member      `json:"members"`
}

// Status tells how the agent is doing now.
func (a *Agent) Status() Status {
	info := a.bundle.Info()
	return Status{
		Schema: "picket.agent-status/v1", Time: time.Now(),
		Agent: info.Agent, Client: info.Client, Site: info.Site, Version: a.o.Version, Started: a.started,
		Connected: a.client.Connected(), Network: a.state.networkName(), Config: a.mind.config().ID,
		Until: a.bundle.NotAfter(), Health: a.health(), Spool: a.spool.Stats(),
		Checks: a.mind.checks(), Members: a.gossip.Members(),
	}
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

// listenStatus opens the status socket. A state directory whose path is too
// long for a socket is a clear error (the limit is the kernel's, about 100 bytes).
func listenStatus(dir string) (net.Listener, error) {
	path := filepath.Join(dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old status socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open status socket (is the path of the state directory longer than 90 bytes?): %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect status socket: %w", err), l.Close())
	}
	return l, nil
}

// serveStatus answers on l until ctx ends.
func (a *Agent) serveStatus(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(a.Status())
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve status: %w", err)
	}
	return nil
}

// ErrNotRunning says that no agent answers on the status socket of the directory.
var ErrNotRunning = errors.New("no agent is running on this state directory")

// AskStatus asks the agent that runs on dir how it is doing.
func AskStatus(ctx context.Context, dir string) (Status, error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, socketName))
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/status", nil)
	if err != nil {
		return Status{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer res.Body.Close()
	var s Status
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, stateLimit)).Decode(&s); err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	return s, nil
}
