package official

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Answer is what the provider says of what a question asks.
type Answer struct {
	// Feed: there is one that ought to speak of it.
	Feed bool
	// Known: it was read and understood at Checked.
	Known   bool
	Checked time.Time // last reading that was understood; zero: none
	State   State     // Unknown if not Known
	// Posted is when the provider first admitted this trouble; zero: it has not,
	// as far as is known.
	Posted time.Time
	Title  string // of its notice, one line
	URL    string // of it, or of the page
	Why    string // of not Known, in words
}

// Answer answers q from what was read. Unknown is never green: it is Known and
// well only by a token that says so, and by nothing older than [fresh].
func (b *Book) Answer(now time.Time, q Question) Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sheets []*sheet
	for _, id := range slices.Sorted(maps.Keys(b.sheets)) {
		if s := b.sheets[id]; s.feed.Provider == q.Provider {
			sheets = append(sheets, s)
		}
	}
	var notices []feedRecord
	for _, s := range sheets {
		for _, r := range s.records {
			notices = append(notices, feedRecord{&s.feed, r})
		}
	}
	o := admitted(now, q, notices)
	states := make([]State, 0, len(sheets))
	for _, s := range sheets {
		if !s.feed.covers(q.Service) && q.Service != "" {
			continue
		}
		o.Feed = true
		o.URL = cmp.Or(o.URL, s.feed.Page)
		state, checked, why := s.said(now, q)
		o.Why = cmp.Or(o.Why, why)
		if checked.After(o.Checked) {
			o.Checked = checked
		}
		states = append(states, state)
	}
	o.State = together(states)
	o.Known = o.State != Unknown
	switch {
	case o.Known:
		o.Why = ""
	case !o.Feed:
		o.Why = "no public status feed speaks of it"
	case o.Why == "":
		o.Why = "its status page does not tell of this"
	}
	return o
}

// said is what a feed said of q: now, or while it lasted.
func (s *sheet) said(now time.Time, q Question) (state State, checked time.Time, why string) {
	if !q.To.IsZero() && now.Sub(q.To) > fresh {
		return s.saidThen(q)
	}
	switch {
	case s.last.At.IsZero():
		return Unknown, s.understood, "its status feed was not read yet"
	case now.Sub(s.last.At) > fresh:
		return Unknown, s.understood, "its status feed was not read lately"
	case s.last.Why != "":
		return Unknown, s.understood, s.last.Why
	}
	return s.feed.says(&s.snapshot, q), s.understood, ""
}

// saidThen is what was recorded during q. Whether it was well is not asked of
// the past: what it posted is.
func (s *sheet) saidThen(q Question) (State, time.Time, string) {
	why := "its status feed was not read at that time"
	for k, r := range s.readings {
		until := q.To
		if k+1 < len(s.readings) && s.readings[k+1].At.Before(q.To) {
			until = s.readings[k+1].At
		}
		switch {
		case r.At.After(q.To), until.Before(q.From):
		case r.Why != "":
			why = r.Why
		case s.feed.Lists, r.State == OK:
			return s.feed.saysThen(s.records, q), until, ""
		default:
			why = ""
		}
	}
	return Unknown, time.Time{}, why
}

// saysThen is what the notices of a time that is over said of q.
func (f *Feed) saysThen(records map[string]*Record, q Question) State {
	state := Quiet
	for _, r := range records {
		if r.Since().Before(q.To) && (r.Ended.IsZero() || r.Ended.After(q.From)) && f.admits(&r.Notice, q) {
			state = worse(state, Degraded)
			if r.State.Trouble() {
				state = worse(state, r.State)
			}
		}
	}
	return state
}

// together combines what several feeds of one provider say: trouble that one of
// them admits is admitted, and one that says nothing of it takes nothing back.
func together(states []State) State {
	out := Unknown
	for _, s := range states {
		switch {
		case s == Unknown:
		case out == Unknown:
			out = s
		case s == OK && out == Quiet || s == Quiet && out == OK:
			out = OK
		default:
			out = worse(out, s)
		}
	}
	return out
}

type feedRecord struct {
	feed *Feed
	*Record
}

// admitted finds when the trouble of q was first admitted, and by which notice.
// Its address and title are those of the newest word on it.
func admitted(now time.Time, q Question, notices []feedRecord) Answer {
	var o Answer
	var newest time.Time
	for _, r := range notices {
		posted := r.Since()
		if !overlaps(&r.Notice, posted, now, q) || !admission(posted, q) || r.State == Maintenance || !r.feed.admits(&r.Notice, q) {
			continue
		}
		o.Posted = first(o.Posted, posted)
		if o.Title == "" || posted.After(newest) || posted.Equal(newest) && r.Title < o.Title {
			o.Title, o.URL, newest = r.Title, cmp.Or(r.URL, r.feed.Page), posted
		}
	}
	return o
}

// FeedState is how a feed was read last, for who looks after the collector.
type FeedState struct {
	Feed     string    `json:"feed"`
	Provider string    `json:"provider"`
	Page     string    `json:"page"`
	Known    bool      `json:"known"`
	State    State     `json:"state,omitempty"`
	Checked  time.Time `json:"checked,omitzero"` // last reading that was understood
	Why      string    `json:"why,omitempty"`
	Open     []Record  `json:"-"`
}

// Feeds says how each feed was read last, by id.
func (b *Book) Feeds(now time.Time) []FeedState {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []FeedState
	for _, id := range slices.Sorted(maps.Keys(b.sheets)) {
		s := b.sheets[id]
		f := FeedState{Feed: s.feed.ID, Provider: s.feed.Provider, Page: s.feed.Page, Checked: s.understood, State: s.last.State, Why: s.last.Why}
		if s.last.At.IsZero() || now.Sub(s.last.At) > fresh {
			f.State, f.Why = Unknown, "it was not read lately"
		}
		f.Known = f.Why == ""
		for _, id := range slices.Sorted(maps.Keys(s.records)) {
			if r := *s.records[id]; r.Ended.IsZero() {
				r.Parts = slices.Clone(r.Parts)
				f.Open = append(f.Open, r)
			}
		}
		out = append(out, f)
	}
	return out
}
