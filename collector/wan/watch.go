package wan

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The rhythm [E].
const (
	calmEvery  = 5 * time.Minute  // between two questions to a site in calm times
	firstEvery = 20 * time.Second // ... until it is known whether it answers
	firstTries = 6                // ... at most so often
	hastyEvery = 4 * time.Second  // while the site is silent
	slackEvery = 30 * time.Second // ... after it was told what the address does
	reliable   = 3                // answers in a row that make an address count
	enough     = 3                // misses in a row that make it dark
	tooOld     = 3 * calmEvery    // after this without an answer it does not count
	hostWait   = 15 * time.Second // a machine that said goodbye is down after this
	hostTries  = 15               // questions that look whether the address went with it
	rate       = 5                // questions a second, in all
	seenFor    = time.Minute      // an address that was seen so lately is kept: agents tell every ten seconds
)

// Way is how an address is asked.
type Way uint8

// The ways. The zero value is none: it does not answer.
const (
	None Way = iota
	Ping
	TCP
)

// String names the way.
func (w Way) String() string {
	return [...]string{"none", "ping", "tcp"}[min(w, TCP)]
}

// mode is what is known of the site's agents.
type mode uint8

const (
	calm    mode = iota // heard
	silent              // not heard, and nobody knows why
	stopped             // they said goodbye
)

// site is what is known of one site's address.
type site struct {
	id     string
	addr   netip.Addr
	host   bool // the address goes with the machine
	way    Way
	good   int // answers in a row
	misses int // misses in a row
	tries  int // since the address, or the mode, is this
	okAt   time.Time
	seenAt time.Time // the address was the site's then
	next   time.Time
	asked  bool // a question is under way
	mode   mode
	dark   time.Time // when enough misses had come; zero: not
	told   told
}

// told is what was last said of a silent site.
type told uint8

const (
	nothing told = iota
	answers
	isDark
)

// question is one asking of an address.
type question struct {
	site string
	addr netip.Addr
	way  Way // None: whichever answers
}

// verdict is what a silent site's address does.
type verdict struct {
	site    string
	answers bool
}

// watch decides whom to ask when, and what the answers mean. It is pure: every
// moment is an argument.
type watch struct {
	sites map[string]*site
	left  float64 // questions that may be asked now
	at    time.Time
}

func newWatch() *watch { return &watch{sites: map[string]*site{}, left: rate} }

// seen takes the address at which a site is seen now. routed is its agent's word
// that the address is not the machine's own; without it the site is not asked.
func (w *watch) seen(now time.Time, id string, addr netip.Addr, routed bool) {
	addr = addr.Unmap().WithZone("")
	s := w.sites[id]
	if s != nil && s.addr != addr && now.Sub(s.seenAt) < seenFor {
		return // another machine of the site, on another line
	}
	if !routed || !addr.IsValid() || addr.IsLoopback() || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLinkLocalUnicast() {
		delete(w.sites, id)
		return
	}
	if s == nil || s.addr != addr {
		s = &site{id: id, addr: addr, next: now.Add(spread(id, firstEvery))}
		w.sites[id] = s
	}
	s.seenAt = now
	w.turn(now, s, calm)
}

// becomes takes what the site's agents do.
func (w *watch) becomes(now time.Time, id string, m mode) {
	if s := w.sites[id]; s != nil {
		w.turn(now, s, m)
	}
}

func (w *watch) turn(now time.Time, s *site, m mode) {
	if s.mode == m {
		return
	}
	s.mode, s.tries, s.misses, s.dark, s.told = m, 0, 0, time.Time{}, nothing
	switch m {
	case silent:
		s.next = now
	case stopped:
		s.next = now.Add(hostWait)
	default:
		s.next = now.Add(spread(s.id, firstEvery))
	}
}

// counts says whether the address answered reliably until now.
func (s *site) counts(now time.Time) bool {
	return !s.host && s.way != None && s.good >= reliable && now.Sub(s.okAt) < tooOld
}

