package agent

import (
	"fmt"
	"net/netip"
	"time"

	"picket/internal/fleet"
	"picket/internal/identity"
	"picket/probes"
)

// The collector tells an agent what to ask, and may one day be somebody else's.
// What stands here is what it cannot tell: whom the site forbids to contact, and
// how much may be asked.
const (
	maxChecks   = 20_000      // of one config
	minInterval = time.Second // between two askings of one check

	// A confirmation costs five probes; a collector that has reason to ask more
	// often than this has lost its reason.
	askRounds = 40
	askSpan   = 10 * time.Second
)

// guardPolicy turns the site's allow and deny lists into the question that
// probes ask for every address. A denied prefix wins over an allowed one, an
// allowed one over [probes.DefaultPolicy]. Denied is whatever may end at a
// denied address ([probes.Canonical]); allowed is only an address that is listed
// itself.
func guardPolicy(p identity.Policy) func(netip.Addr) error {
	deny, allow := plain(p.Deny), plain(p.Allow)
	return func(addr netip.Addr) error {
		forms := probes.Canonical(addr)
		for _, form := range forms {
			for _, d := range deny {
				if d.Contains(form) {
					return fmt.Errorf("%s is denied by this agent's policy (%s): the site set it when the agent joined (picket-agent join --deny), and changes it by joining again", form, d)
				}
			}
		}
		for _, a := range allow {
			if len(forms) > 0 && a.Contains(forms[0]) {
				return nil
			}
		}
		return probes.DefaultPolicy(addr)
	}
}

// plain returns the prefixes as IPv4 that are written as IPv4-mapped IPv6, or
// they would contain nothing.
func plain(prefixes []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(prefixes))
	for i, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out[i] = p
	}
	return out
}

// asked says that a check is asked here. A check without kind and id is a blank
// place: it belongs to somebody else, and keeps the indexes of the others.
func asked(c fleet.Check) bool { return c.ID != "" || c.Spec.Kind != 0 }

// checkConfig says what keeps c from being put in force. Specs are not judged: a
// kind that this version does not know is answered as unsupported, while the
// rest of the config is asked.
func checkConfig(c fleet.Config) error {
	if len(c.Checks) > maxChecks {
		return fmt.Errorf("configuration %d has %d checks, at most %d are asked", c.ID, len(c.Checks), maxChecks)
	}
	targets := make(map[string]bool, len(c.Targets))
	for _, t := range c.Targets {
		targets[t.ID] = true
	}
	ids := make(map[string]bool, len(c.Checks))
	for i, check := range c.Checks {
		if !asked(check) {
			continue
		}
		if err := checkCheck(check, targets, ids); err != nil {
			return fmt.Errorf("configuration %d, check %d %.64q: %w", c.ID, i, check.ID, err)
		}
		ids[check.ID] = true
	}
	return nil
}

func checkCheck(c fleet.Check, targets, ids map[string]bool) error {
	switch {
	case c.ID == "":
		return fmt.Errorf("has no id")
	case c.Spec.Kind == 0:
		return fmt.Errorf("has no kind")
	case ids[c.ID]:
		return fmt.Errorf("the id is used twice")
	case !targets[c.Target]:
		return fmt.Errorf("its target %.64q is not in the configuration", c.Target)
	case c.Interval < minInterval:
		return fmt.Errorf("interval %v is shorter than %v", c.Interval, minInterval)
	case c.Spec.Timeout != 0 && (c.Spec.Timeout < probes.MinTimeout || c.Spec.Timeout > probes.MaxTimeout):
		return fmt.Errorf("timeout %v is not within %v and %v", c.Spec.Timeout, probes.MinTimeout, probes.MaxTimeout)
	}
	return nil
}

// askBudget bounds the rounds that an agent takes part in: 40 at once, and 40 in
// ten seconds for as long as it goes on. The zero value is full. It is not safe
// for concurrent use.
type askBudget struct {
	tokens float64
	last   time.Time // zero: never asked
}

// take says whether a round may begin at now. A clock that goes back gives and
// takes nothing.
func (b *askBudget) take(now time.Time) bool {
	switch {
	case b.last.IsZero():
		b.tokens, b.last = askRounds, now
	case now.After(b.last):
		b.tokens = min(askRounds, b.tokens+askRounds*now.Sub(b.last).Seconds()/askSpan.Seconds())
		b.last = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
