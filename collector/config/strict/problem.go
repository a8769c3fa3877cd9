package strict

import (
	"fmt"
	"strings"
)

// MaxProblems is how many problems of one file are told; more than that is a
// Wrong file rather than a list of mistakes.
const MaxProblems = 100

// Problem is one thing that is wrong in a file, and where.
type Problem struct {
	File   string
	Line   int // from 1
	Column int // from 1, in characters
	// Text says what is wrong and what to do about it, on one line.
	Text string
}

// String returns "file:line:column: text", which editors and terminals link.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems is every problem of one file, in the order of the file. It is the
// error that the readers of files return.
type Problems []Problem

// Error returns one problem per line.
func (p Problems) Error() string {
	var b strings.Builder
	for i, one := range p {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// nearest returns the candidate that a mistyped word most likely meant, or "".
// Up to a third of the letters may be wrong, at least one, at most three.
func nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	if len(word) > 64 { // nobody mistypes that much; and the cost is quadratic
		return ""
	}
	best, found := min(3, max(1, len(word)/3))+1, ""
	for _, c := range candidates {
		if d := distance(word, strings.ToLower(c)); d < best {
			best, found = d, c
		}
	}
	return found
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour on the way from a to b.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}

// DidYouMean returns `, did you mean "x"?`, or "" when nothing is near.
func DidYouMean(word string, candidates []string) string {
	if c := nearest(word, candidates); c != "" {
		return fmt.Sprintf(", did you mean %q?", c)
	}
	return ""
}
