package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

func TestClassify(t *testing.T) {
	op := func(errno syscall.Errno) error {
		return fmt.Errorf("asking: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)})
	}
	resolver := func(text string) error { return &net.DNSError{Err: text, Name: "x"} }
	for _, tt := range []struct {
		err     error
		at      Layer
		outcome Outcome
		cause   Cause
	}{
		{nil, LayerHTTP, Up, None},
		{&fault{Policy, errors.New("no")}, LayerTCP, Unknown, Policy},
		{&fault{Blocked, errors.New("403")}, LayerHTTP, Unknown, Blocked},
		{&fault{PingLoss, errors.New("1 of 3")}, LayerPing, Degraded, PingLoss},
		{context.Canceled, LayerTLS, Unknown, LocalCancelled},
		{&net.OpError{Op: "dial", Err: context.Canceled}, LayerTCP, Unknown, LocalCancelled},

		{context.DeadlineExceeded, LayerDNS, Down, DNSTimeout},
		{os.ErrDeadlineExceeded, LayerTCP, Down, TCPTimeout},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, LayerTLS, Down, TLSTimeout},
		{context.DeadlineExceeded, LayerHTTP, Down, HTTPTimeout},
		{context.DeadlineExceeded, LayerPing, Down, PingTimeout},
		{context.DeadlineExceeded, LayerNone, Unknown, Other},

		{op(syscall.ECONNREFUSED), LayerDNS, Down, DNSUnreachable},
		{op(syscall.ECONNREFUSED), LayerTCP, Down, TCPRefused},
		{op(syscall.ECONNRESET), LayerTCP, Down, TCPReset},
		{op(syscall.ECONNRESET), LayerTLS, Down, TLSReset},
		{op(syscall.EPIPE), LayerHTTP, Down, HTTPReset},
		{op(syscall.EHOSTUNREACH), LayerTLS, Down, TCPUnreachable},
		{op(syscall.EHOSTUNREACH), LayerPing, Down, PingUnreachable},
		{op(syscall.ETIMEDOUT), LayerTCP, Down, TCPTimeout},
		{op(syscall.ENETUNREACH), LayerTCP, Unknown, LocalNoRoute},
		{op(syscall.EMFILE), LayerTCP, Unknown, LocalResources},
		{op(syscall.ENOBUFS), LayerPing, Unknown, LocalResources},
		{op(syscall.EADDRNOTAVAIL), LayerTCP, Unknown, LocalResources},
		{op(syscall.EPERM), LayerPing, Unknown, LocalPermission},
		{op(syscall.EACCES), LayerPing, Unknown, LocalPermission},

		{&net.DNSError{IsNotFound: true}, LayerDNS, Down, DNSNXDomain},
		{&net.DNSError{IsTimeout: true}, LayerDNS, Down, DNSTimeout},
		{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, LayerDNS, Down, DNSServfail},
		{resolver("dial udp 192.0.2.1:53: connect: network is unreachable"), LayerDNS, Unknown, LocalNoRoute},
		{resolver("dial udp 192.0.2.1:53: socket: too many open files"), LayerDNS, Unknown, LocalResources},
		{resolver("read udp 192.0.2.1:53: read: connection refused"), LayerDNS, Down, DNSUnreachable},
		{resolver("panic: boom"), LayerDNS, Unknown, LocalPanic},
		{resolver("never heard of"), LayerDNS, Unknown, Other},
		{&net.DNSError{UnwrapErr: context.Canceled, Err: "operation was canceled"}, LayerDNS, Unknown, LocalCancelled},

		{x509.SystemRootsError{}, LayerTLS, Unknown, LocalResources},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, LayerTLS, Down, TLSProtocol},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, LayerTLS, Down, TLSAlert},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, LayerHTTP, Down, TLSAlert},
		{errors.New("tls: server selected unsupported protocol version 301"), LayerTLS, Down, TLSProtocol},
		{io.EOF, LayerTLS, Down, TLSReset},
		{errors.New("what is this"), LayerTLS, Unknown, Other},

		{io.ErrUnexpectedEOF, LayerHTTP, Down, HTTPReset},
		{errors.New("http2: server sent GOAWAY and closed the connection"), LayerHTTP, Down, HTTPReset},
		{errors.New("stream error: stream ID 1; INTERNAL_ERROR"), LayerHTTP, Down, HTTPReset},
		{errors.New(`malformed HTTP response "220"`), LayerHTTP, Down, HTTPMalformed},
		{errors.New("what is this"), LayerHTTP, Unknown, Other},
		{io.EOF, LayerDNS, Down, DNSUnreachable},
		{errors.New("what is this"), LayerTCP, Unknown, Other},
	} {
		if o, c := classify(tt.err, tt.at); o != tt.outcome || c != tt.cause {
			t.Errorf("%v at %v: got %v/%v, want %v/%v", tt.err, tt.at, o, c, tt.outcome, tt.cause)
		}
	}
}

func TestOnlyCausesOfALayerVoteDown(t *testing.T) {
	for c := range causeNames {
		switch o := c.outcome(); {
		case c == None && o != Up, c == PingLoss && o != Degraded:
			t.Errorf("%v is %v", c, o)
		case o == Down && c.Layer() == LayerNone:
			t.Errorf("%v votes without a layer", c)
		case c >= LocalNoRoute && o != Unknown, (c == Blocked || c == TLSIntercepted) && o != Unknown:
			t.Errorf("%v votes %v", c, o)
		}
	}
}

func TestErrorTextIsOneShortLine(t *testing.T) {
	for _, s := range []string{"a\nb\tc", "evil\x1b[31m\x00", "\xff\xfe", strings.Repeat("ä", 300), strings.Repeat("x", 199) + "€"} {
		got := line(s)
		if len(got) > maxErr || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\t\x1b\x00") {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := line("dial tcp: refused"); got != "dial tcp: refused" {
		t.Error(got)
	}
}

func TestEndOfTheContextExplainsTheError(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	over, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	bug, empty := &fault{LocalPanic, io.EOF}, &fault{DNSEmpty, io.EOF}
	for _, tt := range []struct {
		ctx       context.Context
		err, want error
	}{
		{t.Context(), net.ErrClosed, net.ErrClosed},
		{gone, nil, nil},
		{gone, syscall.ECONNRESET, context.Canceled}, // whatever it was: nobody waits for it
		{gone, bug, bug},
		{over, net.ErrClosed, context.DeadlineExceeded},
		{over, syscall.ECONNREFUSED, syscall.ECONNREFUSED}, // came in time
		{over, empty, empty},
	} {
		if got := settle(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%v with %v: got %v, want %v", tt.err, tt.ctx.Err(), got, tt.want)
		}
	}
}
