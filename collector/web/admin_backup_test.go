package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// copier plays a collector that makes backups.
type copier func(ctx context.Context, by string, w io.Writer) error

func (c copier) Backup(ctx context.Context, by string, w io.Writer) error { return c(ctx, by, w) }

// backupFrom asks a server whose answers must take no longer than limit for a
// backup by c.
func backupFrom(t *testing.T, limit time.Duration, c copier) (res *http.Response, body string, err error) {
	t.Helper()
	mux := http.NewServeMux()
	api{now: time.Now, log: slog.New(slog.DiscardHandler)}.registerBackup(mux, c)
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = limit, limit
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	srv.Start()
	t.Cleanup(srv.Close)
	res, err = srv.Client().Post(srv.URL+"/backup", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return res, string(all), err
}

func TestABackupIsStreamed(t *testing.T) {
	res, body, err := backupFrom(t, time.Second, func(_ context.Context, by string, w io.Writer) error {
		if by != operator {
			t.Errorf("by %q", by)
		}
		_, err := io.WriteString(w, "archive")
		return err
	})
	if err != nil || res.StatusCode != 200 || body != "archive" || res.Header.Get("Content-Type") != "application/gzip" {
		t.Errorf("%v %q %v", res.Status, body, err)
	}
}

// TestABackupMayTakeLongerThanOtherAnswers: the copy of a large database takes
// minutes, and then the reader its time.
func TestABackupMayTakeLongerThanOtherAnswers(t *testing.T) {
	const limit = 50 * time.Millisecond
	wait := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(4 * limit):
			return nil
		}
	}
	_, body, err := backupFrom(t, limit, func(ctx context.Context, _ string, w io.Writer) error {
		return errors.Join(wait(ctx), writeText(w, "first"), wait(ctx), writeText(w, "second"))
	})
	if err != nil || body != "firstsecond" {
		t.Errorf("%q, %v", body, err)
	}
	res, body, err := backupFrom(t, limit, func(ctx context.Context, _ string, _ io.Writer) error {
		return errors.Join(wait(ctx), errors.New("the disk is full"))
	})
	if err != nil || res.StatusCode != 500 || strings.Contains(body, "disk") {
		t.Errorf("%v %q %v", res.Status, body, err)
	}
}

func writeText(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

func TestABackupThatFailsIsNotTakenForWhole(t *testing.T) {
	busy := &Error{Status: http.StatusConflict, Code: "backup", What: "no backup was made", Why: "another one is being made now"}
	res, body, err := backupFrom(t, time.Second, func(context.Context, string, io.Writer) error { return busy })
	if err != nil || res.StatusCode != 409 || !strings.Contains(body, "another one") || res.Header.Get("Content-Type") == "application/gzip" {
		t.Errorf("before the first byte: %v %q %v", res.Status, body, err)
	}
	_, body, err = backupFrom(t, time.Second, func(_ context.Context, _ string, w io.Writer) error {
		return errors.Join(writeText(w, strings.Repeat("half", 10_000)), errors.New("the disk is full"))
	})
	if err == nil {
		t.Errorf("in the middle: %d bytes look like all", len(body))
	}
}

func TestABackupIsNotGotByReading(t *testing.T) {
	mux := http.NewServeMux()
	api{now: time.Now, log: slog.New(slog.DiscardHandler)}.registerBackup(mux, copier(func(context.Context, string, io.Writer) error {
		t.Error("made")
		return nil
	}))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/backup", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

// Backup makes a scene fit to be an [Admin].
func (*scene) Backup(context.Context, string, io.Writer) error { return nil }
