package inquiry

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"picket/probes"
)

// who is the other party, for people.
func (s scene) who() string { return cmp.Or(s.Provider, s.Label) }

func number(n int) string {
	if n == 1 {
		return "one"
	}
	return fmt.Sprint(n)
}

func sites(n int) string { return plural(n, "site") }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// verb is one or many, as n asks for.
func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// where is some sites on an ISP.
func where(n int, isp string) string {
	return sites(n) + " on " + cmp.Or(isp, "an unknown internet provider")
}

// of is "5 of 6 sites on 4 ISPs"; with n equal to all of them, "all 6 sites on 4 ISPs".
func of(n, all int, isps map[string]bool) string {
	head := fmt.Sprintf("%d of %s", n, sites(all))
	switch {
	case n == all && n > 2:
		head = fmt.Sprintf("all %d sites", all)
	case n == all:
		head = sites(n)
	}
	return head + " on " + plural(len(isps), "ISP")
}

func (s scene) failing() string { return of(s.all.bad, s.all.n(), s.all.badISPs) }
func (s scene) reached() string { return of(s.all.good, s.all.n(), s.all.goodISPs) }

// elsewhere says how the service is at the other sites; "" if nobody can say.
func (s scene) elsewhere() string {
	g := s.others
	switch {
	case g.n() == 0:
		return ""
	case g.good == 0:
		return fmt.Sprintf("Elsewhere %s fails at %s.", s.Label, of(g.bad, g.n(), g.badISPs))
	}
	return fmt.Sprintf("Elsewhere %s works at %s.", s.Label, of(g.good, g.n(), g.goodISPs))
}

// otherISPs says how the service is on other ISPs than the site's; "" if nobody
// can say.
func (s scene) otherISPs() string {
	if s.rest.good == 0 {
		return ""
	}
	return fmt.Sprintf("On other internet providers %s works at %s.", s.Label, of(s.rest.good, s.rest.n(), s.rest.goodISPs))
}

func (s scene) elsewhereShort() string {
	if e := s.elsewhere(); e != "" {
		return lower(strings.TrimSuffix(e, "."))
	}
	return "no other site can say either"
}

// depth says how far the failing sites come, if they agree.
func (s scene) depth() string {
	layers := map[string]int{}
	for _, r := range s.Rows {
		if see(r) == bad {
			layers[r.Layer]++
		}
	}
	if len(layers) != 1 {
		return ""
	}
	switch {
	case layers["dns"] > 0:
		return "Its name does not resolve."
	case layers["tcp"] > 0, layers["ping"] > 0:
		return "Its servers cannot be reached."
	case layers["tls"] > 0, layers["http"] > 0:
		return "Servers answer, but the service behind them does not."
	}
	return ""
}

// ownWord says what the site of the question could not tell, and why, as a part
// of a sentence.
func (s scene) ownWord() string {
	switch s.sight {
	case mute:
		return s.lostSince()
	case barred:
		return fmt.Sprintf("the Picket agent at %s did not look (%s)", s.own.Site, cmp.Or(s.own.Why, "no reason given"))
	case line:
		return fmt.Sprintf("the internet line of %s fails by itself, %d of %d references answer there", s.own.Site, s.own.RefsOK, s.own.RefsAsked)
	}
	return fmt.Sprintf("from %s nobody can tell (%s)", s.own.Site, cause(*s.own))
}

// lostSince is what is known of a site that says nothing.
func (s scene) lostSince() string {
	st, known := s.status(s.own.Site)
	switch {
	case !known:
		return fmt.Sprintf("%s does not answer (%s)", s.own.Site, cmp.Or(s.own.Why, "no reason given"))
	case st.Agents == 0:
		return "there is no Picket agent at " + s.own.Site
	case st.Stopped():
		return "the Picket agent at " + s.own.Site + " was stopped"
	case st.LastSeen.IsZero():
		return "the Picket server has not heard of " + s.own.Site + " since it started"
	case s.own.Why != "" && st.Connected:
		return fmt.Sprintf("%s does not answer (%s)", s.own.Site, s.own.Why)
	}
	return fmt.Sprintf("contact with %s is lost, last heard %s ago", s.own.Site, ago(s.At.Sub(st.LastSeen)))
}

func ago(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// cause is what happened at a site, in words.
func cause(r Row) string {
	if r.Cause == "" {
		return cmp.Or(r.Why, "no cause is known")
	}
	for c := range math.MaxUint8 + 1 {
		if cause := probes.Cause(c); cause.Known() && cause.String() == r.Cause {
			return cause.Text()
		}
	}
	return r.Cause // of a newer version
}

func join(sentences ...string) string {
	var all []string
	for _, s := range sentences {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// sentence makes a whole one of a part, whose first word may be the name of the
// site.
func (s scene) sentence(part string) string {
	if !strings.HasPrefix(part, s.own.Site) {
		part = strings.ToUpper(part[:1]) + part[1:]
	}
	return part + "."
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
