package main

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/probes"
)

// future is a collector that is upgraded: at first it takes agents, and then it
// speaks a protocol that is too new for them.
type future struct {
	uplink.ServerHandler // what this story does not need
	auth                 *identity.Authority
	upgraded             atomic.Bool
	stored               atomic.Uint64
}

func (f *future) Enrol(_ context.Context, _ netip.AddrPort, r uplink.EnrolRequest) (uplink.EnrolResponse, error) {
	if f.upgraded.Load() {
		return uplink.EnrolResponse{}, &uplink.Refusal{Code: "version", Message: tooNew.Error()}
	}
	chain, err := f.auth.SignAgent(r.CSR, "agent-1", time.Now())
	return uplink.EnrolResponse{Agent: "agent-1", Site: "acme/hq", Client: "acme", Chain: chain, Trust: f.auth.Root()}, err
}

var tooNew = &uplink.VersionError{Collector: 9, Agent: 2}

func (f *future) Hello(context.Context, string, netip.AddrPort, uplink.Hello) (uplink.Welcome, error) {
	if f.upgraded.Load() {
		return uplink.Welcome{}, tooNew
	}
	return uplink.Welcome{Network: fleet.Network{ID: 1, Name: "AS1"}, Trust: f.auth.Root(), Config: &fleet.Config{
		ID: 1, Politeness: time.Millisecond, Targets: []fleet.Target{{ID: "t", Provider: "p"}},
		Checks: []fleet.Check{{ID: "c", Target: "t", Interval: time.Second, Spec: probes.Spec{Kind: probes.TCP, Host: "127.0.0.1", Port: 9, Timeout: time.Second}}},
	}}, nil
}

func (f *future) Record(_ context.Context, _ string, b *fleet.Batch) error {
	f.stored.Add(uint64(len(b.Records)))
	return nil
}
func (f *future) Live(string, *fleet.Batch)          {}
func (f *future) Suspicion(string, uplink.Suspicion) {}
func (f *future) Health(string, uplink.Health)       {}
func (f *future) Applied(string, uint64, string)     {}
func (f *future) Seen(string)                        {}
func (f *future) Gone(string, bool, string)          {}
func (f *future) Member(string) bool                 { return false }
func (f *future) Packet(netip.Addr, []byte)          {}
func (f *future) Stream(_ netip.Addr, c net.Conn)    { c.Close() }

// TestAnAgentThatIsTooOldKeepsWhatItSees: E113 at join, in the status and its exit
// code, with both numbers; results stay on disk and are delivered once the two
// understand each other again.
func TestAnAgentThatIsTooOldKeepsWhatItSees(t *testing.T) {
	o := &office{t: t, dir: shortDir(t)}
	auth, err := identity.OpenAuthority(filepath.Join(o.dir, "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &future{auth: auth}
	server, err := uplink.NewServer(uplink.ServerOptions{Socket: pc, Authority: auth, Check: func(string, bool) error { return nil }, Handler: f})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-served; pc.Close() })
	token := identity.Token{Addrs: []string{pc.LocalAddr().String()}, Pin: auth.Pin(), ID: "tok", Secret: make([]byte, 16)}.String()
	if out, code := o.agentDoes("a", "join", token, "--allow", "127.0.0.0/8"); code != 0 {
		t.Fatal(out)
	}
	o.runAgent("a")
	eventually(t, 30*time.Second, "results arrive", func() bool { return f.stored.Load() > 0 })
	f.upgraded.Store(true)
	server.Disconnect("agent-1", "shutdown", "")
	const says = "the collector speaks protocol picket/1.9, this agent picket/1.2: upgrade the agent"
	pending := func() uint64 {
		out, _ := o.agentDoes("a", "status", "--json")
		var s struct{ Spool struct{ Pending uint64 } }
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return s.Spool.Pending
	}
	eventually(t, 60*time.Second, "the agent says so", func() bool {
		out, code := o.agentDoes("a", "status")
		return code == 8 && strings.Contains(out, "E113 "+says) && strings.Contains(out, "stays on disk")
	})
	eventually(t, 30*time.Second, "it keeps what it sees", func() bool { return pending() >= 3 })
	if out, code := o.agentDoes("b", "join", token); code != 8 || !strings.Contains(out, "E113") || !strings.Contains(out, says) {
		t.Errorf("join: exit %d: %s", code, out)
	}
	before := f.stored.Load()
	f.upgraded.Store(false)
	eventually(t, 90*time.Second, "what was kept arrives", func() bool { return f.stored.Load() >= before+3 })
	o.up("a")
}
