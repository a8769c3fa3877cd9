package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"picket/internal/identity"
	"picket/internal/uplink/wire"
)

// These tests hold what a join comes to that meets a trouble: one reason, its
// code, the exit code that scripts rely on, and a token that is still good.

// counter is a [serveCounter] on loopback. It stands for collectors that a test
// cannot have: one whose clock differs, or of another age.
func counter(t *testing.T, reply func(*wire.EnrolRequest) *wire.EnrolReply) identity.Token {
	t.Helper()
	auth, err := identity.OpenAuthority(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := counterAt("127.0.0.1:0", auth, reply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return identity.Token{Addrs: []string{ln.Addr().String()}, Pin: auth.Pin(), ID: "tok", Secret: make([]byte, 16)}
}

func TestAClockThatIsFarOffStopsAJoinBeforeTheToken(t *testing.T) {
	var asked atomic.Int32
	for _, c := range []struct {
		off  time.Duration
		says string
	}{{11*time.Minute + 20*time.Second, " slow"}, {-2 * time.Hour, " fast"}} {
		token := counter(t, func(r *wire.EnrolRequest) *wire.EnrolReply {
			if !r.GetProbe() {
				asked.Add(1)
			}
			return &wire.EnrolReply{NowNs: uint64(time.Now().Add(c.off).UnixNano()), SeenFrom: "192.0.2.1:1"}
		})
		joinCase(t, exec.Command(binary(t, "picket-agent"), "join", token.String(), "--state", filepath.Join(shortDir(t), "a")),
			"E107", 6, c.says, "timedatectl")
	}
	if asked.Load() != 0 {
		t.Error("the token was sent")
	}
}

func TestACollectorsNoHasACode(t *testing.T) {
	for refusal, want := range map[string]struct {
		code string
		exit int
	}{"token_revoked": {"E102", 4}, "clone": {"E111", 4}, "version": {"E113", 8}} {
		token := counter(t, func(r *wire.EnrolRequest) *wire.EnrolReply {
			if r.GetProbe() {
				return &wire.EnrolReply{NowNs: uint64(time.Now().UnixNano())}
			}
			return &wire.EnrolReply{RefusedCode: refusal, RefusedMessage: "the clerk says no"}
		})
		joinCase(t, exec.Command(binary(t, "picket-agent"), "join", token.String(), "--state", filepath.Join(shortDir(t), "a")),
			want.code, want.exit, "the clerk says no")
	}
}

func TestClosedPortsAreE105WithARequestToPaste(t *testing.T) {
	at := freeTCP(t)
	token := identity.Token{Addrs: []string{at}, ID: "tok", Secret: make([]byte, 16)}
	state := filepath.Join(shortDir(t), "a")
	host, _ := os.Hostname()
	begun := time.Now()
	joinCase(t, exec.Command(binary(t, "picket-agent"), "join", token.String(), "--state", state),
		"E105", 5, "UDP: no reply", "TCP: refused", "Please allow outgoing UDP and TCP from "+host+" to "+at, "Nothing has to be opened from outside")
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	cmd := exec.Command(binary(t, "picket-agent"), "join", "--state", state, "--json")
	cmd.Env = append(os.Environ(), "PICKET_TOKEN="+token.String())
	out, err := cmd.Output()
	var j struct {
		Schema, Result string
		Exit           int
		Error          struct{ Code, Fix string }
	}
	if jerr := json.Unmarshal(out, &j); jerr != nil || j.Schema != "picket.join/v1" || j.Result != "failed" || j.Exit != 5 || j.Error.Code != "E105" || j.Error.Fix == "" {
		t.Errorf("as JSON: %v, %v: %s", err, jerr, out)
	}
}

// TestDNSThatRefusesIsE103 gives the agent a resolver of its own, in a mount
// namespace.
func TestDNSThatRefusesIsE103(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a mount namespace; .ci/run runs it")
	}
	server := func(addr string, answer func(q *dns.Msg) *dns.Msg) {
		pc, err := net.ListenPacket("udp", addr)
		if err != nil {
			t.Skipf("cannot serve DNS on %s: %v", addr, err)
		}
		srv := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(answer(q)) })}
		go srv.ActivateAndServe()
		t.Cleanup(func() { srv.Shutdown() })
	}
	server("127.0.0.77:53", func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) })
	server("127.0.0.78:53", func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			rr, _ := dns.NewRR(q.Question[0].Name + " 1 IN A 127.0.0.1")
			m.Answer = append(m.Answer, rr)
		}
		return m
	})
	o := newOffice(t)
	token, err := identity.ParseToken(o.token())
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(token.Addrs[0])
	token.Addrs = []string{"picket.example:" + port}
	conf := filepath.Join(o.dir, "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.77\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inside := func(args ...string) *exec.Cmd {
		script := fmt.Sprintf("mount --bind %s /etc/resolv.conf && exec \"$@\"", conf)
		cmd := exec.Command("sh", append([]string{"-c", script, "sh", binary(t, "picket-agent")}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		return cmd
	}
	joinCase(t, inside("join", token.String(), "--state", filepath.Join(o.dir, "a"), "--compare-dns", "127.0.0.78"), "E103", 5,
		"cannot resolve picket.example: resolver 127.0.0.77 refuses to answer", "127.0.0.78 resolves it", "--resolve 127.0.0.1")

	// The remedy works, and goes on working for the running agent and its doctor.
	if out, code := run1(t, inside("join", token.String(), "--state", filepath.Join(o.dir, "a"), "--resolve", "127.0.0.1")); code != 0 || !strings.Contains(out, "Enrolled") {
		t.Fatalf("join --resolve: exit %d: %s", code, out)
	}
	agent := start(t, "agent", inside("run", "--state", filepath.Join(o.dir, "a")))
	eventually(t, 20*time.Second, "the agent is connected", func() bool { return strings.Contains(agent.out.String(), "connected") })
}

func TestNoRightsAreE109(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become nobody; .ci/run runs it")
	}
	dir := shortDir(t)
	program, err := os.ReadFile(binary(t, "picket-agent"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "picket-agent")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	token := identity.Token{Addrs: []string{"127.0.0.1:9"}, ID: "tok", Secret: make([]byte, 16)}
	cmd := exec.Command(path, "join", token.String(), "--state", filepath.Join(dir, "state"))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	joinCase(t, cmd, "E109", 3, "sudo", "the token was not used")
}

func TestAProgramThatAntivirusTookIsE110(t *testing.T) {
	dir := shortDir(t)
	program, err := os.ReadFile(binary(t, "picket-agent"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "picket-agent")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	o := newOffice(t)
	state := filepath.Join(o.dir, "a")
	// The token comes when the file is gone: the program runs, and has no file.
	cmd := exec.Command(path, "join", "-", "--state", state)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "join", cmd)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, o.token())
	in.Close()
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the join does not end")
	}
	if out := p.out.String(); cmd.ProcessState.ExitCode() != 7 || !strings.Contains(out, "error: E110 ") || !strings.Contains(out, "antivirus") {
		t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), out)
	}
}

