package channel_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket/collector/alert/channel"
)

// program is a receiver that somebody else wrote, as its own process.
type program struct {
	t       *testing.T
	name    string
	args    []string
	ready   string // address that answers when it is up
	process *exec.Cmd
	said    bytes.Buffer
}

// debian is a program of a Debian package.
func debian(t *testing.T, name, ready string, args ...string) *program {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	p := &program{t: t, name: name, args: args, ready: ready}
	p.start()
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

func (p *program) start() {
	p.t.Helper()
	p.process = exec.Command(p.name, p.args...)
	p.process.Stdout, p.process.Stderr = &p.said, &p.said
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", p.ready)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			p.end(syscall.SIGKILL)
			p.t.Fatalf("%s does not come up: %v\n%s", p.name, err, &p.said)
		}
	}
}

func (p *program) end(how syscall.Signal) {
	if p.process != nil {
		p.process.Process.Signal(how)
		p.process.Wait()
		p.process = nil
	}
}

// free is an address of this machine that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// firing is what an Alertmanager holds.
func firing(t *testing.T, at string) (all []struct {
	Labels      map[string]string
	Annotations map[string]string
	Fingerprint string
	StartsAt    time.Time
	EndsAt      time.Time
}) {
	t.Helper()
	resp, err := http.Get("http://" + at + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// pages is who Alertmanager tells: it counts what began and what ended.
type pages struct {
	mu          sync.Mutex
	began, over int
}

func (p *pages) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var m struct {
		Alerts []struct{ Status, Fingerprint string }
	}
	json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&m)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range m.Alerts {
		if a.Status == "firing" {
			p.began++
		} else {
			p.over++
		}
	}
}

func (p *pages) counts() (began, over int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.began, p.over
}

// alertmanager is one that pages url, and where it is.
func alertmanager(t *testing.T, url string) (p *program, at string) {
	t.Helper()
	dir := t.TempDir()
	at = free(t)
	config := filepath.Join(dir, "alertmanager.yml")
	err := os.WriteFile(config, fmt.Appendf(nil, `
route: {receiver: pager, group_by: [incident], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
- name: pager
  webhook_configs: [{url: %q, send_resolved: true}]
`, url), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p = debian(t, "prometheus-alertmanager", at, "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+at, "--cluster.listen-address=")
	return p, at
}

// TestARealAlertmanager: the alert appears, is the same one through updates, its
// own restart and ours, and ends; who it pages is paged once.
func TestARealAlertmanager(t *testing.T) {
	paged := &pages{}
	pager := build(t, func(r *http.Request, body []byte) int {
		r.Body = io.NopCloser(bytes.NewReader(body))
		paged.ServeHTTP(nil, r)
		return http.StatusOK
	})
	manager, at := alertmanager(t, pager.url())
	l := live(t, channel.Alertmanager{URL: "http://" + at}, nil)
	if err := l.sender.Test(t.Context(), "x"); err != nil {
		t.Fatalf("a test: %v", err)
	}
	within(t, "the test's page", func() bool { began, _ := paged.counts(); return began == 1 })

	l.opened()
	l.settle()
	within(t, "the page", func() bool { began, _ := paged.counts(); return began == 2 })
	only := func(severity string) (fingerprint string) {
		t.Helper()
		for _, a := range firing(t, at) {
			if a.Labels["incident"] == "01KGF3M8Q2" {
				if fingerprint != "" || a.Labels["provider"] != "azure" || a.Labels["alertname"] != "ProviderRegionalOutage" || a.Annotations["severity_now"] != severity {
					t.Errorf("got %+v", a)
				}
				fingerprint = a.Fingerprint
			}
		}
		if fingerprint == "" {
			t.Error("it does not fire")
		}
		return fingerprint
	}
	first := only("error")
	l.channel.Repeat(t.Context(), time.Now())
	l.updated()
	l.settle()
	if again := only("warning"); again != first {
		t.Errorf("the update is another alert: %s, then %s", first, again)
	}

	manager.end(syscall.SIGTERM) // it forgets its alerts, and not whom it paged
	l.crash()
	manager.start()
	if n := len(firing(t, at)); n != 0 {
		t.Fatalf("%d alerts after its restart", n)
	}
	l.channel.Repeat(t.Context(), time.Now()) // what fires follows from the outbox
	if again := only("warning"); again != first {
		t.Errorf("after the restarts it is another alert: %s, then %s", first, again)
	}

	manager.end(syscall.SIGTERM)
	l.resolved()
	l.failed()
	manager.start()
	l.settle()
	within(t, "the end", func() bool { _, over := paged.counts(); return over >= 1 })
	within(t, "an empty list", func() bool {
		for _, a := range firing(t, at) {
			if a.Labels["incident"] == "01KGF3M8Q2" {
				return false
			}
		}
		return true
	})
	if began, _ := paged.counts(); began != 2 {
		t.Errorf("paged %d times: the test, and the incident once", began)
	}
	l.channel.Repeat(t.Context(), time.Now()) // and what is over stays over
	for _, a := range firing(t, at) {
		if a.Labels["incident"] == "01KGF3M8Q2" {
			t.Errorf("it fires again: %+v", a)
		}
	}
}

// TestARealMailServer is the life of an incident through aiosmtpd, which is
// killed twice: three mails, one thread, none of them twice.
func TestARealMailServer(t *testing.T) {
	box, at := filepath.Join(t.TempDir(), "mail"), free(t)
	server := debian(t, "aiosmtpd", at, "-n", "-c", "aiosmtpd.handlers.Mailbox", box, "-l", at)
	addr, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	smtp := &channel.SMTP{Host: "127.0.0.1", Port: addr.Port, From: "picket@msp.example", Security: channel.Plain}
	server.end(syscall.SIGKILL)
	l := live(t, channel.Mail{Recipients: []string{"desk@msp.example"}}, smtp)
	l.opened()
	l.failed()
	server.start()
	l.settle()
	l.updated()
	l.settle()
	server.end(syscall.SIGKILL)
	l.resolved()
	l.failed()
	l.crash()
	server.start()
	l.settle()
	seen, thread := map[string]string{}, ""
	files, _ := filepath.Glob(filepath.Join(box, "new", "*"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := netmail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		h := m.Header
		if h.Get("Auto-Submitted") != "auto-generated" || h.Get("X-Picket-Incident") != "01KGF3M8Q2" || h.Get("X-Picket-State") == "" {
			t.Errorf("header %v", h)
		}
		event := h.Get("X-Picket-Event")
		if seen[event] != "" {
			t.Errorf("%s came twice", event)
		}
		seen[event] = h.Get("Message-Id")
		if event == "opened" {
			thread = h.Get("Message-Id")
		} else if !strings.Contains(h.Get("References"), "picket.01KGF3M8Q2.x.1@") {
			t.Errorf("%s is no part of the thread: %q", event, h.Get("References"))
		}
	}
	if len(seen) != 3 || seen["opened"] == "" || seen["updated"] == "" || seen["resolved"] == "" || thread == "" {
		t.Errorf("%d mails: %v\n%s", len(files), seen, &server.said)
	}
}
