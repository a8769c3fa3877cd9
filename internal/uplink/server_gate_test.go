package uplink

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
)

// arrive is what quic-go does with the first packet of a handshake from addr.
// It says whether the handshake goes on, and how to end it.
func arrive(g *gate, addr string, honest bool) (admitted bool, end func()) {
	info := &quic.ClientInfo{RemoteAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
	if g.suspect(info.RemoteAddr) {
		if !honest {
			return false, func() {} // the Retry went to somebody else
		}
		info.AddrVerified = true
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := g.admit(ctx, info); err != nil {
		cancel()
		return false, func() {}
	}
	return true, cancel
}

// taken is how many strangers hold a place, and from how many networks.
func (g *gate) taken() (strangers, networks int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int(g.strangers), len(g.sources)
}

func TestForgedHandshakesDoNotKeepAgentsOut(t *testing.T) {
	for _, rate := range []int{40, 110, 1000} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate()
			var forged []func()
			refused := 0
			for i := range 20 * rate {
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 1)
				if in, end := arrive(g, from.String(), false); in {
					forged = append(forged, end)
					time.AfterFunc(10*time.Second, end) // the handshake times out
				}
				if i%rate == 0 { // an agent a second
					in, end := arrive(g, "192.0.2.7:4433", true)
					if !in {
						refused++
					}
					end()
				}
				time.Sleep(time.Second / time.Duration(rate))
			}
			if refused > 0 {
				t.Errorf("%d of 20 agents were refused while %d forged packets a second came", refused, rate)
			}
			if taken, _ := g.taken(); taken > maxStrangers/8 {
				t.Errorf("%d places were taken by %d forged packets a second", taken, rate)
			}
			for _, end := range forged {
				end()
			}
			synctest.Wait()
			if taken, networks := g.taken(); taken != 0 || networks != 0 {
				t.Errorf("%d strangers of %d networks are left", taken, networks)
			}
		})
	}
}

func TestOneNetworkHasFewPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var ends []context.CancelFunc
		enter := func(addr string) error {
			ctx, cancel := context.WithCancel(context.Background())
			ends = append(ends, cancel)
			_, err := g.admit(ctx, &quic.ClientInfo{RemoteAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)), AddrVerified: true})
			return err
		}
		for range maxPerSource {
			if err := enter("[2001:db8::1]:1"); err != nil {
				t.Fatal(err)
			}
		}
		if enter("[2001:db8::2]:1") == nil {
			t.Error("a /64 took more places than it has")
		}
		for _, other := range []string{"[2001:db8:0:1::1]:1", "192.0.2.1:1", "[::ffff:192.0.2.2]:1"} {
			if err := enter(other); err != nil {
				t.Errorf("%s: %v", other, err)
			}
		}
		ends[0]()
		synctest.Wait()
		if err := enter("[2001:db8::2]:1"); err != nil {
			t.Errorf("a place that was given back: %v", err)
		}
		for _, end := range ends {
			end()
		}
		synctest.Wait()
		if taken, networks := g.taken(); taken != 0 || networks != 0 {
			t.Errorf("%d strangers of %d networks are left", taken, networks)
		}
	})
}

func TestManyStrangersMustProveTheirAddress(t *testing.T) {
	g := newGate()
	for i := range maxStrangers/8 + 1 {
		if err := g.enter(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)); err != nil {
			t.Fatal(err)
		}
	}
	if !g.suspect(nil) {
		t.Error("the next stranger is believed")
	}
}

// TestOnePersonsNetworksDoNotKeepAgentsOut: a /48 of IPv6 is to be had for nothing,
// and the networks in it would take all places.
func TestOnePersonsNetworksDoNotKeepAgentsOut(t *testing.T) {
	g := newGate()
	var in []netip.Prefix
	for i := range 2 * maxStrangers {
		from := source(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, byte(i >> 8), byte(i), 15: 1}))
		if g.enter(from) == nil {
			in = append(in, from)
		}
	}
	if len(in) != maxPerBlock {
		t.Errorf("one person has %d places", len(in))
	}
	for _, other := range []string{"192.0.2.7", "2001:db8:2::7"} {
		from := source(netip.MustParseAddr(other))
		if err := g.enter(from); err != nil {
			t.Errorf("%s is kept out: %v", other, err)
		}
		in = append(in, from)
	}
	for _, from := range in {
		g.leave(from)
	}
	if n, networks := g.taken(); n != 0 || networks != 0 || len(g.blocks) != 0 {
		t.Errorf("left are %d strangers of %d networks, %d blocks", n, networks, len(g.blocks))
	}
}
