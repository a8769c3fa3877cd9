package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"picket/internal/uplink"
)

// hotel is a network that sends all plain HTTP to its log-in page and, as long as
// nobody has logged in, drops the rest. It returns a Dial of that network.
func hotel(t *testing.T, open bool, answer http.HandlerFunc) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		switch _, port, _ := net.SplitHostPort(addr); {
		case port == "80":
			addr = srv.Listener.Addr().String()
		case !open:
			<-ctx.Done() // dropped
			return nil, ctx.Err()
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
}

func everywhere(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to+r.Host, http.StatusFound) }
}

func TestALogInPageIsTheOneCause(t *testing.T) {
	at, pin := collector(t)
	_, port, _ := net.SplitHostPort(at)
	names, _ := nameServer(t, knows(".", "127.0.0.1"))
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a redirect for all":     {everywhere("http://login.hotel.example.org/?for="), "plain HTTP to picket.test and plain HTTP to login.cloud.example lead to the same place, login.hotel.example.org"},
		"the status made for it": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNetworkAuthenticationRequired) }, "511"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := Look(t.Context(), Options{Dir: t.TempDir(), Addrs: []string{"picket.test:" + port}, Pin: pin, Resolver: names,
				Ways: uplink.Ways{Dial: hotel(t, false, c.answer)}, Within: 4 * time.Second,
				Watched: []Service{{"portal.picket.test", 443}, {"login.cloud.example", 443}}})
			r := e.Judge()
			f, bad := r.First()
			if !bad || f.ID != idCaptive || f.Code != "E105" || !strings.Contains(f.Text, c.says) {
				t.Errorf("%+v", f)
			}
			for _, id := range []string{idRewrite, idCollector, idTCP, idPath} {
				if f, _ := r.Find(id); f.Level != uplink.LevelSkip {
					t.Errorf("a consequence is told: %+v", f)
				}
			}
		})
	}
}

func TestAWebServerOfTheSameHostIsNoLogInPage(t *testing.T) {
	at, pin := collector(t)
	_, port, _ := net.SplitHostPort(at)
	names, _ := nameServer(t, knows("test.", "127.0.0.1"))
	ways := loopback()
	for name, to := range map[string]string{"its own HTTPS": "https://picket.test/", "its company": "https://www.company.example/"} {
		ways.Dial = hotel(t, true, everywhere(to))
		e := Look(t.Context(), Options{Dir: t.TempDir(), Addrs: []string{"picket.test:" + port}, Pin: pin, Resolver: names, Ways: ways})
		if f, ok := e.Judge().Find(idCaptive); !ok || f.Level != uplink.LevelPass || e.Pages[0].Status != 302 {
			t.Errorf("%s: %+v, seen %+v", name, f, e.Pages)
		}
	}
}

func TestWhatIsDeniedIsNotAsked(t *testing.T) {
	var asked atomic.Int32
	names, _ := nameServer(t, knows(".", "127.0.0.1"))
	e := Look(t.Context(), Options{Dir: t.TempDir(), Addrs: []string{"picket.test:9"}, Resolver: names, Within: 3 * time.Second,
		Ways: uplink.Ways{Dial: hotel(t, false, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			everywhere("http://login.hotel.example.org/")(w, r)
		})},
		Watched: []Service{{"login.cloud.example", 443}}, Allow: refuseAll})
	if len(e.Pages) != 1 || asked.Load() != 1 || len(e.Shown) != 1 || e.Shown[0].Err != errDenied {
		t.Errorf("pages %+v, asked %d times, certificates %+v", e.Pages, asked.Load(), e.Shown)
	}
}

var errDenied = errors.New("denied")

func refuseAll(netip.Addr) error { return errDenied }

// authority makes certificates while one waits.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// sign makes a certificate for name; logs says that it carries the word of public
// logs.
func (a authority) sign(name string, logs bool) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter}
	if logs {
		tmpl.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: []byte{4, 2, 0, 0}}}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// terminator answers TLS for whatever name is asked, and returns its port.
