package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/probes"
)

// This file puts findings into words. Rules: counts are sites and ISPs, never
// agents; likely, never "probable"; silence is "lost contact" until there is
// evidence; between an ISP and a cloud neither is blamed.

// describe writes title, summary and the reason's sentence.
func (e *Engine) describe(now time.Time, l *live) {
	inc := &l.inc
	inc.Evidence = l.sortedProof()
	subject := e.subject(l)
	switch inc.Kind {
	case KindSite, KindNetwork, KindFleet, KindCollector:
		if len(l.quiet) > 0 {
			inc.Title, inc.Reason.Text = e.silenceText(l, subject)
		} else {
			inc.Title = subject + ": cannot reach most of what we watch"
			inc.Reason.Text = e.localText(l, subject)
		}
	case KindNetworkProvider:
		inc.Title = "Trouble between " + inc.Network + " and " + display(inc.Provider)
		inc.Reason.Text = e.pathText(l)
	default:
		if inc.Title = subject + ": outage"; inc.Reason.Code == Alone {
			inc.Title = subject + ": unreachable from one site"
		}
		inc.Reason.Text = e.outageText(l, subject)
	}
	inc.Summary = inc.Reason.Text + e.aftermath(l)
}

// subject names what is blamed.
func (e *Engine) subject(l *live) string {
	inc := &l.inc
	p := display(inc.Provider)
	switch inc.Kind {
	case KindProvider:
		return p
	case KindProviderRegion:
		return p + " " + inc.Region
	case KindService:
		return p + " " + inc.Service
	case KindTarget:
		return e.targetName(inc)
	case KindNetwork:
		return inc.Network
	case KindSite:
		return inc.Site
	case KindCollector:
		return "Picket server"
	case KindFleet:
		if inc.Site != "" {
			return "Picket at " + inc.Site
		}
		return "Picket fleet"
	}
	return p
}

func (e *Engine) targetName(inc *Incident) string {
	name := inc.Target
	if t := e.targetByID[inc.Target]; t != nil && t.Name != "" {
		name = t.Name
	}
	p := display(inc.Provider)
	switch {
	case inc.Service != "" && inc.Region != "":
		return inc.Service + " in " + p + " " + inc.Region
	case inc.Service != "" && p != "":
		return p + " " + inc.Service
	}
	return name
}

