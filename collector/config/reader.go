package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// read takes a value of the file into a variable and tells what is wrong with
// it. path is where it stands, as people would say it: targets[2].interval.
type read func(n *node, path string)

// fields says how the value of each known key is read.
type fields map[string]read

// reader collects what is wrong in one file.
type reader struct {
	file     string
	problems Problems
	// later are the questions that need the whole file, such as whether a
	// name that is used is also defined.
	later []func()
}

// bad notes a problem.
func (r *reader) bad(at place, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{r.file, at.line, at.column, fmt.Sprintf(format, args...)})
	}
}

// wrong notes a problem of a value that may be shown.
func (r *reader) wrong(n *node, path, format string, args ...any) {
	text := []rune(n.text)
	if len(text) > 60 {
		text = append(text[:57:57], []rune("...")...)
	}
	r.bad(n.at, "%s %q: %s", path, string(text), fmt.Sprintf(format, args...))
}

// expect says whether n is of kind k, and notes if it is not.
func (r *reader) expect(n *node, path string, k kind) bool {
	if n.kind == k {
		return true
	}
	hint := "give it a value or remove the key"
	if n.kind != null {
		hint = fmt.Sprintf("expected %s", k)
	}
	r.bad(n.at, "%s: found %s, %s", path, n.kind, hint)
	return false
}

// object reads the keys of n. Unknown keys and keys given twice are problems.
func (r *reader) object(n *node, path string, known fields) {
	if !r.expect(n, path, object) {
		return
	}
	first := map[string]place{}
	prefix := ""
	if path != "" && path != "the file" {
		prefix = path + "."
	}
	for _, f := range n.fields {
		take, ok := known[f.key]
		was, twice := first[f.key]
		switch {
		case !ok:
			names := slices.Sorted(maps.Keys(known))
			hint := didYouMean(f.key, names)
			if hint == "" {
				hint = ", known here: " + strings.Join(names, ", ")
			}
			r.bad(f.at, "unknown key %q%s", clip(prefix+f.key, 80), hint)
		case twice:
			r.bad(f.at, "key %q is given twice, first on line %d: remove one", prefix+f.key, was.line)
		default:
			first[f.key] = f.at
			take(f.value, prefix+f.key)
		}
	}
}

// each reads the items of a list of at most limit.
func (r *reader) each(limit int, take func(i int, n *node, path string)) read {
	return func(n *node, path string) {
		if !r.expect(n, path, list) {
			return
		}
		if len(n.items) > limit {
			r.bad(n.at, "%s has %d entries, at most %d are allowed", path, len(n.items), limit)
			return
		}
		for i, item := range n.items {
			take(i, item, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

// text reads a string of at most limit bytes.
func (r *reader) text(into *string, limit int) read {
	return func(n *node, path string) {
		if !r.expect(n, path, scalar) {
			return
		}
		switch {
		case n.text == "":
			r.bad(n.at, "%s is empty: give it a value or remove the key", path)
		case len(n.text) > limit:
			r.bad(n.at, "%s has %d bytes, at most %d are allowed", path, len(n.text), limit)
		default:
			*into = n.text
		}
	}
}

// line reads a text without line breaks or other control characters.
func (r *reader) line(into *string, limit int) read {
	return func(n *node, path string) {
		var s string
		r.text(&s, limit)(n, path)
		if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd }) {
			r.bad(n.at, "%s: write it on one line, without control characters", path)
			return
		}
		*into = s
	}
}

const idRule = "use lower-case letters, digits, '-', '_' and '.', begin with a letter or digit, at most 64"

func validID(s string) bool {
	for i, c := range []byte(s) {
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// id reads an identifier: it becomes a tag in the database and a part of URLs.
func (r *reader) id(into *string) read {
	return func(n *node, path string) {
		var s string
		r.text(&s, 1024)(n, path)
		if s == "" {
			return
		}
		if !validID(s) {
			r.wrong(n, path, "not an id: %s", idRule)
			return
		}
		*into = s
	}
}

// client reads a client's id, which is what its join token was made with: any
// short name without a slash, since a site's id is "client/site".
func (r *reader) client(into *string) read {
	return func(n *node, path string) {
		var s string
		r.line(&s, 128)(n, path)
		if strings.Contains(s, "/") || strings.TrimSpace(s) != s {
			r.wrong(n, path, "not a client: write the name its join tokens were made with, without / and outer spaces")
			return
		}
		*into = s
	}
}

// boolean reads true or false.
func (r *reader) boolean(into *bool) read {
	return func(n *node, path string) {
		if !r.expect(n, path, scalar) {
			return
		}
		switch {
		case n.text == "true" && !n.quoted:
			*into = true
		case n.text == "false" && !n.quoted:
			*into = false
		default:
			r.wrong(n, path, "write true or false")
		}
	}
}

// integer reads a whole number between least and most.
func (r *reader) integer(into *int, least, most int) read {
	return func(n *node, path string) {
		if !r.expect(n, path, scalar) {
			return
		}
		v, err := strconv.Atoi(n.text)
		switch {
		case err != nil:
			r.wrong(n, path, "not a whole number: write one from %d to %d", least, most)
		case v < least || v > most:
			r.wrong(n, path, "out of bounds: write a number from %d to %d", least, most)
		default:
			*into = v
		}
	}
}

// choice reads one of a few words.
func (r *reader) choice(into *string, words ...string) read {
	return func(n *node, path string) {
		if !r.expect(n, path, scalar) {
			return
		}
		if !slices.Contains(words, n.text) {
			r.wrong(n, path, "not known here%s; one of %s", didYouMean(n.text, words), strings.Join(words, ", "))
			return
		}
		*into = n.text
	}
}

// duration reads a time such as 500ms, 20s or 5m, between least and most.
func (r *reader) duration(into *time.Duration, least, most time.Duration) read {
	return func(n *node, path string) {
		if !r.expect(n, path, scalar) {
			return
		}
		d, err := time.ParseDuration(n.text)
		switch {
		case err != nil || !strings.ContainsAny(n.text, "smh") && d != 0:
			r.wrong(n, path, "%s", durationHint(n.text))
		case d < least || d > most:
			r.wrong(n, path, "out of bounds: at least %s and at most %s", short(least), short(most))
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
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return s
}
