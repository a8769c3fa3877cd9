package official

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// State is what a provider says of itself.
type State string

// The states. The zero value knows nothing, and nothing but a token that was
// read and understood leads to [OK].
const (
	Unknown     State = ""
	OK          State = "ok"    // the provider says that it is well
	Quiet       State = "quiet" // nothing is posted, on a feed that never says that all is well
	Maintenance State = "maintenance"
	Degraded    State = "degraded"
	Down        State = "down"
)

// Trouble says whether s admits something.
func (s State) Trouble() bool { return s == Degraded || s == Down }

// rank orders states by how bad they are; unknown is worse than well and better
// than any trouble that was admitted.
func (s State) rank() int {
	return slices.Index([]State{OK, Quiet, Unknown, Maintenance, Degraded, Down}, s)
}

// worse returns the worse of two states.
func worse(a, b State) State {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

// Part is something a feed speaks of, in the provider's own words. Empty means
// that it does not say.
type Part struct {
	Service string `json:"service,omitempty"`
	Group   string `json:"group,omitempty"` // of a page that groups its components; names repeat between groups
	Region  string `json:"region,omitempty"`
}

// Component is the state of one part.
type Component struct {
	Part
	State State `json:"state"`
}

// Notice is one trouble that a provider admits.
type Notice struct {
	ID    string `json:"id"` // within the feed
	Title string `json:"title"`
	URL   string `json:"url,omitempty"` // for people
	State State  `json:"state"`         // Unknown: it is open, and does not say how bad
	// Posted is when it was published, by the provider's clock; zero: the feed does
	// not say, and the first reading counts.
	Posted time.Time `json:"posted,omitzero"`
	// Began is when the trouble began, as the provider tells it afterwards.
	Began time.Time `json:"began,omitzero"`
	Ended time.Time `json:"ended,omitzero"` // zero: it is open
	// Parts are what it concerns; none: the feed does not say.
	Parts []Part `json:"parts,omitempty"`
}

// Snapshot is what one reading of a feed says.
type Snapshot struct {
	State      State       `json:"state"` // of all that the feed speaks of
	Components []Component `json:"components,omitempty"`
	Notices    []Notice    `json:"notices,omitempty"`
}

// Bounds of a snapshot. A page with more is cut, never refused: what an outage
// looks like is a page with much on it.
const (
	maxComponents = 5000
	maxNotices    = 200
	maxParts      = 512
	maxTitle      = 200
	maxName       = 120
	maxLink       = 500
)

// recent is how long a notice that ended is still read: feeds are archives, and
// what is older was recorded while it was young.
const recent = 14 * 24 * time.Hour

// bound cuts a snapshot to what is kept, the newest notices first, and cleans
// what people will read.
func bound(s Snapshot, now time.Time) Snapshot {
	s.Components = s.Components[:min(len(s.Components), maxComponents)]
	for i := range s.Components {
		s.Components[i].Part = s.Components[i].clean()
	}
	s.Notices = slices.DeleteFunc(s.Notices, func(n Notice) bool {
		return n.ID == "" || !n.Ended.IsZero() && now.Sub(n.Ended) > recent
	})
	slices.SortStableFunc(s.Notices, func(a, b Notice) int {
		return cmp.Or(b2i(!a.Ended.IsZero())-b2i(!b.Ended.IsZero()), b.Posted.Compare(a.Posted), cmp.Compare(a.ID, b.ID))
	})
	s.Notices = s.Notices[:min(len(s.Notices), maxNotices)]
	for i := range s.Notices {
		n := &s.Notices[i]
		n.ID, n.Title, n.URL = line(n.ID, maxName), line(n.Title, maxTitle), link(n.URL)
		n.Posted, n.Began, n.Ended = sane(n.Posted, now), sane(n.Began, now), sane(n.Ended, now)
		n.Parts = n.Parts[:min(len(n.Parts), maxParts)]
		for k := range n.Parts {
			n.Parts[k] = n.Parts[k].clean()
		}
	}
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (p Part) clean() Part {
	return Part{Service: line(p.Service, maxName), Group: line(p.Group, maxName), Region: line(p.Region, maxName)}
}

// sane is t in UTC if a clock can have shown it, and the zero time if not: a
// notice from tomorrow was posted now.
func sane(t, now time.Time) time.Time {
	switch {
	case t.IsZero() || t.Year() < 2000:
		return time.Time{}
	case t.After(now):
		return now.UTC()
	}
	return t.UTC()
}

// line makes s one clean line of at most n bytes.
func line(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	}), " ")
	if len(s) <= n {
		return s
	}
	cut := n - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.TrimSpace(s[:cut]) + "…"
}

// link is an address that people may be given: the web, and nothing else.
func link(s string) string {
	if len(s) > maxLink || !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") || line(s, maxLink) != s || strings.ContainsAny(s, " \"<>") {
		return ""
	}
	return s
}

// overall is the state of a feed that is nothing but its notices.
func overall(notices []Notice) State {
	s := Quiet
	for _, n := range notices {
		switch {
		case !n.Ended.IsZero():
		case n.State == Unknown:
			s = worse(s, Degraded) // it is open; how bad is not told
		default:
			s = worse(s, n.State)
		}
	}
	return s
}
