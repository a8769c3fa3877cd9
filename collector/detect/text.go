package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file puts findings into words. Rules: counts are sites and ISPs, never
// agents; likely, never "probable"; silence is "lost contact" until there is
// evidence; between an ISP and a cloud neither is blamed.

// describe writes title, summary and the reason's sentence. What is claimed in
// the present tense is so now: once it is well again, the finding is the past.
func (e *Engine) describe(now time.Time, l *live) {
	inc := &l.inc
	inc.Evidence = l.sortedProof()
	subject := e.subject(l)
	past := inc.State == Recovering || inc.State == Resolved && !inc.Recovered.IsZero() && inc.Reason.Code != Unwatched && inc.Reason.Code != Maintained && inc.SupersededBy == ""
	switch inc.Kind {
	case KindSite, KindNetwork, KindVRegion, KindFleet, KindCollector:
		if len(l.quiet) > 0 {
			inc.Title, inc.Reason.Text = e.silenceText(now, l, subject)
			break
		}
		l.unwell = !past && e.unwell(now, l) || past && l.unwell
		if inc.Title = l.scope.capital(subject) + ": cannot reach most of what we watch"; l.unwell {
			inc.Title = l.scope.capital(subject) + unwellTitle
		}
		inc.Reason.Text = e.localText(now, l, subject)
	case KindNetworkProvider, KindNetworkDependency:
		inc.Title = "Trouble " + subject
		inc.Reason.Text = e.pathText(now, l)
	default:
		if inc.Title = l.scope.capital(subject) + ": outage"; inc.Reason.Code == Alone {
			inc.Title = subject + ": unreachable from one site"
		}
		inc.Reason.Text = e.outageText(now, l, subject)
	}
	if past {
		inc.Reason.Text = e.pastText(l, subject)
	}
	if l.mild() {
		e.describeMild(l, subject, past)
	}
	inc.Summary = inc.Reason.Text + e.aftermath(now, l)
}

// subject names what is blamed.
func (e *Engine) subject(l *live) string { return l.scope.label(e.nameOf) }

// outageText is the sentence of a provider-side incident.
func (e *Engine) outageText(now time.Time, l *live, subject string) string {
	inc := &l.inc
	var b strings.Builder
	switch inc.Reason.Code {
	case Alone:
		fmt.Fprintf(&b, "%s is unreachable from the only site that looks", subject)
	default:
		fmt.Fprintf(&b, "%s cannot reach %s", countsOf(inc).onISPs(), subject)
	}
	fmt.Fprintf(&b, ": %s.", causeText(inc.Cause, 1))
	b.WriteString(e.howReferences(l))
	b.WriteString(e.where(now, l))
	if e.oneRegion() && inc.Reason.Code != Alone {
		b.WriteString(" All of them look from one region: this is true from where we look.")
	}
	switch inc.Reason.Code {
	case TwoNetworks:
		if inc.Confidence != ConfidenceConfirmed {
			b.WriteString(" Only two ISPs look, so it is likely until it has held for 15 seconds.")
		}
	case TwoSites:
		b.WriteString(" Two sites are too few to confirm an outage.")
	case UnknownISPs:
		b.WriteString(" It stays likely because the ISPs of the failing sites are not known by name.")
	case Frozen:
		b.WriteString(" It stays likely because many sites have lost contact with Picket at the same time.")
	case Alone:
		b.WriteString(" One site cannot tell an outage from trouble on the way.")
	}
	return b.String()
}

// where says what else tells where the trouble is: what hangs on a shared
// component, and what is well beside the part that fails.
func (e *Engine) where(now time.Time, l *live) string {
	inc := &l.inc
	switch sc := l.scope; {
	case sc.kind == KindEdge:
		return " " + e.extent(inc) + " are answered by it; other edges of " + sc.dependency + " are well."
	case sc.vregion != "":
		if c := e.contrastTo(now, sc, inc.Targets); c.clear(e.rule) {
			return fmt.Sprintf(" %d of %s in other regions can: the trouble is there or on the way there.", c.well, plural(c.sites, "site"))
		}
	case sc.kind == KindDependency:
		return " " + e.extent(inc) + " depend on it and fail."
	case sc.family != 0:
		return " Over IPv" + other(sc.family).String() + " it is well."
	}
	return ""
}

// howReferences says how the references of the failing sites were.
func (e *Engine) howReferences(l *live) string {
	if len(e.refs) == 0 {
		return ""
	}
	ok, n := 0, 0
	for id := range l.failing {
		s := e.siteByID[id]
		if s == nil || !l.scope.looks(s) {
			continue
		}
		for _, a := range s.agents {
			if a.told && a.health.RefsAsked > 0 {
				n++
				if float64(a.health.RefsOK) >= e.rule.References*float64(a.health.RefsAsked) {
					ok++
				}
				break
			}
		}
	}
	switch {
	case n == 0:
		return ""
	case l.scope.kind == KindReference:
		return " Their other references answer; no cloud is concerned."
	case ok == n && n == 1:
		return " Its references are well."
	case ok == n:
		return " References are well everywhere."
	}
	return fmt.Sprintf(" References are well at %d of these %s.", ok, plural(n, "site"))
}

// oneRegion says whether all sites look from one known vantage region.
func (e *Engine) oneRegion() bool {
	if len(e.sites) == 0 || e.sites[0].Region == "" {
		return false
	}
	return !slices.ContainsFunc(e.sites, func(s *site) bool { return s.Region != e.sites[0].Region })
}

