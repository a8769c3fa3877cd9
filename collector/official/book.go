package official

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// Record is a notice as it was recorded.
type Record struct {
	ID       string    `json:"record"` // unique over all feeds
	Feed     string    `json:"feed"`
	Provider string    `json:"provider"`
	Seen     time.Time `json:"seen"` // when it was read first
	Notice
}

// Since is when the provider first admitted it, as far as is known.
func (r *Record) Since() time.Time {
	if r.Posted.IsZero() || r.Posted.After(r.Seen) {
		return r.Seen
	}
	return r.Posted
}

// Reading is what a feed said from a moment on, until the next reading of it.
type Reading struct {
	Feed     string
	Provider string
	At       time.Time
	State    State  // Unknown: it was not understood
	Why      string // of Unknown
	// Troubled are the components that are not well, as JSON; "" none.
	Troubled string
}

// Bounds of the book, per feed. What is older is in the store.
const (
	maxRecords  = 600
	maxReadings = 2000
	maxTroubled = 100
	// Remembered is how far back a book answers.
	Remembered = 35 * 24 * time.Hour
	// fresh is how old the last reading may be to count: beyond, nobody has looked.
	fresh = 5 * time.Minute
)

// Book is what the feeds said, now and lately. Its methods may be called from
// many goroutines. The zero value is not a book.
type Book struct {
	changed chan struct{} // has room for one, never closed

	mu     sync.Mutex // guards the field below and all it leads to
	sheets map[string]*sheet
}

// sheet is one feed's part of the book.
type sheet struct {
	feed       Feed
	snapshot   Snapshot
	understood time.Time // of the snapshot; zero: never
	last       Reading   // At zero: never read
	records    map[string]*Record
	readings   []Reading // changes, oldest first
	unsaved    map[string]bool
	fresh      int // of readings, how many at the end are not saved
}

// NewBook makes the book of feeds.
func NewBook(feeds []Feed) *Book {
	b := &Book{changed: make(chan struct{}, 1), sheets: map[string]*sheet{}}
	for _, f := range feeds {
		b.sheets[f.ID] = &sheet{feed: f, records: map[string]*Record{}, unsaved: map[string]bool{}}
	}
	return b
}

// Changed receives after something changed that [Book.Unsaved] returns.
func (b *Book) Changed() <-chan struct{} { return b.changed }

func (b *Book) stir() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// Restore takes back what was saved. What a feed said last is history: until it
// is read again, nothing is known.
func (b *Book) Restore(records []Record, readings []Reading) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range records {
		if s := b.sheets[r.Feed]; s != nil {
			s.records[r.ID] = &r
		}
	}
	for _, r := range readings {
		if s := b.sheets[r.Feed]; s != nil {
			s.readings = append(s.readings, r)
			s.last = r
			s.last.At = time.Time{}
		}
	}
	for _, s := range b.sheets {
		slices.SortStableFunc(s.readings, func(x, y Reading) int { return x.At.Compare(y.At) })
		s.trim()
	}
}

// Take notes a reading of a feed at now: what it said, or why that is not known.
func (b *Book) Take(now time.Time, feed string, snap Snapshot, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sheets[feed]
	if s == nil {
		return
	}
	r := Reading{Feed: s.feed.ID, Provider: s.feed.Provider, At: now.UTC(), State: snap.State}
	if err != nil {
		r.State, r.Why = Unknown, line(err.Error(), maxTitle)
	} else {
		r.Troubled = troubled(snap.Components)
		s.snapshot, s.understood = snap, now.UTC()
		s.take(now, snap)
	}
	if len(s.readings) == 0 || s.last.At.IsZero() || differs(s.last, r) {
		s.readings = append(s.readings, r)
		s.fresh++
	}
	s.last = r
	s.trim()
	if s.fresh > 0 || len(s.unsaved) > 0 {
		b.stir()
	}
}

func differs(a, b Reading) bool {
	a.At, b.At = time.Time{}, time.Time{}
	return a != b
}

