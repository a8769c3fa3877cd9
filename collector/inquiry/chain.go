package inquiry

import (
	"cmp"
	"fmt"
	"time"

	"picket/collector/detect"
)

// chain is the way from the site of the question to the service, link by link.
// The first broken one is where it is. About everybody, only the last two links
// say anything.
func (s scene) chain(o opinion) []Link {
	internet := Link{ID: "internet", Name: "Internet", State: LinkUnknown, Text: "no site was named"}
	dns := Link{ID: "dns", Name: "DNS", State: LinkUnknown, Text: "no site was named"}
	path := Link{ID: "path", Name: "The way there", State: LinkUnknown, Text: "no site was named"}
	service := s.serviceLink(o)
	if s.own == nil {
		if o.party == Path {
			path.State, path.Text = LinkBroken, "only sites on one internet provider fail"
		}
		return []Link{internet, dns, path, service}
	}
	internet.Name = "Internet at " + s.own.Site
	internet.State, internet.Text = s.internetLink(o)
	dns.State, dns.Text = s.dnsLink()
	path.Name = cmp.Or(s.own.ISP, path.Name)
	path.State, path.Text = s.pathLink(o)
	if o.party == Site && path.State == LinkBroken {
		path.Name = s.own.Site + " to " + s.who() // not the ISP's: others on it get through
	}
	return []Link{internet, dns, path, service}
}

func (s scene) internetLink(o opinion) (LinkState, string) {
	r := s.own
	refs := fmt.Sprintf("%d of %d references answer", r.RefsOK, r.RefsAsked)
	switch {
	case s.sight == mute:
		if i := s.ofSite(r.Site); i != nil && i.LineDown {
			return LinkBroken, "the line is down"
		}
		return LinkUnknown, s.lostSince()
	case s.sight == barred:
		return LinkUnknown, "the Picket agent did not look"
	case s.sight == line && o.party == ISP && s.same.line > 0:
		return LinkUnknown, refs + ", as everywhere on " + r.ISP
	case s.sight == line && o.party == ISP:
		return LinkUnknown, refs + ", and others on " + r.ISP + " are silent"
	case s.sight == line, r.Cause == "local_noroute":
		return LinkBroken, refs
	case r.RefsAsked == 0:
		if s.sight == good || s.sight == guarded {
			return LinkOK, "the service answers over it"
		}
		return LinkUnknown, "no references are configured"
	case r.Line() == LinkBroken:
		return LinkSlow, refs // yet the service answers
	case r.Line() == LinkUnknown && !s.sight.tells():
		return LinkUnknown, refs
	}
	return LinkOK, refs
}

// dnsLink is read from the phases of the site's own probe.
func (s scene) dnsLink() (LinkState, string) {
	r := s.own
	switch {
	case r.State != Answered || s.sight == line:
		return LinkUnknown, "not reached"
	case r.Layer == "dns" || r.Cause == "local_resolver":
		return LinkBroken, cause(*r)
	case r.DNS > 0:
		return LinkOK, "resolved in " + short(r.DNS)
	case r.Connect > 0 || r.Layer == "tcp" || r.Layer == "tls" || r.Layer == "http" || s.sight == good:
		return LinkOK, "no name to resolve"
	}
	return LinkUnknown, "not reached"
}

func (s scene) pathLink(o opinion) (LinkState, string) {
	r := s.own
	if r.State != Answered {
		if o.party == ISP {
			return LinkBroken, "contact with its sites was lost at about the same time"
		}
		return LinkUnknown, "nobody looks from there now"
	}
	switch {
	case o.party == ISP && s.same.line == 0:
		return LinkBroken, "no word from other sites on it"
	case o.party == ISP:
		return LinkBroken, "its sites reach nothing"
	case s.sight == line || s.sight == local || r.Layer == "dns":
		return LinkUnknown, "not reached"
	case s.sight == good || s.sight == guarded:
		return LinkOK, reach(*r)
	case o.party == Path:
		return LinkBroken, cause(*r)
	case o.party == Site:
		return LinkBroken, cause(*r) + "; others on " + r.ISP + " get through"
	case r.Connect > 0:
		return LinkOK, reach(*r)
	case o.party == Service:
		return LinkOK, "sites on " + plural(len(s.all.badISPs), "ISP") + " see the same"
	}
	return LinkUnknown, cause(*r)
}

// serviceLink is the last link, in the eyes of everybody who was asked.
func (s scene) serviceLink(o opinion) Link {
	l := Link{ID: "service", Name: s.who(), State: LinkUnknown}
	switch a := s.all; {
	case o.party == Service:
		l.State, l.Text = LinkBroken, "fails at "+s.failing()
	case a.n() == 0:
		l.Text = "no site could look"
	case a.good == 0:
		l.Text = "fails at " + s.failing() + ", too few to blame it"
	case s.sight == good && s.own != nil && s.own.Outcome == "degraded":
		l.State, l.Text = LinkSlow, cause(*s.own)
	case s.own == nil && 2*a.slow > a.good:
		l.State, l.Text = LinkSlow, fmt.Sprintf("answers badly at %d of %s", a.slow, sites(a.n()))
	case a.bad == 0 || o.party != CantTell && s.blamed == nil:
		l.State, l.Text = LinkOK, "answers at "+s.reached()
	default:
		l.Text = "mixed results: fails at " + s.failing()
	}
	return l
}

func reach(r Row) string {
	if r.Connect > 0 {
		return "connected in " + short(r.Connect)
	}
	return "answers"
}

func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// missing says what would have to be there to tell more; nothing when the answer
// is sure enough.
func (s scene) missing(o opinion) []string {
	var list []string
	unsure := o.party == CantTell || o.confidence == detect.ConfidenceSuspected
	if o.party == Nobody || !unsure {
		return nil
	}
	if s.own != nil {
		if s.sight == mute {
			list = append(list, "contact with "+s.own.Site)
		}
		silent := s.silentBeside()
		switch {
		case s.sight == line && silent > 0 && s.same.n()+s.same.line == 0:
			list = append(list, fmt.Sprintf("word from %s on %s, to tell %s from its internet provider", plural(silent, "other site"), s.own.ISP, s.own.Site))
		case s.same.n() == 0 && s.own.ISP != "" && (s.sight == bad || s.sight == line || s.sight == mute):
			list = append(list, fmt.Sprintf("a second site on %s, to tell %s from its internet provider", s.own.ISP, s.own.Site))
		}
		if s.sight == bad && s.own.RefsAsked < lineFew {
			list = append(list, "reference targets in the configuration, to tell the line of "+s.own.Site+" from the service")
		}
		if len(s.rest.told) == 0 {
			return append(list, "a site on another internet provider, to tell the internet provider from the service")
		}
	}
	r := detect.DefaultRule()
	switch need := max(r.MinSites-s.all.n(), 0); {
	case s.all.n() == 0:
		list = append(list, "a connected site")
	case s.all.bad > 0 && need > 0:
		list = append(list, plural(need, "more site")+", to make a quorum")
	case s.all.bad > 0 && len(s.all.told) < r.M(s.all.n()):
		list = append(list, "sites on "+plural(r.M(s.all.n())-len(s.all.told), "more ISP"))
	}
	return list
}
