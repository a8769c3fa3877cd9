package simulate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
	"picket/probes"
)

// Recording is one run with all that happened in it.
type Recording struct {
	Scenario *Scenario
	Run      *Run
	Verdict  Verdict

	notes  []note
	looked []looked
}

// note is what the trace said.
type note struct {
	at         time.Duration
	kind, text string
}

// looked is one scheduled result.
type looked struct {
	from, to    time.Duration
	site, check int
	down        bool
}

// Note implements [Trace].
func (r *Recording) Note(at time.Duration, kind, text string) {
	r.notes = append(r.notes, note{at, kind, text})
}

// Record plays one run and keeps what happened in it.
func Record(ctx context.Context, s *Scenario, seed uint64) (*Recording, error) {
	return record(ctx, s, seed, Play)
}

func record(ctx context.Context, s *Scenario, seed uint64, play func(context.Context, *Scenario, RunOptions) (*Run, error)) (*Recording, error) {
	r := &Recording{Scenario: s}
	run, err := play(ctx, s, RunOptions{Seed: seed, Trace: r, Observer: func(at time.Duration, site, check int, res probes.Result) {
		if at >= -pictureLead { // nobody looks at the history
			r.looked = append(r.looked, looked{at - res.Total, at, site, check, res.Outcome == probes.Down})
		}
	}})
	if err != nil {
		return nil, fmt.Errorf("play %s with seed %d: %w", s.File, seed, err)
	}
	r.Run, r.Verdict = run, Judge(s, run)
	return r, nil
}

// entry is one line of the timeline.
type entry struct {
	at         time.Duration
	kind, text string
}

// together is how many entries of one kind in a row are shown before the rest
// is only counted.
const together = 8

// eve is how long before 0 the timeline begins: what is doubted and asked in the
// quiet history is no news. What is declared or told there is, and is shown.
const eve = 5 * time.Second

// Explain writes the run as a timeline for people: what broke, who doubted,
// who was asked and said what, what was declared and why, who was told, and how
// it compares with what the scenario wants.
func (r *Recording) Explain(out io.Writer) error {
	p := newPrinter(out)
	s := r.Scenario
	p.line("%s  %s", s.ID, s.Title)
	p.line("seed %d, %d sites, %d targets, %s; times count from the start of the scenario", r.Run.Seed, len(s.Fleet.Sites), len(s.Targets), s.Duration)
	p.line("")
	all := r.entries()
	for k := 0; k < len(all); {
		end := k
		for end < len(all) && all[end].kind == all[k].kind {
			end++
		}
		for n := k; n < end; n++ {
			if n-k == together && end-n > 1 && !told(all[n].kind) {
				p.line("\t\tand %d more, until %s", end-n, moment(all[end-1].at))
				break
			}
			p.line("%s\t%s\t%s", moment(all[n].at), all[n].kind, all[n].text)
		}
		k = end
	}
	if err := p.flush(); err != nil {
		return err
	}
	r.compare(p)
	return p.flush()
}

// entries merges what the trace said with what the run declared.
func (r *Recording) entries() []entry {
	var all []entry
	for _, n := range r.notes {
		if !told(n.kind) && n.at >= -eve && (n.at >= 0 || n.kind != "fleet") { // that everybody connects at first is no news
			all = append(all, entry(n))
		}
	}
	before := map[string]string{}
	for k := range r.Run.Events {
		d := &r.Run.Events[k]
		if now := state(d); now != before[d.Incident.ID] {
			before[d.Incident.ID] = now
			all = append(all, entry{d.At, "incident", sentence(d)})
		}
	}
	for k := range r.Run.Pages {
		p := &r.Run.Pages[k]
		all = append(all, entry{p.At, "page", p.Event + ": " + p.Incident.Title})
	}
	zero := r.Run.End.Add(-r.Scenario.Duration)
	for _, n := range r.Run.Notices {
		all = append(all, entry{n.At.Sub(zero), "notice", strings.TrimSpace(n.Kind + " " + n.Cause + ": " + n.Text)})
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	return all
}

// told says that entries of this kind come from the run, which knows more of
// them than the trace, and are never summed up.
func told(kind string) bool { return kind == "incident" || kind == "page" || kind == "notice" }

// state is what must change for an incident to be worth a line.
func state(d *Declared) string {
	i := &d.Incident
	return fmt.Sprint(visible(d), label(i), i.State, i.Confidence, i.Severity, i.Layer, i.Easing, i.Intermittent, i.Transient, i.LineDown, i.SupersededBy)
}

// sentence tells of an incident event.
func sentence(d *Declared) string {
	i := &d.Incident
	words := []string{string(d.What), i.ID + ":", label(i) + ",", string(i.State)}
	if i.Confidence != "" && string(i.Confidence) != string(i.State) {
		words = append(words, "("+string(i.Confidence)+")")
	}
	words = append(words, string(i.Severity))
	if i.Layer != "" {
		words = append(words, "at "+i.Layer)
	}
	for _, f := range []struct {
		yes  bool
		word string
	}{
		{i.Easing, "easing"}, {i.Intermittent, "intermittent"}, {i.Transient, "transient"}, {i.Retrospective, "retrospective"},
		{i.LineDown, "line down"}, {i.SupersededBy != "", "part of " + i.SupersededBy},
	} {
		if f.yes {
			words = append(words, "["+f.word+"]")
		}
	}
	text := strings.Join(words, " ") + ". " + i.Title + "."
	if i.Reason.Text != "" {
		text += " " + i.Reason.Text
	}
	return text
}

// compare writes what the scenario wants and what came of it.
func (r *Recording) compare(p *printer) {
	p.line("")
	for _, f := range r.Verdict.Findings {
		e := &r.Scenario.Expect[f.Expect]
		word := "found"
		switch {
		case !f.Found:
			word = "MISSED"
		case len(f.Why) > 0:
			word = "WRONG"
		case f.Exact:
			word = "exact"
		}
		after := ""
		if f.Found {
			after = " after " + short(f.Detect)
		}
		p.line("%s\t{%s}%s", word, &e.Any[0], after)
	}
	for _, why := range r.Verdict.Why() {
		p.line("NOT OK\t%s", why)
	}
	if r.Verdict.OK() {
		p.line("OK\tnothing missed, false or forbidden")
	}
}

// moment is a time of the run, with its sign, aligned by its milliseconds.
func moment(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	d = d.Round(time.Millisecond)
	return fmt.Sprintf("%s%02d:%02d.%03d", sign, int(d.Minutes()), int(d.Seconds())%60, d.Milliseconds()%1000)
}

// decision returns the first event by which an incident that people are shown
// is confirmed, else the first that opens one; nil if there is none.
func (r *Recording) decision() *Declared {
	var first *Declared
	for k := range r.Run.Events {
		d := &r.Run.Events[k]
		if d.At < 0 || !visible(d) || d.Incident.Confidence.Rank() < detect.ConfidenceProbable.Rank() {
			continue
		}
		if d.Incident.Confidence == detect.ConfidenceConfirmed {
			return d
		}
		if first == nil {
			first = d
		}
	}
	return first
}
