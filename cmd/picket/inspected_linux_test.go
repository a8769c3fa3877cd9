package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheDoctorSeesThatProbesAreInspected puts a box that opens HTTPS before the
// services that an agent watches, with a root that was added to the machine, all
// in a mount namespace.
func TestTheDoctorSeesThatProbesAreInspected(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a mount namespace; .ci/run runs it")
	}
	o := newOffice(t)
	root, port := inspectingBox(t)
	config, err := os.ReadFile(filepath.Join(o.dir, "picket.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	listens, _, _ := strings.Cut(string(config), "providers:")
	watches := fmt.Sprintf("providers: [{id: cloud}, {id: mail}]\ntargets:\n"+
		"  - {id: a, provider: cloud, service: s, checks: [{kind: http, url: \"https://login.cloud.example:%d/\"}]}\n"+
		"  - {id: b, provider: mail, service: s, checks: [{kind: tls, host: www.mail.test, port: %d}]}\n", port, port)
	for name, text := range map[string]string{"box.crt": root, "hosts": "127.0.0.1 localhost login.cloud.example www.mail.test\n", "picket.yaml": listens + watches} {
		if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := run1(t, exec.Command(binary(t, "picket"), "config", "apply", filepath.Join(o.dir, "picket.yaml"), "--yes", "--data", o.data)); code != 0 {
		t.Fatalf("config apply: exit %d: %s", code, out)
	}

	state := filepath.Join(o.dir, "a")
	inside := func(args ...string) *exec.Cmd {
		script := fmt.Sprintf("mount --bind %[1]s/hosts /etc/hosts && mount -t tmpfs tmpfs /usr/local/share/ca-certificates && cp %[1]s/box.crt /usr/local/share/ca-certificates/ && exec \"$@\"", o.dir)
		cmd := exec.Command("sh", append([]string{"-c", script, "sh", binary(t, "picket-agent")}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+filepath.Join(o.dir, "box.crt"))
		return cmd
	}
	if out, code := run1(t, inside("join", o.token(), "--state", state, "--allow", "127.0.0.0/8")); code != 0 {
		t.Fatalf("join: exit %d: %s", code, out)
	}
	agent := start(t, "agent", inside("run", "--state", state))
	eventually(t, 20*time.Second, "the agent knows what to watch", func() bool { return strings.Contains(agent.out.String(), "checks=2") })
	out, code := run1(t, inside("doctor", "--compare-dns", "", "--state", state))
	if code != 10 || !strings.Contains(out, `WARN  tls-probes     HTTPS is opened on the way: the certificates of login.cloud.example and of www.mail.test are both by "CN=Box CA", `+
		"a root that was added to this machine (/usr/local/share/ca-certificates/box.crt)") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// inspectingBox answers TLS for whatever name is asked with a certificate made on
// the spot. It returns its root and its port on loopback.
func inspectingBox(t *testing.T) (root string, port int) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Box CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{h.ServerName}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, c); c.Close() }()
		}
	}()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), l.Addr().(*net.TCPAddr).Port
}
