package doctor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// nameServer is a real DNS server on loopback that answers as answer does; nil is
// silence.
func nameServer(t *testing.T, answer func(*dns.Msg) *dns.Msg) (*net.Resolver, string) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := answer(q); m != nil {
			w.WriteMsg(m)
		}
	})}
	go srv.ActivateAndServe()
	t.Cleanup(func() { srv.Shutdown() })
	at := pc.LocalAddr().String()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", at)
	}}, at
}

// rcode answers every question with a code.
func rcode(code int) func(*dns.Msg) *dns.Msg {
	return func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, code) }
}

// knows answers A questions below the given domain with an address.
func knows(domain, addr string) func(*dns.Msg) *dns.Msg {
	return func(q *dns.Msg) *dns.Msg {
		if !strings.HasSuffix(q.Question[0].Name, domain) {
			return new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		}
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			rr, _ := dns.NewRR(q.Question[0].Name + " 1 IN A " + addr)
			m.Answer = append(m.Answer, rr)
		}
		return m
	}
}

// clerk is the collector of these tests; nobody gets further than its door.
type clerk struct{ uplink.ServerHandler }

// collector serves enrolments on loopback under a fresh authority.
func collector(t *testing.T) (string, identity.Pin) {
	t.Helper()
	auth, err := identity.OpenAuthority(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := uplink.NewServer(uplink.ServerOptions{Socket: pc, Authority: auth, Handler: clerk{}, Name: fleet.CollectorID,
		Check: func(string, bool) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx) }()
	t.Cleanup(func() { stop(); <-done; pc.Close() })
	return pc.LocalAddr().String(), auth.Pin()
}

func loopback() uplink.Ways {
	return uplink.Ways{Open: func() (net.PacketConn, error) { return net.ListenPacket("udp", "127.0.0.1:0") }}
}

func TestLookFindsTheCollectorByNameAndItsClock(t *testing.T) {
	at, pin := collector(t)
	_, port, _ := net.SplitHostPort(at)
	r, server := nameServer(t, knows("picket.test.", "127.0.0.1"))
	e := Look(t.Context(), Options{Dir: t.TempDir(), Ways: loopback(), Addrs: []string{"picket.test:" + port}, Pin: pin, Resolver: r})
	if !e.UDP.ok() || !e.UDP.Saw.Timed || e.UDP.Saw.Offset.Abs() > time.Second || !e.UDP.Saw.SeenFrom.Addr().IsLoopback() || e.UDP.Saw.RTT <= 0 {
		t.Errorf("knock: %+v", e.UDP)
	}
	if len(e.Names) != 1 || e.Names[0].Err != nil || e.Names[0].Server == "" || len(e.Addrs) != 1 || e.Addrs[0] != netip.MustParseAddrPort(at) {
		t.Errorf("names %+v by %s, addresses %v", e.Names, server, e.Addrs)
	}
	if !e.Rewrite.Asked || e.Rewrite.Addr.IsValid() {
		t.Errorf("rewriting: %+v", e.Rewrite)
	}
	for _, id := range []string{idDNS, idRewrite, idIntercept, idCollector, idQUIC, idClock, idBuffer, idEgress} {
		if f, ok := e.Judge().Find(id); !ok || f.Level != uplink.LevelPass {
			t.Errorf("%s: %+v", id, f)
		}
	}
}

func TestAnotherKeyIsAnInterception(t *testing.T) {
	at, pin := collector(t)
	pin[0] ^= 1
	f, bad := Look(t.Context(), Options{Dir: t.TempDir(), Ways: loopback(), Addrs: []string{at}, Pin: pin}).Judge().First()
	if !bad || f.Code != "E106" || !strings.Contains(f.Text, "Picket issuer") {
		t.Errorf("%+v", f)
	}
}

func TestDNSIsComparedWithAnother(t *testing.T) {
	_, good := nameServer(t, knows("picket.test.", "203.0.113.10"))
	_, ignorant := nameServer(t, rcode(dns.RcodeNameError))
	for _, c := range []struct {
		name, compare, text, fix string
		own                      func(*dns.Msg) *dns.Msg
	}{
		{"a filter says that there is no such name", good, "says that there is no such name; " + good + " resolves it", "--resolve 203.0.113.10", rcode(dns.RcodeNameError)},
		{"a server that refuses", good, "refuses to answer (SERVFAIL or REFUSED); " + good + " resolves it", "--resolve 203.0.113.10", rcode(dns.RcodeRefused)},
		{"a server that is silent", good, "does not answer; " + good + " resolves it", "--resolve 203.0.113.10", func(*dns.Msg) *dns.Msg { return nil }},
		{"a name that nobody knows", ignorant, ignorant + " does not know it either", "make a new token", rcode(dns.RcodeNameError)},
		{"nobody to compare with", "", "says that there is no such name", "repair DNS", rcode(dns.RcodeNameError)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := nameServer(t, c.own)
			o := Options{Dir: t.TempDir(), Ways: loopback(), Addrs: []string{"picket.test:4443"}, Resolver: r}
			if c.compare != "" {
				o.Compare = []string{c.compare}
			}
			begun := time.Now()
			f, bad := Look(t.Context(), o).Judge().First()
			if !bad || f.ID != idDNS || f.Code != "E103" || !strings.Contains(f.Text, c.text) || !strings.Contains(f.Fix, c.fix) {
				t.Errorf("%+v", f)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestDNSThatMakesUpAnswersIsNoticed(t *testing.T) {
	at, pin := collector(t)
	_, port, _ := net.SplitHostPort(at)
	r, _ := nameServer(t, knows(".", "127.0.0.1"))
	e := Look(t.Context(), Options{Dir: t.TempDir(), Ways: loopback(), Addrs: []string{"picket.test:" + port}, Pin: pin, Resolver: r})
	if f, _ := e.Judge().Find(idRewrite); f.Level != uplink.LevelWarn || !strings.Contains(f.Text, "127.0.0.1") {
		t.Errorf("%+v", f)
	}
}

func TestClosedPortsAreOneFailureWithinTenSeconds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	begun := time.Now()
	e := Look(t.Context(), Options{Dir: t.TempDir(), Ways: loopback(), Addrs: []string{at}, Within: 2 * time.Second})
	if took := time.Since(begun); took > 9*time.Second {
		t.Errorf("it took %s", took)
	}
	f, bad := e.Judge().First()
	if !bad || f.Code != "E105" || !strings.Contains(f.Text, "TCP: refused") || !strings.Contains(f.Text, "UDP: no reply") || !strings.Contains(f.Fix, at) {
		t.Errorf("%+v", f)
	}
}

func TestAFolderThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := lookAtMachine(file, true)
	if m.DirErr == nil {
		t.Error("a file is taken for a state directory")
	}
	open := t.TempDir()
	if err := errors.Join(os.Chmod(open, 0o777), os.WriteFile(filepath.Join(open, "agent.key"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if m := lookAtMachine(open, true); len(m.Loose) != 2 || m.Full != nil {
		t.Errorf("%+v", m)
	}
	left, err := os.ReadDir(open)
	if err != nil || len(left) != 1 {
		t.Errorf("the look left something behind: %v, %v", left, err)
	}
	if m := lookAtMachine(filepath.Join(open, "deep", "fresh"), false); m.DirErr != nil || m.Free == 0 {
		t.Errorf("a directory that a join will make: %+v", m)
	}
	if _, err := os.Stat(filepath.Join(open, "deep")); err == nil {
		t.Error("the look made a directory")
	}
}

// speaker accepts TCP connections and hands each to f.
func speaker(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
	return l.Addr().String()
}

func TestABoxThatOpensTLSIsNamed(t *testing.T) {
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Inspection Box CA"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{uplink.EnrolProtocol}}
	heard := make(chan int, 10)
	at := speaker(t, func(c net.Conn) {
		n, _ := tls.Server(c, conf).Read(make([]byte, 1))
		heard <- n
	})
	f, bad := Look(t.Context(), Options{Dir: t.TempDir(), Addrs: []string{at}}).Judge().First()
	if !bad || f.Code != "E106" || !strings.Contains(f.Text, `issued by "Inspection Box CA"`) {
		t.Errorf("%+v", f)
	}
	if n := <-heard; n != 0 {
		t.Error("something was sent to the box")
	}
}

func TestAProxyThatWantsAName(t *testing.T) {
	at := speaker(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
		}
	})
	ways := uplink.Ways{Proxy: func(string) (*url.URL, error) { return url.Parse("http://ana:s3cr3t@" + at) }}
	r := Look(t.Context(), Options{Dir: t.TempDir(), Ways: ways, Addrs: []string{"192.0.2.1:4443"}}).Judge()
	f, bad := r.First()
	if !bad || f.Code != "E108" || !strings.Contains(f.Text, at) {
		t.Errorf("%+v", f)
	}
	var text bytes.Buffer
	r.WriteText(&text)
	if strings.Contains(text.String(), "s3cr3t") || strings.Contains(text.String(), "ana") {
		t.Errorf("it tells who logs in there: %s", &text)
	}
}
