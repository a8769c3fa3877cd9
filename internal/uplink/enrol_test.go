package uplink

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
)

func (w *world) enrol(ctx context.Context, pin identity.Pin, req EnrolRequest) (EnrolResponse, error) {
	return Enrol(ctx, w.waysOf(), []string{w.addr.String()}, pin, req)
}

func TestEnrolment(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		var lines bytes.Buffer
		w.log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		want := EnrolResponse{Agent: "new", Site: "c/s", Client: "c", Region: "madrid", Chain: []byte("chain"), Trust: w.auth.Root(),
			Network: fleet.Network{ID: 4, Name: "AS4", Upstream: "up", Basis: fleet.BasisDeclared}}
		w.office.enrol = func(r EnrolRequest) (EnrolResponse, error) {
			switch string(r.Secret) {
			case "s3cret":
				return want, nil
			case "boom":
				return EnrolResponse{}, errors.New("disk on fire")
			default:
				return EnrolResponse{}, &Refusal{Code: "token_used", Message: "this token was used up"}
			}
		}
		stop := w.serve()
		req := EnrolRequest{TokenID: "tok", Secret: []byte("s3cret"), CSR: []byte("csr"), Hostname: "box", OS: "linux", Version: "1"}
		got, err := w.enrol(t.Context(), w.auth.Pin(), req)
		if err != nil || got.Agent != want.Agent || got.Network != want.Network || !bytes.Equal(got.Trust, want.Trust) || got.Region != "madrid" {
			t.Errorf("enrolled as %+v: %v", got, err)
		}
		if r := w.office.await(t, "enrol").value.(EnrolRequest); string(r.CSR) != "csr" || r.Hostname != "box" {
			t.Errorf("the request arrived as %+v", r)
		}

		req.Secret = []byte("stolen")
		if _, err = w.enrol(t.Context(), w.auth.Pin(), req); err == nil || !strings.Contains(err.Error(), "used up") {
			t.Errorf("refused with %v", err)
		}
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Code != "token_used" {
			t.Errorf("refused with %#v", err)
		}
		req.Secret = []byte("boom")
		if _, err = w.enrol(t.Context(), w.auth.Pin(), req); err == nil || strings.Contains(err.Error(), "fire") {
			t.Errorf("an inner failure was told as %v", err)
		}
		stop()
		for _, secret := range []string{"s3cret", "stolen", "boom"} {
			if strings.Contains(lines.String(), secret) {
				t.Errorf("the log has a secret: %s", lines.String())
			}
		}
		if !strings.Contains(lines.String(), "disk on fire") {
			t.Error("the operator does not see why enrolment failed")
		}
	})
}

func TestAWrongPinIsToldNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		w.office.enrol = func(EnrolRequest) (EnrolResponse, error) { return EnrolResponse{}, nil }
		stop := w.serve()
		_, err := w.enrol(t.Context(), identity.Pin{1, 2, 3}, EnrolRequest{Secret: []byte("s3cret")})
		if !errors.Is(err, identity.ErrPin) {
			t.Errorf("a wrong pin is told as %v", err)
		}
		stop()
		if len(w.office.ch) != 0 {
			t.Error("the collector with the wrong pin saw the request")
		}
	})
}

func TestARequestThatIsTooLongIsNotSent(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		defer w.serve()()
		if _, err := w.enrol(t.Context(), w.auth.Pin(), EnrolRequest{CSR: make([]byte, maxEnrolFrame)}); err == nil {
			t.Error("sent")
		}
	})
}

func TestGuessingTokensIsSlow(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		tries := 0
		w.office.enrol = func(EnrolRequest) (EnrolResponse, error) {
			tries++
			return EnrolResponse{}, &Refusal{Code: "token_unknown"}
		}
		stop := w.serve()
		for range failedTries + 5 {
			if _, err := w.enrol(t.Context(), w.auth.Pin(), EnrolRequest{}); err == nil {
				t.Fatal("enrolled")
			}
		}
		stop()
		if tries != failedTries {
			t.Errorf("%d guesses were heard, at most %d should be", tries, failedTries)
		}
		g, now := newGate(), time.Unix(1000, 0)
		one, neighbour := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
		for range failedTries {
			g.tried(one, now)
		}
		if g.mayTry(neighbour, now) || !g.mayTry(netip.MustParseAddr("192.0.2.1"), now) || !g.mayTry(one, now.Add(time.Minute)) {
			t.Error("failures count for a /64, for nobody else, and for a while")
		}
		for i := range 3 * maxRemotes {
			g.tried(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		}
		if len(g.failed) > maxRemotes {
			t.Errorf("%d addresses are remembered", len(g.failed))
		}
	})
}
