package uplink

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrProxyAuth means that the proxy wants another user name or password than it
// was given, or any at all: 407, or 401, as tinyproxy says of a wrong password.
var ErrProxyAuth = errors.New("the proxy demands a user name and password")

// maxProxyHead bounds what a proxy may answer before the tunnel begins.
const maxProxyHead = 16 << 10

// tunnel asks the proxy for a connection to hostport: HTTP CONNECT, with Basic
// authentication if the URL has a user. The password leaves this machine in the
// clear, as Basic does; it appears in no error.
func (w Ways) tunnel(ctx context.Context, proxy *url.URL, hostport string) (net.Conn, error) {
	if proxy.Scheme != "http" {
		return nil, fmt.Errorf("proxy of kind %q: only http:// proxies are supported", proxy.Scheme)
	}
	host := proxy.Host
	if proxy.Port() == "" {
		host = net.JoinHostPort(proxy.Hostname(), "80")
	}
	conn, err := w.dial(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("connect to the proxy: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(aLongTimeAgo()) })()
	if err := connect(conn, proxy, hostport); err != nil {
		conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	if ctx.Err() != nil {
		conn.Close()
		return nil, ctx.Err()
	}
	return conn, nil
}

// connect sends the request and reads the answer, not a byte more: what follows
// belongs to the tunnel.
func connect(conn net.Conn, proxy *url.URL, hostport string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", hostport, hostport)
	if proxy.User != nil {
		pass, _ := proxy.User.Password()
		b.WriteString("Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+pass)) + "\r\n")
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	status, text, err := readProxyAnswer(conn)
	switch {
	case err != nil:
		return fmt.Errorf("wait for the proxy's answer: %w", err)
	case status == http.StatusProxyAuthRequired || status == http.StatusUnauthorized:
		return fmt.Errorf("%w (%d)", ErrProxyAuth, status)
	case status/100 != 2:
		return fmt.Errorf("the proxy refuses to connect to %s: %d %s", hostport, status, clip(text, maxText))
	}
	return nil
}

// readProxyAnswer reads the head of an HTTP answer byte by byte.
func readProxyAnswer(r io.Reader) (status int, text string, err error) {
	head := make([]byte, 0, 512)
	var one [1]byte
	for !strings.HasSuffix(string(head[max(0, len(head)-4):]), "\r\n\r\n") {
		if len(head) >= maxProxyHead {
			return 0, "", fmt.Errorf("%w: an answer of more than %d bytes", ErrProtocol, maxProxyHead)
		}
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return 0, "", noEOF(err)
		}
		head = append(head, one[0])
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(head))), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return 0, "", fmt.Errorf("%w: not an HTTP answer", ErrProtocol)
	}
	res.Body.Close()
	return res.StatusCode, strings.TrimSpace(strings.TrimPrefix(res.Status, fmt.Sprint(res.StatusCode))), nil
}
