package alert

import (
	"time"

	"picket/collector/detect"
)

// Told is what a route was last told about an incident. The zero value is
// nothing yet.
type Told struct {
	Event      Event
	Reason     Reason
	Sequence   int       // of the last letter, from 1
	At         time.Time // when it was written
	Confidence detect.Confidence
	Severity   detect.Severity
	Label      string // of the incident then; see label
	Layer      string
	LineDown   bool
	What       string    // what it was called
	Posted     time.Time // when the provider acknowledged it; zero: it had not
	By         string    // who had taken it on; "" nobody
	Since      time.Time // when it was told that it began, or began again; zero: not known
	Escalated  bool      // it was told because nobody had acknowledged
	Recorded   bool      // in shadow mode alone: nobody was really told that it is open
}

// open says whether the route, as far as it was told, holds the incident for open.
func (t Told) open() bool { return t.Event == Opened || t.Event == Updated }

// heard is what t means on route r as it is now: who was told in shadow mode
// alone was told nothing.
func (t Told) heard(r Route) Told {
	if !r.Shadow && t.open() && t.Recorded {
		return Told{Sequence: t.Sequence}
	}
	return t
}

// after is t when m has been told, too.
func (t Told) after(m Message) Told {
	n := m.told()
	n.Recorded = m.Shadow && (t.Recorded || !t.open())
	return n
}

// shadow says whether a letter of route r is only written down. The end of what
// was really told is really told.
func (t Told) shadow(r Route, event Event) bool {
	return r.Shadow && !(t.open() && !t.Recorded && event == Resolved)
}

// told is what a reader of m knows.
func (m Message) told() Told {
	i := detect.Incident{Kind: m.Kind, Provider: m.Provider, Service: m.Service, Region: m.Region, Target: m.Target, Site: m.Site, Network: m.ISP,
		Dependency: m.Dependency, Edge: m.Edge, VRegion: m.SeenFrom, Family: m.IPVersion}
	return Told{Event: m.Event, Reason: m.Reason, Sequence: m.Sequence, At: m.At, Confidence: m.Confidence, Severity: m.Severity, Label: label(&i),
		Layer: m.Layer, LineDown: m.LineDown, What: m.What, By: m.By, Posted: m.ProviderAck, Since: m.ToldSince, Escalated: m.Escalated}
}

// label is what an incident blames: when it changes, the reader must know.
func label(i *detect.Incident) string {
	sep := "\x00"
	return string(i.Kind) + sep + i.Provider + sep + i.Service + sep + i.Region + sep + i.Target + sep + i.Site + sep + i.Network + sep +
		i.Dependency + sep + i.Edge + sep + i.VRegion + sep + i.Family
}

// news is what a reader does not know yet that would change their mind; "" is
// nothing. once: it happens at most once or twice in a life, and never waits.
func (t Told) news(i *detect.Incident, b Beside) (why Reason, once bool) {
	switch {
	case i.Confidence.Rank() > t.Confidence.Rank(), i.LineDown && !t.LineDown:
		return ReasonUpdated, true
	case !b.Official.Posted.IsZero() && t.Posted.IsZero():
		return ReasonProviderAck, true
	case label(i) != t.Label, i.Severity != t.Severity, i.Layer != t.Layer && i.Layer != "":
		return ReasonUpdated, false
	}
	return "", false
}
