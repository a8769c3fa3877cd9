package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/identity"
)

// InterceptedError says that what answered is not the collector: its certificate
// does not lead to the pinned root. Most often it is a firewall that inspects
// TLS. Nothing was sent to it but the beginning of a handshake.
type InterceptedError struct {
	Issuer string // of the certificate that was shown, for people; clipped
	Err    error  // an [identity.ErrPin]
}

// Error implements error.
func (e *InterceptedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *InterceptedError) Unwrap() error { return e.Err }

// watchful is conf with an [*InterceptedError] where the pin does not match.
func watchful(conf *tls.Config) *tls.Config {
	judge := conf.VerifyConnection
	conf = conf.Clone()
	conf.VerifyConnection = func(cs tls.ConnectionState) error {
		err := judge(cs)
		if errors.Is(err, identity.ErrPin) && len(cs.PeerCertificates) > 0 {
			err = &InterceptedError{Issuer: issuerName(cs.PeerCertificates[0].Issuer), Err: err}
		}
		return err
	}
	return conf
}

// issuerName is the name by which people know an issuer.
func issuerName(n pkix.Name) string {
	name := n.CommonName
	if name == "" && len(n.Organization) > 0 {
		name = n.Organization[0]
	}
	if name == "" {
		name = n.String()
	}
	return clip(name, maxText)
}

func dialQUIC(ctx context.Context, open func() (*quic.Transport, error), addr netip.AddrPort, conf *tls.Config, tokens quic.TokenStore) (line, error) {
	tr, err := open()
	if err != nil {
		return nil, err
	}
	conn, err := tr.Dial(ctx, net.UDPAddrFromAddrPort(addr), watchful(conf), agentConfig(tokens))
	if err != nil {
		return nil, quicFailure(err)
	}
	return quicLine{conn}, nil
}

// noAnswer is how long nothing came back: a deadline, in words for people.
type noAnswer time.Duration

func (s noAnswer) Error() string        { return "no answer within " + time.Duration(s).String() }
func (s noAnswer) Is(target error) bool { return target == context.DeadlineExceeded }

// quicFailure is err of a dial in words for people.
func quicFailure(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return noAnswer(dialWait)
	}
	if tr, ok := errors.AsType[*quic.TransportError](err); ok && !tr.Remote && tr.ErrorCode == quic.InternalError {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			return op // "network is unreachable", without the layers around it
		}
		if strings.HasSuffix(tr.ErrorMessage, syscall.ENETUNREACH.Error()) {
			return syscall.ENETUNREACH // quic-go keeps the words only
		}
	}
	return closing(err)
}

// dialTCPAt connects to one address of the collector that hostport names.
func (w Ways) dialTCPAt(ctx context.Context, addr netip.AddrPort, hostport string, conf *tls.Config) (line, error) {
	return secured(ctx, func() (net.Conn, error) { return w.dial(ctx, addr.String()) }, hostport, TransportTCP, conf)
}

// dialTCP connects to hostport through proxy. The name is the proxy's to resolve.
func (w Ways) dialTCP(ctx context.Context, hostport string, proxy *url.URL, conf *tls.Config) (line, error) {
	return secured(ctx, func() (net.Conn, error) { return w.tunnel(ctx, proxy, hostport) }, hostport, TransportProxy, conf)
}

func (w Ways) dial(ctx context.Context, addr string) (net.Conn, error) {
	dial := w.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	tune(conn)
	return conn, nil
}

// secured connects and makes a line of the connection. Where that fails because
// the other end does not even speak our TLS, it is asked who it is, so that people
// can be told.
func secured(ctx context.Context, connect func() (net.Conn, error), hostport, way string, conf *tls.Config) (line, error) {
	conf = watchful(conf)
	conf.ClientSessionCache = nil // QUIC's tickets are not for TCP
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		conf.ServerName = host // boxes on the way may want one; who is there the pin decides
	}
	conn, err := connect()
	if err != nil {
		return nil, err
	}
	l, err := secure(ctx, conn, way, conf)
	if err == nil {
		return l, nil
	}
	if _, known := errors.AsType[*InterceptedError](err); !known && ctx.Err() == nil {
		if conn, again := connect(); again == nil {
			if who := whoIs(ctx, conn, conf); who != nil {
				return nil, fmt.Errorf("%w (%w)", who, err)
			}
		}
	}
	return nil, err
}

// secure makes a line of conn, which it closes if it cannot.
func secure(ctx context.Context, conn net.Conn, way string, conf *tls.Config) (line, error) {
	over := tls.Client(conn, conf)
	if err := over.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if got := over.ConnectionState().NegotiatedProtocol; got != conf.NextProtos[0] {
		conn.Close()
		return nil, fmt.Errorf("%w: the collector speaks %q there, not %q", ErrProtocol, got, conf.NextProtos[0])
	}
	l, err := newTCPLine(ctx, newGuardedConn(over, 0, 0), way, true)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// whoIs begins a handshake that asks for less (TLS 1.2 will do, no protocol is
// wanted, nobody is named) for the one purpose of seeing a certificate, and closes
// conn. nil: there was none, or it is the collector's.
func whoIs(ctx context.Context, conn net.Conn, conf *tls.Config) error {
	defer conn.Close()
	conf = conf.Clone()
	conf.MinVersion, conf.NextProtos, conf.Certificates, conf.GetClientCertificate = tls.VersionTLS12, nil, nil, nil
	conf.CurvePreferences = nil
	judge, seen := conf.VerifyConnection, error(nil)
	conf.VerifyConnection = func(cs tls.ConnectionState) error {
		seen = judge(cs)
		return errors.New("seen enough")
	}
	_ = tls.Client(conn, conf).HandshakeContext(ctx) // it fails, as it should
	if e, ok := errors.AsType[*InterceptedError](seen); ok {
		return e
	}
	return nil
}
