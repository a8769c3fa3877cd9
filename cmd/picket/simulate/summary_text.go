package simulate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// shownFailures is how many failing runs a report lists of each scenario; JSON
// has them all.
const shownFailures = 3

// Print writes the summary as tables for people.
func (s *Summary) Print(out io.Writer) error {
	p := newPrinter(out)
	p.scenarios(s)
	p.overall(&s.Overall)
	p.rules(s.Rules)
	p.failures(s)
	verdict := "OK: nothing missed, false or forbidden, no bound broken."
	if !s.OK {
		verdict = fmt.Sprintf("NOT OK: %d of %d runs are not as they should be.", s.All.Failed, s.All.Runs)
	}
	p.line("\n%s %d runs in %.1f s.", verdict, s.All.Runs, s.Seconds)
	return p.flush()
}

// printer writes lines and tables and keeps the first error.
type printer struct {
	w   *tabwriter.Writer
	err error
}

func newPrinter(out io.Writer) *printer {
	return &printer{w: tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)}
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) row(cells ...string) { p.line("%s", strings.Join(cells, "\t")) }

func (p *printer) flush() error {
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	return p.err
}

func (p *printer) scenarios(s *Summary) {
	p.row("SCENARIO", "", "RUNS", "FOUND", "EXACT", "MISSED", "FALSE", "FORBIDDEN", "OTHER", "TTD P50/P95/MAX s", "CLOSED P50/P95 s", "DUPL.", "PROBES/SUSPICION")
	for k := range s.Scenarios {
		one := &s.Scenarios[k]
		p.figures(one.ID, one.OK, &one.Figures)
	}
	p.figures("all", s.OK, &s.All)
	_ = p.w.Flush()
}

func (p *printer) figures(name string, ok bool, f *Figures) {
	mark := "ok"
	if !ok {
		mark = "FAIL"
	}
	found := "-"
	if f.Expected > 0 {
		found = fmt.Sprintf("%d/%d", f.Found, f.Expected)
	}
	closed := "-"
	if f.Close.N > 0 {
		closed = fmt.Sprintf("%.1f/%.1f", f.Close.P50, f.Close.P95)
	}
	perSuspicion := "-"
	if f.Suspicions > 0 {
		perSuspicion = fmt.Sprintf("%.1f", f.PerSusp)
	}
	p.row(name, mark, fmt.Sprint(f.Runs), found, fmt.Sprint(f.Exact), fmt.Sprint(f.Missed), fmt.Sprint(f.False), fmt.Sprint(f.Forbidden),
		fmt.Sprint(f.Other), times(f.TTD), closed, fmt.Sprint(f.Duplicates), perSuspicion)
}

func times(t Times) string {
	if t.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f/%.1f/%.1f", t.P50, t.P95, t.Max)
}

func (p *printer) overall(o *Overall) {
	p.line("\nALL SCENARIOS TOGETHER\tVALUE\tOF\t95 %% INTERVAL")
	if o.Precision.Of > 0 {
		p.share("precision of confirmed incidents that blame a cloud", o.Precision)
	}
	for _, r := range o.Recall {
		p.share("recall, "+r.Class, r.Share)
	}
	if o.Localisation.Exact.Of > 0 {
		p.share("label exact", o.Localisation.Exact)
		p.share("label within one level", o.Localisation.WithinOne)
	}
	if c := o.Calm; c.Years > 0 {
		p.line("false alarms per fleet-year, nothing broken\t%.3g\t%d in %.3g fleet-years\tat most %.3g", c.Value, c.Count, c.Years, c.Upper)
	}
	_ = p.w.Flush()
	if len(o.TTD) == 0 {
		return
	}
	p.line("\nTIME TO DETECT\tSITES\tRUNS\tP50\tP95\tMAX\tTARGET P50/P95")
	for _, r := range o.TTD {
		p.line("%s\t%d\t%d\t%.1f s\t%.1f s\t%.1f s\t%.1f/%.1f s", r.How, r.Sites, r.N, r.P50, r.P95, r.Max, r.BoundP50, r.BoundP95)
	}
	_ = p.w.Flush()
}

func (p *printer) share(name string, s Share) {
	p.line("%s\t%.4f\t%d/%d\t%.4f to %.4f", name, s.Value, s.Hits, s.Of, s.Low, s.High)
}

func (p *printer) rules(rows []RuleRow) {
	if len(rows) == 0 {
		return
	}
	p.line("\nRULE\tDETECTED\tTTD P50/P95/MAX s\tDECLARED\tFALSE\tFALSE PER TARGET-YEAR\tPER FLEET-YEAR (AT MOST)\t")
	for _, r := range rows {
		calm, perTarget := "-", "-"
		if r.Calm.Years > 0 {
			calm, perTarget = fmt.Sprintf("%.3g (%.3g)", r.Calm.Value, r.Calm.Upper), fmt.Sprintf("%.3g", r.Calm.Target)
		}
		p.line("%s\t%d/%d\t%s\t%d\t%d\t%s\t%s\t%s", r.Name, r.Recall.Hits, r.Recall.Of, times(r.TTD), r.Declared, r.False, perTarget, calm, r.Title)
	}
	_ = p.w.Flush()
	p.line("Comparable: whether a broken target was declared, when, and how often one that works was. The rules look at single")
	p.line("targets: they name no culprit, so a label cannot be compared, nor what is on our own side. They declare targets, Picket")
	p.line("declares incidents, which hold many; false alarms per year are counted where nothing was broken.")
}

func (p *printer) failures(s *Summary) {
	for k := range s.Scenarios {
		one := &s.Scenarios[k]
		if one.OK {
			continue
		}
		p.line("\n%s  %s", one.ID, one.Title)
		for _, b := range one.Broken {
			p.line("  %s", b)
		}
		shown := 0
		for _, f := range s.Failures {
			if f.Scenario != one.ID || f.File != one.File {
				continue
			}
			if shown++; shown > shownFailures {
				continue
			}
			p.line("  seed %d", f.Seed)
			for _, why := range f.Why {
				p.line("    %s", why)
			}
			p.line("    see: %s", f.Replay)
		}
		if shown > shownFailures {
			p.line("  and %d more; --json lists them all", shown-shownFailures)
		}
	}
}
