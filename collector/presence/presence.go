package presence

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Options are the times after which something is concluded.
type Options struct {
	// Away is how long a machine is seen elsewhere, with another of its site
	// heard where the site is, until it is away; 0 means 30 s [E]: longer than
	// agents take to come back after their router changed lines.
	Away time.Duration
	// Settle is when another line becomes the usual one, and when a machine that
	// is away speaks for its site after all, the others being gone; 0 means a
	// week [E]: longer than a repair, shorter than a contract.
	Settle time.Duration
}

// Line is where an agent is seen from.
type Line struct {
	Family uint8  // 4 or 6
	Key    string // equal keys are one line
	Name   string // for people
	Table  bool   // the table of networks knows it: its name is an ISP
}

// Agent is who says hello.
type Agent struct {
	ID, Site string
	Roams    bool // its token says that it has no fixed place
}

// Known is a line that a site has, as it is kept on disk.
type Known struct {
	Site string
	Line
	Usual  bool
	Shared bool      // two of its machines were on it at once: it is the site's, and not one machine's
	Since  time.Time // when the site came to be on it; zero: it is not on it now
}

// Chair is what is kept on disk of one agent.
type Chair struct {
	Agent  string
	Left   time.Time // its goodbye; zero: none, or heard since
	Reason string
	Away   time.Time // since when it is elsewhere; zero: it is not
}

// Event is one change worth telling.
type Event struct {
	Kind  string // "line": on another line; "home": back on the usual one, or settled; "away", "back"
	Site  string
	Agent string // of away and back
	Text  string // a sentence for people
}

// State is where a site is.
type State struct {
	Usual, Now Line
	Since      time.Time // on another line than the usual one since then; zero: it is not
	Sure       bool      // they are two lines, and not two addresses of one
}

// Room is the bookkeeping. Its methods may be called by several goroutines.
type Room struct {
	o Options

	mu     sync.Mutex // guards the fields below
	agents map[string]*agent
	sites  map[string]*site
	dirty  map[string]bool // sites to be stored
	chairs map[string]bool // agents to be stored
}

// agent is one machine.
type agent struct {
	Agent
	line  Line
	since time.Time // when it was first seen on line
	last  time.Time // its last frame
	here  bool      // it has a session
	chair Chair
}

// site is the lines of one site by IP version: index 0 is IPv4, 1 is IPv6.
type site struct {
	known [2][]Known
	heard time.Time // last frame of an agent that was not away
}

// New makes an empty room.
func New(o Options) *Room {
	o.Away = cmp.Or(o.Away, 30*time.Second)
	o.Settle = cmp.Or(o.Settle, 7*24*time.Hour)
	return &Room{o: o, agents: map[string]*agent{}, sites: map[string]*site{}, dirty: map[string]bool{}, chairs: map[string]bool{}}
}

// Restore takes what was kept on disk, before anything else is told.
func (r *Room) Restore(now time.Time, lines []Known, chairs []Chair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range lines {
		s := r.site(k.Site)
		s.heard = now // by the word of an earlier life
		list := &s.known[slot(k.Family)]
		*list = append(*list, k)
	}
	for _, c := range chairs {
		r.agents[c.Agent] = &agent{Agent: Agent{ID: c.Agent}, chair: c}
	}
}

// Hello says that an agent has a session and is seen on line.
func (r *Room) Hello(now time.Time, a Agent, line Line) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.agents[a.ID]
	if m == nil {
		m = &agent{chair: Chair{Agent: a.ID}}
		r.agents[a.ID] = m
	}
	if m.line.Key != line.Key || m.line.Family != line.Family {
		m.since = now
	}
	m.Agent, m.line, m.here, m.last = a, line, true, now
	if !m.chair.Left.IsZero() {
		m.chair.Left, m.chair.Reason = time.Time{}, ""
		r.chairs[a.ID] = true
	}
	return r.judge(now, a.Site)
}

// Heard says that a frame of the agent has come in.
func (r *Room) Heard(now time.Time, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.agents[id]; m != nil && m.here {
		m.last = now
	}
}

