package alert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"picket/collector/detect"
)

// Bounds of a silence.
const (
	// MaxSilence is how long one may last: what is muted for longer is forgotten,
	// and then missed.
	MaxSilence  = 30 * 24 * time.Hour
	maxMatchers = 10
	maxPattern  = 200 // bytes
	maxComment  = 500 // bytes, of a silence and of other notes of people
)

// ErrSilence marks a silence that cannot be; the rest of the text says why, for people.
var ErrSilence = errors.New("not a silence")

// Matcher says which value a field of an incident must have. In the pattern * stands
// for any text, also none. A field without a value matches nothing.
type Matcher struct {
	Field   string `json:"field"`
	Pattern string `json:"pattern"`
}

func (m Matcher) String() string { return m.Field + "=" + m.Pattern }

// MatcherFields are the fields of a [Matcher].
func MatcherFields() []string {
	return []string{"provider", "service", "region", "target", "client", "site", "kind", "route"}
}

// ParseMatcher reads "field=pattern". errors.Is: [ErrSilence].
func ParseMatcher(text string) (Matcher, error) {
	field, pattern, ok := strings.Cut(text, "=")
	m := Matcher{strings.TrimSpace(field), strings.TrimSpace(pattern)}
	switch {
	case !ok:
		return m, fmt.Errorf("%w: %.60q is not of the form field=value, such as provider=azure", ErrSilence, text)
	case !slices.Contains(MatcherFields(), m.Field):
		return m, fmt.Errorf("%w: incidents have no field %.60q; there are %s", ErrSilence, m.Field, strings.Join(MatcherFields(), ", "))
	case m.Pattern == "":
		return m, fmt.Errorf("%w: %s has no value; * stands for any text", ErrSilence, m.Field)
	case len(m.Pattern) > maxPattern || strings.ContainsFunc(m.Pattern, unicode.IsControl):
		return m, fmt.Errorf("%w: the value of %s is longer than %d bytes or has control characters", ErrSilence, m.Field, maxPattern)
	}
	return m, nil
}

// Silence mutes, for a time, the alerts that match it.
type Silence struct {
	ID       string    `json:"id"`
	Matchers []Matcher `json:"matchers"` // all of them must match
	Comment  string    `json:"comment"`
	Author   string    `json:"author"`
	Created  time.Time `json:"created"`
	Until    time.Time `json:"until"`
	Ended    time.Time `json:"ended,omitzero"` // by hand, before that
	EndedBy  string    `json:"ended_by,omitempty"`
}

// Check says why s cannot be; nil: it can. errors.Is: [ErrSilence].
func (s Silence) Check() error {
	var seen []string
	for _, m := range s.Matchers {
		if _, err := ParseMatcher(m.String()); err != nil {
			return err
		}
		if slices.Contains(seen, m.Field) {
			return fmt.Errorf("%w: %s is given twice, and no incident has two; use *, or two silences", ErrSilence, m.Field)
		}
		seen = append(seen, m.Field)
	}
	switch lasts := s.Until.Sub(s.Created); {
	case len(s.Matchers) == 0 || len(s.Matchers) > maxMatchers:
		return fmt.Errorf("%w: it says nothing about what it mutes; name at least one field, such as provider=azure", ErrSilence)
	case NoteProblem(s.Comment) != "":
		return fmt.Errorf("%w: the comment %s", ErrSilence, NoteProblem(s.Comment))
	case s.Comment == "":
		return fmt.Errorf("%w: it has no comment; say why, for whoever wonders in a week", ErrSilence)
	case lasts <= 0:
		return fmt.Errorf("%w: it would end before it begins", ErrSilence)
	case lasts > MaxSilence:
		return fmt.Errorf("%w: it would last %d days, at most 30; what is never to be told needs no watching", ErrSilence, int(lasts.Hours()/24))
	}
	return nil
}

// NoteProblem says what is wrong with a note of a person, after "the note"; "" nothing.
func NoteProblem(text string) string {
	if len(text) > maxComment {
		return fmt.Sprintf("is longer than %d bytes", maxComment)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "is not on one line, or has control characters"
	}
	return ""
}

// InForce says whether s mutes at now.
func (s Silence) InForce(now time.Time) bool {
	return s.Ended.IsZero() && !now.Before(s.Created) && now.Before(s.Until)
}

// Mutes says whether s mutes the incident on the route, whenever that is. Who
// mutes a client mutes what is that client's alone, and who mutes a target what
// concerns no other: a silence never hides more than it names.
func (s Silence) Mutes(i *detect.Incident, route string) bool {
	return !slices.ContainsFunc(s.Matchers, func(m Matcher) bool { return !m.matches(i, route) })
}

func (m Matcher) matches(i *detect.Incident, route string) bool {
	var value string
	switch m.Field {
	case "provider":
		value = i.Provider
	case "service":
		value = i.Service
	case "region":
		value = i.Region
	case "client":
		client, _, _ := strings.Cut(i.Site, "/")
		value = cmp.Or(i.Client, client)
	case "site":
		value = i.Site
	case "kind":
		value = string(i.Kind)
	case "route":
		value = route
	case "target":
		if i.Target != "" || len(i.Targets) == 0 {
			value = i.Target
			break
		}
		return !slices.ContainsFunc(i.Targets, func(t string) bool { return !like(t, m.Pattern) })
	}
	return value != "" && like(value, m.Pattern)
}

// like says whether text is of the pattern, in which * is any text. Upper and
// lower case are the same.
func like(text, pattern string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	text = strings.ToLower(text)
	last := len(parts) - 1
	if last == 0 {
		return text == parts[0]
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1:last] {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, parts[last])
}

// Muting returns the silence of all that mutes the incident on the route at now,
// of several the one that lasts longest. ok is false if none does.
func Muting(all []Silence, now time.Time, i *detect.Incident, route string) (s Silence, ok bool) {
	for _, x := range all {
		if x.InForce(now) && x.Mutes(i, route) && (!ok || x.Until.After(s.Until)) {
			s, ok = x, true
		}
	}
	return s, ok
}

// About is the incident as it was when m was written, as far as silences ask.
func (m Message) About() detect.Incident {
	return detect.Incident{ID: m.AlertID, Kind: m.Kind, Provider: m.Provider, Service: m.Service, Region: m.Region, Target: m.Target, Targets: m.Targets,
		Client: m.Client, Site: m.Site, Title: m.Title}
}

// WhyNoSilence is what an error of [ErrSilence] says, without the mark.
func WhyNoSilence(err error) string {
	return strings.TrimPrefix(err.Error(), ErrSilence.Error()+": ")
}
