package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/internal/fleet"
	"picket/probes"
)

// Bounds of a budget, in bytes. Below the least not even the references could be
// asked; the most is a number that nobody runs out of.
const (
	leastMonth = 50e6
	leastDay   = 1e6
	mostBytes  = 1e15
)

// DefaultBudget is what a site may cost when the file does not say: 5 GB a month,
// a small share of any fixed line, and 100 MB a day on one that is paid by the
// byte, 3 GB a month, what a cheap mobile contract bears.
func DefaultBudget() fleet.Budget { return fleet.Budget{Month: 5e9, SpareDay: 100e6} }

// traffic reads the budgets.
func (s *schema) traffic(n *strict.Node, path string) {
	t := &s.out.Traffic
	first := map[string]int{}
	s.Object(n, path, strict.Keys{
		"month":       s.bytes(&t.Month, leastMonth),
		"metered_day": s.bytes(&t.SpareDay, leastDay),
		"sites": s.Each(maxTargets, func(_ int, n *strict.Node, path string) {
			v := SiteTraffic{}
			at := n
			s.Object(n, path, strict.Keys{
				"site":        func(n *strict.Node, path string) { at = n; s.Line(&v.Site, 300)(n, path) },
				"month":       s.bytes(&v.Month, leastMonth),
				"metered_day": s.bytes(&v.SpareDay, leastDay),
			})
			switch line, twice := first[v.Site]; {
			case n.Kind != strict.Object || v.Site == "" && n.Has("site"):
				return
			case v.Site == "":
				s.Bad(n.At, "%s has no site: write client/site as in the list of agents", path)
				return
			case strings.Count(v.Site, "/") != 1:
				s.Wrong(at, path+".site", "not a site: write client/site as in the list of agents")
				return
			case twice:
				s.Wrong(at, path+".site", "is given twice, first on line %d: remove one", line)
				return
			}
			first[v.Site] = at.At.Line
			t.Sites = append(t.Sites, v)
		}),
	})
}

// units of traffic, the longest first. They are those of line contracts: decimal.
func unitsOf() []struct {
	name string
	size float64
} {
	return []struct {
		name string
		size float64
	}{{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}
}

// bytes reads an amount such as 500MB or 5GB.
func (s *schema) bytes(into *uint64, least float64) strict.Read {
	return func(n *strict.Node, path string) {
		if !s.Expect(n, path, strict.Scalar) {
			return
		}
		for _, u := range unitsOf() {
			number, ok := strings.CutSuffix(n.Text, u.name)
			if !ok {
				continue
			}
			v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			switch size := v * u.size; {
			case err != nil:
			case !(size >= least && size <= mostBytes): // NaN is neither
				s.Wrong(n, path, "out of bounds: at least %s", Bytes(uint64(least)))
				return
			default:
				*into = uint64(size)
				return
			}
		}
		s.Wrong(n, path, "not an amount: write a number and a unit, such as 500MB or 5GB")
	}
}

// Bytes writes an amount of traffic for people.
func Bytes(n uint64) string {
	v := float64(n)
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if v >= u.size {
			return strings.TrimSuffix(strconv.FormatFloat(v/u.size, 'f', 1, 64), ".0") + " " + u.name
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// BudgetOf is the budget of one site.
func (f *File) BudgetOf(site string) fleet.Budget {
	b := f.Traffic.Budget
	for _, s := range f.Traffic.Sites {
		if s.Site != site {
			continue
		}
		if s.Month > 0 {
			b.Month = s.Month
		}
		if s.SpareDay > 0 {
			b.SpareDay = s.SpareDay
		}
	}
	return b
}

// Estimate is what the checks would cost a site.
type Estimate struct {
	Client     string // whose private targets are in it; "" a client without any
	Checks     int
	Month, Day uint64 // bytes in 30 days and in one
}

// Estimates says what the checks cost one site with one agent, before anything
// was measured, in a fleet of so many sites: of a client without private targets
// first, then of each client that has some. Retries and confirmations, which come
// with trouble, are not in it.
func (f *File) Estimates(sites int) []Estimate {
	private := map[string]bool{}
	list := []Estimate{{}}
	for _, t := range f.Targets {
		if t.Client != "" && !private[t.Client] {
			private[t.Client] = true
			list = append(list, Estimate{Client: t.Client})
		}
	}
	for i := range list {
		e := &list[i]
		perDay := 0.0
		for _, t := range f.Targets {
			if t.Client != "" && t.Client != e.Client {
				continue
			}
			for _, c := range t.Checks {
				e.Checks++
				every := max(c.Interval, f.Politeness*time.Duration(max(1, sites)))
				perDay += float64(probes.Cost(c.Spec)) * (24 * time.Hour).Seconds() / every.Seconds()
			}
		}
		e.Day, e.Month = uint64(perDay), uint64(30*perDay)
	}
	return list
}

// words is the budget on one line, for the list of changes.
func (t Traffic) words() string {
	out := fmt.Sprintf("%s a month, %s a metered day", Bytes(t.Month), Bytes(t.SpareDay))
	for _, s := range t.Sites {
		out += "; " + s.Site + ":"
		if s.Month > 0 {
			out += " " + Bytes(s.Month) + " a month"
		}
		if s.SpareDay > 0 {
			out += " " + Bytes(s.SpareDay) + " a metered day"
		}
	}
	return out
}
