package main

import (
	"fmt"
	"io"

	"picket/collector/config"
)

// printEstimates says what the checks would cost a site, against its budget. The
// fleet's size is not known to a file: one site is the dearest case, because a
// larger fleet shares the askings of each check (politeness).
func printEstimates(w io.Writer, f *config.File) {
	b := f.Traffic.Budget
	for _, e := range f.Estimates(1) {
		who := "a site"
		if e.Client != "" {
			who = "a site of " + oneLine(e.Client)
		}
		fmt.Fprintf(w, "traffic: %s asks %d checks, about %s a month of a budget of %s", who, e.Checks, config.Bytes(e.Month), config.Bytes(b.Month))
		if e.Month > b.Month {
			fmt.Fprintf(w, ": it would ask about %.1f times less often to stay inside", float64(e.Month)/float64(b.Month))
		}
		fmt.Fprintf(w, "; on a metered or backup line %s a day of %s", config.Bytes(e.Day), config.Bytes(b.SpareDay))
		if e.Day > b.SpareDay {
			fmt.Fprintf(w, ": about %.1f times less often", float64(e.Day)/float64(b.SpareDay))
		}
		fmt.Fprintln(w)
	}
	for _, s := range f.Traffic.Sites {
		b := f.BudgetOf(s.Site)
		fmt.Fprintf(w, "traffic: %s has a budget of its own: %s a month, %s a day on a metered or backup line\n", oneLine(s.Site), config.Bytes(b.Month), config.Bytes(b.SpareDay))
	}
}
