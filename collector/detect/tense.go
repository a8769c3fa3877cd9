package detect

import (
	"fmt"
	"strings"
	"time"
)

// This file words what blames our own side, and what is over or was: claims
// about now are counted now.

// unwellTitle ends the title of a site or ISP without its own references.
const unwellTitle = ": its own line or resolver is unwell"

// localText is the sentence of a site or network that is in contact but fails
// towards nearly everything.
func (e *Engine) localText(now time.Time, l *live, subject string) string {
	inc := &l.inc
	who, verb := e.localWho(l, subject, countsOf(inc)), "cannot reach"
	if inc.CoverageLost {
		verb = "could not reach"
	}
	text := fmt.Sprintf("%s %s %s: %s", who, verb, e.extent(inc), causeText(inc.Cause, len(inc.Targets)))
	if l.unwell {
		text += "; its references fail too"
	}
	c := e.contrastTo(now, l.scope, inc.Targets)
	return text + ". " + c.text(e.rule, l.scope.kind)
}

func (e *Engine) localWho(l *live, subject string, c failing) string {
	switch l.inc.Kind {
	case KindNetwork:
		return c.ofSites() + " on " + subject
	case KindVRegion:
		return c.ofSites() + " in " + l.inc.VRegion + " on " + plural(c.downNets, "ISP")
	}
	return subject
}

// extent is "10 services of 6 clouds".
func (e *Engine) extent(inc *Incident) string {
	provs := map[string]bool{}
	for _, id := range inc.Targets {
		if t := e.targetByID[id]; t != nil {
			provs[t.Provider] = true
		}
	}
	return plural(len(inc.Targets), "service") + " of " + plural(len(provs), "cloud")
}

// text says what the others reach now, and what follows from it.
func (c contrast) text(rule Rule, k Kind) string {
	ours := ", so the trouble is on this side: the line, its firewall or its DNS."
	if k == KindVRegion {
		ours = ", so the trouble is in that region: its ISPs or what carries them."
	}
	switch {
	case c.sites == 0:
		return "No other site can tell now whether they are well."
	case c.well == 0:
		return fmt.Sprintf("Of %s that can tell none reaches them now either.", plural(c.sites, "other site"))
	case !c.clear(rule):
		return fmt.Sprintf("%d of %s that can tell reach them now.", c.well, plural(c.sites, "other site"))
	case c.sites == 1:
		return "The other site that can tell reaches them" + ours
	}
	return fmt.Sprintf("%d of %d other sites reach them%s", c.well, c.sites, ours)
}

// whileHeard is " while ..." if anybody else is heard.
func (e *Engine) whileHeard(now time.Time, l *live, what string) string {
	if e.heardElsewhere(now, l.scope) == 0 {
		return ""
	}
	return " while " + what
}

// pastText is the finding of an incident that is well again: who failed, with
// the most that ever did at once, and from when.
func (e *Engine) pastText(l *live, subject string) string {
	inc := &l.inc
	from := clock(inc.Started)
	if len(l.quiet) > 0 {
		return e.pastSilence(l, subject, from)
	}
	saw := ""
	if inc.Cause != "" {
		saw = " What was seen: " + causeText(inc.Cause, len(inc.Targets)) + "."
	}
	var who, what string
	switch inc.Kind {
	case KindSite, KindNetwork, KindVRegion:
		who, what = e.localWho(l, subject, l.top), e.extent(inc)
	case KindNetworkProvider, KindNetworkDependency:
		who, what = l.top.ofSites()+" on "+inc.Network, e.pathSubject(inc)
	default:
		who, what = l.top.onISPs(), subject
	}
	if inc.State == Resolved {
		return fmt.Sprintf("%s could not reach %s from %s to %s.%s", who, what, from, clock(inc.Recovered), saw)
	}
	return fmt.Sprintf("%s could not reach %s from %s; %s.%s", who, what, from, e.soFar(l), saw)
}

