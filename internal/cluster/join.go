package cluster

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"picket/internal/fleet"
)

const (
	lookEvery  = 5 * time.Second // while alone, and for news of the roster
	rejoinMin  = 60 * time.Second
	rejoinMax  = 120 * time.Second
	joinAtOnce = 3 // members asked each time
)

// keepJoined asks seeds that we do not see to exchange states with us, until ctx
// ends. The collector restarting makes a whole fleet ask at once, and
// memberlist serves 128 exchanges at a time, so everything here is jittered.
func (c *Cluster) keepJoined(ctx context.Context, ml *memberlist.Memberlist) {
	known := make(map[string]bool) // seeds as of the last look
	next := time.Now().Add(rejoinAfter())
	wait := time.Duration(0) // the first look is at once
	for {
		timer := time.NewTimer(wait)
		back := false
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.back:
			timer.Stop()
			back = true
		case <-timer.C:
		}
		wait = lookEvery - lookEvery/4 + rand.N(lookEvery/2)

		seeds := c.seeds()
		fresh := renew(known, seeds)
		due := !time.Now().Before(next)
		if !due && !back && !fresh && len(c.table.others()) > 0 {
			continue
		}
		if due {
			next = time.Now().Add(rejoinAfter())
		}
		if ask := c.missed(seeds); len(ask) > 0 && !c.transport.isDown() {
			n, err := ml.Join(ask)
			c.o.Log.Debug("gossip", "msg", "asked to join", "seeds", len(ask), "answered", n, "err", err)
		}
	}
}

func rejoinAfter() time.Duration { return rejoinMin + rand.N(rejoinMax-rejoinMin) }

// seeds are the usable ones of the given seeds.
func (c *Cluster) seeds() []string {
	var out []string
	for _, id := range c.o.Seeds() {
		if id != c.o.Name && id != "" && len(id) <= maxName && c.o.Allowed(id) {
			out = append(out, id)
		}
	}
	return out
}

// renew makes known the set of seeds and says whether it gained any.
func renew(known map[string]bool, seeds []string) (gained bool) {
	now := make(map[string]bool, len(seeds))
	for _, id := range seeds {
		now[id] = true
		gained = gained || !known[id]
	}
	clear(known)
	for id := range now {
		known[id] = true
	}
	return gained
}

// missed draws some seeds, those that we do not see first, in memberlist's
// "name/address:port"; a bare address would be refused, a bare name looked up
// in the DNS.
func (c *Cluster) missed(seeds []string) []string {
	alive := make(map[string]bool)
	for _, id := range c.table.others() {
		alive[id] = true
	}
	var unseen, seen []string
	for _, i := range rand.Perm(len(seeds)) {
		if alive[seeds[i]] {
			seen = append(seen, seeds[i])
		} else {
			unseen = append(unseen, seeds[i])
		}
	}
	ids := append(unseen, seen...)
	ids = ids[:min(len(ids), joinAtOnce)]
	for i, id := range ids {
		ids[i] = id + "/" + netip.AddrPortFrom(fleet.Address(id), fleet.Port).String()
	}
	return ids
}
