package sitefile

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode"
)

// formula are the characters that make a spreadsheet compute what follows.
const formula = "=+-@\t\r"

// Write writes a table, its first row the names of the columns, in a form that
// no spreadsheet computes.
func Write(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w)
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = inert(cell)
		}
		if err := out.Write(safe); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// inert puts an apostrophe before a cell that a spreadsheet would compute, and
// before one that would look as if it had one.
func inert(cell string) string {
	rest := strings.TrimLeftFunc(cell, unicode.IsSpace)
	if rest != "" && strings.ContainsRune(formula+"'", rune(rest[0])) || cell != rest && strings.ContainsAny(cell[:1], formula) {
		return "'" + cell
	}
	return cell
}

// plain takes the apostrophe of [Write] away.
func plain(cell string) string {
	rest, ok := strings.CutPrefix(cell, "'")
	if ok && rest != "" && strings.ContainsRune(formula+"'", rune(rest[0])) {
		return rest
	}
	return cell
}
