package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a real Picket server on loopback, for agents that are installed in
// the tests. It watches one TCP port of its own.
type server struct {
	binary string
	data   string
	addr   string
	log    *lines
}

// lines collects what a process prints.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newServer starts binary as a server that ends with the test.
func newServer(t *testing.T, binary string) *server {
	t.Helper()
	watched, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watched.Close() })
	go func() {
		for {
			c, err := watched.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	dir, err := os.MkdirTemp("", "picket-server-") // its socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{binary: binary, data: filepath.Join(dir, "data"), addr: freePort(t), log: new(lines)}
	config := fmt.Sprintf("listen: %s\nhttp: 127.0.0.1:0\npoliteness: 0s\nproviders: [{id: cloud}]\ntargets: [{id: a, provider: cloud, service: s, checks: [{kind: tcp, host: 127.0.0.1, port: %d, interval: 5s}]}]\n",
		s.addr, watched.Addr().(*net.TCPAddr).Port)
	file := filepath.Join(dir, "picket.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "collector", "--config", file, "--data", s.data)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.log)
		}
	})
	eventually(t, 30*time.Second, "the server answers", func() bool {
		return exec.Command(binary, "agent", "list", "--data", s.data).Run() == nil
	})
	return s
}

// token makes a token for site.
func (s *server) token(t *testing.T, site string) string {
	t.Helper()
	out := output(t, command(t, s.binary, "token", "create", "--data", s.data, "--client", "acme", "--site", site, "--network", "AS64500 Test", "--json"))
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(out), &made); err != nil || !strings.HasPrefix(made.Token, "pk1_") {
		t.Fatalf("%v: %s", err, out)
	}
	return made.Token
}

// freePort is a loopback address whose UDP and TCP port nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			c.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// eventually waits until holds is true, within a generous bound.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
