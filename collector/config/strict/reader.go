package strict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Read takes a value of the file into a variable and tells what is wrong with
// it. path is where it stands, as people would say it: targets[2].interval.
type Read func(n *Node, path string)

// Keys says how the value of each known key is read.
type Keys map[string]Read

// Reader collects what is wrong in one file.
type Reader struct {
	File     string   // the name of the file, for messages
	Problems Problems // so far, at most [MaxProblems]

	later []func()
}

// Later puts off a question that needs the whole file, such as whether a name
// that is used is also defined, until [Reader.Settle].
func (r *Reader) Later(ask func()) { r.later = append(r.later, ask) }

// Settle asks what was put off and returns all problems in the order of the
// file; none means that the file is right.
func (r *Reader) Settle() Problems {
	for _, ask := range r.later {
		ask()
	}
	r.later = nil
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.Problems
}

// Bad notes a problem.
func (r *Reader) Bad(at Place, format string, args ...any) {
	if len(r.Problems) < MaxProblems {
		r.Problems = append(r.Problems, Problem{r.File, at.Line, at.Column, fmt.Sprintf(format, args...)})
	}
}

// Wrong notes a problem of a value that may be shown.
func (r *Reader) Wrong(n *Node, path, format string, args ...any) {
	text := []rune(n.Text)
	if len(text) > 60 {
		text = append(text[:57:57], []rune("...")...)
	}
	r.Bad(n.At, "%s %q: %s", path, string(text), fmt.Sprintf(format, args...))
}

// Expect says whether n is of kind k, and notes if it is not.
func (r *Reader) Expect(n *Node, path string, k Kind) bool {
	if n.Kind == k {
		return true
	}
	hint := "give it a value or remove the key"
	if n.Kind != Null {
		hint = fmt.Sprintf("expected %s", k)
	}
	r.Bad(n.At, "%s: found %s, %s", path, n.Kind, hint)
	return false
}

// Object reads the keys of n. Unknown keys and keys given twice are problems.
func (r *Reader) Object(n *Node, path string, known Keys) {
	if !r.Expect(n, path, Object) {
		return
	}
	first := map[string]Place{}
	prefix := ""
	if path != "" && path != "the file" {
		prefix = path + "."
	}
	for _, f := range n.Fields {
		take, ok := known[f.Key]
		was, twice := first[f.Key]
		switch {
		case !ok:
			names := slices.Sorted(maps.Keys(known))
			hint := DidYouMean(f.Key, names)
			if hint == "" {
				hint = ", known here: " + strings.Join(names, ", ")
			}
			r.Bad(f.At, "unknown key %q%s", Clip(prefix+f.Key, 80), hint)
		case twice:
			r.Bad(f.At, "key %q is given twice, first on line %d: remove one", prefix+f.Key, was.Line)
		default:
			first[f.Key] = f.At
			take(f.Value, prefix+f.Key)
		}
	}
}

