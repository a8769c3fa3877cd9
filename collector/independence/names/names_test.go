package names

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// server is a DNS server on loopback that knows the records of zone.
func server(t *testing.T, zone ...string) string {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
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
	h := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { answer(w, q, records) })
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: h}, {Listener: tcp, Handler: h}} {
		done := make(chan struct{})
		go func() { s.ActivateAndServe(); close(done) }()
		t.Cleanup(func() { s.Shutdown(); udp.Close(); tcp.Close(); <-done })
	}
	return udp.LocalAddr().String()
}

// answer follows CNAMEs as a recursive server does. The zone "long." does not
// fit a datagram, and "broken." fails.
func answer(w dns.ResponseWriter, q *dns.Msg, records []dns.RR) {
	m := new(dns.Msg).SetReply(q)
	name, udp := q.Question[0].Name, w.RemoteAddr().Network() == "udp"
	found := false
	for range 10 {
		next := ""
		for _, rr := range records {
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			found = true
			if c, ok := rr.(*dns.CNAME); ok {
				next = c.Target
			}
			if rr.Header().Rrtype == q.Question[0].Qtype || next != "" {
				m.Answer = append(m.Answer, rr)
			}
		}
		if name = next; name == "" {
			break
		}
	}
	switch {
	case strings.HasSuffix(q.Question[0].Name, "broken."):
		m.Rcode = dns.RcodeServerFailure
	case strings.HasSuffix(q.Question[0].Name, "long.") && udp:
		m.Answer, m.Truncated = nil, true
	case !found:
		m.Rcode = dns.RcodeNameError
	}
	w.WriteMsg(m)
}

func TestAsksARealServer(t *testing.T) {
	at := server(t,
		"msp.example. 60 IN MX 20 backup.hold.example.", "msp.example. 60 IN MX 10 MSP-example.mail.protection.outlook.com.",
		"null.example. 60 IN MX 0 .", "bare.example. 60 IN A 192.0.2.1",
		"status.msp.example. 60 IN CNAME msp.azureedge.net.", "msp.azureedge.net. 60 IN CNAME part-12.t-msedge.net.", "part-12.t-msedge.net. 60 IN A 192.0.2.1",
		"a.loop. 60 IN CNAME b.loop.", "b.loop. 60 IN CNAME a.loop.",
		"x.long. 60 IN MX 1 mx.long.", "y.broken. 60 IN A 192.0.2.1")
	c := Client{Servers: []string{at}}
	for domain, want := range map[string]string{
		"msp.example": "msp-example.mail.protection.outlook.com", "null.example": "", "bare.example": "bare.example", "none.example": "", "x.long": "mx.long",
	} {
		got, err := c.Exchangers(t.Context(), domain)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("exchangers of %s: %q, %v; want %q", domain, got, err, want)
		}
	}
	for name, want := range map[string]string{
		"status.msp.example": "msp.azureedge.net part-12.t-msedge.net", "bare.example": "", "none.example": "", "a.loop": "b.loop a.loop",
	} {
		got, err := c.Chain(t.Context(), name)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("chain of %s: %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := c.Chain(t.Context(), "y.broken"); err == nil || !strings.Contains(err.Error(), "SERVFAIL") {
		t.Errorf("a server that fails: %v", err)
	}
}

// TestTheNextServerIsAsked holds that a dead first server costs time and no answer.
func TestTheNextServerIsAsked(t *testing.T) {
	good := server(t, "msp.example. 60 IN MX 10 mail.msp.example.")
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // takes questions and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	got, err := Client{Servers: []string{silent.LocalAddr().String(), good}}.Exchangers(ctx, "msp.example")
	if err != nil || !slices.Equal(got, []string{"mail.msp.example"}) {
		t.Errorf("got %q, %v", got, err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := (Client{Servers: []string{silent.LocalAddr().String()}}).Chain(ctx, "msp.example"); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("nobody answers: %v", err)
	}
}
