package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proxy starts tinyproxy on a site's router and lets nothing else out.
func (w *anyWorld) proxy(t *testing.T, n int, more string) (addr string) {
	t.Helper()
	w.block(n, "drop")
	conf := filepath.Join(w.dir, fmt.Sprintf("proxy%d.conf", n))
	text := fmt.Sprintf("Port 3128\nListen 10.77.%d.1\nTimeout 600\nMaxClients 20\nConnectPort 4443\nLogLevel Connect\n%s\n", n, more)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w.serves(t, n, start(w.t, "proxy", in(w.site(n).router, "tinyproxy", "-d", "-c", conf)))
}

// serves waits until a proxy of a site listens.
func (w *anyWorld) serves(t *testing.T, n int, p *process) (addr string) {
	t.Helper()
	addr = fmt.Sprintf("10.77.%d.1:3128", n)
	eventually(t, 20*time.Second, "the proxy listens", func() bool {
		out, _ := run1(t, in(w.site(n).router, "ss", "-Hltn", "src", addr))
		return strings.Contains(out, addr)
	})
	return addr
}

const (
	proxySecret = "pa55-of-the-pr0xy"
	proxyUsers  = "acme:$apr1$picket01$KcWc00EYY3BkFEWZWwBgh/\n" // the same for squid, as openssl passwd -apr1 hashes it
)

// squid starts squid on a site's router and lets nothing else out. With a password
// it knows the user acme.
func (w *anyWorld) squid(t *testing.T, n int, password bool) (addr string) {
	t.Helper()
	w.block(n, "drop")
	auth, who := "", ""
	if password {
		// Squid reads it as a user of its own.
		file := filepath.Join(w.dir, fmt.Sprintf("squid%d.users", n))
		if err := os.WriteFile(file, []byte(proxyUsers), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(w.dir, 0o711); err != nil {
			t.Fatal(err)
		}
		auth = "auth_param basic program /usr/lib/squid/basic_ncsa_auth " + file + "\nauth_param basic children 1 startup=1 idle=1\nacl known proxy_auth REQUIRED\n"
		who = " known"
	}
	conf := filepath.Join(w.dir, fmt.Sprintf("squid%d.conf", n))
	text := auth + fmt.Sprintf(`http_port 10.77.%d.1:3128
acl tunnel method CONNECT
acl picket port 4443
http_access allow tunnel picket%s
http_access deny all
visible_hostname proxy.example
access_log none
cache_log /dev/null
pid_filename none
netdb_filename none
cache_mem 0
memory_cache_shared off
max_filedescriptors 256
pinger_enable off
dns_nameservers 127.0.0.1
shutdown_lifetime 1 second
`, n, who)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w.serves(t, n, start(w.t, "squid", in(w.site(n).router, "squid", "-N", "-d", "1", "-n", fmt.Sprintf("%ss%d", w.prefix, n), "-f", conf)))
}

func (w *anyWorld) proxyAlone(t *testing.T) { w.throughProxy(t, 3, w.proxy(t, 3, "")) }
func (w *anyWorld) squidAlone(t *testing.T) { w.throughProxy(t, 7, w.squid(t, 7, false)) }
func (w *anyWorld) proxyWithPassword(t *testing.T) {
	w.pastGuard(t, 4, w.proxy(t, 4, "BasicAuth acme "+proxySecret))
}
func (w *anyWorld) squidWithPassword(t *testing.T) { w.pastGuard(t, 8, w.squid(t, 8, true)) }

// throughProxy joins a site whose only way out is a proxy.
func (w *anyWorld) throughProxy(t *testing.T, n int, addr string) {
	joinCase(t, w.joining(t, n), "E105", 5)
	w.join(t, n, "--proxy", "http://"+addr)
	w.run(t, n, "tcp by proxy")
}

// pastGuard joins a site whose only way out is a proxy that wants a password.
func (w *anyWorld) pastGuard(t *testing.T, n int, addr string) {
	joinCase(t, w.joining(t, n, "--proxy", "http://"+addr), "E108", 5, "proxy.secret")
	if out := joinCase(t, w.joining(t, n, "--proxy", "http://acme:wr0ng-one@"+addr), "E108", 5); strings.Contains(out, "wr0ng-one") {
		t.Errorf("the password is told: %s", out)
	}
	if out := w.join(t, n, "--proxy", "http://acme:"+proxySecret+"@"+addr); strings.Contains(out, proxySecret) {
		t.Errorf("the password is told: %s", out)
	}
	w.run(t, n, "tcp by proxy")
	if b, err := os.ReadFile(filepath.Join(w.site(n).state, "proxy.secret")); err != nil || !strings.Contains(string(b), proxySecret) {
		t.Errorf("the password is not where it belongs: %q, %v", b, err)
	}
}