func (e *Engine) pathText(now time.Time, l *live) string {
	inc := &l.inc
	p := l.scope.far()
	who := countsOf(inc).ofSites()
	if inc.Reason.Code == OneISP {
		return fmt.Sprintf("%s, all on %s, cannot reach %s: %s.%s With one ISP we cannot tell %s from the ISP's path to it.",
			who, inc.Network, e.pathSubject(inc), causeText(inc.Cause, 1), e.howReferences(l), p)
	}
	text := fmt.Sprintf("%s on %s cannot reach %s: %s.", who, inc.Network, p, causeText(inc.Cause, 1))
	if c := e.contrastTo(now, l.scope, inc.Targets); c.clear(e.rule) {
		text += fmt.Sprintf(" %d of %s on other ISPs can.", c.well, plural(c.sites, "site"))
	}
	return text + fmt.Sprintf(" The trouble lies between %s and %s.", inc.Network, p)
}

func (e *Engine) pathSubject(inc *Incident) string {
	if len(inc.Targets) == 1 {
		if t := e.targetByID[inc.Targets[0]]; t != nil {
			return targetScope(t).label(e.nameOf)
		}
	}
	if inc.Dependency != "" {
		return inc.Dependency
	}
	return display(inc.Provider)
}

// silenceText is title and sentence of what is told of silence.
func (e *Engine) silenceText(now time.Time, l *live, subject string) (title, text string) {
	inc := &l.inc
	since := inc.Started.UTC().Format("15:04:05") + " UTC"
	switch inc.Reason.Code {
	case LineDown:
		title = subject + ": line down"
		if n, from, to := e.spell(l); n > 0 {
			return title, fmt.Sprintf("The line of %s was down from %s to %s: %s, delivered afterwards, say so.", subject, clock(from), clock(to), "its own results")
		}
		return title, fmt.Sprintf("Line or power of %s is down since %s: its Picket agents fell silent at the same moment%s.", subject, since, e.whileHeard(now, l, "other sites are heard"))
	case WANSilent, WANAnswers:
		return e.wanText(now, l, subject, since)
	case ContactOnly:
		return "Lost contact with " + subject, fmt.Sprintf("%s was not heard since %s, but its line worked: its own results, delivered afterwards, are good. Only the way to the Picket server was cut.", subject, since)
	case Stopped:
		if inc.Site != "" {
			return subject + ": stopped", fmt.Sprintf("Picket was stopped at %s at %s and has not come back. Nobody watches from there; nothing is known of its line.", inc.Site, since)
		}
		return "Picket fleet: stopped at " + plural(len(l.quiet), "site"), fmt.Sprintf("Picket was stopped at %d of %s at about the same time, on purpose or by a restart. Nothing is known of their lines.", inc.DownSites, plural(inc.Sites, "site"))
	case NetworkSilent:
		return "Lost contact with " + subject, fmt.Sprintf("%d of %s on %s fell silent together since %s%s: most likely %s itself.", inc.DownSites, plural(inc.Sites, "site"), subject, since, e.whileHeard(now, l, "other ISPs are heard"), subject)
	case FleetSilent:
		return "Picket fleet: lost contact with " + plural(inc.DownSites, "site"), fmt.Sprintf("%d of %s on %s fell silent together since %s. That is no one line: look at the hosts (updates, reboots) and at the way to the Picket server.", inc.DownSites, plural(inc.Sites, "site"), plural(inc.DownNetworks, "ISP"), since)
	case AllSilent:
		return "Picket server: lost contact with every site", fmt.Sprintf("All %s fell silent together since %s: the Picket server's own line or host is the likely cause. Nothing is known of any cloud meanwhile.", plural(inc.DownSites, "site"), since)
	}
	return "Lost contact with " + subject, fmt.Sprintf("Nothing has been heard from %s since %s. Nothing is known of its line: the machine may be off.", subject, since)
}

// spell is the longest ended silence among l's sites.
func (e *Engine) spell(l *live) (n int, from, to time.Time) {
	for id := range l.quiet {
		s := e.siteByID[id]
		if s == nil || s.silence == nil || s.silence.l != l || s.silence.to.IsZero() || s.silence.bad == 0 {
			continue
		}
		if n++; from.IsZero() || s.silence.from.Before(from) {
			from = s.silence.from
		}
		if s.silence.to.After(to) {
			to = s.silence.to
		}
	}
	return n, from, to
}

func verdictText(v *Verdict) string {
	isps := plural(v.Networks, "ISP")
	switch {
	case v.State == NoData:
		return "No fresh result from any site."
	case v.State == OK && v.DownSites == 0:
		return fmt.Sprintf("Well as seen from %s on %s.", plural(v.Sites, "site"), isps)
	case v.State == OK:
		return fmt.Sprintf("Well: only %d of %s on %s cannot reach it.", v.DownSites, plural(v.Sites, "site"), isps)
	}
	return fmt.Sprintf("Mixed results: %d of %s on %s cannot reach it.", v.DownSites, plural(v.Sites, "site"), plural(v.DownNetworks, "ISP"))
}

// onISPs is "9 of 11 sites on 6 ISPs".
func (c failing) onISPs() string { return c.ofSites() + " on " + plural(c.downNets, "ISP") }

// ofSites is "9 of 11 sites".
func (c failing) ofSites() string {
	if c.sites <= 1 {
		return "1 site"
	}
	return fmt.Sprintf("%d of %d sites", c.down, c.sites)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

// display is a provider's name as people write it.
func display(provider string) string {
	switch strings.ToLower(provider) {
	case "":
		return ""
	case "aws":
		return "AWS"
	case "gcp":
		return "Google Cloud"
	case "m365", "microsoft365":
		return "Microsoft 365"
	case "oci":
		return "Oracle Cloud"
	case "ovh":
		return "OVHcloud"
	}
	return strings.ToUpper(provider[:1]) + provider[1:]
}