// Gone says that the agent's session is over; reason is that of its goodbye, ""
// if it said none.
func (r *Room) Gone(now time.Time, id, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.agents[id]
	if m == nil {
		return
	}
	m.here = false
	if reason != "" {
		m.chair.Left, m.chair.Reason = now, reason
		r.chairs[id] = true
	}
}

// Forget drops an agent that was revoked.
func (r *Room) Forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.agents, id)
}

// Tick looks who has been elsewhere for long enough, and what has settled.
func (r *Room) Tick(now time.Time) (events []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(r.sites)) {
		events = append(events, r.judge(now, id)...)
	}
	return events
}

// Away says since when the agent is elsewhere; false: it is not.
func (r *Room) Away(id string) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.agents[id]
	if m == nil {
		return time.Time{}, false
	}
	return m.chair.Away, !m.chair.Away.IsZero()
}

// Left is when and why the agent said goodbye; zero if it did not, or was heard
// since.
func (r *Room) Left(id string) (time.Time, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.agents[id]
	if m == nil {
		return time.Time{}, ""
	}
	return m.chair.Left, m.chair.Reason
}

// Empty says whether no agent of the site has a session.
func (r *Room) Empty(siteID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.agents {
		if m.Site == siteID && m.here {
			return false
		}
	}
	return true
}

// Where is the site's state: of the IP version in which it is on another line,
// else of the first that it has a line in.
func (r *Room) Where(siteID string) State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sites[siteID]
	if s == nil {
		return State{}
	}
	var first State
	for f := range s.known {
		st := s.state(f)
		if !st.Since.IsZero() {
			return st
		}
		if first.Usual == (Line{}) {
			first = st
		}
	}
	return first
}

// Spare says whether line is surely another one than the usual one of the site.
func (r *Room) Spare(siteID string, line Line) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sites[siteID]
	if s == nil {
		return false
	}
	return distinct(s.state(slot(line.Family)).Usual, line)
}

// Unsaved returns what has changed since the last call, for the disk: all lines
// of each site that is named, and the chairs.
func (r *Room) Unsaved() (lines map[string][]Known, chairs []Chair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines = map[string][]Known{}
	for id := range r.dirty {
		lines[id] = slices.Concat(r.sites[id].known[0], r.sites[id].known[1])
	}
	for _, id := range slices.Sorted(maps.Keys(r.chairs)) {
		if m := r.agents[id]; m != nil {
			chairs = append(chairs, m.chair)
		}
	}
	clear(r.dirty)
	clear(r.chairs)
	return lines, chairs
}

func (r *Room) site(id string) *site {
	s := r.sites[id]
	if s == nil {
		s = &site{}
		r.sites[id] = s
	}
	return s
}

func slot(family uint8) int {
	if family == 6 {
		return 1
	}
	return 0
}

// distinct says whether two lines are surely two: the table of networks knows
// one of them, and they have different names.
func distinct(a, b Line) bool {
	return a.Name != "" && b.Name != "" && a.Name != b.Name && (a.Table || b.Table)
}

// state is where the site is in one IP version.
func (s *site) state(f int) State {
	var st State
	for _, k := range s.known[f] {
		if k.Usual {
			st.Usual = k.Line
		}
	}
	for _, k := range s.known[f] {
		if k.Since.IsZero() {
			continue
		}
		st.Now = k.Line
		if !k.Usual {
			st.Since, st.Sure = k.Since, distinct(st.Usual, k.Line)
		}
	}
	return st
}

// words names a line in a sentence.
func (l Line) words() string {
	if l.Table {
		return l.Name
	}
	return "addresses of the " + l.Name
}

func (s State) sentence(site string) string {
	if s.Sure {
		return fmt.Sprintf("%s is on another line: %s instead of %s.", site, s.Now.Name, s.Usual.Name)
	}
	return fmt.Sprintf("%s is seen from %s instead of %s: another line, or another address of the same.", site, s.Now.words(), s.Usual.words())
}
