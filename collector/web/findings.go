package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

// When what an agent tells of itself becomes worth a line.
const (
	clockOff  = 2 * time.Second    // agents correct for it, but certificates and people do not
	spoolMuch = 1000               // results that wait: some minutes of a usual agent
	certSoonA = 7 * 24 * time.Hour // an agent renews ten days before the end
)

// agentLine is one agent of the table.
type agentLine struct {
	ID, Site, Hostname, ISP, Region string
	State, Glyph, Word, Why         string
	Findings                        []string
	Version, OS                     string
	Line                            string // "quic, 12 ms"
	Clock, Spool, Gossip, Cert      string
	Seen, Enrolled, Revoked         string
	rank                            int // 3 lost contact, 2 does not vote, 1 findings, 0 well
}

// agentLineOf words one agent.
func agentLineOf(now time.Time, a Agent, site detect.SiteStatus, st Status) agentLine {
	l := agentLine{ID: a.ID, Site: a.Site, Hostname: a.Hostname, ISP: a.Network, Region: a.Region, Version: a.Version, OS: a.OS, Gossip: a.Gossip,
		Clock: clockWords(a.Offset), Spool: thousands(a.Spool), Enrolled: stamp(now, a.Enrolled), Revoked: stamp(now, a.Revoked)}
	if site.ID != "" && l.ISP == "" {
		l.ISP = site.Network
	}
	if a.HostedBy != "" {
		l.ISP = strings.TrimPrefix(l.ISP+", ", ", ") + "on servers of " + a.HostedBy + ": no vote about it"
	}
	if a.Connected {
		l.Line = a.Transport
		if a.RTT > 0 {
			l.Line = strings.TrimPrefix(l.Line+", "+ms(a.RTT), ", ")
		}
	}
	if !a.Seen.IsZero() {
		l.Seen = age(now.Sub(a.Seen))
	}
	if !a.NotAfter.IsZero() {
		l.Cert = span(a.NotAfter.Sub(now))
	}
	if a.Revoked.IsZero() {
		l.Findings = findings(now, a, st)
	}
	l.rank = min(1, len(l.Findings))
	switch {
	case !a.Revoked.IsZero():
		l.State, l.Word = "no-data", "revoked"
	case !a.Connected && a.Seen.IsZero():
		l.State, l.Word, l.Why, l.rank = "no-data", "never seen", "it joined but has not said hello", 3
	case !a.Connected && !a.Left.IsZero():
		l.State, l.Word, l.rank = "no-data", a.Presence(), max(1, l.rank)
	case !a.Connected:
		l.State, l.Word, l.rank = "no-data", "lost contact", 3
	case !a.Away.IsZero():
		l.State, l.Word = "no-data", "away"
	case !a.Voting:
		l.State, l.Word, l.Why, l.rank = "disputed", "not voting", detect.WhyWords(a.Why), 2
	default:
		l.State, l.Word = "ok", "voting"
	}
	if l.Word == "voting" && site.ID != "" && !site.Eligible {
		l.State, l.Word, l.Why, l.rank = "disputed", "not counted", detect.WhyWords(site.Why), 2
	}
	if l.Why == l.Word {
		l.Why = ""
	}
	l.Glyph = glyph(l.State)
	return l
}

// findings are what somebody should look at, each in a few words with what to do
// where that is known.
func findings(now time.Time, a Agent, st Status) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if c := a.Clone; c != nil {
		add("another machine (%s at %s) came with the same identity and was refused: it is a copy, give it its own (picket-agent join --force-new-identity)", cmp.Or(c.Host, "nameless"), c.From)
	}
	list = append(list, a.Notes(func(t time.Time) string { return stamp(now, t) })...)
	if a.Refused != "" {
		add("refuses the configuration: %s", a.Refused)
	} else if a.Connected && a.Config != 0 && a.Config < st.Config {
		add("has not taken the newest configuration yet")
	}
	if off := a.Offset.Abs(); off >= clockOff {
		add("its clock is %s: set it by NTP", clockWords(a.Offset))
	}
	if a.Spool >= spoolMuch && a.Connected {
		add("%s results wait to be sent: its line, or the Picket server, is slow", thousands(a.Spool))
	}
	if a.Dropped > 0 {
		add("had to drop %s results: its disk buffer was full", thousands(a.Dropped))
	}
	if left := a.NotAfter.Sub(now); !a.NotAfter.IsZero() {
		switch {
		case left <= 0:
			add("its certificate has ended: it must join again with a new token")
		case left < certSoonA:
			add("certificate ends in %s and was not renewed: see its log", span(left))
		}
	}
	if a.Connected && a.RefsAsked > 0 && a.RefsOK < a.RefsAsked {
		add("%d of %d references answer it", a.RefsOK, a.RefsAsked)
	}
	if a.Connected && (a.Gossip == "suspect" || a.Gossip == "dead") {
		add("other agents cannot reach it (%s)", a.Gossip)
	}
	if a.Connected && a.Transport != "" && a.Transport != "quic" {
		add("UDP seems blocked: it uses %s", a.Transport)
	}
	return append(list, doctorWords(a.Doctor)...)
}

// clockWords says how an agent's clock stands. offset is the server's clock minus
// the agent's, so a positive one means that the agent is behind.
func clockWords(offset time.Duration) string {
	switch off := offset.Abs(); {
	case off < 100*time.Millisecond:
		return "right"
	case offset > 0:
		return spanShort(off) + " behind"
	default:
		return spanShort(off) + " ahead"
	}
}

// spanShort is a span with tenths below ten seconds.
func spanShort(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return span(d)
}

// maxDoctorLines is how many findings of one agent's doctor the page shows; the
// list for programs has them all.
const maxDoctorLines = 3

// doctorWords are the warnings and failures of an agent's doctor that the page
// does not show by itself already, failures first.
func doctorWords(d *Doctor) (list []string) {
	if d == nil {
		return nil
	}
	for _, level := range []string{"FAIL", "WARN"} {
		for _, f := range d.Findings {
			if f.Level != level || slices.Contains(shownAlready[:], f.ID) {
				continue
			}
			if len(list) == maxDoctorLines {
				return append(list, "its doctor found more: run picket-agent doctor there")
			}
			text := "doctor, " + f.ID + ": " + f.Text
			if f.Fix != "" {
				text += "; " + f.Fix
			}
			list = append(list, text)
		}
	}
	return list
}

// shownAlready are the ids of findings that the collector knows better.
var shownAlready = [...]string{"clock", "quic", "vote", "identity"}
