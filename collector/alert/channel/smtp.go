package channel

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// SMTP is the server that takes mail, usually the submission server of a mail
// provider or a relay of the house.
type SMTP struct {
	Host string // required; also the name that its certificate must have
	Port int    // 0 means 465 with Security "tls", else 587
	// From is the sender: an address, with or without a name. Required.
	From string
	// Username logs in; "" does not.
	Username string
	// Password is asked at each delivery, so that a rotated one needs no
	// restart. nil with no Username.
	Password func() ([]byte, error)
	// Security is "starttls" (mandatory: a server that does not offer it gets no
	// mail), "tls" from the first byte, or "none". "" means starttls.
	Security string
	// Hello is how the collector names itself; "" means the machine's name.
	Hello string
	// RootCAs is whom to trust for the server's certificate; nil means the
	// system's authorities.
	RootCAs *x509.CertPool
}

// The ways to reach a mail server.
const (
	StartTLS = "starttls"
	TLS      = "tls"
	Plain    = "none"
)

// maxReplies bounds what is read from a mail server in one delivery: a server
// that talks without end is cut off.
const maxReplies = 1 << 20

// Why a mail server does not let us in. These concern the way, not the letter:
// it waits until somebody mends it, for a day.
var (
	ErrNoSMTP    = errors.New("no mail server is configured")
	ErrLogin     = errors.New("the mail server refuses the log-in")
	ErrNoTLS     = errors.New("the mail server offers no encryption")
	ErrPlainText = errors.New("a password is not sent unencrypted to another machine")
)

func (c *SMTP) security() string { return cmp.Or(c.Security, StartTLS) }

func (c *SMTP) address() string {
	port := c.Port
	if port == 0 {
		port = 587
		if c.security() == TLS {
			port = 465
		}
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(port))
}

// hello is the name for EHLO.
func (c *SMTP) hello() string {
	name := c.Hello
	if name == "" {
		name, _ = os.Hostname() // a name that is not known is no reason to stay silent
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "localhost"
	}
	return name
}

// open connects, encrypts and logs in. The connection ends with ctx, whatever
// it is doing. end must be called unless there is an error.
func (c *SMTP) open(ctx context.Context) (client *smtp.Client, end func(), err error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address())
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the mail server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	hangUp := func() { stop(); raw.Close() }
	if client, err = c.greet(ctx, raw); err == nil {
		err = c.login(client, raw.RemoteAddr())
	}
	if err != nil {
		hangUp()
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
		return nil, nil, err
	}
	return client, hangUp, nil
}

// greet begins the conversation, encrypted as it must be.
func (c *SMTP) greet(ctx context.Context, raw net.Conn) (*smtp.Client, error) {
	if at, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(at); err != nil {
			return nil, fmt.Errorf("connect to the mail server: %w", err)
		}
	}
	var conn net.Conn = &bounded{Conn: raw, left: maxReplies}
	if c.security() == TLS {
		conn = tls.Client(conn, c.tls())
	}
	client, err := smtp.NewClient(conn, c.Host)
	if err != nil {
		return nil, reply("greet the mail server", err)
	}
	client.SkipSMTPUTF8(true) // all we send in commands is ASCII, and not everybody behind it speaks UTF-8
	if err := client.Hello(c.hello()); err != nil {
		return nil, reply("greet the mail server", err)
	}
	switch c.security() {
	case TLS, Plain:
		return client, nil
	}
	if ok, _ := client.Extension("STARTTLS"); !ok {
		return nil, fmt.Errorf("%w: STARTTLS is missing on %s", ErrNoTLS, c.address())
	}
	if err := client.StartTLS(c.tls()); err != nil {
		return nil, reply("encrypt the connection to the mail server", err)
	}
	return client, nil
}

func (c *SMTP) tls() *tls.Config {
	return &tls.Config{ServerName: c.Host, RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12}
}

// login authenticates by what the server offers. Without encryption it does so
// only if the other end of the connection is this machine, whatever its name is.
func (c *SMTP) login(client *smtp.Client, remote net.Addr) error {
	if c.Username == "" {
		return nil
	}
	if c.security() == Plain {
		if a, ok := remote.(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return ErrPlainText
		}
	}
	if c.Password == nil {
		return errors.New("the mail server has a user name and no password")
	}
	secret, err := c.Password()
	if err != nil {
		return fmt.Errorf("read the mail server's password: %w", err)
	}
	_, offered := client.Extension("AUTH")
	var how smtp.Auth
	switch ways := strings.Fields(strings.ToUpper(offered)); {
	case has(ways, "PLAIN"):
		how = smtp.PlainAuth("", c.Username, string(secret), c.Host, true) // whether it may is decided above
	case has(ways, "LOGIN"):
		how = smtp.LoginAuth(c.Username, string(secret), c.Host, true)
	default:
		return fmt.Errorf("%w: it offers neither PLAIN nor LOGIN", ErrLogin)
	}
	if err := client.Auth(how); err != nil {
		// What the server says about a log-in is not repeated: it may quote it.
		if e, ok := errors.AsType[*textproto.Error](err); ok {
			return fmt.Errorf("%w (code %d)", ErrLogin, e.Code)
		}
		return fmt.Errorf("log in to the mail server: %w", err)
	}
	return nil
}

func has(list []string, what string) bool {
	for _, s := range list {
		if s == what {
			return true
		}
	}
	return false
}

// reply words what a mail server answered while doing what is said.
func reply(doing string, err error) error {
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("%s: it answers %d %s", doing, e.Code, clip(oneLine(e.Msg), 200))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// definite says whether a reply to a mail, its sender or its recipients is a
// no for good (5yz).
func definite(err error) bool {
	e, ok := errors.AsType[*textproto.Error](err)
	return ok && e.Code >= 500 && e.Code <= 599
}

// bounded is a connection from which only so much may be read.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the mail server talks too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// goodbye ends a session politely, but not for long: the mail is delivered.
func goodbye(client *smtp.Client) {
	if client.UpdateDeadline(2*time.Second) == nil {
		client.Quit() // nothing depends on the answer
	}
}
