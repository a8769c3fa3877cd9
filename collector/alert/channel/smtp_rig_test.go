package channel_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/collector/alert/channel"
)

// mood is how the mail server of a test behaves.
type mood struct {
	tls      bool                            // TLS from the first byte
	noTLS    bool                            // does not offer STARTTLS
	auth     string                          // what AUTH offers; "" nothing
	greeting string                          // instead of 220
	mail     string                          // instead of 250 to MAIL
	mailIn   func(n int) string              // the same by session, from 1
	rcpt     func(addr string, n int) string // instead of 250 to RCPT; n counts the sessions from 1
	data     string                          // instead of 250 to the mail itself
	silent   bool                            // says nothing at all
	hangUp   bool                            // hangs up in the middle of DATA
	chatter  bool                            // greets without end
}

// received is a mail as the server took it.
type received struct {
	from   string
	to     []string
	raw    string
	secure bool
	user   string
}

// mailServer speaks SMTP on loopback.
type mailServer struct {
	addr *net.TCPAddr
	pool *x509.CertPool

	mu       sync.Mutex
	mood     mood
	sessions int
	logins   []string // "user:password", only over what the test expects
	mails    []received
	arrived  chan received
}

const (
	mailUser   = "picket"
	mailSecret = "c0rrect h0rse"
)

func serveMail(t *testing.T, m mood) *mailServer {
	t.Helper()
	cert, pool := certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{addr: l.Addr().(*net.TCPAddr), pool: pool, mood: m, arrived: make(chan received, 100)}
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				s.session(conn, config)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return s
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, pool
}

// client is how a collector that is set up well reaches s.
func (s *mailServer) client(security string) *channel.SMTP {
	return &channel.SMTP{Host: "127.0.0.1", Port: s.addr.Port, From: "Picket <picket@msp.example>", Security: security, RootCAs: s.pool,
		Username: mailUser, Password: func() ([]byte, error) { return []byte(mailSecret), nil }, Hello: "collector.msp.example"}
}

// session is one conversation.
func (s *mailServer) session(conn net.Conn, config *tls.Config) {
	s.mu.Lock()
	m := s.mood
	s.sessions++
	number := s.sessions
	s.mu.Unlock()
	if m.silent {
		io.Copy(io.Discard, conn)
		return
	}
	if m.tls {
		conn = tls.Server(conn, config)
	}
	c := &conversation{s: s, m: m, n: number, r: bufio.NewReader(conn), w: conn}
	c.in.secure = m.tls
	if m.chatter {
		for c.say("220-hello\r\n220-"+strings.Repeat("x", 1000)) == nil {
		}
		return
	}
	c.say(or(m.greeting, "220 mail.msp.example ESMTP"))
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "STARTTLS":
			c.say("220 go")
			secure := tls.Server(conn, config)
			c.r, c.w = bufio.NewReader(secure), secure
			c.in.secure = true
		case "QUIT":
			c.say("221 bye")
			return
		default:
			if !c.command(strings.ToUpper(verb), arg) {
				return
			}
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// conversation is the state of a session.
type conversation struct {
	s  *mailServer
	m  mood
	n  int
	r  *bufio.Reader
	w  io.Writer
	in received
}

func (c *conversation) say(s string) error {
	_, err := io.WriteString(c.w, s+"\r\n")
	return err
}

func (c *conversation) command(verb, arg string) bool {
	switch verb {
	case "EHLO":
		lines := []string{"mail.msp.example", "8BITMIME", "SMTPUTF8"}
		if !c.m.noTLS && !c.in.secure {
			lines = append(lines, "STARTTLS")
		}
		if c.m.auth != "" {
			lines = append(lines, "AUTH "+c.m.auth)
		}
		for _, l := range lines {
			c.say("250-" + l)
		}
		c.say("250 HELP")
	case "AUTH":
		c.auth(arg)
	case "MAIL":
		c.in.from, c.in.to = arg, nil
		answer := c.m.mail
		if c.m.mailIn != nil {
			answer = c.m.mailIn(c.n)
		}
		c.say(or(answer, "250 ok"))
	case "RCPT":
		addr := strings.Trim(strings.TrimPrefix(arg, "TO:"), "<>")
		answer := ""
		if c.m.rcpt != nil {
			answer = c.m.rcpt(addr, c.n)
		}
		if answer == "" {
			c.in.to = append(c.in.to, addr)
		}
		c.say(or(answer, "250 ok"))
	case "DATA":
		c.say("354 go on")
		if c.m.hangUp {
			c.r.ReadString('\n')
			return false
		}
		raw, err := io.ReadAll(textproto.NewReader(c.r).DotReader())
		if err != nil {
			return false
		}
		if c.m.data == "" {
			c.in.raw = string(raw)
			c.s.mu.Lock()
			c.s.mails = append(c.s.mails, c.in)
			c.s.mu.Unlock()
			c.s.arrived <- c.in
		}
		c.say(or(c.m.data, "250 queued"))
	default:
		c.say("250 ok")
	}
	return true
}

// auth checks PLAIN and LOGIN.
func (c *conversation) auth(arg string) {
	ask := func(what string) string {
		c.say("334 " + base64.StdEncoding.EncodeToString([]byte(what)))
		line, _ := c.r.ReadString('\n')
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		return string(b)
	}
	way, first, _ := strings.Cut(arg, " ")
	var user, password string
	if way == "PLAIN" {
		b, _ := base64.StdEncoding.DecodeString(first)
		parts := strings.Split(string(b), "\x00")
		user, password = parts[1], parts[2]
	} else {
		user, password = ask("Username:"), ask("Password:")
	}
	c.s.mu.Lock()
	c.s.logins = append(c.s.logins, fmt.Sprintf("%s:%s secure=%v", user, password, c.in.secure))
	c.s.mu.Unlock()
	if user != mailUser || password != mailSecret {
		c.say("535 5.7.8 no, not " + password)
		return
	}
	c.in.user = user
	c.say("235 ok")
}

func (s *mailServer) wait(t *testing.T) received {
	t.Helper()
	select {
	case m := <-s.arrived:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("no mail arrived")
		return received{}
	}
}

func (s *mailServer) count() (mails, sessions int, logins []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mails), s.sessions, s.logins
}

// read takes a mail apart as a mail program does.
func (r received) read(t *testing.T) (h netmail.Header, text, html string) {
	t.Helper()
	msg, err := netmail.ReadMessage(strings.NewReader(r.raw))
	if err != nil {
		t.Fatalf("mail: %v\n%s", err, r.raw)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q, %v", kind, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return msg.Header, text, html
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("encoding %q", p.Header.Get("Content-Transfer-Encoding"))
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") {
			text = string(body)
		} else {
			html = string(body)
		}
	}
}
