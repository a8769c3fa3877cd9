package agent

import (
	"context"
	"net/netip"
	"runtime"
	"time"

	"picket/internal/fleet"
	"picket/internal/uplink"
	"picket/internal/vantage"
	"picket/probes"
)

// confirmSpacing is the time between the two parallel attempts of a
// confirmation, and referenceDeadline what a reference may take beside them
// (detection.md 2.2).
const (
	confirmSpacing    = 250 * time.Millisecond
	referenceDeadline = 700 * time.Millisecond
	referencesAsked   = 3

	// addressDeadline is what the last good address may take where the name
	// fails: a note for people is not worth that the vote waits for a blackhole [E].
	addressDeadline = 700 * time.Millisecond
)

// confirmation is what was seen when a check was asked again.
type confirmation struct {
	attempts   []probes.Result
	references []probes.Result
	// reachable says that the address which the check's name last had accepts
	// connections. It is looked at only if the first attempt failed at the name.
	reachable bool
}

// confirm asks a check twice, confirmSpacing apart and each within own, and
// the given references once, all in parallel. If the first attempt cannot
// find the name's address, last is tried in what is left of the time: names
// fail by themselves, and people want to know whether only they did (2.1). last
// may be none.
func (a *Agent) confirm(ctx context.Context, cfg *fleet.Config, check uint32, own limits, refs []uint32, last netip.AddrPort) confirmation {
	began := time.Now()
	c := confirmation{attempts: make([]probes.Result, 2), references: make([]probes.Result, len(refs))}
	done := make(chan struct{}, len(c.attempts)+len(c.references))
	ask := func(into *probes.Result, check uint32, wait time.Duration, within limits) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		spec := cfg.Checks[check].Spec
		spec.Timeout, spec.ConnectTimeout = within.whole, within.connect
		*into = refused(runtime.GOOS, a.probe(ctx, spec))
	}
	for i := range c.attempts {
		go func() {
			defer func() { done <- struct{}{} }()
			ask(&c.attempts[i], check, time.Duration(i)*confirmSpacing, own)
			if i == 0 && nameless(c.attempts[0]) && last.IsValid() {
				left := time.Until(began.Add(own.whole + confirmSpacing)) // the second attempt ends then
				c.reachable = a.accepts(ctx, last, min(left, addressDeadline))
			}
		}()
	}
	brief := limits{whole: referenceDeadline}
	for i, ref := range refs {
		go func() {
			defer func() { done <- struct{}{} }()
			ask(&c.references[i], ref, 0, brief)
		}()
	}
	for range cap(done) {
		<-done
	}
	return c
}

// limits are how long an attempt of a confirmation may take; connect is of the
// opening of its connection, 0 for as long as the whole.
type limits struct{ whole, connect time.Duration }

// accepts says whether a TCP connection to addr opens in time, as far as the
// site's policy lets us try.
func (a *Agent) accepts(ctx context.Context, addr netip.AddrPort, within time.Duration) bool {
	spec := probes.Spec{Kind: probes.TCP, Host: addr.Addr().String(), Port: addr.Port(), Timeout: max(within, probes.MinTimeout)}
	return a.probe(ctx, spec).Outcome == probes.Up
}

// nameless says that an attempt failed before it had an address.
func nameless(r probes.Result) bool {
	return r.Outcome == probes.Down && r.Cause.Layer() == probes.LayerDNS
}

// slowRefusal is from when on a refusal on Windows counts as a timeout (A7): that
// system tries a port that refuses again, for a second or two, so what it tells
// in the end is about the last of several tries, and no quick no as elsewhere.
const slowRefusal = time.Second

// refused is r with the cause that counts in a vote of a machine with this
// operating system.
func refused(goos string, r probes.Result) probes.Result {
	if goos == "windows" && r.Cause == probes.TCPRefused && r.Total-r.DNS >= slowRefusal {
		r.Cause = probes.TCPTimeout
	}
	return r
}

// answer takes part in a round.
func (a *Agent) answer(ctx context.Context, ask uplink.Ask) { a.client.Vote(a.look(ctx, ask)) }

// look asks again what a round is about, and votes. The round's deadline suits the
// slowest site; one that is near needs no more than its own.
func (a *Agent) look(ctx context.Context, ask uplink.Ask) uplink.Vote {
	began := time.Now()
	vote := uplink.Vote{Round: ask.Round, Attempt: ask.Attempt}
	cfg := a.mind.config()
	own, draw, ok := a.mind.confirmation(cfg, ask.Check, referencesAsked)
	if !ok || cfg.ID != ask.Config || !asked(cfg.Checks[ask.Check]) {
		vote.Why = vantage.WhyNoCheck.String()
		return vote
	}
	// The round's deadline is patient enough for the farthest site; this one
	// knows how long its own answers take.
	own.whole = min(ask.Deadline, own.whole)
	seen := a.confirm(ctx, cfg, ask.Check, own, draw, a.mind.lastAddr(cfg, ask.Check))
	tell(&vote, a.mind.vote(cfg, ask.Check, seen.attempts, seen.references), seen)
	vote.Age = time.Since(began)
	return vote
}

// tell writes what was seen, and what is made of it, into a vote.
func tell(vote *uplink.Vote, b vantage.Ballot, seen confirmation) {
	vote.Answer, vote.Cause, vote.Why, vote.Added, vote.Ratio = b.Answer, b.Cause, b.Why.String(), b.Added, b.Ratio
	for _, r := range seen.references {
		vote.RefsAsked++
		if r.Outcome == probes.Up || r.Outcome == probes.Degraded {
			vote.RefsOK++
		}
	}
	shown, names := seen.attempts[0], 0
	for _, r := range seen.attempts {
		if nameless(r) {
			names++
		}
	}
	if (b.Answer == vantage.Up || b.Answer == vantage.Degraded) && shown.Outcome != probes.Up {
		shown = seen.attempts[1]
	}
	vote.Addr, vote.Edge, vote.Err = shown.Addr, shown.Edge, shown.Err
	vote.IPReachable = seen.reachable && b.Answer == vantage.Down && names == len(seen.attempts)
}
