package detect

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// beforeWindow is how far back n_before looks (section 2.4).
const beforeWindow = 30 * time.Second

// electorate draws who is asked about t: every eligible site while there are
// few, else Electorate of them by rendezvous hash, stratified by network, then
// by vantage region, the origin included (amendment 1). before is how many
// could have been asked 30 s ago.
func (e *Engine) electorate(now time.Time, t *target, origin *site) (chosen []*site, before int) {
	var all []*site
	for _, s := range e.sites {
		if !t.concerns(s) || e.maintained(s, t) {
			continue
		}
		if ok, _ := e.eligible(now, s, t.Provider); ok {
			all = append(all, s)
			before++
		} else if !s.votedAt.IsZero() && now.Sub(s.votedAt) <= beforeWindow && !s.hosted(t.Provider) && !e.isSick(now, s, t.Provider) {
			before++
		}
	}
	return draw(all, t.ID, origin, e.rule.Electorate, e.rule.RegionSeats), min(before, e.rule.Electorate)
}

// drawn is a site with its rendezvous weight.
type drawn struct {
	s      *site
	weight uint64
	round  int // its turn within its network
}

// draw picks up to seats sites. Networks take turns, each sending its heaviest
// site first; then vantage regions that came off badly get theirs.
func draw(all []*site, key string, origin *site, seats, regionSeats int) []*site {
	if len(all) <= seats {
		return all
	}
	pool := make([]drawn, len(all))
	for i, s := range all {
		pool[i] = drawn{s: s, weight: weight(s.ID, key)}
		if s == origin {
			pool[i].weight = ^uint64(0)
		}
	}
	heavy := func(a, b drawn) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.s.ID, b.s.ID))
	}
	slices.SortFunc(pool, heavy)
	turn := map[string]int{}
	for i := range pool {
		turn[pool[i].s.net]++
		pool[i].round = turn[pool[i].s.net]
	}
	slices.SortStableFunc(pool, func(a, b drawn) int { return cmp.Compare(a.round, b.round) })
	if i := slices.IndexFunc(pool, func(d drawn) bool { return d.s == origin }); i > 0 {
		o := pool[i]
		pool = slices.Insert(slices.Delete(pool, i, i+1), 0, o)
	}
	seatRegions(pool, seats, regionSeats)
	out := make([]*site, seats)
	for i := range out {
		out[i] = pool[i].s
	}
	return out
}

// seatRegions swaps the best left-out sites of regions with too few seats for
// the last seated ones of regions with seats to spare.
func seatRegions(pool []drawn, seats, regionSeats int) {
	total, seated := map[string]int{}, map[string]int{}
	for i, d := range pool {
		total[d.s.Region]++
		if i < seats {
			seated[d.s.Region]++
		}
	}
	for out := seats; out < len(pool); out++ {
		r := pool[out].s.Region
		if total[r] < regionSeats || seated[r] >= regionSeats {
			continue
		}
		for in := seats - 1; in > 0; in-- {
			from := pool[in].s.Region
			if from != r && (seated[from] > regionSeats || total[from] < regionSeats) {
				pool[in], pool[out] = pool[out], pool[in]
				seated[from]--
				seated[r]++
				break
			}
		}
	}
}

// weight is the rendezvous hash of a site for a target.
func weight(site, key string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(site + "\x00" + key))
	v := h.Sum64()
	v ^= v >> 33 // FNV's high bits mix badly on short keys
	v *= 0xff51afd7ed558ccd
	return v ^ v>>33
}
