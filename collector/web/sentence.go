package web

import (
	"fmt"
	"slices"
	"strings"

	"picket/collector/detect"
)

// Verdict is the page's first sentence with the state that colours it.
type Verdict struct {
	Text   string
	Detail string // a second sentence; "" if none is needed
	State  string // ok, disputed, degraded, down, no-data
}

// Sentence says in one sentence how things are. What is confirmed comes first,
// then what is likely; our own blindness comes before any claim of health.
func Sentence(s detect.Snapshot, provider func(string) string) Verdict {
	open := byUrgency(s.Open)
	switch {
	case len(s.Sites) == 0:
		return Verdict{Text: "No agent has joined yet, so nothing can be said.", State: "no-data",
			Detail: "Make a join token with: picket token create --client NAME --site NAME"}
	case len(open) > 0:
		return problems(open)
	}
	sites, isps := voters(s.Sites)
	if sites == 0 {
		return Verdict{Text: fmt.Sprintf("Nothing can be said now: none of %s may vote.", plural(len(s.Sites), "site")), State: "no-data",
			Detail: "The fleet below says why."}
	}
	return healthy(s, provider, sites, isps)
}

// problems is the sentence while incidents are open, the most urgent first.
func problems(open []detect.Incident) Verdict {
	first := open[0]
	v := Verdict{Text: headline(first), Detail: first.Summary, State: incidentState(first)}
	if n := len(open); n > 1 {
		var more []string
		for _, i := range open[1:min(n, 4)] {
			more = append(more, headline(i))
		}
		also := strings.Join(more, "; ")
		if n > 4 {
			also += fmt.Sprintf("; and %d more", n-4)
		}
		v.Detail = strings.TrimSpace(v.Detail + " Also: " + also + ".")
		v.Text = fmt.Sprintf("%d problems. %s", n, v.Text)
	}
	v.Text = strings.TrimSuffix(v.Text, ".") + "."
	return v
}

// headline is an incident in a few words.
func headline(i detect.Incident) string {
	word := i.Confidence.Word()
	if i.State == detect.Recovering {
		word = "Recovering"
	}
	if word == "" {
		return i.Title
	}
	return word + ": " + i.Title
}

// healthy is the sentence without open incidents.
func healthy(s detect.Snapshot, provider func(string) string, sites, isps int) Verdict {
	states := map[string]detect.VerdictState{}
	var order []string
	for _, c := range s.Cells {
		was, seen := states[c.Provider]
		if !seen {
			order = append(order, c.Provider)
		}
		if !seen || c.State > was {
			states[c.Provider] = c.State
		}
	}
	var mixed, unseen []string
	for _, p := range order {
		switch states[p] {
		case detect.NoData:
			unseen = append(unseen, provider(p))
		case detect.OK:
		default:
			mixed = append(mixed, provider(p))
		}
	}
	from := fmt.Sprintf("as seen from %s on %s", plural(sites, "site"), plural(isps, "ISP"))
	v := Verdict{State: "ok"}
	switch well := len(order) - len(mixed) - len(unseen); {
	case len(order) == 0:
		return Verdict{Text: "No cloud is watched.", Detail: "Add targets to the configuration, or include the catalogue.", State: "no-data"}
	case len(unseen) == len(order):
		return Verdict{Text: fmt.Sprintf("Waiting for the first results of %s.", plural(len(order), "provider")), State: "no-data"}
	case len(mixed) > 0:
		v.State = "disputed"
		v.Text = fmt.Sprintf("Mixed results for %s; nothing is confirmed, %s.", enumerate(mixed, 3), from)
	case well == 1 && len(order) == 1:
		v.Text = fmt.Sprintf("%s is healthy %s.", provider(order[0]), from)
	case well == len(order):
		v.Text = fmt.Sprintf("All %d providers are healthy %s.", well, from)
	default:
		v.Text = fmt.Sprintf("%d of %d providers are healthy %s.", well, len(order), from)
	}
	if mute := mostlyMute(s.Sites); mute != "" {
		v.State = "no-data"
		v.Text = strings.TrimSuffix(v.Text, ".") + "; " + mute + "."
	}
	if len(unseen) > 0 {
		if len(mixed) == 0 && len(unseen)*2 > len(order) {
			v.State = "no-data"
		}
		v.Detail = "No data about " + enumerate(unseen, 5) + "."
	}
	return v
}

// mostlyMute says how many sites do not vote, if these are most: too few look
// then for "healthy" to be said in green. Else "".
func mostlyMute(all []detect.SiteStatus) string {
	sites, _ := voters(all)
	switch mute := len(all) - sites; {
	case mute <= sites:
		return ""
	case mute == 1:
		return "1 site does not vote yet"
	default:
		return plural(mute, "site") + " do not vote yet"
	}
}

// byUrgency is a copy of all, the most urgent first.
func byUrgency(all []detect.Incident) []detect.Incident {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b detect.Incident) int { return urgency(b) - urgency(a) })
	return all
}

// urgency orders open incidents: confirmed before likely, wide before narrow,
// our own blindness before everything, because it makes the rest doubtful.
func urgency(i detect.Incident) int {
	u := i.Confidence.Rank() * 10
	switch i.Kind {
	case detect.KindCollector, detect.KindFleet:
		u += 100
	case detect.KindProvider, detect.KindDependency:
		u += 5
	case detect.KindProviderRegion, detect.KindService, detect.KindVRegion, detect.KindVRegionProvider, detect.KindVRegionDependency, detect.KindEdge:
		u += 4
	case detect.KindTarget, detect.KindVRegionTarget, detect.KindNetwork:
		u += 3
	}
	if i.State == detect.Recovering || i.Severity == detect.SeverityDegraded {
		u -= 8
	}
	return u
}

// incidentState is the colour of an incident.
func incidentState(i detect.Incident) string {
	switch {
	case i.State == detect.Resolved:
		return "ok"
	case i.State == detect.Recovering, i.Severity == detect.SeverityDegraded, i.Severity == detect.SeverityPartial:
		return "degraded"
	case i.Severity == detect.SeverityUnseen:
		return "no-data"
	case i.Confidence == detect.ConfidenceConfirmed:
		return "down"
	}
	return "disputed"
}

// voters counts the sites that may vote and their ISPs.
func voters(all []detect.SiteStatus) (sites, isps int) {
	networks := map[string]bool{}
	for _, s := range all {
		if s.Eligible {
			sites++
			networks[s.Network] = true
		}
	}
	return sites, len(networks)
}

func enumerate(all []string, most int) string {
	switch n := len(all); {
	case n > most:
		return strings.Join(all[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	case n > 1:
		return strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	default:
		return strings.Join(all, "")
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
