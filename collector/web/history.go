package web

import (
	"cmp"
	"net/url"
	"slices"
	"time"
)

// pastRange is one choice of how far a chart looks back.
type pastRange struct {
	Name    string // in URLs
	Label   string
	Span    time.Duration
	Current bool
	URL     string
}

var pastRanges = []pastRange{
	{Name: "1h", Label: "1 hour", Span: time.Hour},
	{Name: "24h", Label: "24 hours", Span: 24 * time.Hour},
	{Name: "7d", Label: "7 days", Span: 7 * 24 * time.Hour},
	{Name: "30d", Label: "30 days", Span: 30 * 24 * time.Hour},
}

// maxTableSteps is how many moments the table of a chart shows per region.
const maxTableSteps = 48

// pastView is a chart, with what it shows as text for who cannot see it drawn.
type pastView struct {
	Ranges  []pastRange
	URL     string // where the script gets the points
	From    time.Time
	To      time.Time
	Regions []regionPast // the worst first
	Moments []moment     // newest first
	Step    string       // how long a moment is, in words
	Failed  bool         // the store could not be read
}

// regionPast sums up one vantage region over the whole range.
type regionPast struct {
	Region, Share, State, Mean, Most string
	Results                          string
}

// moment is one row of the table.
type moment struct {
	At                  time.Time
	Region, Share, Mean string
	State               string
}

// chosenRange reads ?range=; anything else is a day.
func chosenRange(q url.Values, base string) (chosen pastRange, all []pastRange) {
	all = slices.Clone(pastRanges)
	k := slices.IndexFunc(all, func(r pastRange) bool { return r.Name == q.Get("range") })
	if k < 0 {
		k = slices.IndexFunc(all, func(r pastRange) bool { return r.Span == historyByDefault })
	}
	for i := range all {
		all[i].URL = base + "?range=" + all[i].Name
	}
	all[k].Current = true
	return all[k], all
}

// tally adds points up.
type tally struct {
	good, slow, bad, blind uint64
	weighted               time.Duration // mean x good
	most                   time.Duration
}

func (t *tally) add(p Point) {
	t.good, t.slow, t.bad, t.blind = t.good+p.Good, t.slow+p.Slow, t.bad+p.Bad, t.blind+p.Blind
	t.weighted += p.Mean * time.Duration(p.Good)
	t.most = max(t.most, p.Max)
}

func (t *tally) n() uint64 { return t.good + t.slow + t.bad }

func (t *tally) mean() string {
	if t.good == 0 {
		return ""
	}
	return ms(t.weighted / time.Duration(t.good))
}

// share is the availability; what nobody could tell does not count.
func (t *tally) share() string { return cmp.Or(percent(t.good+t.slow, t.n()), "no data") }

func (t *tally) state() string {
	switch n := t.n(); {
	case n == 0:
		return "no-data"
	case t.bad*20 > n: // below 95 %
		return "down"
	case t.bad*1000 > n: // below 99.9 %
		return "degraded"
	}
	return "ok"
}

// regionsOf sums points up by region, the least available first.
func regionsOf(points []Point) []regionPast {
	all := map[string]*tally{}
	for _, p := range points {
		if all[p.Region] == nil {
			all[p.Region] = &tally{}
		}
		all[p.Region].add(p)
	}
	names := make([]string, 0, len(all))
	for r := range all {
		names = append(names, r)
	}
	bad := func(r string) float64 { return float64(all[r].bad) / float64(max(1, all[r].n())) }
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(bad(b), bad(a)), cmp.Compare(a, b)) })
	out := make([]regionPast, len(names))
	for i, r := range names {
		t := all[r]
		out[i] = regionPast{Region: regionWord(r), Share: t.share(), State: t.state(), Mean: t.mean(), Most: ms(t.most), Results: thousands(t.n())}
	}
	return out
}

// momentsOf merges points into a table that can be read, newest first.
func momentsOf(points []Point, span time.Duration) (out []moment, step time.Duration) {
	type key struct {
		at     int64
		region string
	}
	step = tableStep(span)
	for _, p := range points {
		step = max(step, p.Step) // no finer than what is known
	}
	all := map[key]*tally{}
	for _, p := range points {
		k := key{p.At.Truncate(step).Unix(), p.Region}
		if all[k] == nil {
			all[k] = &tally{}
		}
		all[k].add(p)
	}
	keys := make([]key, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.region, b.region)) })
	for _, k := range keys {
		t := all[k]
		out = append(out, moment{At: time.Unix(k.at, 0).UTC(), Region: regionWord(k.region), Share: t.share(), Mean: t.mean(), State: t.state()})
	}
	return out, step
}

// tableStep is the shortest round step that keeps the table of a span short.
func tableStep(span time.Duration) time.Duration {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 4 * time.Hour, 24 * time.Hour} {
		if span <= step*maxTableSteps {
			return step
		}
	}
	return 24 * time.Hour
}

func regionWord(r string) string { return cmp.Or(r, "region not told") }
