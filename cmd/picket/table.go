package main

import (
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// table prints columns. What stands in them came from agents or from people, so
// every cell is one printable line: nobody draws on an operator's terminal.
type table struct{ w *tabwriter.Writer }

// newTable begins a table.
func newTable(out io.Writer, heading ...string) *table {
	t := &table{tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)}
	t.row(heading...)
	return t
}

// row adds a line; an empty cell is a dash.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = dash(oneLine(c))
	}
	_, _ = io.WriteString(t.w, strings.Join(cells, "\t")+"\n") // an error comes back from Flush
}

// Flush prints what was added.
func (t *table) Flush() error { return t.w.Flush() }

// oneLine makes text that came from elsewhere one printable line: white space of
// any kind and control characters become a space, what else cannot be seen (marks
// that turn the direction of writing) is left out.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// utc is a moment as it stands in every answer: in UTC, which the agents and
// collectors of several countries have in common.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
