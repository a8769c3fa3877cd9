package alert

import (
	"strings"

	"picket/collector/detect"
)

// surety says how sure Picket is, and why not more.
func surety(i *detect.Incident) string {
	word := i.Confidence.Word()
	if word == "" {
		return ""
	}
	why := map[detect.Code]string{
		detect.Unanimous:     "every site that can tell says so",
		detect.Held:          "not every site says so, but it has held",
		detect.TwoNetworks:   "only two internet providers look",
		detect.TwoSites:      "only two sites look",
		detect.OneISP:        "all sites look through one internet provider",
		detect.Alone:         "only one site looks",
		detect.UnknownISPs:   "the failing sites' internet providers are not known by name",
		detect.Frozen:        "many sites have lost contact with Picket at the same time",
		detect.Explained:     "it explains everything that fails now",
		detect.LostContact:   "there is silence and nothing else",
		detect.LineDown:      "there is evidence beside the silence",
		detect.WANSilent:     "there is silence, and the site's public address does not answer any more",
		detect.WANAnswers:    "the site's public address still answers",
		detect.ContactOnly:   "the site's own results say so",
		detect.NetworkSilent: "nearly all sites on this internet provider fell silent together",
		detect.FleetSilent:   "many sites on several internet providers fell silent together",
		detect.AllSilent:     "every site fell silent together",
		detect.Stopped:       "Picket said goodbye there before it stopped",
	}[i.Reason.Code]
	s := word
	if why != "" {
		s += ": " + why
	}
	if i.Confidence != detect.ConfidenceConfirmed {
		s += ". You are told when that changes"
	}
	return s + "."
}

// doNow is what a helpdesk can do in the next minutes. In a drill it is told
// what would be told, and that nobody outside hears of it.
func (a account) doNow() []string {
	steps := doNow(a.event, a.i)
	if a.i.Drill && !a.over() {
		return append([]string{"A drill: go through the steps, but tell no client and call no provider."}, steps...)
	}
	for k, s := range steps {
		if strings.HasPrefix(s, "Tell the clients") && a.Page != "" && a.hasNotice() {
			steps[k] = s + " A notice is written: see NOTICE."
		}
	}
	return steps
}

// doNow is what a helpdesk can do in the next minutes, step by step.
func doNow(event Event, i *detect.Incident) []string {
	switch {
	case event == Resolved && i.SupersededBy != "":
		return []string{"Follow " + i.SupersededBy + " instead; close this one."}
	case event == Resolved && i.Reason.Code == detect.Unwatched:
		return []string{"Nobody watches it any more, so nobody knows how it is now: close the ticket, or look for yourself."}
	case event == Resolved && i.Reason.Code == detect.Maintained:
		return []string{"It is in maintenance now and not judged: close the ticket. What still fails afterwards is told anew."}
	case event == Resolved && i.Drill:
		return []string{"Close the ticket that the drill opened, if it did. How fast you were told: picket drill list."}
	case event == Resolved:
		return []string{"Tell those who were told that it is over.", "Close the ticket."}
	}
	switch i.Kind {
	case detect.KindSite:
		return siteSteps(i)
	case detect.KindNetwork:
		return []string{"Open a ticket with this internet provider.", "Tell the sites on it; move them to their second line if they have one."}
	case detect.KindNetworkProvider, detect.KindNetworkDependency:
		return pathSteps(i)
	case detect.KindReference:
		return []string{"Nothing for your clients: no cloud is concerned.", "If it stays so, put another service in its place in the configuration."}
	case detect.KindVRegion:
		return []string{"Tell the clients whose sites are in " + i.VRegion + "; sites elsewhere are well.", "Do not troubleshoot single sites or single clouds."}
	case detect.KindFleet, detect.KindCollector:
		return []string{"Check Picket itself first: until then it sees less than usual.", "Make no calls about clouds on its word."}
	}
	switch {
	case i.Reason.Code == detect.Alone:
		return []string{"Try it from somewhere else, such as a phone on mobile data: one site cannot tell an outage from trouble on the way.", "Only then call anybody."}
	case i.Provider == "" && i.Dependency != "":
		return []string{"Tell the clients who use it or what stands on it (see WHAT).", "Do not troubleshoot locally: it is not their equipment.", "Follow the status page of " + i.Dependency + " and quote the times above."}
	case i.Provider == "":
		return []string{"Tell the clients who use it.", "Call whoever runs it and quote the times above."}
	}
	steps := []string{"Tell the clients who use it."}
	switch {
	case i.Severity == detect.SeverityPartial:
		steps = []string{"Tell the clients who use it: part of the requests fail, trying again often helps."}
	case i.Severity == detect.SeverityDegraded:
		steps = []string{"Tell the clients who use it: it works, but slower than usual."}
	case i.Kind.Regional():
		steps = []string{"Tell the clients whose sites are in " + i.VRegion + "; elsewhere it works."}
	}
	return append(steps, "Do not troubleshoot locally: it is not their equipment.", "Open a ticket with the provider and quote the times above.")
}

func siteSteps(i *detect.Incident) []string {
	steps := []string{"Check power, router and line of the site."}
	switch {
	case i.LineDown:
		steps = []string{"Call the site's internet provider."}
	case i.Reason.Code == detect.Stopped:
		steps = []string{"If nobody stopped it on purpose, start Picket there again: picket-agent run."}
	case i.Reason.Code == detect.WANAnswers:
		steps = []string{"Look whether Picket's machine there is on: the site's line probably works."}
	case i.Reason.Code == detect.LostContact:
		steps = []string{"Call the site, or reach it another way: the machine may simply be off.", "Then check power, router and line."}
	}
	if othersReach(i) {
		steps = append(steps, "Other sites reach the clouds: do not troubleshoot those.")
	}
	return steps
}

func pathSteps(i *detect.Incident) []string {
	if i.Reason.Code == detect.OneISP {
		return []string{"Try it through another internet provider, such as a phone on mobile data, to tell the cloud from the way to it.",
			"Tell the sites on this internet provider.", "Open a ticket with whoever fails then, and quote the times above."}
	}
	ticket := "Open a ticket with it and quote the times above"
	if othersReach(i) {
		ticket += "; other internet providers reach the cloud"
	}
	return []string{"Tell the sites on this internet provider.", ticket + "."}
}

// othersReach says whether the incident stands on sites that reach what the
// blamed ones do not, and still does: silence compares nothing.
func othersReach(i *detect.Incident) bool {
	return i.Reason.Code == detect.Explained && !i.CoverageLost && i.State != detect.Recovering
}