// troubled is the components that are not well, for the record.
func troubled(all []Component) string {
	var out []Component
	for _, c := range all {
		if c.State != OK && len(out) < maxTroubled {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return ""
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "" // strings alone: it cannot fail
	}
	return string(text)
}

// take merges the notices of a snapshot. One that is gone from the feed has
// ended; when it was posted is the earliest that was ever told.
func (s *sheet) take(now time.Time, snap Snapshot) {
	there := map[string]bool{}
	for _, n := range snap.Notices {
		id := s.feed.ID + "/" + n.ID
		r := s.records[id]
		if r != nil && n.Posted.IsZero() && n.Ended.IsZero() {
			r, id = s.episode(now, id)
		}
		there[id] = true
		if r == nil {
			s.records[id] = &Record{ID: id, Feed: s.feed.ID, Provider: s.feed.Provider, Seen: now.UTC(), Notice: n}
			s.unsaved[id] = true
			continue
		}
		if n.Posted = first(n.Posted, r.Posted); !equal(n, r.Notice) {
			r.Notice = n
			s.unsaved[id] = true
		}
	}
	for id, r := range s.records {
		if r.Ended.IsZero() && !there[id] {
			r.Ended = now.UTC()
			s.unsaved[id] = true
		}
	}
}

// episode finds the record of a notice without a date of its own: the one that
// is open under its id, or none if the last one has ended.
func (s *sheet) episode(now time.Time, id string) (*Record, string) {
	for _, key := range slices.Sorted(maps.Keys(s.records)) {
		r := s.records[key]
		if r.Ended.IsZero() && (key == id || len(key) > len(id) && key[:len(id)+1] == id+"@") {
			return r, key
		}
	}
	return nil, id + "@" + now.UTC().Format("20060102T150405Z")
}

func equal(a, b Notice) bool {
	return a.ID == b.ID && a.Title == b.Title && a.URL == b.URL && a.State == b.State && a.Posted.Equal(b.Posted) &&
		a.Began.Equal(b.Began) && a.Ended.Equal(b.Ended) && slices.Equal(a.Parts, b.Parts)
}

// trim keeps a sheet within its bounds; what ended longest ago goes first.
func (s *sheet) trim() {
	if extra := len(s.readings) - maxReadings; extra > 0 {
		s.readings = slices.Delete(s.readings, 0, extra)
		s.fresh = min(s.fresh, len(s.readings))
	}
	if len(s.records) <= maxRecords {
		return
	}
	all := slices.SortedFunc(maps.Values(s.records), func(x, y *Record) int {
		if x.Ended.IsZero() != y.Ended.IsZero() {
			return b2i(x.Ended.IsZero()) - b2i(y.Ended.IsZero())
		}
		return x.Seen.Compare(y.Seen)
	})
	for _, r := range all[:len(all)-maxRecords] {
		delete(s.records, r.ID)
		delete(s.unsaved, r.ID)
	}
}

// Unsaved returns what changed since [Book.Saved].
func (b *Book) Unsaved() (records []Record, readings []Reading) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(b.sheets)) {
		s := b.sheets[id]
		for _, id := range slices.Sorted(maps.Keys(s.unsaved)) {
			r := *s.records[id]
			r.Parts = slices.Clone(r.Parts)
			records = append(records, r)
		}
		readings = append(readings, s.readings[len(s.readings)-s.fresh:]...)
	}
	return records, readings
}

// Saved says that what [Book.Unsaved] returned is on disk.
func (b *Book) Saved(records []Record, readings []Reading) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range records {
		s := b.sheets[r.Feed]
		if now := s.records[r.ID]; now != nil && equal(now.Notice, r.Notice) {
			delete(s.unsaved, r.ID)
		}
	}
	for _, r := range readings {
		s := b.sheets[r.Feed]
		for s.fresh > 0 && !s.readings[len(s.readings)-s.fresh].At.After(r.At) {
			s.fresh--
		}
	}
}
