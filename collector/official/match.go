package official

import (
	"slices"
	"strings"
	"time"
)

// Question is what is asked of the feeds: what an incident blames, and when.
type Question struct {
	Provider string
	Service  string // ours; "" all of the provider
	Region   string // the provider's; "" a global service, or all of them
	From     time.Time
	To       time.Time // zero: it goes on
}

// Dependency is what a shared component is called by the feeds, if any speaks of it.
func Dependency(id string) (provider, service string, ok bool) {
	switch strings.ToLower(id) {
	case "azure-front-door", "front-door", "afd":
		return "azure", "front-door", true
	case "cloudflare-edge", "cloudflare":
		return "cloudflare", "cdn", true
	case "akamai-edge", "akamai":
		return "akamai", "cdn", true
	case "fastly-edge", "fastly":
		return "fastly", "cdn", true
	case "route53":
		return "aws", "route53", true
	case "cloudfront":
		return "aws", "cloudfront", true
	}
	return "", "", false
}

// names are the words, as letters, by which the feed may call our service.
func (f *Feed) names(service string) []string {
	out := []string{letters(service)}
	for _, name := range f.Names[service] {
		out = append(out, letters(name))
	}
	return out
}

// shortest word that is looked for inside another: below, it must be the whole.
const wordy = 4

// called says whether a name of the feed is one of words.
func called(name string, words []string) bool {
	name = letters(name)
	return slices.ContainsFunc(words, func(w string) bool {
		return name != "" && w != "" && (name == w || len(w) >= wordy && strings.Contains(name, w))
	})
}

// wide says whether a name of the feed means every service.
func (f *Feed) wide(name string) bool {
	name = letters(name)
	return name == "" || slices.ContainsFunc(f.Wide, func(w string) bool { return letters(w) == name })
}

// concerns says whether what is said of p is said of q.
func (f *Feed) concerns(p Part, q Question) bool {
	words := f.names(q.Service)
	// "Everything in West US" is no word on a service that is in no region.
	all := f.wide(p.Service) && (q.Region != "" || anywhere(letters(p.Region)))
	service := q.Service == "" || all || called(p.Service, words)
	if p.Group != "" {
		return f.concernsGrouped(p, q, service, words)
	}
	return service && f.inRegion(p.Region, q)
}

func (f *Feed) inRegion(region string, q Question) bool {
	r := letters(region)
	if q.Region == "" {
		return r == "" || !f.Instances
	}
	return anywhere(r) || r == letters(q.Region)
}

// concernsGrouped is concerns of a page where either the name or the group may be
// the place: "Droplets: FRA1" and "Frankfurt: Droplets".
func (f *Feed) concernsGrouped(p Part, q Question, service bool, words []string) bool {
	if q.Region == "" {
		return service || called(p.Group, words)
	}
	here := letters(q.Region)
	switch {
	case letters(p.Service) == here:
		return q.Service == "" || called(p.Group, words)
	case letters(p.Group) == here:
		return service
	case q.Service == "":
		return false // of another place, or of none
	case called(p.Service, words):
		return true
	}
	return called(p.Group, words) && anywhere(letters(p.Service))
}

// admits says whether n is about what q asks of.
func (f *Feed) admits(n *Notice, q Question) bool {
	if len(n.Parts) > 0 {
		return slices.ContainsFunc(n.Parts, func(p Part) bool { return f.concerns(p, q) })
	}
	if !f.Parts { // of one thing, the whole page is
		return f.covers(q.Service) || q.Service == ""
	}
	title := " " + strings.ToLower(n.Title) + " "
	switch {
	case q.Service == "" && q.Region == "":
		return true
	case q.Service == "":
		return strings.Contains(letters(title), letters(q.Region))
	}
	return slices.ContainsFunc(append([]string{q.Service}, f.Names[q.Service]...), func(w string) bool {
		return len(w) >= wordy && strings.Contains(letters(title), letters(w)) || strings.Contains(title, " "+strings.ToLower(w)+" ")
	})
}

// Admits says whether n is about our service in the region of the provider.
func (f *Feed) Admits(n *Notice, service, region string) bool {
	return f.admits(n, Question{Provider: f.Provider, Service: service, Region: region})
}

// covers says whether the feed speaks of the service.
func (f *Feed) covers(service string) bool {
	return f.Covers == nil || slices.Contains(f.Covers, service)
}

// knows says whether the feed's names of the service are known, so that not
// finding it means that it is not there.
func (f *Feed) knows(service string) bool {
	_, ok := f.Names[service]
	return ok || service == ""
}

// says is what a reading says of q.
func (f *Feed) says(s *Snapshot, q Question) State {
	found, any := OK, false
	for i := range s.Components {
		if c := &s.Components[i]; q.Service+q.Region != "" && f.isOf(c, q) {
			found, any = worse(found, c.State), true
		}
	}
	blurred := false // something is open, and whether it is this nobody can tell
	for i := range s.Notices {
		n := &s.Notices[i]
		switch {
		case !n.Ended.IsZero():
		case f.admits(n, q):
			state := n.State
			if state == Unknown || state == OK {
				state = Degraded
			}
			found, any = worse(found, state), true
		case len(n.Parts) == 0, !f.knows(q.Service) && slices.ContainsFunc(n.Parts, func(p Part) bool { return f.inRegion(p.Region, q) }):
			blurred = true
		}
	}
	switch {
	case any:
		return found
	case !f.covers(q.Service), s.State == Unknown:
		return Unknown
	case s.State == OK, s.State == Quiet:
		return s.State
	case f.Lists && !blurred:
		return Quiet // its trouble is elsewhere
	case q.Service+q.Region == "":
		return s.State
	}
	return Unknown // the page reports trouble, and does not tell whether it is this
}

// isOf says whether c is surely the component of q: a component that means
// everything is no answer about one thing.
func (f *Feed) isOf(c *Component, q Question) bool {
	return f.concerns(c.Part, q) && (q.Service == "" || !f.wide(c.Service) || c.Group != "")
}

// Times by which a notice and an incident are held to be the same trouble.
const (
	slack = 30 * time.Minute // clocks and rounding on their side
	after = 2 * time.Hour    // an admission after the fact still is one
	same  = 6 * time.Hour    // a notice that is older when the incident begins admits another trouble
)

// overlaps says whether the notice may be about the time of q, now.
func overlaps(n *Notice, posted, now time.Time, q Question) bool {
	begin, end := posted, n.Ended
	if !n.Began.IsZero() && n.Began.Before(begin) {
		begin = n.Began
	}
	if end.IsZero() {
		end = now
	}
	to := q.To.Add(after)
	if q.To.IsZero() {
		to = now
	}
	return !end.Before(q.From.Add(-slack)) && !begin.After(to)
}

// admission says whether a notice about q, posted then, admits this trouble and
// not an older one that still goes on.
func admission(posted time.Time, q Question) bool { return !posted.Before(q.From.Add(-same)) }
