package uplink

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// servedProxy is an HTTP proxy for CONNECT that wants user and password, unless
// both are "". It answers everything else with 404.
type servedProxy struct {
	ln         net.Listener
	user, pass string
	asked      atomic.Pointer[string] // host of the last CONNECT
}

func serveProxy(t *testing.T, user, pass string) *servedProxy {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &servedProxy{ln: ln, user: user, pass: pass}
	srv := &http.Server{Handler: p}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return p
}

func (p *servedProxy) url(user *url.Userinfo) *url.URL {
	return &url.URL{Scheme: "http", Host: p.ln.Addr().String(), User: user}
}

func (p *servedProxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.NotFound(rw, r)
		return
	}
	if p.user != "" {
		check := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		if user, pass, ok := check.BasicAuth(); !ok || user != p.user || pass != p.pass {
			rw.Header().Set("Proxy-Authenticate", `Basic realm="office"`)
			rw.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
	}
	p.asked.Store(&r.Host)
	_, port, _ := net.SplitHostPort(r.Host) // every name is this machine here
	out, err := net.Dial("tcp4", "127.0.0.1:"+port)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, buf, err := rw.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { io.Copy(out, buf); out.(*net.TCPConn).CloseWrite() }()
	io.Copy(in, out)
}

// onlyByProxy makes TCP by p the only way of w.
func onlyByProxy(w *world, p *servedProxy, user *url.Userinfo) {
	w.overTCP()
	w.ways.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != p.ln.Addr().String() {
			return nil, fmt.Errorf("the firewall blocks %s", addr)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	w.ways.Proxy = func(string) (*url.URL, error) { return p.url(user), nil }
}

func TestASiteThatHasOnlyAProxy(t *testing.T) {
	for _, c := range []struct {
		name, user, pass string
		with             *url.Userinfo
	}{
		{"open", "", "", nil},
		{"with a password", "acme", "s3cr:t€", url.UserPassword("acme", "s3cr:t€")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.office.enrol = func(EnrolRequest) (EnrolResponse, error) { return EnrolResponse{Agent: "new"}, nil }
			p := serveProxy(t, c.user, c.pass)
			onlyByProxy(w, p, c.with)
			defer w.serve()()
			// The name does not resolve here: that is the proxy's to do.
			_, port, _ := net.SplitHostPort(w.addr.String())
			got, err := Enrol(t.Context(), w.waysOf(), []string{"collector.invalid:" + port}, w.auth.Pin(), EnrolRequest{})
			if err != nil || got.Agent != "new" || got.Transport != TransportProxy {
				t.Errorf("enrolled as %+v: %v", got, err)
			}
			if host := p.asked.Load(); host == nil || *host != "collector.invalid:"+port {
				t.Errorf("the proxy was asked for %v", host)
			}
			a := w.agent("agent-1", time.Now())
			a.spool.append(0xa1, 300)
			defer w.run(a)()
			until(t, "all is delivered", func() bool { return a.spool.pending() == 0 })
			if a.client.Transport() != TransportProxy {
				t.Errorf("came by %q", a.client.Transport())
			}
			if s := w.server.Sessions(); len(s) != 1 || s[0].Transport != TransportProxy {
				t.Errorf("the collector sees %+v", s)
			}
		})
	}
}

func TestAProxyThatRefuses(t *testing.T) {
	w := newWorld(t)
	var lines bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, user := range []*url.Userinfo{nil, url.User("acme"), url.UserPassword("acme", "wr0ng-secret")} {
		onlyByProxy(w, serveProxy(t, "acme", "right"), user)
		_, err := Enrol(t.Context(), w.waysOf(), []string{"collector.invalid:4443"}, w.auth.Pin(), EnrolRequest{})
		if !errors.Is(err, ErrProxyAuth) || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("407 for %v is told as %v", user, err)
		}
	}
	onlyByProxy(w, serveProxy(t, "", ""), nil)
	_, err := Enrol(t.Context(), w.waysOf(), []string{"collector.invalid:1"}, w.auth.Pin(), EnrolRequest{})
	if e, ok := errors.AsType[*UnreachableError](err); !ok || !strings.Contains(e.TCP.Error(), "502 Bad Gateway") {
		t.Errorf("502 is told as %v", err)
	}
	w.ways.Proxy = func(string) (*url.URL, error) { return nil, errors.New("no such setting") }
	_, err = Enrol(t.Context(), w.waysOf(), []string{"127.0.0.1:1"}, w.auth.Pin(), EnrolRequest{})
	if err == nil || !strings.Contains(err.Error(), "no such setting") {
		t.Errorf("a choice that failed is told as %v", err)
	}
	if strings.Contains(lines.String(), "wr0ng") {
		t.Error("the log has the password")
	}
}

func TestWhatAProxyAnswers(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		status       int
		rest         string
	}{
		{"yes", "HTTP/1.1 200 Connection established\r\n\r\n", 200, ""},
		{"yes, with headers", "HTTP/1.0 200 OK\r\nVia: x\r\nProxy-Agent: y\r\n\r\n", 200, ""},
		{"what follows stays", "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01", 200, "\x16\x03\x01"},
		{"no", "HTTP/1.1 403 Forbidden by policy\r\nContent-Length: 5\r\n\r\nnever", 403, "never"},
		{"cut off", "HTTP/1.1 200 OK\r\n", 0, ""},
		{"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", 0, ""},
		{"endless", "HTTP/1.1 200 " + strings.Repeat("x", 2*maxProxyHead), 0, ""},
	} {
		r := strings.NewReader(c.answer)
		status, _, err := readProxyAnswer(r)
		if status != c.status || (err == nil) != (c.status != 0) {
			t.Errorf("%s: %d, %v", c.name, status, err)
		}
		if rest, _ := io.ReadAll(r); err == nil && string(rest) != c.rest {
			t.Errorf("%s: %q is left", c.name, rest)
		}
	}
}

func FuzzProxyAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if _, _, err := readProxyAnswer(r); err == nil && len(b)-r.Len() > maxProxyHead {
			t.Errorf("%d bytes were read", len(b)-r.Len())
		}
	})
}

func FuzzSide(f *testing.F) {
	f.Add([]byte{sideDatagram, 3, 1, 2, 3, sideClose, 2, 5, 'x', sideStop, 1, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		for in := bufio.NewReader(bytes.NewReader(b)); ; {
			kind, payload, err := readSide(in)
			if err != nil {
				return
			}
			if len(payload) > maxSidePayload {
				t.Fatalf("%d bytes", len(payload))
			}
			if kind == sideClose {
				if end, err := readClose(payload); err == nil && (!end.Remote || len(end.Reason) > maxReason) {
					t.Fatalf("%+v", end)
				}
			}
		}
	})
}

func FuzzYamuxGuard(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 'h', 'i', 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9}, uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		whole, parts := newYamuxGuard(), newYamuxGuard()
		now := time.Unix(1, 0)
		want := whole.check(b, now)
		var got error
		for rest := b; len(rest) > 0 && got == nil; {
			n := min(len(rest), int(step)+1)
			got, rest = parts.check(rest[:n], now), rest[n:]
		}
		if (want == nil) != (got == nil) {
			t.Fatalf("in one piece %v, in pieces %v", want, got)
		}
		if want == nil && (whole.have != parts.have || whole.body != parts.body) {
			t.Fatal("the two lost each other")
		}
	})
}
