package influxd

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func started(t *testing.T, o Options) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // the first build takes minutes on a small machine
	defer cancel()
	o.Dir = t.TempDir()
	s, err := StartWith(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func write(t *testing.T, s *Server, lines string) {
	t.Helper()
	resp, err := http.Post(s.URL+"/write?db="+Database+"&precision=ms", "text/plain", strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("write: %s", resp.Status)
	}
}

func count(t *testing.T, s *Server, measurement string) int64 {
	t.Helper()
	n, err := s.CountPoints(t.Context(), measurement)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDataAndPortSurviveAKill(t *testing.T) {
	s := started(t, Options{})
	write(t, s, "m,k=a x=1i,y=2i\nm,k=b x=3i\n")
	if n := count(t, s, "m"); n != 2 {
		t.Fatalf("%d points before", n)
	}
	before := s.URL
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(t.Context(), "SHOW DATABASES"); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.URL != before {
		t.Errorf("restarted on %s, was %s", s.URL, before)
	}
	if n := count(t, s, "m"); n != 2 {
		t.Errorf("%d points after", n)
	}
	if n := count(t, s, "nothing"); n != 0 {
		t.Errorf("%d points of nothing", n)
	}
	policies, err := s.Query(t.Context(), "SHOW RETENTION POLICIES")
	if err != nil || len(policies) != 1 || policies[0].Column("duration")[0] != "720h0m0s" {
		t.Errorf("retention: %+v, %v", policies, err)
	}
	if _, err := s.Query(t.Context(), "SELECT nonsense"); err == nil {
		t.Error("a wrong query has no error")
	}
}

func TestWithAnAdministrator(t *testing.T) {
	s := started(t, Options{User: "picket", Password: `it's "secret"`})
	if _, err := s.Query(t.Context(), "SHOW DATABASES"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(s.URL + "/query?q=SHOW+DATABASES")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger gets %s", resp.Status)
	}
}

func TestAProgramThatFailsIsQuoted(t *testing.T) {
	ls, err := exec.LookPath("ls") // a program that knows no "run -config"
	if err != nil {
		t.Skip(err)
	}
	_, err = StartWith(t.Context(), Options{Dir: t.TempDir(), Binary: ls})
	if err == nil || !strings.Contains(err.Error(), "run") {
		t.Errorf("error: %v", err)
	}
}

func TestWithoutAToolchainItSaysSo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Start(t.Context(), t.TempDir()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error: %v", err)
	}
}

func TestTheAddressIsFoundInPieces(t *testing.T) {
	w := &logWatch{listening: make(chan string, 1)}
	log := []byte("ts=1 msg=\"other\" addr=1.2.3.4:5\nts=2 lvl=info msg=\"Listening on HTTP\" service=httpd addr=127.0.0.1:4711 https=false\n")
	log = append(bytes.Repeat([]byte("x"), 3*maxLine), append([]byte("\n"), log...)...)
	for _, b := range log {
		w.Write([]byte{b})
	}
	if got := <-w.listening; got != "127.0.0.1:4711" {
		t.Errorf("found %q", got)
	}
}
