//go:build unix

package probes

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// cpu returns the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serveVar makes this test binary a server in a process of its own, so that
// the benchmark counts the probe's processor time alone.
const serveVar = "PICKET_PROBES_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVar) != "" {
		serveForever()
	}
	os.Exit(m.Run())
}

func serveForever() {
	t := &testing.T{}
	ca := newAuthority(t, time.Now().AddDate(1, 0, 0))
	answer := func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2048)) }
	secure, plain := httpServer(t, ca, answer), plainServer(t, answer)
	os.Stdout.WriteString(strconv.Itoa(int(secure)) + " " + strconv.Itoa(int(plain)) + " " + strconv.Quote(ca.pem) + "\n")
	os.Stdin.Read(make([]byte, 1)) // until the benchmark goes away
	os.Exit(0)
}

// BenchmarkProbe measures what one probe of each kind costs the agent.
func BenchmarkProbe(b *testing.B) {
	secure, plain, ca := startServer(b)
	for name, s := range map[string]Spec{
		"https": {Kind: HTTP, Host: "127.0.0.1", ServerName: "localhost", Port: secure, CA: ca},
		"http":  {Kind: HTTP, Host: "127.0.0.1", Port: plain, Plain: true},
		"tls":   {Kind: TLS, Host: "127.0.0.1", ServerName: "localhost", Port: secure, CA: ca},
		"tcp":   {Kind: TCP, Host: "127.0.0.1", Port: plain},
	} {
		b.Run(name, func(b *testing.B) {
			p := New(Options{})
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				if r := p.Probe(b.Context(), s); r.Outcome != Up {
					b.Fatalf("%+v", r)
				}
			}
			b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(b.N), "cpu-µs/probe")
		})
	}
}

func startServer(b *testing.B) (secure, plain uint16, ca string) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVar+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	if secure, plain, ca, err = readPorts(out); err != nil {
		b.Fatal(err)
	}
	return secure, plain, ca
}

func readPorts(r io.Reader) (secure, plain uint16, ca string, err error) {
	_, err = fmt.Fscanf(r, "%d %d %q\n", &secure, &plain, &ca)
	return secure, plain, ca, err
}
