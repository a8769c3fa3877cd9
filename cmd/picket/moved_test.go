package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"picket/collector/web"
)

// router is a site's router with two lines: a UDP forwarder that reaches the
// collector from one address and, after a switch, from another. The agent behind
// it notices nothing.
type router struct {
	inside *net.UDPConn
	lines  [2]*net.UDPConn
	active atomic.Int32
	agent  atomic.Pointer[net.UDPAddr]
}

func newRouter(t *testing.T, collector string) *router {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", collector)
	if err != nil {
		t.Fatal(err)
	}
	r := &router{}
	if r.inside, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.inside.Close() })
	for i := range r.lines {
		line, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, byte(i+1))}, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { line.Close() })
		r.lines[i] = line
		go r.inward(line)
	}
	go r.outward()
	return r
}

func (r *router) outward() {
	buf := make([]byte, 2048)
	for {
		n, from, err := r.inside.ReadFromUDP(buf)
		if err != nil {
			return
		}
		r.agent.Store(from)
		r.lines[r.active.Load()].Write(buf[:n])
	}
}

func (r *router) inward(line *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, err := line.Read(buf)
		if err != nil {
			return
		}
		if to := r.agent.Load(); to != nil {
			r.inside.WriteToUDP(buf[:n], to)
		}
	}
}

// TestASiteThatSwitchesItsLineVotesOnTheOther switches the line under a living
// connection, as failover routers do. QUIC follows without a word; the network on
// which the site votes must follow too.
func TestASiteThatSwitchesItsLineVotesOnTheOther(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a second loopback address, which only Linux has")
	}
	dir := shortDir(t)
	collector := freeUDP(t)
	r := newRouter(t, collector)
	text := fmt.Sprintf("listen: %s\nhttp: %s\npublic: [%q]\n", collector, freeTCP(t), r.inside.LocalAddr())
	text += "networks: [{prefix: 127.0.0.1/32, name: AS64496 One}, {prefix: 127.0.0.2/32, name: AS64497 Two}]\n"
	text += "providers: [{id: cloud}]\ntargets: [{id: a, provider: cloud, service: s, checks: [{kind: tcp, host: 127.0.0.1, port: 9}]}]\n"
	if err := os.WriteFile(filepath.Join(dir, "picket.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, dir: dir, data: filepath.Join(dir, "data")}
	o.run()
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatalf("join: %s", out)
	}
	start(t, "agent", exec.Command(binary(t, "picket-agent"), "run", "--state", filepath.Join(dir, "a")))
	on := func(network string) func() bool {
		return func() bool {
			out, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--json", "--data", o.data))
			var list struct{ Data []web.Agent }
			return json.Unmarshal([]byte(out), &list) == nil && len(list.Data) == 1 && list.Data[0].Connected && list.Data[0].Network == network
		}
	}
	eventually(t, 10*time.Second, "the agent is seen on the first line", on("AS64496 One"))
	r.active.Store(1)
	eventually(t, 15*time.Second, "the agent is seen on the second line", on("AS64497 Two"))
}