// pastSilence is the same of a silence. What the sites' own results told
// afterwards is the past already.
func (e *Engine) pastSilence(l *live, subject, from string) string {
	inc := &l.inc
	n, _, _ := e.spell(l)
	if inc.Reason.Code == ContactOnly || inc.Reason.Code == LineDown && n > 0 {
		return inc.Reason.Text
	}
	who, was := subject, "was not heard"
	switch {
	case inc.Reason.Code == Stopped && inc.Site != "":
		who, was = "Picket at "+inc.Site, "was stopped"
	case inc.Kind == KindNetwork:
		who, was = l.top.ofSites()+" on "+subject, "were not heard"
	case inc.Kind == KindFleet || inc.Kind == KindCollector:
		who, was = l.top.ofSites(), "were not heard"
	}
	if inc.State == Resolved {
		return fmt.Sprintf("%s %s from %s to %s.", who, was, from, clock(inc.Recovered))
	}
	return fmt.Sprintf("%s %s from %s; %s.", who, was, from, e.soFar(l))
}

// soFar is how a recovery goes.
func (e *Engine) soFar(l *live) string {
	inc := &l.inc
	since := clock(inc.Recovered)
	switch {
	case inc.CoverageLost:
		return "it was well again at " + since + ", but too few of these sites can tell how it is now"
	case l.healthy.IsZero():
		return "it was well again at " + since + ", but single sites fail still: it is not over yet"
	case inc.Intermittent:
		return "all is well again since " + since + ", but it comes and goes: closing after " + plural(int(e.rule.Steady.Minutes()), "minute") + " of health"
	case len(l.quiet) > 0:
		return "all is heard again since " + since + ", closing after a minute of it"
	}
	return "all is well again since " + since + ", closing after a minute of health"
}

// aftermath is appended to what is told of an incident in the present tense,
// or ends it.
func (e *Engine) aftermath(now time.Time, l *live) string {
	inc := &l.inc
	var b strings.Builder
	again := !l.pauseTo.IsZero() && inc.State.Open() && inc.State != Recovering
	if inc.Again > 0 && inc.State.Open() && inc.State != Recovering && !again {
		b.WriteString(" It is back again.")
	}
	switch {
	case inc.SupersededBy != "":
		b.WriteString(" It is part of a wider incident.")
	case inc.State == Resolved && inc.Reason.Code == Unwatched:
		b.WriteString(" It is no longer watched.")
	case inc.State == Resolved && inc.Reason.Code == Maintained:
		b.WriteString(" A maintenance window covers all of it: it is not judged meanwhile.")
	case inc.State == Resolved:
		fmt.Fprintf(&b, " Over since %s after %s.", clock(inc.Recovered), inc.Recovered.Sub(inc.Started).Round(time.Second))
	case again:
		fmt.Fprintf(&b, " It was well from %s to %s", clock(l.pauseFrom), clock(l.pauseTo))
		switch c := e.failingNow(now, l); {
		case len(l.quiet) > 0:
			b.WriteString(".")
		case c.down == 0:
			b.WriteString("; then it failed again.")
		case c.sites == 1:
			b.WriteString("; now it fails again.")
		default:
			fmt.Fprintf(&b, "; now %s again.", c.fail())
		}
	}
	if inc.Intermittent && inc.State.Open() && inc.State != Recovering {
		b.WriteString(" It comes and goes.")
	}
	if inc.IPReachable && inc.State.Open() && inc.State != Recovering {
		b.WriteString(" The addresses that it last had still answer: only the names are broken.")
	}
	if inc.State == Lingering {
		b.WriteString(" Most of it has healed; this rest lingers.")
	}
	if inc.Easing {
		b.WriteString(" Fresh answers are good again: it may be over.")
	}
	if inc.CoverageLost && inc.State.Open() && inc.State != Recovering {
		b.WriteString(" Too few sites can tell whether it is over.")
	}
	return b.String()
}

// fail is "5 of 12 sites fail".
func (c failing) fail() string {
	if c.down == 1 {
		return c.ofSites() + " fails"
	}
	return c.ofSites() + " fail"
}
