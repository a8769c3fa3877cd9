package simulate

import (
	"time"

	"picket/collector/detect"
)

// RuleVerdict is how the outages that a baseline declared in one run compare
// with the scenario.
type RuleVerdict struct {
	Rule     string
	Expected int             // expectations that blame a cloud: a rule can speak of no other
	Found    int             // with a broken target declared while it was broken, or up to 30 s later
	Detect   []time.Duration // of these, from the start of the fault
	Declared int             // outages of targets
	False    int             // of targets that no expectation covers, or before the fault
	Calm     bool            // nothing was broken
	Years    float64         // fleet-years, set by who knows how long was played
	Targets  int
}

// grace is how long after the end of a fault a declaration still counts
// (detection.md 5: "overlaps [start, end + 30 s]").
const grace = 30 * time.Second

// judgeRule compares. It is pure.
func judgeRule(s *Scenario, rule string, outages []Outage) RuleVerdict {
	v := RuleVerdict{Rule: rule, Declared: len(outages), Calm: len(s.Faults) == 0, Targets: len(s.Targets)}
	j := &judgement{s: s}
	matched := make([]bool, len(outages))
	for k := range s.Expect {
		e := &s.Expect[k]
		if !blames(e) {
			continue
		}
		v.Expected++
		from, found := j.start(e), false
		until, ends := j.end(e)
		for n, o := range outages {
			if o.From < from || !j.covers(e, o.Target) {
				continue
			}
			matched[n] = true
			if !found && (!ends || o.From <= until+grace) {
				found = true
				v.Detect = append(v.Detect, o.From-from)
			}
		}
		v.Found += oneIf(found)
	}
	for _, m := range matched {
		v.False += oneIf(!m)
	}
	return v
}

// blames says whether an expectation, by its first alternative, blames a cloud.
func blames(e *Expect) bool {
	return len(e.Any) > 0 && detect.Kind(e.Any[0].Kind).ProviderSide()
}

// covers says whether an expectation is about a target, whatever it calls it.
func (j *judgement) covers(e *Expect, target int) bool {
	for n := range e.Any {
		if detect.Kind(e.Any[n].Kind).ProviderSide() && e.Any[n].covers(&j.s.Targets[target]) {
			return true
		}
	}
	return false
}

// RuleRow is a rule in the table: ours is the first.
type RuleRow struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Recall   Share  `json:"recall"` // of expectations that blame a cloud
	TTD      Times  `json:"ttd"`
	Declared int    `json:"declared"`     // ours: confirmed incidents; theirs: outages of targets
	False    int    `json:"false"`        // of these
	Calm     Rate   `json:"false_alarms"` // where nothing was broken
}

// ruleRows puts ours beside the baselines that looked on; nil if none did.
func ruleRows(all []Judged) []RuleRow {
	var rows []RuleRow
	for _, rule := range Baselines() {
		if row, looked := theirs(all, rule); looked {
			rows = append(rows, row)
		}
	}
	if rows == nil {
		return nil
	}
	return append([]RuleRow{ours(all)}, rows...)
}

func theirs(all []Judged, rule Rule) (row RuleRow, looked bool) {
	row = RuleRow{Name: rule.Name, Title: rule.Title}
	var ttd []time.Duration
	var expected, found, calm int
	var years, targets float64
	for k := range all {
		for n := range all[k].Runs {
			for _, v := range all[k].Runs[n].Rules {
				if v.Rule != rule.Name {
					continue
				}
				looked = true
				expected, found = expected+v.Expected, found+v.Found
				row.Declared, row.False = row.Declared+v.Declared, row.False+v.False
				ttd = append(ttd, v.Detect...)
				if v.Calm {
					calm += v.False
					years += v.Years
					targets += v.Years * float64(v.Targets)
				}
			}
		}
	}
	row.Recall, row.TTD, row.Calm = shareOf(found, expected), timesOf(ttd), rateOf(calm, years, targets)
	return row, looked
}

// ours is the same of Picket, over the same expectations.
func ours(all []Judged) RuleRow {
	row := RuleRow{Name: "picket", Title: "this detector; incidents, not targets"}
	var ttd []time.Duration
	var expected, found int
	for k := range all {
		j := &all[k]
		for n := range j.Runs {
			v := &j.Runs[n].Verdict
			row.Declared += v.Confirmed
			row.False += len(v.False)
			for _, f := range v.Findings {
				if !blames(&j.Scenario.Expect[f.Expect]) {
					continue
				}
				expected++
				found += oneIf(f.Found)
				if f.Found && !f.Nothing {
					ttd = append(ttd, f.Detect)
				}
			}
		}
	}
	row.Recall, row.TTD, row.Calm = shareOf(found, expected), timesOf(ttd), overall(all).Calm
	return row
}
