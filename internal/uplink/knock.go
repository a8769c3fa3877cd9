package uplink

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"picket/internal/identity"
)

// Knocked is what the collector answered to a knock.
type Knocked struct {
	RTT      time.Duration  // of the question, handshakes not counted
	Offset   time.Duration  // the collector's clock minus ours, to half of RTT
	Timed    bool           // whether Offset is known: old collectors do not tell
	SeenFrom netip.AddrPort // of us, as the collector sees it; invalid from an old one
}

// Knock finds out whether the collector answers at one of addrs by the given
// ways, proves to have pin, and what time it has there. No token is used and
// nothing is told but that somebody asks. Errors are those of [Enrol]; a
// refusal is an answer: an older collector takes a knock for a bad token.
func Knock(ctx context.Context, w Ways, addrs []string, pin identity.Pin) (Knocked, error) {
	res, err := Enrol(ctx, w, addrs, pin, EnrolRequest{Probe: true})
	if _, ok := errors.AsType[*Refusal](err); ok {
		return Knocked{}, nil
	}
	if err != nil {
		return Knocked{}, err
	}
	return Knocked{RTT: res.RTT, Offset: res.Offset, Timed: res.Timed, SeenFrom: res.SeenFrom}, nil
}