// due returns what is to be asked now, the silent sites first.
func (w *watch) due(now time.Time) []question {
	if !w.at.IsZero() {
		w.left = min(rate, w.left+rate*now.Sub(w.at).Seconds())
	}
	w.at = now
	var list []*site
	for _, s := range w.sites {
		if s.asked || s.host || s.next.After(now) || s.mode != calm && !s.counts(now) {
			continue
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *site) int {
		if (a.mode == silent) != (b.mode == silent) {
			if a.mode == silent {
				return -1
			}
			return 1
		}
		if c := a.next.Compare(b.next); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	var out []question
	for _, s := range list {
		if w.left < 1 {
			break
		}
		w.left--
		s.asked = true
		out = append(out, question{s.id, s.addr, s.way})
	}
	return out
}

// answered takes the answer to q: the way in which the address answered, None
// if it did not. It returns what is known now of silent sites.
func (w *watch) answered(now time.Time, q question, way Way) []verdict {
	s := w.sites[q.site]
	if s == nil || s.addr != q.addr {
		return nil
	}
	s.asked = false
	s.tries++
	if way == None {
		s.misses++
	} else {
		s.misses, s.dark, s.okAt = 0, time.Time{}, now
	}
	switch s.mode {
	case silent:
		s.next = now.Add(hastyEvery)
		if s.told != nothing {
			s.next = now.Add(slackEvery)
		}
		return w.judge(now, s)
	case stopped:
		s.next = now.Add(hastyEvery)
		if s.tries >= hostTries {
			s.next = now.Add(calmEvery)
		}
		s.host = s.misses >= enough && s.tries <= hostTries
		return nil
	}
	w.learn(now, s, way)
	if way == None {
		return nil
	}
	return w.compare(now, s)
}

// learn keeps whether and how an address answers in calm times.
func (w *watch) learn(now time.Time, s *site, way Way) {
	switch {
	case way != None:
		s.good, s.way = s.good+1, way
	case s.misses >= enough || s.good < reliable:
		s.good, s.way = 0, None
	}
	s.next = now.Add(calmEvery + spread(s.id, calmEvery/5))
	if s.good < reliable && s.tries < firstTries || s.misses > 0 && s.good > 0 {
		s.next = now.Add(firstEvery)
	}
}

// judge says what a silent site's address does. For "dark" it waits for a
// witness: some other address that answers now.
func (w *watch) judge(now time.Time, s *site) []verdict {
	switch {
	case s.misses == 0 && s.tries >= 2 && s.told == nothing:
		s.told = answers
		return []verdict{{s.id, true}}
	case s.misses >= enough && s.told != isDark && now.Sub(s.dark) >= slackEvery:
		s.dark = now
		w.hurry(now, s)
	}
	return nil
}

// hurry has a few other sites asked at once: if they answer, our own line works.
func (w *watch) hurry(now time.Time, silent *site) {
	const witnesses = 3
	var list []*site
	for _, o := range w.sites {
		if o.mode == calm && o.addr != silent.addr && o.counts(now) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b *site) int { return b.okAt.Compare(a.okAt) })
	for _, o := range list[:min(witnesses, len(list))] {
		o.next = now
	}
}

// compare concludes from a witness's answer that what is dark is so by itself.
func (w *watch) compare(now time.Time, witness *site) (list []verdict) {
	for _, s := range w.sites {
		if s.mode != silent || s.dark.IsZero() || s.told == isDark || s.addr == witness.addr {
			continue
		}
		s.told = isDark
		list = append(list, verdict{s.id, false})
	}
	slices.SortFunc(list, func(a, b verdict) int { return strings.Compare(a.site, b.site) })
	return list
}

// spread is a share of span that is the site's own, so that a fleet that comes
// back together is not asked together.
func spread(id string, span time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(id))
	return time.Duration(uint64(h.Sum32()) * uint64(span) >> 32)
}
