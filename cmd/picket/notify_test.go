package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mailbox is a mail server on loopback that takes everything and hands it out.
func mailbox(t *testing.T) (port int, mails chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	mails = make(chan string, 10)
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			takeMail(conn, mails)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, mails
}

func takeMail(conn net.Conn, mails chan<- string) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(conn)
	fmt.Fprint(conn, "220 mail.msp.example\r\n")
	for {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "QUIT"):
			fmt.Fprint(conn, "221 bye\r\n")
			return
		case strings.HasPrefix(line, "DATA"):
			fmt.Fprint(conn, "354 go on\r\n")
			raw, err := io.ReadAll(textproto.NewReader(r).DotReader())
			if err != nil {
				return
			}
			mails <- string(raw)
		}
		fmt.Fprint(conn, "250 ok\r\n")
	}
}

// TestNotify is what an operator does after writing whom to tell.
func TestNotify(t *testing.T) {
	port, mails := mailbox(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer hook.Close()
	dir := shortDir(t)
	o := &office{t: t, dir: dir, data: filepath.Join(dir, "data")}
	text := fmt.Sprintf(`listen: %s
http: %s
providers: [{id: cloud}]
targets: [{id: a, provider: cloud, service: s, checks: [{kind: tcp, host: 127.0.0.1, port: 9}]}]
lookups: off
smtp: {host: 127.0.0.1, port: %d, from: picket@msp.example, security: none}
alerts:
- {name: desk, mail: [ana@msp.example, desk@msp.example], delay: 3m, min_confidence: confirmed}
- {name: page, webhook: "%s/T0K3N", secret_file: hook.key}
`, freeUDP(t), freeTCP(t), port, hook.URL)
	for name, content := range map[string]string{"picket.yaml": text, "hook.key": "a secret"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o.run()
	notify := func(args ...string) (string, int) {
		return run1(t, exec.Command(binary(t, "picket"), append(append([]string{"notify"}, args...), "--data", o.data)...))
	}

	out, code := notify("routes")
	if code != 0 || !strings.Contains(out, "ana@msp.example, desk@msp.example") || !strings.Contains(out, hook.URL) ||
		!strings.Contains(out, "Confirmed") || !strings.Contains(out, "3m") || strings.Contains(out, "T0K3N") {
		t.Errorf("routes: exit %d\n%s", code, out)
	}
	out, code = notify("test", "desk")
	if code != 0 || !strings.HasPrefix(out, "delivered  desk") {
		t.Errorf("test desk: exit %d\n%s", code, out)
	}
	select {
	case raw := <-mails:
		if !strings.Contains(raw, "Subject: [TEST]") {
			t.Errorf("mail:\n%s", raw)
		}
	default:
		t.Error("no mail arrived, although it says so")
	}
	out, code = notify("test")
	if code != exitFailed || !strings.Contains(out, "delivered  desk") || !strings.Contains(out, "FAILED     page") ||
		!strings.Contains(out, "answers 403") || strings.Contains(out, "T0K3N") {
		t.Errorf("test: exit %d\n%s", code, out)
	}
	out, code = notify("receipts")
	if code != 0 || !strings.Contains(out, "desk") || !strings.Contains(out, "sent") || strings.Contains(out, "page ") {
		t.Errorf("receipts: exit %d\n%s", code, out)
	}
	if out, code = notify("receipts", "--incident", "01J"); code == 0 || !strings.Contains(out, "there is no incident 01J") {
		t.Errorf("receipts of nothing: exit %d\n%s", code, out)
	}
	out, code = notify("test", "nobody")
	if code != exitUsage || !strings.Contains(out, "there is no alert route nobody") {
		t.Errorf("test nobody: exit %d\n%s", code, out)
	}
	if out, code = notify("shadow"); code != 0 || !strings.Contains(out, "Nothing would have been sent in the last 24h.") {
		t.Errorf("shadow: exit %d\n%s", code, out)
	}
	if out, code = notify("explain", "01NONE"); code != exitUsage || !strings.Contains(out, "there is none with this id") {
		t.Errorf("explain nothing: exit %d\n%s", code, out)
	}
	if out, code = notify("test", "page", "--json"); code != exitFailed || !strings.Contains(out, `"picket.alert_test/v1"`) {
		t.Errorf("test --json: exit %d\n%s", code, out)
	}
}
