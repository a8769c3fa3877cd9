package alert

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"picket/collector/detect"
)

// The tags that begin a subject, for the eye and for mail rules.
const (
	tagDown   = "DOWN"   // a cloud, confirmed
	tagWatch  = "WATCH"  // a cloud, likely
	tagPart   = "PART"   // a cloud, confirmed: part of the requests fail
	tagSlow   = "SLOW"   // a cloud, confirmed: slower than usual
	tagSite   = "SITE"   // one site
	tagISP    = "ISP"    // one internet provider
	tagPath   = "PATH"   // between an internet provider and a cloud
	tagBlind  = "BLIND"  // Picket itself sees less
	tagUpdate = "UPDATE" // told before, and now otherwise
	tagOK     = "OK"     // well again
	tagMerged = "MERGED" // goes on in another incident
	tagClosed = "CLOSED" // no longer watched: nobody knows how it is
	tagTest   = "TEST"   // nothing has happened
	tagRoute  = "ROUTE"  // one of our own ways of telling people fails
)

// tag is how the subject of a letter begins.
func tag(event Event, i *detect.Incident) string {
	switch {
	case event == Resolved && i.SupersededBy != "":
		return tagMerged
	case event == Resolved && unjudged(i):
		return tagClosed
	case event == Resolved:
		return tagOK
	case event == Updated:
		return tagUpdate
	}
	switch i.Kind {
	case detect.KindSite:
		return tagSite
	case detect.KindNetwork:
		return tagISP
	case detect.KindNetworkProvider, detect.KindNetworkDependency:
		return tagPath
	case detect.KindFleet, detect.KindCollector, detect.KindReference:
		return tagBlind
	}
	switch {
	case i.Confidence != detect.ConfidenceConfirmed:
		return tagWatch
	case i.Severity == detect.SeverityPartial:
		return tagPart
	case i.Severity == detect.SeverityDegraded:
		return tagSlow
	}
	return tagDown
}

// subject is the alert as the subject of a mail, at most 110 characters: a
// tag, what it is about, how many see it or how long it lasted, and the
// incident's id, by which ticket systems find the ticket.
func (a account) subject() string {
	i := a.i
	head := drillSubject(i) + "[" + a.tag() + "] "
	switch {
	case a.event == Updated:
		short, _ := a.news()
		head += short + ": "
	case a.event == Opened && i.Again > 0:
		head += "Again: "
	case a.event == Opened && i.Kind.ProviderSide() && i.Confidence != detect.ConfidenceConfirmed:
		head += cmp.Or(i.Confidence.Word(), "Possible") + ": "
	}
	tail := " (" + i.ID + ")"
	what := a.headline()
	// The title is what may be cut; the counts only stand where there is room.
	room := maxTitle - length(head) - length(tail)
	for _, extra := range a.extents() {
		if room-length(extra) >= min(length(what), 40) {
			tail = extra + tail
			room -= length(extra)
			break
		}
	}
	return head + clip(what, max(room, 4)) + tail
}

// tag is how the subject begins; an update says for how long it has gone on.
func (a account) tag() string {
	t := tag(a.event, a.i)
	if age := a.now.Sub(a.began()); t == tagUpdate && !a.began().IsZero() && age >= time.Minute {
		t += " " + Span(age.Truncate(time.Minute))
	}
	return t
}

// extents are what a subject says beside the title, from the long to the short.
func (a account) extents() []string {
	i := a.i
	if a.over() {
		return []string{a.lasted()}
	}
	if i.Kind == detect.KindSite || i.Sites == 0 {
		return nil
	}
	short := fmt.Sprintf(" - %d of %s", i.DownSites, plural(i.Sites, "site"))
	isps := short + ", " + plural(i.DownNetworks, "ISP")
	all := []string{isps, short}
	if n := len(reach(i)); n > 0 && i.Severity != detect.SeverityUnseen {
		all = append([]string{isps + ", " + plural(n, "client")}, all...)
	}
	return all
}

// lasted is how an end is told in a subject; "" if it is not known when it was.
func (a account) lasted() string {
	i, end := a.i, cmp.Or(a.i.Recovered, a.i.Resolved)
	switch {
	case i.SupersededBy != "":
		return " - goes on as " + i.SupersededBy
	case i.Reason.Code == detect.Unwatched:
		return " - no longer watched"
	case i.Reason.Code == detect.Maintained:
		return " - in maintenance"
	case i.Reason.Code == detect.DrillEnded:
		return " - the drill was ended"
	case !end.IsZero():
		return " - over after " + Span(end.Sub(a.began()))
	}
	return ""
}

func length(s string) int { return strings.Count(s, "") - 1 }

// Tone is how bad the news is, for channels that have colours.
type Tone string

// The tones.
const (
	ToneBad     Tone = "bad"     // something is down
	ToneWatch   Tone = "watch"   // it may be, or it is smaller
	ToneGood    Tone = "good"    // well again
	ToneNeutral Tone = "neutral" // to be known, no more
)

// Tag is how the subject of m begins, without brackets; "" if it has none.
func (m Message) Tag() string {
	s := strings.TrimPrefix(m.Subject, "[DRILL]")
	if !strings.HasPrefix(s, "[") {
		return ""
	}
	tag, _, _ := strings.Cut(s[1:], "]")
	return tag
}

// Tone is the tone of m. A drill never looks like trouble, whatever is played.
func (m Message) Tone() Tone {
	if m.Drill {
		return ToneNeutral
	}
	switch m.Tag() {
	case tagDown:
		return ToneBad
	case tagOK:
		return ToneGood
	case tagWatch, tagPart, tagSlow, tagSite, tagISP, tagPath, tagBlind:
		return ToneWatch
	}
	return ToneNeutral
}
