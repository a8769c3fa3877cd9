package access

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestGuessingIsSlowedDown(t *testing.T) {
	r := newRig(t)
	r.user(t, "ann", Admin, "")
	tries, end := 0, r.now.Add(24*time.Hour)
	for r.now.Before(end) { // as fast as is let
		_, _, err := r.Login(t.Context(), "ann", fmt.Sprintf("wrong password %d", tries), home)
		if th, ok := errors.AsType[*Throttled](err); ok {
			r.now = r.now.Add(th.After)
			continue
		}
		if !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		tries++
	}
	if tries > 120 {
		t.Errorf("one address may guess %d times a day", tries)
	}
	if n := len(r.rows.trail); n > 9000 {
		t.Errorf("a day of guessing writes %d lines into the trail", n)
	}
	// While the name waits, the right password is not looked at either.
	r.now = r.now.Add(time.Hour)
	for range freeTries {
		r.Login(t.Context(), "ann", "wrong password", netip.MustParseAddr("198.51.100.1"))
	}
	if _, _, err := r.Login(t.Context(), "ann", secret, home); !errors.As(err, new(*Throttled)) {
		t.Errorf("got %v", err)
	}
	r.now = r.now.Add(nameWait) // but nobody is locked out for long
	r.login(t, "ann")
}

func TestParallelGuessesCountEachOne(t *testing.T) {
	r := newRig(t)
	r.user(t, "ann", Admin, "")
	var looked sync.Map
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, _, err := r.Login(t.Context(), "ann", "wrong password", netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})); errors.Is(err, ErrRefused) {
				looked.Store(i, true)
			}
		})
	}
	wg.Wait()
	n := 0
	looked.Range(func(any, any) bool { n++; return true })
	if n > freeTries {
		t.Errorf("%d of 50 guesses at one moment from 50 addresses were looked at", n)
	}
}

func TestAnOwnAccountDoesNotFreeTheWayToOthers(t *testing.T) {
	r := newRig(t)
	r.user(t, "ann", Admin, "")
	r.user(t, "eve", Viewer, "acme")
	looked := 0
	for i := range 100 {
		if _, _, err := r.Login(t.Context(), fmt.Sprintf("victim%d", i), "wrong password", home); errors.Is(err, ErrRefused) {
			looked++
		}
		r.Login(t.Context(), "eve", secret, home)
	}
	if looked > freeTries {
		t.Errorf("%d guesses between own log-ins", looked)
	}
}

func TestTheTrailTellsRefusalsButNoSecrets(t *testing.T) {
	r := newRig(t)
	r.user(t, "ann", Admin, "")
	r.Login(t.Context(), "ann", "wrong password", home)
	r.Login(t.Context(), "hunter2-typed-into-the-wrong-field", "x", home)
	if got := fmt.Sprint(r.rows.trail); strings.Contains(got, "hunter2") || strings.Contains(got, "wrong password") ||
		!strings.Contains(got, "192.0.2.7 login.refused ann") || !strings.Contains(got, "login.refused somebody") {
		t.Errorf("trail: %s", got)
	}
	for i := range 1000 {
		r.Login(t.Context(), fmt.Sprint("n", i), "x", netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if n := len(r.rows.trail); n > trickleBurst+5 {
		t.Errorf("a flood wrote %d lines", n)
	}
	r.now = r.now.Add(time.Minute)
	r.Login(t.Context(), "ann", "wrong password", home)
	if last := r.rows.trail[len(r.rows.trail)-1]; !strings.Contains(last.Detail, "more were refused before") {
		t.Errorf("%+v", last)
	}
}

func TestBrakesAreBounded(t *testing.T) {
	now := time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)
	b := newBrake[int](time.Minute)
	for range freeTries {
		b.take(-1, now)
	}
	for i := range 3 * maxTracked {
		b.take(i, now)
	}
	if len(b.all) > maxTracked {
		t.Errorf("%d entries", len(b.all))
	}
	if b.take(-1, now) == 0 {
		t.Error("a flood of names frees who has to wait")
	}
	if got := prefix(netip.MustParseAddr("2001:db8::1")); got != prefix(netip.MustParseAddr("2001:db8::ffff:2")) || got == prefix(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("IPv6 counts by /64")
	}
	if prefix(netip.MustParseAddr("::ffff:192.0.2.7")) != prefix(home) || prefix(netip.Addr{}) != (netip.Prefix{}) {
		t.Error("IPv4 counts by address")
	}
}

func TestAFloodTakesTwoHashesAtOnce(t *testing.T) {
	r := newRig(t)
	hold, started := make(chan struct{}), make(chan struct{}, 100)
	var wg sync.WaitGroup
	results := make(chan error, 100)
	for range 100 {
		wg.Go(func() {
			_, err := r.tried(t.Context(), func() bool { started <- struct{}{}; <-hold; return true })
			results <- err
		})
	}
	for range 100 - maxHashes - maxQueue { // these are turned away at once
		if err := <-results; !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
	}
	if n := len(started); n > maxHashes {
		t.Errorf("%d at once", n)
	}
	close(hold)
	wg.Wait()
}
