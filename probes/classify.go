package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"unicode"
)

// fault is an error whose cause is known where it arises: an rcode, a status,
// a refusal of our own policy.
type fault struct {
	cause Cause
	err   error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// classify is the one place where an error, met in phase at, becomes what it
// says about the target. The rule behind the table: what the peer or the
// network did is down; what happened on this machine, and what nobody
// understands, abstains.
func classify(err error, at Layer) (Outcome, Cause) {
	c := causeOf(err, at)
	return c.outcome(), c
}

// outcome returns the vote that goes with c.
func (c Cause) outcome() Outcome {
	switch {
	case c == None:
		return Up
	case c == PingLoss:
		return Degraded
	case c.Layer() == LayerNone: // Local*, Policy, Blocked, Other, ...
		return Unknown
	default:
		return Down
	}
}

// causeOf walks from the most certain knowledge to the least: what a probe
// already knew, what the operating system said, what the libraries say, time.
func causeOf(err error, at Layer) Cause {
	if err == nil {
		return None
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f.cause
	}
	if errors.Is(err, context.Canceled) {
		return LocalCancelled
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		if c := tableOf(at).byTrouble(troubleOf(errno)); c != None {
			return c
		}
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return ofResolver(d)
	}
	if isTimeout(err) {
		return tableOf(at).timeout
	}
	switch at {
	case LayerTLS:
		return ofTLS(err)
	case LayerHTTP:
		return ofHTTP(err)
	}
	if isClosed(err) {
		return tableOf(at).reset
	}
	return Other
}

// trouble is what an errno means, the same on every operating system.
type trouble uint8

const (
	troubleNone       trouble = iota
	troubleTimeout            // the kernel gave up waiting
	troubleRefused            // a reset in answer to a SYN, or "port unreachable"
	troubleReset              // the peer broke an established connection
	troubleUnreach            // somebody says that the host or net cannot be reached
	troubleNoRoute            // this machine has no way there
	troubleResources          // this machine is out of something
	troublePermission         // this machine does not let us
)

// table is what a trouble means in one phase.
type table struct{ timeout, refused, reset, unreach Cause }

func tableOf(at Layer) table {
	switch at {
	case LayerDNS:
		return table{DNSTimeout, DNSUnreachable, DNSUnreachable, DNSUnreachable}
	case LayerTCP:
		return table{TCPTimeout, TCPRefused, TCPReset, TCPUnreachable}
	case LayerTLS:
		return table{TLSTimeout, TLSReset, TLSReset, TCPUnreachable}
	case LayerHTTP:
		return table{HTTPTimeout, HTTPReset, HTTPReset, TCPUnreachable}
	case LayerPing:
		return table{PingTimeout, PingUnreachable, PingUnreachable, PingUnreachable}
	default:
		return table{Other, Other, Other, Other}
	}
}

func (t table) byTrouble(tr trouble) Cause {
	switch tr {
	case troubleTimeout:
		return t.timeout
	case troubleRefused:
		return t.refused
	case troubleReset:
		return t.reset
	case troubleUnreach:
		return t.unreach
	case troubleNoRoute:
		return LocalNoRoute
	case troubleResources:
		return LocalResources
	case troublePermission:
		return LocalPermission
	default:
		return None
	}
}

// ofResolver reads an error of the operating system's resolver. The net
// package keeps the text of a socket error there, not the errno.
func ofResolver(d *net.DNSError) Cause {
	switch {
	case d.IsNotFound:
		return DNSNXDomain
	case d.IsTimeout:
		return DNSTimeout
	}
	for _, errno := range spoken {
		if strings.Contains(d.Err, errno.Error()) {
			return tableOf(LayerDNS).byTrouble(troubleOf(errno))
		}
	}
	switch {
	case d.IsTemporary, strings.Contains(d.Err, "server misbehaving"):
		return DNSServfail
	case strings.Contains(d.Err, "panic: "):
		return LocalPanic
	default:
		return Other
	}
}

// ofTLS reads an error of a handshake. crypto/tls has types for some of them
// and the prefix "tls: " for the others.
func ofTLS(err error) Cause {
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return LocalResources // no bundle of roots on this machine
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return TLSProtocol
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return TLSAlert
	}
	if isClosed(err) {
		return TLSReset
	}
	if strings.Contains(err.Error(), "tls: ") {
		return TLSProtocol
	}
	return Other
}

// ofHTTP reads an error of an exchange. net/http tells most of it in words.
func ofHTTP(err error) Cause {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return TLSAlert // TLS 1.3: the server refuses us only after the handshake
	}
	text := err.Error()
	for _, s := range []string{"GOAWAY", "stream error", "server closed idle connection", "client connection lost"} {
		if strings.Contains(text, s) {
			return HTTPReset
		}
	}
	if strings.Contains(text, "malformed") {
		return HTTPMalformed
	}
	if isClosed(err) {
		return HTTPReset
	}
	for _, s := range []string{"http: ", "http2: ", "net/http", "HTTP/1.x", "chunk", "bad Content-Length"} {
		if strings.Contains(text, s) {
			return HTTPMalformed
		}
	}
	return Other
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed)
}

// settle explains an error by the end of ctx if that is where it came from:
// ending a context closes the connection, and what is then read from it is
// only an echo. A fault found before stands, unless the caller went away.
func settle(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if f, ok := errors.AsType[*fault](err); ok && f.cause == LocalPanic {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return ctx.Err()
	}
	return err
}

// maxErr is the length of [Result.Err].
const maxErr = 200

// line makes s fit for a log, a terminal and a field: one line of printable
// text, at most maxErr bytes. Peers can put anything into an error.
func line(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case !unicode.IsPrint(c):
			return '?'
		}
		return c
	}, s)
	if len(s) <= maxErr {
		return s
	}
	return strings.ToValidUTF8(s[:maxErr], "")
}
