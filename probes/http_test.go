package probes

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// page answers by path.
func page(w http.ResponseWriter, q *http.Request) {
	var code int
	switch _, err := fmt.Sscanf(q.URL.Path, "/status/%d", &code); {
	case err == nil:
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
	case q.URL.Path == "/big":
		io.WriteString(w, strings.Repeat("x", MaxBody)+"needle")
	case q.URL.Path == "/slow": // headers, a first piece, and then nothing
		io.WriteString(w, "first piece")
		w.(http.Flusher).Flush()
		<-q.Context().Done()
	case q.URL.Path == "/hang":
		<-q.Context().Done()
	case q.URL.Path == "/abort":
		panic(http.ErrAbortHandler)
	case q.URL.Path == "/late":
		time.Sleep(30 * time.Millisecond)
	case q.URL.Path == "/echo":
		fmt.Fprintf(w, "%s %s %s %s", q.Method, q.Host, q.RequestURI, q.UserAgent())
	case q.URL.Path == "/edge":
		w.Header().Set("Cf-Ray", "8f2a1c7e9d3b4a5c-FRA")
	default:
		io.WriteString(w, "hello")
	}
}

func TestHTTP(t *testing.T) {
	ca := newAuthority(t, time.Now().AddDate(1, 0, 0))
	secure, plain := httpServer(t, ca, page), plainServer(t, page)
	const short = 300 * time.Millisecond
	for _, tt := range []struct {
		name    string
		spec    Spec
		outcome Outcome
		cause   Cause
		code    int
	}{
		{"a page", Spec{}, Up, None, 200},
		{"HEAD", Spec{Method: "HEAD", Path: "/big"}, Up, None, 200},
		{"a redirect is an answer", Spec{Path: "/status/302"}, Up, None, 302},
		{"a redirect that is not expected", Spec{Path: "/status/302", Status: []int{200}}, Down, HTTPStatus, 302},
		{"503", Spec{Path: "/status/503"}, Down, HTTPStatus, 503},
		{"503 as expected", Spec{Path: "/status/503", Status: []int{200, 503}}, Up, None, 503},
		{"404", Spec{Path: "/status/404"}, Down, HTTPStatus, 404},
		{"401", Spec{Path: "/status/401"}, Unknown, Blocked, 401},
		{"403", Spec{Path: "/status/403"}, Unknown, Blocked, 403},
		{"403 as expected", Spec{Path: "/status/403", Status: []int{403}}, Up, None, 403},
		{"405", Spec{Path: "/status/405"}, Unknown, Blocked, 405},
		{"407", Spec{Path: "/status/407"}, Unknown, Blocked, 407},
		{"429 although 200 is listed", Spec{Path: "/status/429", Status: []int{200}}, Unknown, Blocked, 429},
		{"the expected text", Spec{Body: "ell"}, Up, None, 200},
		{"another text", Spec{Body: "goodbye"}, Down, HTTPBody, 200},
		{"text beyond the limit", Spec{Path: "/big", Body: "needle"}, Down, HTTPBody, 200},
		{"a body that stops coming", Spec{Path: "/slow", Timeout: short}, Down, HTTPTimeout, 200},
		{"no answer", Spec{Path: "/hang", Timeout: short}, Down, HTTPTimeout, -1},
		{"cut off", Spec{Path: "/abort"}, Down, HTTPReset, -1},
		{"path and query arrive as written", Spec{Path: "/echo?a=%2F&b=c%20d", Body: "/echo?a=%2F&b=c%20d Picket/1"}, Up, None, 200},
	} {
		for _, scheme := range []string{"https", "http"} {
			t.Run(scheme+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				s := tt.spec
				s.Kind, s.Host, s.Port, s.CA, s.Plain = HTTP, "127.0.0.1", secure, ca.pem, scheme == "http"
				s.ServerName = "localhost"
				if s.Plain {
					s.Port = plain
				}
				r := probe(t, Options{}, s)
				want(t, r, tt.outcome, tt.cause)
				if r.Code != tt.code || r.Bytes > MaxBody {
					t.Errorf("code %d, want %d; %d bytes", r.Code, tt.code, r.Bytes)
				}
				if r.Connect <= 0 || (r.TLS > 0) == s.Plain || (r.TTFB > 0) != (tt.code > 0) || r.HasCert == s.Plain {
					t.Errorf("phases: %+v", r)
				}
			})
		}
	}
}

func TestHTTPTimesTheFirstByteAndNamesTheEdge(t *testing.T) {
	port := plainServer(t, page)
	r := probe(t, Options{}, Spec{Kind: HTTP, Host: "127.0.0.1", Port: port, Plain: true, Path: "/late"})
	want(t, r, Up, None)
	if r.TTFB < 30*time.Millisecond || r.TTFB > r.Total {
		t.Errorf("first byte after %v of %v", r.TTFB, r.Total)
	}
	r = probe(t, Options{}, Spec{Kind: HTTP, Host: "127.0.0.1", Port: port, Plain: true, Path: "/edge"})
	if r.Edge != "cloudflare/FRA" {
		t.Errorf("edge %q", r.Edge)
	}
	for v, wanted := range map[string]string{"": "", "x-FRA": "cloudflare/FRA", "x-a\tb": "", "x-": "", "x-" + strings.Repeat("a", 99): ""} {
		if got := edge(http.Header{"Cf-Ray": {v}}); got != wanted {
			t.Errorf("edge of %q: %q, want %q", v, got, wanted)
		}
	}
}

func TestHTTPUsesOneConnectionAndHTTP2(t *testing.T) {
	ca := newAuthority(t, time.Now().AddDate(1, 0, 0))
	var proto atomic.Value
	port := httpServer(t, ca, func(w http.ResponseWriter, q *http.Request) { proto.Store(q.Proto) })
	s := Spec{Kind: HTTP, Host: "127.0.0.1", ServerName: "localhost", Port: port, CA: ca.pem}
	p := New(Options{})
	for range 3 {
		r := p.Probe(t.Context(), s)
		want(t, r, Up, None)
		if r.Connect <= 0 || r.TLS <= 0 {
			t.Errorf("something was reused: %+v", r)
		}
	}
	if proto.Load() != "HTTP/2.0" {
		t.Errorf("spoke %v", proto.Load())
	}
}

func TestWhatIsNotHTTP(t *testing.T) {
	say := func(text string) uint16 {
		return listen(t, func(c net.Conn) {
			c.Read(make([]byte, 4096))
			io.WriteString(c, text)
			c.Close()
		})
	}
	for _, tt := range []struct {
		name  string
		port  uint16
		cause Cause
	}{
		{"another protocol", say("220 mail.example ESMTP\r\n\r\n"), HTTPMalformed},
		{"a broken header", say("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), HTTPMalformed},
		{"headers without end", say("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*MaxBody)), HTTPMalformed},
		{"a broken chunk", say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), HTTPMalformed},
		{"a body shorter than announced", say("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx"), HTTPReset},
		{"nothing", say(""), HTTPReset},
		{"a reset", listen(t, hangUp), HTTPReset},
		{"headers cut off", say("HTTP/1.1 200 OK\r\nX: y"), HTTPReset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want(t, probe(t, Options{}, Spec{Kind: HTTP, Plain: true, Host: "127.0.0.1", Port: tt.port}), Down, tt.cause)
		})
	}
}
