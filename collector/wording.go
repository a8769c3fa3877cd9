package collector

import (
	"cmp"

	"picket/collector/alert"
	"picket/collector/alert/notice"
	"picket/collector/config"
	"picket/collector/detect"
)

// runbook is where the file says to read what to do about an incident.
func runbook(file *config.File, i *detect.Incident) string {
	site := i.Kind == detect.KindSite || i.Kind == detect.KindNetwork
	return file.RunbookFor(i.Provider, i.Targets, i.Kind.ProviderSide(), site)
}

// forClients words what a route for customers is told; "" if there is nothing
// that may be said to them.
func forClients(file *config.File, n alert.Notice) (subject, body string) {
	f := notice.Facts{Incident: n.Incident, Provider: file.ProviderName, Target: targetName(file), Official: n.Official, Zone: n.Zone, Now: n.Now, Sent: true, Next: n.Next}
	if len(n.Clients) == 1 {
		f.Client = n.Clients[0]
	}
	d, err := notice.Write(notice.English, f)
	if err != nil {
		return "", ""
	}
	return d.Subject, d.Body
}

// targetName returns how the file calls a target.
func targetName(file *config.File) func(id string) string {
	names := map[string]string{}
	for _, t := range file.Targets {
		names[t.ID] = t.Name
	}
	return func(id string) string { return cmp.Or(names[id], id) }
}
