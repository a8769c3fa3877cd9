package agent

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
	"picket/probes"
)

// enrolled makes a state directory as a join leaves it.
func enrolled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "agent")
	ca, err := identity.OpenAuthority(filepath.Join(t.TempDir(), "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := identity.CSR(key)
	if err != nil {
		t.Fatal(err)
	}
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	chain, err := ca.SignAgent(csr, id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	info := identity.Info{Agent: id, Client: "acme", Site: "acme/madrid", Addrs: []string{"127.0.0.1:9"}}
	if _, err := identity.SaveBundle(dir, key, chain, ca.Root(), info); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestARevokedAgentAsksNothingUntilItIsWelcomeAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := enrolled(t)
	spec := probes.Spec{Kind: probes.TCP, Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port)}
	cfg := fleet.Config{ID: 1, Targets: []fleet.Target{{ID: "s", Provider: "p"}}, Checks: []fleet.Check{{ID: "s/1", Target: "s", Spec: spec, Interval: time.Minute}}}
	open := func() *Agent {
		t.Helper()
		a, err := New(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		a.prober = probes.New(probes.Options{})
		return a
	}
	// fire has the check asked, and returns how many results are kept.
	fire := func(a *Agent) uint64 {
		a.fire(0, time.Now())
		a.asking.Wait()
		if err := a.spool.Flush(); err != nil {
			t.Error(err)
		}
		return a.spool.Stats().Pending
	}

	a := open()
	if err := (session{a}).Config(cfg); err != nil {
		t.Fatal(err)
	}
	if n := fire(a); n != 1 {
		t.Fatalf("a member keeps %d results of one", n)
	}
	session{a}.Disconnected(&uplink.CloseError{Code: uplink.CodeShutdown, Remote: true})
	if n := fire(a); n != 2 || !a.Status().Revoked.IsZero() {
		t.Errorf("a collector that is away makes it idle: %d results", n)
	}
	session{a}.Disconnected(&uplink.CloseError{Code: uplink.CodeRevoked, Remote: true})
	if n := fire(a); n != 2 {
		t.Errorf("a revoked agent keeps results: %d", n)
	}
	st := a.Status()
	if st.Revoked.IsZero() || st.Health.Voting || st.Health.Why != "revoked" {
		t.Errorf("status %+v", st)
	}
	if err := a.spool.Close(); err != nil {
		t.Fatal(err)
	}
	at, err := RevokedAt(dir)
	if err != nil || !at.Equal(st.Revoked) {
		t.Errorf("the mark says %v, %v", at, err)
	}

	a = open()
	defer a.spool.Close()
	if n := fire(a); n != 2 {
		t.Errorf("after a restart it asks again: %d", n)
	}
	session{a}.Disconnected(&uplink.CloseError{Code: uplink.CodeRevoked, Remote: true})
	if got := a.Status().Revoked; !got.Equal(at) {
		t.Errorf("since %v, then since %v", at, got)
	}
	session{a}.Welcome(uplink.Welcome{})
	if n := fire(a); n != 3 || !a.Status().Revoked.IsZero() {
		t.Errorf("welcome again, it keeps %d results of three", n)
	}
	if _, err := os.Stat(filepath.Join(dir, revokedName)); err == nil {
		t.Error("the mark is still there")
	}
}
