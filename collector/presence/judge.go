package presence

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxLines bounds the lines that are remembered of a site in one IP version:
// beyond it the one that was left longest ago is forgotten. A site that is
// behind changing addresses has no more than these to tell apart.
const maxLines = 16

// judge says where a site is and who of it is away.
func (r *Room) judge(now time.Time, siteID string) (events []Event) {
	s := r.site(siteID)
	for f := range s.known {
		events = append(events, r.settle(now, siteID, s, f)...)
		events = append(events, r.place(now, siteID, s, f)...)
	}
	return append(events, r.absent(now, siteID, s)...)
}

// here are the agents of a site that have a session in one IP version and are
// not away, by id.
func (r *Room) here(siteID string, f int) (list []*agent) {
	for _, m := range r.agents {
		if m.here && m.Site == siteID && slot(m.line.Family) == f && m.chair.Away.IsZero() {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *agent) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// place decides on which line the site is: the usual one while anybody is on it,
// else the one with the most agents. Machines that roam do not move their site.
func (r *Room) place(now time.Time, siteID string, s *site, f int) []Event {
	list := r.here(siteID, f)
	count := map[string]int{}
	for _, m := range list {
		if m.last.After(s.heard) {
			s.heard = m.last
		}
		if !m.Roams || len(s.known[f]) == 0 {
			count[m.line.Key]++
		}
	}
	if len(count) == 0 {
		return nil
	}
	was := s.state(f)
	var best Line
	for _, m := range list {
		switch n := count[m.line.Key]; {
		case n == 0:
		case was.Usual.Key == m.line.Key, best.Key == "", best.Key != was.Usual.Key && n > count[best.Key]:
			best = m.line
		}
	}
	if best.Key != was.Now.Key {
		s.move(f, siteID, best, now)
		r.dirty[siteID] = true
	}
	for i, k := range s.known[f] {
		if !k.Shared && k.Key == best.Key && count[k.Key] > 1 {
			s.known[f][i].Shared, r.dirty[siteID] = true, true
		}
	}
	is := s.state(f)
	switch {
	case best.Key == was.Now.Key, was.Now.Key == "":
		return nil // where it was, or its first line
	case is.Since.IsZero():
		return []Event{{Kind: "home", Site: siteID, Text: fmt.Sprintf("%s is back on its usual line: %s.", siteID, is.Usual.Name)}}
	}
	return []Event{{Kind: "line", Site: siteID, Text: is.sentence(siteID)}}
}

// move puts the site on line.
func (s *site) move(f int, siteID string, line Line, now time.Time) {
	list := s.known[f]
	at := -1
	for i := range list {
		if list[i].Key == line.Key {
			at = i
		}
		list[i].Since = time.Time{}
	}
	if at < 0 {
		if len(list) >= maxLines {
			i := slices.IndexFunc(list, func(k Known) bool { return !k.Usual }) // the order is that of their first use
			list = slices.Delete(list, i, i+1)
		}
		list = append(list, Known{Site: siteID, Usual: len(list) == 0})
		at = len(list) - 1
	}
	list[at].Line, list[at].Since = line, now
	s.known[f] = list
}

// settle makes the line on which a site has been for long its usual one.
func (r *Room) settle(now time.Time, siteID string, s *site, f int) []Event {
	st := s.state(f)
	if st.Since.IsZero() || now.Sub(st.Since) < r.o.Settle {
		return nil
	}
	for i := range s.known[f] {
		s.known[f][i].Usual = s.known[f][i].Key == st.Now.Key
	}
	r.dirty[siteID] = true
	return []Event{{Kind: "home", Site: siteID, Text: fmt.Sprintf("%s has been on %s for %d days: this is its usual line now.", siteID, st.Now.Name, int(r.o.Settle.Hours()/24))}}
}

// absent decides which of the site's machines are away.
func (r *Room) absent(now time.Time, siteID string, s *site) (events []Event) {
	for _, m := range r.agents {
		if m.Site != siteID || !m.here {
			continue
		}
		is, was := r.elsewhere(now, siteID, s, m), !m.chair.Away.IsZero()
		if is == was {
			continue
		}
		r.chairs[m.ID] = true
		if is {
			m.chair.Away = m.since
			events = append(events, Event{Kind: "away", Site: siteID, Agent: m.ID,
				Text: fmt.Sprintf("A machine of %s is away: it is seen from %s and does not vote.", siteID, m.line.words())})
			continue
		}
		m.chair.Away = time.Time{}
		events = append(events, Event{Kind: "back", Site: siteID, Agent: m.ID, Text: fmt.Sprintf("A machine of %s is back and votes again.", siteID)})
	}
	slices.SortFunc(events, func(a, b Event) int { return strings.Compare(a.Agent, b.Agent) })
	return events
}

// elsewhere says whether m is away: not on a line of its site, and another of
// the site is heard there. Who is away already stays so while the site is silent.
func (r *Room) elsewhere(now time.Time, siteID string, s *site, m *agent) bool {
	f := slot(m.line.Family)
	home := s.state(f).Now.Key
	if home == "" || home == m.line.Key || slices.ContainsFunc(s.known[f], func(k Known) bool { return k.Key == m.line.Key && (k.Usual || k.Shared) }) {
		return false
	}
	if m.Roams {
		return true
	}
	if !m.chair.Away.IsZero() {
		return now.Sub(s.heard) < r.o.Settle
	}
	if now.Sub(m.since) < r.o.Away {
		return false
	}
	return slices.ContainsFunc(r.here(siteID, f), func(o *agent) bool {
		// Heard well after m came to be elsewhere: its old line works for the other.
		return o != m && o.line.Key == home && o.last.Sub(m.since) >= r.o.Away/2
	})
}
