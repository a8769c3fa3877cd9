package simulate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/collector/config/strict"
	"picket/probes"
)

const (
	maxName = 64             // bytes of an id
	maxTime = 20 * 365 * day // of a run, and of everything in it
	day     = 24 * time.Hour
)

// parseDuration is time.ParseDuration with days: 1d, 1d12h, +7d. A day has 24
// hours.
func parseDuration(s string) (time.Duration, error) {
	count, rest, days := strings.Cut(s, "d")
	if !days {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseFloat(count, 64)
	if err != nil || strings.ContainsAny(count, "xXeEpPnN_") || math.Abs(n) > maxTime.Hours()/24 {
		return 0, fmt.Errorf("not a number of days: %q", count)
	}
	var more time.Duration
	if rest != "" {
		if more, err = time.ParseDuration(rest); err != nil {
			return 0, err
		}
		if strings.ContainsAny(rest[:1], "+-") {
			return 0, fmt.Errorf("a sign inside %q", s)
		}
	}
	if strings.HasPrefix(count, "-") {
		more = -more
	}
	return time.Duration(n*float64(day)) + more, nil
}

// duration reads a time between least and most.
func (l *loader) duration(into *time.Duration, least, most time.Duration) strict.Read {
	return func(n *strict.Node, path string) {
		if !l.Expect(n, path, strict.Scalar) {
			return
		}
		d, err := parseDuration(n.Text)
		switch {
		case err != nil:
			hint := "write a number and a unit, such as 500ms, 20s, 5m, 1h or 7d"
			if _, err := strconv.ParseFloat(n.Text, 64); err == nil {
				hint = fmt.Sprintf("missing unit, did you mean %q?", n.Text+"s")
			}
			l.Wrong(n, path, "not a duration: %s", hint)
		case d < least || d > most:
			l.Wrong(n, path, "out of bounds: at least %s and at most %s", strict.Short(least), strict.Short(most))
		default:
			*into = d
		}
	}
}

// span is a duration that is not negative.
func (l *loader) span(into *time.Duration) strict.Read { return l.duration(into, 0, maxTime) }

// number reads a finite number between least and most.
func (l *loader) number(into *float64, least, most float64) strict.Read {
	return func(n *strict.Node, path string) {
		if !l.Expect(n, path, strict.Scalar) {
			return
		}
		v, err := strconv.ParseFloat(n.Text, 64)
		switch {
		case err != nil || math.IsNaN(v):
			l.Wrong(n, path, "not a number: write one from %v to %v", least, most)
		case v < least || v > most:
			l.Wrong(n, path, "out of bounds: write a number from %v to %v", least, most)
		default:
			*into = v
		}
	}
}

// share reads a part of a whole, which is more than nothing.
func (l *loader) share(into *float64) strict.Read {
	return func(n *strict.Node, path string) {
		v := -1.0
		l.number(&v, 0, 1)(n, path)
		if v == 0 {
			l.Wrong(n, path, "is nothing at all: write a share above 0, at most 1, or remove the key")
		} else if v > 0 {
			*into = v
		}
	}
}

// name reads an id: one word.
func (l *loader) name(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var s string
		l.Line(&s, maxName)(n, path)
		if strings.ContainsAny(s, " \t,") {
			l.Wrong(n, path, "not a name: write one word")
			return
		}
		*into = s
	}
}

// flag reads true or false into a field that knows "not asked".
func (l *loader) flag(into **bool) strict.Read {
	return func(n *strict.Node, path string) {
		before := len(l.Problems)
		var v bool
		l.Boolean(&v)(n, path)
		if len(l.Problems) == before {
			*into = &v
		}
	}
}

// whole reads a count into a field that knows "not asked".
func (l *loader) whole(into **int) strict.Read {
	return func(n *strict.Node, path string) {
		v := -1
		l.Integer(&v, 0, 1_000_000)(n, path)
		if v >= 0 {
			*into = &v
		}
	}
}

// some reads a single value or a list of them; one reads the single value.
func some[T any](l *loader, into *[]T, one func(*T) strict.Read) strict.Read {
	return func(n *strict.Node, path string) {
		if n.Kind != strict.List {
			var v T
			before := len(l.Problems)
			if one(&v)(n, path); len(l.Problems) == before {
				*into = []T{v}
			}
			return
		}
		if len(n.Items) == 0 {
			l.Bad(n.At, "%s is an empty list: name something, or remove the key", path)
			return
		}
		all := make([]T, len(n.Items))
		before := len(l.Problems)
		l.Each(10_000, func(i int, n *strict.Node, path string) { one(&all[i])(n, path) })(n, path)
		if len(l.Problems) == before {
			*into = all
		}
	}
}

// kinds reads ways of asking, each once.
func (l *loader) kinds(into *[]probes.Kind) strict.Read {
	one := func(into *probes.Kind) strict.Read {
		return func(n *strict.Node, path string) {
			var word string
			l.Choice(&word, "dns", "ping", "tcp", "tls", "http")(n, path)
			if k, err := probes.ParseKind(word); err == nil {
				*into = k
			}
		}
	}
	return func(n *strict.Node, path string) {
		some(l, into, one)(n, path)
		once(l, n, path, *into)
	}
}

// families reads IP versions, each once, and sorts them.
func (l *loader) families(into *[]probes.Family) strict.Read {
	return func(n *strict.Node, path string) {
		some(l, into, l.family)(n, path)
		once(l, n, path, *into)
		slices.Sort(*into)
	}
}

func (l *loader) family(into *probes.Family) strict.Read {
	return func(n *strict.Node, path string) {
		var word string
		l.Choice(&word, "v4", "v6")(n, path)
		switch word {
		case "v4":
			*into = 4
		case "v6":
			*into = 6
		}
	}
}

// once refuses a value that is given twice.
func once[T comparable](l *loader, n *strict.Node, path string, values []T) {
	for i, v := range values {
		if slices.Contains(values[:i], v) && i < len(n.Items) {
			l.Wrong(n.Items[i], path, "is given twice: remove one")
		}
	}
}
