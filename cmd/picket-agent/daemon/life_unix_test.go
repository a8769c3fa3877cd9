//go:build !windows

package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSystemdIsToldHowFarTheAgentIs(t *testing.T) {
	dir, err := os.MkdirTemp("", "picket-notify-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := func() string {
		l.SetReadDeadline(time.Now().Add(30 * time.Second))
		b := make([]byte, 64)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "s"))
	ctx, stop := context.WithCancel(t.Context())
	var life Life
	var log bytes.Buffer
	err = life.Run(ctx, &log, func(ctx context.Context) error {
		life.Ready()
		if word := heard(); word != "READY=1" {
			t.Errorf("systemd heard %q", word)
		}
		stop()
		if word := heard(); word != "STOPPING=1" {
			t.Errorf("systemd heard %q", word)
		}
		return nil
	})
	if err != nil || !strings.Contains(log.String(), "event=100") || !strings.Contains(log.String(), "event=101") {
		t.Errorf("%v\n%s", err, log.String())
	}
}

func TestALifeThatFails(t *testing.T) {
	var life Life
	var log bytes.Buffer
	life.LogFile = filepath.Join(t.TempDir(), "agent.log")
	bad := errors.New("bad")
	err := life.Run(t.Context(), &log, func(context.Context) error { return Permanent{bad} })
	if _, vain := errors.AsType[Permanent](err); !vain || !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(life.LogFile)
	if err != nil || !strings.Contains(string(text), "event=100") || strings.Contains(string(text), "event=101") || log.Len() > 0 {
		t.Errorf("%s, %v, %s", text, err, log.String())
	}
}

func TestTheJournalKnowsHowGraveALineIs(t *testing.T) {
	var out bytes.Buffer
	h := slog.NewTextHandler(&journal{w: &out}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(h)
	log.Info("a")
	log.Warn("b")
	log.Error("c")
	if want := "<6>level=INFO msg=a\n<4>level=WARN msg=b\n<3>level=ERROR msg=c\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
