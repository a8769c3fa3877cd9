package collector

import (
	"cmp"
	"slices"

	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/config"
	"picket/collector/detect"
)

// routes turns the file's routes into the alert room's.
func routes(file *config.File) []alert.Route {
	list := make([]alert.Route, len(file.Alerts))
	for i, r := range file.Alerts {
		class := alert.Class(r.Class)
		list[i] = alert.Route{
			Name: r.Name, By: describe(r), Class: class, Cadence: class.Cadence(cmp.Or(alert.Updates(r.Updates), class.Updates())),
			Quiet: quiet(r), Clients: r.Clients, Drills: r.Drills, Shadow: file.Shadow, Delay: r.Delay, ResolveDelay: r.ResolveDelay,
			Kinds: alert.Kinds(r.Kinds), MinConfidence: detect.Confidence(r.MinConfidence), Zone: r.Zone,
			Escalate: alert.Escalation{After: r.Escalate.After, To: r.Escalate.To}, OnlyEscalation: r.OnlyEscalation,
		}
	}
	return list
}

// describe says for people how the messages of a route go.
func describe(r config.Route) string {
	if r.BuiltIn {
		return "nobody, it is only written down"
	}
	return channel.Describe(wayOf(r))
}

// quiet are the quiet times of a route, in its zone if they name none.
func quiet(r config.Route) []alert.Quiet {
	var list []alert.Quiet
	for _, q := range r.Quiet {
		list = append(list, alert.Quiet{Days: q.Days, From: q.From, To: q.To, Zone: cmp.Or(q.Zone, r.Zone), Except: alert.Level(q.Except)})
	}
	return list
}

// hits says whether i fails at one of a client's sites, or is that client's alone.
func hits(i *detect.Incident, client string) bool {
	return i.Client == client || slices.ContainsFunc(i.Impact, func(hit detect.Impact) bool { return hit.Client == client && hit.Failing > 0 })
}