// Each reads the items of a list of at most limit.
func (r *Reader) Each(limit int, take func(i int, n *Node, path string)) Read {
	return func(n *Node, path string) {
		if !r.Expect(n, path, List) {
			return
		}
		if len(n.Items) > limit {
			r.Bad(n.At, "%s has %d entries, at most %d are allowed", path, len(n.Items), limit)
			return
		}
		for i, item := range n.Items {
			take(i, item, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

// Text reads a string of at most limit bytes.
func (r *Reader) Text(into *string, limit int) Read {
	return func(n *Node, path string) {
		if !r.Expect(n, path, Scalar) {
			return
		}
		switch {
		case n.Text == "":
			r.Bad(n.At, "%s is empty: give it a value or remove the key", path)
		case len(n.Text) > limit:
			r.Bad(n.At, "%s has %d bytes, at most %d are allowed", path, len(n.Text), limit)
		default:
			*into = n.Text
		}
	}
}

// Line reads a text without line breaks or other control characters.
func (r *Reader) Line(into *string, limit int) Read {
	return func(n *Node, path string) {
		var s string
		r.Text(&s, limit)(n, path)
		if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd }) {
			r.Bad(n.At, "%s: write it on one line, without control characters", path)
			return
		}
		*into = s
	}
}

// IDRule says what an id looks like.
const IDRule = "use lower-case letters, digits, '-', '_' and '.', begin with a letter or digit, at most 64"

func validID(s string) bool {
	for i, c := range []byte(s) {
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// ID reads an identifier: it becomes a tag in the database and a part of URLs.
func (r *Reader) ID(into *string) Read {
	return func(n *Node, path string) {
		var s string
		r.Text(&s, 1024)(n, path)
		if s == "" {
			return
		}
		if !validID(s) {
			r.Wrong(n, path, "not an id: %s", IDRule)
			return
		}
		*into = s
	}
}

// Boolean reads true or false.
func (r *Reader) Boolean(into *bool) Read {
	return func(n *Node, path string) {
		if !r.Expect(n, path, Scalar) {
			return
		}
		switch {
		case n.Text == "true" && !n.Quoted:
			*into = true
		case n.Text == "false" && !n.Quoted:
			*into = false
		default:
			r.Wrong(n, path, "write true or false")
		}
	}
}

// Integer reads a whole number between least and most.
func (r *Reader) Integer(into *int, least, most int) Read {
	return func(n *Node, path string) {
		if !r.Expect(n, path, Scalar) {
			return
		}
		v, err := strconv.Atoi(n.Text)
		switch {
		case err != nil:
			r.Wrong(n, path, "not a whole number: write one from %d to %d", least, most)
		case v < least || v > most:
			r.Wrong(n, path, "out of bounds: write a number from %d to %d", least, most)
		default:
			*into = v
		}
	}
}

// Choice reads one of a few words.
func (r *Reader) Choice(into *string, words ...string) Read {
	return func(n *Node, path string) {
		if !r.Expect(n, path, Scalar) {
			return
		}
		if !slices.Contains(words, n.Text) {
			r.Wrong(n, path, "not known here%s; one of %s", DidYouMean(n.Text, words), strings.Join(words, ", "))
			return
		}
		*into = n.Text
	}
}

// Duration reads a time such as 500ms, 20s or 5m, between least and most.
func (r *Reader) Duration(into *time.Duration, least, most time.Duration) Read {
	return func(n *Node, path string) {
		if !r.Expect(n, path, Scalar) {
			return
		}
		d, err := time.ParseDuration(n.Text)
		switch {
		case err != nil || !strings.ContainsAny(n.Text, "smh") && d != 0:
			r.Wrong(n, path, "%s", durationHint(n.Text))
		case d < least || d > most:
			r.Wrong(n, path, "out of bounds: at least %s and at most %s", Short(least), Short(most))
		default:
			*into = d
		}
	}
}

// unitWords are units as people write them, and as Go does.
func unitWord(s string) string {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "ms", "msec", "msecs", "millisecond", "milliseconds":
		return "ms"
	case "s", "sec", "secs", "second", "seconds":
		return "s"
	case "m", "min", "mins", "minute", "minutes":
		return "m"
	case "h", "hr", "hrs", "hour", "hours":
		return "h"
	case "d", "day", "days":
		return "d"
	}
	return ""
}

// durationHint says what is wrong with a duration and what was probably meant.
func durationHint(s string) string {
	end := strings.LastIndexAny(s, "0123456789") + 1
	number, word := s[:end], s[end:]
	if v, err := strconv.ParseFloat(number, 64); err == nil && v >= 0 && v < 1e9 {
		unit := unitWord(word)
		switch {
		case word == "":
			return fmt.Sprintf("missing unit, did you mean %q?", number+"s")
		case unit == "d":
			return fmt.Sprintf("days are not a unit here, did you mean %q?", strconv.FormatFloat(v*24, 'f', -1, 64)+"h")
		case unit != "":
			return fmt.Sprintf("not a duration, did you mean %q?", number+unit)
		}
	}
	return "not a duration: write a number and a unit, such as 500ms, 20s, 5m or 1h"
}

// short writes a duration as people do: 5m instead of 5m0s.
func Short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Clip shortens s to limit characters.
func Clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return s
}