// outageText is the sentence of a provider-side incident.
func (e *Engine) outageText(l *live, subject string) string {
	inc := &l.inc
	var b strings.Builder
	switch inc.Reason.Code {
	case Alone:
		fmt.Fprintf(&b, "%s is unreachable from the only site that looks", subject)
	default:
		fmt.Fprintf(&b, "%s cannot reach %s", sitesOf(inc), subject)
	}
	fmt.Fprintf(&b, ": %s.", causeText(inc.Cause))
	b.WriteString(e.references(l))
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

// references says how the references of the failing sites were.
func (e *Engine) references(l *live) string {
	if !e.hasReferences {
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

func (e *Engine) pathText(l *live) string {
	inc := &l.inc
	p := display(inc.Provider)
	if inc.Reason.Code == OneISP {
		return fmt.Sprintf("%s, all on %s, cannot reach %s: %s.%s With one ISP we cannot tell %s from the ISP's path to it.",
			sitesCount(inc), inc.Network, e.pathSubject(inc), causeText(inc.Cause), e.references(l), p)
	}
	return fmt.Sprintf("%s on %s cannot reach %s: %s. Sites on other ISPs reach it. The trouble lies between %s and %s.",
		sitesCount(inc), inc.Network, p, causeText(inc.Cause), inc.Network, p)
}

func (e *Engine) pathSubject(inc *Incident) string {
	if len(inc.Targets) == 1 {
		if t := e.targetByID[inc.Targets[0]]; t != nil {
			return e.targetName(&Incident{Target: t.ID, Provider: t.Provider, Service: t.Service, Region: t.Region})
		}
	}
	return display(inc.Provider)
}

// localText is the sentence of a site or network that is in contact but fails
// towards nearly everything.
func (e *Engine) localText(l *live, subject string) string {
	inc := &l.inc
	provs := map[string]bool{}
	for _, id := range inc.Targets {
		if t := e.targetByID[id]; t != nil {
			provs[t.Provider] = true
		}
	}
	who := subject
	if inc.Kind == KindNetwork {
		who = sitesCount(inc) + " on " + subject
	}
	return fmt.Sprintf("%s cannot reach %s of %s: %s. Other sites reach them, so the trouble is on this side: the line, its firewall or its DNS.",
		who, plural(len(inc.Targets), "service"), plural(len(provs), "cloud"), causeText(inc.Cause))
}

// silenceText is title and sentence of what is told of silence.
func (e *Engine) silenceText(l *live, subject string) (title, text string) {
	inc := &l.inc
	since := inc.Started.UTC().Format("15:04:05") + " UTC"
	switch inc.Reason.Code {
	case LineDown:
		title = subject + ": line down"
		if n, from, to := e.spell(l); n > 0 {
			return title, fmt.Sprintf("The line of %s was down from %s to %s: %s, delivered afterwards, say so.", subject, clock(from), clock(to), "its own results")
		}
		return title, fmt.Sprintf("Line or power of %s is down since %s: its Picket agents fell silent at the same moment while other sites are heard.", subject, since)
	case ContactOnly:
		return "Lost contact with " + subject, fmt.Sprintf("%s was not heard since %s, but its line worked: its own results, delivered afterwards, are good. Only the way to the Picket server was cut.", subject, since)
	case Stopped:
		if inc.Site != "" {
			return subject + ": stopped", fmt.Sprintf("Picket was stopped at %s at %s and has not come back. Nobody watches from there; nothing is known of its line.", inc.Site, since)
		}
		return "Picket fleet: stopped at " + plural(len(l.quiet), "site"), fmt.Sprintf("Picket was stopped at %d of %s at about the same time, on purpose or by a restart. Nothing is known of their lines.", inc.DownSites, plural(inc.Sites, "site"))
	case NetworkSilent:
		return "Lost contact with " + subject, fmt.Sprintf("%d of %s on %s fell silent together since %s while other ISPs are heard: most likely %s itself.", inc.DownSites, plural(inc.Sites, "site"), subject, since, subject)
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

// aftermath is appended once an incident heals or ends.
func (e *Engine) aftermath(l *live) string {
	inc := &l.inc
	var b strings.Builder
	if inc.Again > 0 && inc.State != Resolved {
		b.WriteString(" It is back again.")
	}
	switch {
	case inc.SupersededBy != "":
		b.WriteString(" It is part of a wider incident.")
	case inc.State == Resolved && inc.Reason.Code == Unwatched:
		b.WriteString(" It is no longer watched.")
	case inc.State == Resolved:
		fmt.Fprintf(&b, " Over since %s after %s.", clock(inc.Recovered), inc.Recovered.Sub(inc.Started).Round(time.Second))
	case inc.State == Recovering && len(l.quiet) > 0:
		b.WriteString(" It is heard again; we watch whether it lasts.")
	case inc.State == Recovering:
		b.WriteString(" It is well again; we watch whether it lasts.")
	case inc.CoverageLost:
		b.WriteString(" Too few of these sites can tell whether it is over.")
	}
	return b.String()
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

// sitesOf is "9 of 11 sites on 6 ISPs".
func sitesOf(inc *Incident) string {
	return sitesCount(inc) + " on " + plural(inc.DownNetworks, "ISP")
}

func sitesCount(inc *Incident) string {
	if inc.Sites <= 1 {
		return "1 site"
	}
	return fmt.Sprintf("%d of %d sites", inc.DownSites, inc.Sites)
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

// causeText is a cause in words, after "cannot reach X: ".
func causeText(cause string) string {
	for c, s := range causeTexts() {
		if c.String() == cause {
			return s
		}
	}
	return "it does not answer as it should"
}

func causeTexts() map[probes.Cause]string {
	return map[probes.Cause]string{
		probes.DNSTimeout:     "its name servers do not answer",
		probes.DNSServfail:    "its name cannot be resolved (server failure)",
		probes.DNSNXDomain:    "its name does not exist",
		probes.DNSRefused:     "its name servers refuse to answer",
		probes.DNSEmpty:       "its name has no address",
		probes.DNSUnreachable: "its name servers are unreachable",
		probes.DNSMalformed:   "its name servers give unreadable answers",
		probes.TCPTimeout:     "connections time out",
		probes.TCPRefused:     "connections are refused",
		probes.TCPReset:       "connections are reset",
		probes.TCPUnreachable: "the network says it is unreachable",
		probes.TLSTimeout:     "the TLS handshake times out",
		probes.TLSAlert:       "the TLS handshake is rejected",
		probes.TLSExpired:     "its certificate has expired",
		probes.TLSNotYetValid: "its certificate is not yet valid",
		probes.TLSName:        "its certificate is for another name",
		probes.TLSUntrusted:   "its certificate is not trusted",
		probes.TLSReset:       "the TLS handshake is cut off",
		probes.TLSProtocol:    "it does not speak TLS",
		probes.HTTPTimeout:    "it accepts connections but does not answer",
		probes.HTTPStatus:     "it answers with errors",
		probes.HTTPBody:       "it answers with the wrong content",
		probes.HTTPReset:      "it cuts requests off",
		probes.HTTPMalformed:  "its answers are unreadable",
	}
}
