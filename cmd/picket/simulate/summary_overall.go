package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// Overall is measured against the targets of detection.md 5.
type Overall struct {
	Precision    Share        `json:"precision"` // of confirmed incidents that blame a cloud
	Recall       []Recall     `json:"recall"`
	TTD          []TTDRow     `json:"ttd"`
	Localisation Localisation `json:"localisation"`
	Calm         Rate         `json:"false_alarms"` // confirmed, blaming a cloud, where nothing was broken
}

// Recall is one class of events.
type Recall struct {
	Class string `json:"class"`
	Share
}

// TTDRow is time to detect of one kind of outage, from the start of the fault,
// by the size of the fleet: from the scenarios whose id begins with "ttd-".
type TTDRow struct {
	Sites int    `json:"sites"`
	How   string `json:"how"` // hard error or blackhole
	Times
	BoundP50 float64 `json:"target_p50_s"`
	BoundP95 float64 `json:"target_p95_s"`
}

// Localisation is how good labels are, of all that was found.
type Localisation struct {
	Exact     Share `json:"exact"`
	WithinOne Share `json:"within_one"`
}

// The classes of recall. A fault that is over in less than 20 s is a blip: the
// target of recall does not speak of it.
const (
	classHard     = "hard-down"
	classBlip     = "blip under 20 s"
	classPartial  = "partial"
	classLatency  = "latency"
	classOurs     = "ours-side"
	classPicket   = "picket itself"
	classReported = "notices"
)

func overall(all []Judged) Overall {
	var o Overall
	var confirmed, lies, found, exact, near, calm int
	var calmYears, calmTargets float64
	hits, of := map[string]int{}, map[string]int{}
	for k := range all {
		j := &all[k]
		for n := range j.Runs {
			run := &j.Runs[n]
			confirmed += run.Verdict.Confirmed
			lies += len(run.Verdict.False)
			if len(j.Scenario.Faults) == 0 {
				calm += len(run.Verdict.False)
				calmYears += run.years()
				calmTargets += run.years() * float64(len(j.Scenario.Targets))
			}
			for _, f := range run.Verdict.Findings {
				c := class(j.Scenario, &j.Scenario.Expect[f.Expect])
				of[c]++
				if f.Found {
					hits[c]++
				}
				if f.Found && c != classReported {
					found++
					exact += oneIf(f.Levels == 0)
					near += oneIf(f.Levels == 0 || f.Levels == 1)
				}
			}
		}
	}
	o.Precision = shareOf(confirmed-lies, confirmed)
	o.Recall = []Recall{}
	for _, c := range classes() {
		if of[c] > 0 {
			o.Recall = append(o.Recall, Recall{c, shareOf(hits[c], of[c])})
		}
	}
	o.TTD = ttd(all)
	o.Localisation = Localisation{shareOf(exact, found), shareOf(near, found)}
	o.Calm = rateOf(calm, calmYears, calmTargets)
	return o
}

// years is how many fleet-years a run stands for.
func (p *Played) years() float64 {
	if p.Years > 0 {
		return p.Years
	}
	return float64(p.Verdict.Span) / float64(year)
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// classes lists all classes in the order of a report.
func classes() []string {
	return []string{classHard, classPartial + " >= 30 %", classPartial + " >= 17 %", classPartial + " >= 6 %", classPartial + " < 6 %",
		classLatency, classOurs, classPicket, classBlip, classReported}
}

// class says what sort of event an expectation is about, from what it expects
// and what was broken.
func class(s *Scenario, e *Expect) string {
	var f Fault
	if e.Of < len(s.Faults) {
		f = s.Faults[e.Of]
	}
	switch detect.Kind(e.Any[0].Kind) {
	case KindNotice:
		return classReported
	case detect.KindSite, detect.KindNetwork, detect.KindNetworkProvider, detect.KindNetworkDependency:
		return classOurs
	case detect.KindFleet, detect.KindCollector, detect.KindReference:
		return classPicket
	}
	rate := f.Rate
	if f.How.Name == Loss {
		rate = f.How.Share * max(f.Rate, 0)
	}
	switch {
	case f.How.Name == Slow || e.Any[0].Severity == string(detect.SeverityDegraded):
		return classLatency
	case rate == 0 || rate >= 1:
		if f.For > 0 && f.For < 20*time.Second {
			return classBlip
		}
		return classHard
	}
	for _, step := range []int{30, 17, 6} {
		if rate*100 >= float64(step) {
			return fmt.Sprintf("%s >= %d %%", classPartial, step)
		}
	}
	return classPartial + " < 6 %"
}

// ttdPrefix marks the scenarios of the table of time to detect.
const ttdPrefix = "ttd-"

// ttd makes the table of time to detect, by size of fleet.
func ttd(all []Judged) []TTDRow {
	type key struct {
		sites int
		how   string
	}
	samples := map[key][]time.Duration{}
	var keys []key
	for k := range all {
		j := &all[k]
		if !strings.HasPrefix(strings.ToLower(j.Scenario.ID), ttdPrefix) || len(j.Scenario.Faults) == 0 {
			continue
		}
		at := key{len(j.Scenario.Fleet.Sites), broken(j.Scenario)}
		if _, ok := samples[at]; !ok {
			keys, samples[at] = append(keys, at), nil
		}
		for n := range j.Runs {
			for _, f := range j.Runs[n].Verdict.Findings {
				if f.Found {
					samples[at] = append(samples[at], f.Detect)
				}
			}
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.how != b.how {
			return -strings.Compare(a.how, b.how) // hard error first
		}
		return a.sites - b.sites
	})
	rows := []TTDRow{}
	for _, k := range keys {
		row := TTDRow{Sites: k.sites, How: k.how, Times: timesOf(samples[k])}
		row.BoundP50, row.BoundP95 = ttdTarget(k.sites, k.how)
		rows = append(rows, row)
	}
	return rows
}

// What a scenario breaks, for the table of time to detect.
const (
	hardError = "hard error"
	silent    = "blackhole"
)

func broken(s *Scenario) string {
	switch s.Faults[0].How.Name {
	case Blackhole, TLSHang, DNSTimeout: // nobody answers: it costs a timeout
		return silent
	}
	return hardError
}

// ttdTarget is what detection.md 5 wants, in seconds.
func ttdTarget(sites int, how string) (p50, p95 float64) {
	switch small := sites < 10; {
	case how == hardError && small:
		return 3, 6
	case how == hardError:
		return 1.5, 2.5
	case small:
		return 4.5, 7
	}
	return 3, 4
}
