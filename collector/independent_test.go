package collector

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/textproto"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"picket/collector/alert"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/store"
)

// resolver is a DNS server on loopback that knows the records of zone.
func resolver(t *testing.T, zone ...string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var records []dns.RR
	for _, line := range zone {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rr)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for name, k := q.Question[0].Name, 0; k < 10; k++ {
			next := ""
			for _, rr := range records {
				if c, ok := rr.(*dns.CNAME); ok && rr.Header().Name == name {
					next = c.Target
				}
				if rr.Header().Name == name && (next != "" || rr.Header().Rrtype == q.Question[0].Qtype) {
					m.Answer = append(m.Answer, rr)
				}
			}
			if name = next; name == "" {
				break
			}
		}
		if len(m.Answer) == 0 {
			m.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(m)
	})}
	done := make(chan struct{})
	go func() { s.ActivateAndServe(); close(done) }()
	t.Cleanup(func() { s.Shutdown(); conn.Close(); <-done })
	return conn.LocalAddr().String()
}

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

// TestTeamsAloneForAnOutageOfMicrosoft365 is why there are fallbacks: a route by
// Teams, one to mailboxes at Microsoft, and one with a mailbox elsewhere. The
// configuration is warned about, and when Microsoft 365 is out the mail elsewhere
// says why it came, at once, although its own route waits for an hour; Teams is
// tried all the same.
func TestTeamsAloneForAnOutageOfMicrosoft365(t *testing.T) {
	t.Setenv("PICKET_TEST_HOOK", "secret")
	hook, teams := inbox(t)
	port, mails := mailbox(t)
	at := resolver(t,
		"prod-7.westeurope.logic.azure.com. 60 IN A 127.0.0.1",
		"msp.example. 60 IN MX 10 mail.msp.example.", "mail.msp.example. 60 IN A 192.0.2.1",
		"boss.example. 60 IN MX 10 boss-example.mail.protection.outlook.com.",
		"status.msp.example. 60 IN CNAME msp.azureedge.net.")
	system := net.DefaultResolver // who delivers finds Teams on loopback
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", at)
	}}
	defer func() { net.DefaultResolver = system }()
	text := fmt.Sprintf(`lookups: %s
names: [status.msp.example]
include_catalogue: true
smtp: {host: 127.0.0.1, port: %d, from: picket@msp.example, security: none}
alerts:
- {name: teams, webhook: "http://prod-7.westeurope.logic.azure.com:%s/x", secret_env: PICKET_TEST_HOOK, delay: 0s}
- {name: boss, mail: [ana@boss.example], delay: 30m}
- {name: noc, mail: [noc@msp.example, ana@boss.example], delay: 1h}
`, at, port, hook[strings.LastIndex(hook, ":")+1:])
	file, err := config.Parse("picket.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	found := CheckIndependence(t.Context(), file, true)
	var said []string
	for _, w := range found.Warnings {
		said = append(said, w.String())
	}
	for k, want := range []string{
		"alert route teams reaches people only by Microsoft Teams (Workflows). If Microsoft Azure or Microsoft 365 is down, this alert will not arrive. Picket then tells",
		"alert route boss reaches people only by Exchange Online (mailboxes of boss.example). If Microsoft 365 is down, this alert will not arrive. Picket then tells noc in its place; if that is right, say so with fallback: noc. [W301]",
		"the page's address status.msp.example is hosted by what you watch: Azure CDN (status.msp.example leads to msp.azureedge.net). If Microsoft Azure is down, nobody can open the page. ",
	} {
		if k >= len(said) || !strings.HasPrefix(said[k], want) {
			t.Fatalf("warning %d: want %q, got %q", k, want, said)
		}
	}
	if len(said) != 3 || len(found.Unknown) != 0 {
		t.Errorf("warnings %q, unknown %q", said, found.Unknown)
	}

	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "picket.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := newAlerts(s, file, "", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	a.lookUp(ctx) // what keepReliances does first
	running.Go(func() { a.run(ctx) })
	running.Go(func() { a.sender.Run(ctx) })
	now := time.Now()
	a.changed(detect.Incident{ID: "01J", Kind: detect.KindProvider, Provider: "m365", State: detect.Confirmed, Confidence: detect.ConfidenceConfirmed,
		Title: "Microsoft 365: outage", Started: now, Opened: now, Confirmed: now})
	if m := receive(t, teams); m.Route != "teams" {
		t.Errorf("Teams is tried all the same: %+v", m)
	}
	select {
	case raw := <-mails:
		body := strings.Join(strings.Fields(strings.ReplaceAll(raw, "=\n", "")), " ")
		for _, want := range []string{"X-Picket-Route: noc", "Sent by mail to noc@msp.example, ana@boss.example because Microsoft Teams (Workflows) depends on Microsoft 365."} {
			if !strings.Contains(body, want) {
				t.Errorf("the mail does not say %q:\n%s", want, raw)
			}
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told by mail")
	}
	e, err := a.explain(t.Context(), time.Now(), "01J", "teams")
	if err != nil || e.Routes[0].Counted != string(alert.ReasonOtherRoute) ||
		e.Routes[0].Detour != "Microsoft Teams (Workflows) depends on Microsoft 365: noc is told too, the best route that does not need it" {
		t.Errorf("explained %+v, %v", e, err)
	}
}