func terminator(t *testing.T, who func(name string) authority, logs bool) uint16 {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return who(h.ServerName).sign(h.ServerName, logs)
	}})
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
			go func() { io.Copy(io.Discard, c); c.Close() }()
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func TestInspectionOfTheProbesIsSeenByTheCertificates(t *testing.T) {
	box, company, public := newAuthority(t, "Box CA"), newAuthority(t, "Company CA"), newAuthority(t, "Public CA")
	all := func(a authority) func(string) authority { return func(string) authority { return a } }
	roots := x509.NewCertPool()
	for _, a := range []authority{box, company, public} {
		roots.AddCert(a.cert)
	}
	added := filepath.Join(t.TempDir(), "box.crt")
	if err := os.WriteFile(added, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: box.cert.Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		who   func(string) authority
		logs  bool
		roots *x509.CertPool
		hosts []string
		level uplink.Level
		says  string
	}{
		"a box whose root was added":       {all(box), false, roots, []string{"a.cloud.example", "b.test"}, uplink.LevelWarn, `"CN=Box CA", a root that was added to this machine (` + added + ")"},
		"a box, nobody knows how trusted":  {all(company), false, roots, []string{"a.cloud.example", "b.test"}, uplink.LevelWarn, "no public authority, though this machine trusts it"},
		"a box that is not trusted":        {all(box), false, x509.NewCertPool(), []string{"a.cloud.example", "b.test"}, uplink.LevelWarn, "which this machine does not trust"},
		"the real ones":                    {all(public), true, roots, []string{"a.cloud.example", "b.test"}, uplink.LevelPass, "a.cloud.example, b.test"},
		"a public root that was added too": {all(box), true, roots, []string{"a.cloud.example", "b.test"}, uplink.LevelPass, ""},
		"one company's own":                {all(company), false, roots, []string{"a.company.example", "b.company.example"}, uplink.LevelSkip, "cannot tell"},
		"one of two": {func(n string) authority {
			if n == "b.test" {
				return company
			}
			return box
		}, false, roots, []string{"a.cloud.example", "b.test"}, uplink.LevelSkip, "cannot tell"},
	} {
		t.Run(name, func(t *testing.T) {
			port := terminator(t, c.who, c.logs)
			names, _ := nameServer(t, knows(".", "127.0.0.1"))
			var watched []Service
			for _, h := range c.hosts {
				watched = append(watched, Service{h, port})
			}
			e := well()
			e.Shown = shown(t.Context(), Options{Resolver: names, Watched: watched, Roots: c.roots, Anchors: []string{filepath.Dir(added)}})
			if f, ok := e.Judge().Find(idInspect); !ok || f.Level != c.level || !strings.Contains(f.Text, c.says) {
				t.Errorf("%+v from %+v", f, e.Shown)
			}
		})
	}
}

// TestDNSDoesNotChooseWhoIsAsked: whoever answers for the collector's name, its
// owner or a hostile network, must not have this site ask what it denies.
func TestDNSDoesNotChooseWhoIsAsked(t *testing.T) {
	_, pin := collector(t)
	names, _ := nameServer(t, knows(".", "10.66.0.1"))
	for name, allow := range map[string]func(netip.Addr) error{"denied": refuseAll, "allowed": nil} {
		var asked atomic.Int32
		Look(t.Context(), Options{Dir: t.TempDir(), Addrs: []string{"picket.test:4443"}, Pin: pin, Resolver: names, Allow: allow,
			Ways: uplink.Ways{Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
				if addr == "10.66.0.1:80" {
					asked.Add(1)
				}
				return nil, errors.New("nobody is there")
			}}})
		if (asked.Load() > 0) != (name == "allowed") {
			t.Errorf("%s: port 80 of what DNS named was asked %d times", name, asked.Load())
		}
	}
}
