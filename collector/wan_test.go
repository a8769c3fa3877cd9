package collector

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"picket/collector/wan"
	"picket/probes"
)

// deafPinger gets no answer, or is not allowed to ask.
type deafPinger struct{ err error }

func (p deafPinger) Ping(context.Context, netip.Addr, int, time.Duration, time.Duration) (probes.Echoes, error) {
	return probes.Echoes{Sent: 1}, p.err
}

// TestHowAnAddressIsAsked: nobody listens on port 443 of these addresses of ours,
// and a refusal is as good an answer as any.
func TestHowAnAddressIsAsked(t *testing.T) {
	here := netip.MustParseAddr("127.0.99.1")
	p := probes.New(probes.Options{Pinger: deafPinger{}})
	if way, err := askWAN(t.Context(), p, here, wan.None); way != wan.TCP || err != nil {
		t.Errorf("an address that refuses connections: %v, %v", way, err)
	}
	if way, err := askWAN(t.Context(), p, here, wan.Ping); way != wan.None || err != nil {
		t.Errorf("asked by ping alone: %v, %v", way, err)
	}
	forbidden := probes.New(probes.Options{Pinger: deafPinger{errors.New("no socket")}, Allow: func(netip.Addr) error { return errors.New("not allowed") }})
	if way, err := askWAN(t.Context(), forbidden, here, wan.None); way != wan.None || err == nil {
		t.Errorf("an address that could not be asked is a miss: %v, %v", way, err)
	}
}

func TestGoodbyesOfOlderAgentsAreStops(t *testing.T) {
	for reason, want := range map[string]string{"clean stop": "stop", "": "stop", "upgrade": "upgrade", "reboot": "reboot", "<script>": "stop"} {
		if got := byeReason(reason); got != want {
			t.Errorf("%q is kept as %q", reason, got)
		}
	}
}
