package probes

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

func TestWhatWindowsSaysOfARequest(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		name       string
		status     syscall.Errno
		told, took time.Duration
		sent       bool
		rtt        time.Duration
		trouble    trouble
	}{
		{"a reply", ipSuccess, 12 * ms, 12*ms + 400*time.Microsecond, true, 12*ms + 400*time.Microsecond, troubleNone},
		{"our thread woke up late", ipSuccess, 12 * ms, 40 * ms, true, 13 * ms, troubleNone},
		{"our clock says less than Windows", ipSuccess, 12 * ms, 11 * ms, true, 12 * ms, troubleNone},
		{"too late", ipSuccess, 1100 * ms, 1100 * ms, true, 0, troubleNone},
		{"no reply", ipTimedOut, 0, 0, true, 0, troubleNone},
		{"a router says unreachable", ipNetUnreachable + 1, 0, 0, true, 0, troubleUnreach},
		{"no route", windows.ERROR_NETWORK_UNREACHABLE, 0, 0, false, 0, troubleNoRoute},
		{"no memory", windows.ERROR_NOT_ENOUGH_MEMORY, 0, 0, false, 0, troubleResources},
		{"not permitted", windows.ERROR_ACCESS_DENIED, 0, 0, false, 0, troublePermission},
		{"general failure", 11050, 0, 0, false, 0, troubleNone},
		{"nothing at all", 0, 0, 0, false, 0, troubleNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := judge(tt.status, tt.told, tt.took, second)
			if a.sent != tt.sent || a.rtt != tt.rtt {
				t.Errorf("%+v", a)
			}
			if !a.sent && a.err == nil {
				t.Error("not sent, and nobody says why")
			}
			_, cause := classify(a.err, LayerPing)
			if want := tableOf(LayerPing).byTrouble(tt.trouble); want != None && cause != want {
				t.Errorf("cause %v, want %v", cause, want)
			}
		})
	}
}

func TestWindowsPingEndsWithItsContext(t *testing.T) {
	p := newPinger()
	gone, leave := context.WithCancel(t.Context())
	leave()
	began := time.Now()
	if _, err := p.Ping(gone, netip.MustParseAddr("127.0.0.1"), 20, 50*ms, time.Second); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestWindowsPingOfIPv6Loopback(t *testing.T) {
	e, err := newPinger().Ping(t.Context(), netip.IPv6Loopback(), 3, 10*ms, time.Second)
	if err != nil || e.Sent != 3 || len(e.RTTs) != 3 {
		t.Errorf("%+v, %v", e, err)
	}
	for _, rtt := range e.RTTs {
		if rtt <= 0 || rtt > time.Second {
			t.Errorf("round trip %v", rtt)
		}
	}
}