// TestALostAnswerCostsNothing: the collector enrols the agent, and the line breaks
// before the answer arrives. The same command again gets the same identity.
func TestALostAnswerCostsNothing(t *testing.T) {
	o := newOffice(t)
	token, err := identity.ParseToken(o.token())
	if err != nil {
		t.Fatal(err)
	}
	var lossy atomic.Bool
	lossy.Store(true)
	token.Addrs = []string{forwarder(t, token.Addrs[0], &lossy)}
	state := filepath.Join(o.dir, "a")
	first := start(t, "first join", exec.Command(binary(t, "picket-agent"), "join", token.String(), "--state", state))
	eventually(t, 20*time.Second, "the collector enrols the agent", func() bool { return strings.Contains(o.collector.out.String(), "agent enrolled") })
	first.kill()
	if _, err := identity.LoadBundle(state); err == nil {
		t.Fatal("the answer was not lost")
	}
	lossy.Store(false)
	out, code := run1(t, exec.Command(binary(t, "picket-agent"), "join", token.String(), "--state", state))
	if code != 0 || !strings.Contains(out, "Enrolled") {
		t.Fatalf("again: exit %d: %s", code, out)
	}
	list, _ := run1(t, exec.Command(binary(t, "picket"), "agent", "list", "--data", o.data))
	if n := strings.Count(list, "acme/madrid"); n != 1 {
		t.Errorf("the collector knows %d agents: %s", n, list)
	}
	if tokens, _ := run1(t, exec.Command(binary(t, "picket"), "token", "list", "--data", o.data)); !strings.Contains(tokens, "1/1") && !strings.Contains(tokens, "1 of 1") {
		t.Errorf("the token was used more than once: %s", tokens)
	}
	if left, _ := filepath.Glob(filepath.Join(state, "pending*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// forwarder passes datagrams on to a collector and back. While lossy, what comes
// back is lost if it is long and the handshake is over: the answer to an enrolment,
// with its certificates.
func forwarder(t *testing.T, to string, lossy *atomic.Bool) string {
	t.Helper()
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { front.Close() })
	go func() {
		back := map[string]net.Conn{} // one for each who asks; this goroutine's alone
		buf := make([]byte, 2048)
		for {
			n, from, err := front.ReadFrom(buf)
			if err != nil {
				for _, c := range back {
					c.Close()
				}
				return
			}
			c := back[from.String()]
			if c == nil {
				if c, err = net.Dial("udp", to); err != nil {
					return
				}
				back[from.String()] = c
				go func() {
					buf := make([]byte, 2048)
					for {
						n, err := c.Read(buf)
						if err != nil {
							return
						}
						if short := buf[0]&0x80 == 0; !(lossy.Load() && short && n > 600) {
							front.WriteTo(buf[:n], from)
						}
					}
				}()
			}
			c.Write(buf[:n])
		}
	}()
	return front.LocalAddr().String()
}
