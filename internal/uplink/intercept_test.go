package uplink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"picket/internal/identity"
)

// inspector is a box that ends TLS with a certificate of its own authority, as a
// firewall does that looks into connections. It counts what it could read.
type inspector struct {
	ln   net.Listener
	read atomic.Int64
	met  atomic.Int64
}

func inspect(t *testing.T, conf *tls.Config) *inspector {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "FortiGate CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "collector.example"}, DNSNames: []string{"collector.example"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	conf.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &inspector{ln: ln}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			box.met.Add(1)
			go func() {
				defer conn.Close()
				n, _ := io.Copy(io.Discard, tls.Server(conn, conf))
				box.read.Add(n)
			}()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return box
}

// TestABoxThatInspectsIsNamedAndHearsNothing, whatever its TLS can do.
func TestABoxThatInspectsIsNamedAndHearsNothing(t *testing.T) {
	for name, conf := range map[string]*tls.Config{
		"modern":                   {NextProtos: []string{Protocol, EnrolProtocol}},
		"without ALPN":             {},
		"TLS 1.2 alone":            {MaxVersion: tls.VersionTLS12},
		"wants another protocol":   {NextProtos: []string{"http/1.1"}},
		"wants a certificate, too": {ClientAuth: tls.RequestClientCert},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).overTCP()
			box := inspect(t, conf)
			_, err := Enrol(t.Context(), w.waysOf(), []string{box.ln.Addr().String()}, w.auth.Pin(), EnrolRequest{TokenID: "tok", Secret: []byte("s3cret")})
			if e, ok := errors.AsType[*InterceptedError](err); !ok || e.Issuer != "FortiGate CA" || !errors.Is(err, identity.ErrPin) {
				t.Errorf("enrolment: %v", err)
			}
			w.addr = box.ln.Addr().(*net.TCPAddr).AddrPort()
			a := w.agent("agent-1", time.Now())
			a.spool.append(0xa1, 10)
			stop := w.run(a)
			err = a.await(t, "disconnected").value.(error)
			if e, ok := errors.AsType[*InterceptedError](err); !ok || e.Issuer != "FortiGate CA" {
				t.Errorf("session: %v", err)
			}
			stop()
			if box.met.Load() < 2 || box.read.Load() != 0 {
				t.Errorf("the box met %d connections and read %d bytes", box.met.Load(), box.read.Load())
			}
		})
	}
}
