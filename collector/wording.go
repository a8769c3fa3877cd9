package collector

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/notice"
	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/web"
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

// PreviewAlert words what a route would be told of an incident as it is now, or
// of an example, and sends nothing.
func (s source) PreviewAlert(ctx context.Context, r web.PreviewRequest) (web.Preview, error) {
	file := s.c.alerts.inForce()
	var p web.Preview
	route := alert.Route{Name: "preview"}
	if r.Route != "" {
		k := slices.IndexFunc(file.Alerts, func(x config.Route) bool { return x.Name == r.Route })
		if k < 0 {
			return p, &web.Error{Status: http.StatusUnprocessableEntity, Code: "route", What: "nothing can be shown", Why: "there is no alert route " + r.Route, Fix: "picket notify routes lists them"}
		}
		route, p.Way = routes(file)[k], alertRoute(file.Alerts[k]).Way
	}
	words := s.c.alerts.words(file)
	look := lookout{snapshot: s.c.alerts.look.snapshot} // the planner's own belongs to it alone
	words.Well = func(i *detect.Incident) []string { return wellBeside(look.now(), i, file.ProviderName) }
	if r.Example != "" {
		e, ok := alert.ExampleNamed(r.Example)
		if !ok {
			return p, &web.Error{Status: http.StatusUnprocessableEntity, Code: "example", What: "nothing can be shown", Why: "there is no example " + r.Example, Fix: "picket notify preview --help lists them"}
		}
		e.Route = route
		p.Message = words.Write(e.Telling)
		return p, nil
	}
	i, err := s.Incident(ctx, r.Incident)
	if err != nil {
		return p, err
	}
	now := time.Now()
	t := alert.Telling{Event: alert.Opened, Reason: alert.ReasonOpened, Incident: &i, Beside: s.c.alerts.beside(ctx, &i), Route: route, Now: now}
	if !i.State.Open() {
		t.Event, t.Reason = alert.Resolved, alert.ReasonResolved
	} else if first := route.Cadence.First; first > 0 && !route.Cadence.None {
		t.Next = now.Add(first)
	}
	p.Message = words.Write(t)
	return p, nil
}

// DraftNotice drafts what a client is told.
func (s source) DraftNotice(ctx context.Context, i detect.Incident, client, language string) (notice.Draft, error) {
	file := s.c.alerts.inForce()
	return notice.Write(language, notice.Facts{
		Incident: &i, Client: client, Provider: file.ProviderName, Target: targetName(file),
		Official: s.c.alerts.beside(ctx, &i).Official, Zone: time.Local, Now: time.Now(),
	})
}

// NoteNotice notes that by has told a client.
func (s source) NoteNotice(ctx context.Context, by, incident, client string) error {
	i, err := s.Incident(ctx, incident)
	if err != nil {
		return err
	}
	if !slices.Contains(notice.Affected(&i), client) {
		return &web.Error{Status: http.StatusUnprocessableEntity, Code: "client", What: "nothing was noted", Why: "this incident does not concern " + client,
			Fix: "name one of its clients: picket incident show " + incident}
	}
	if err := s.c.FirstNotice(ctx, incident, time.Now(), by, client); err != nil {
		return err
	}
	s.audit(ctx, by, "incident.notice", incident, client)
	return nil
}

// PreviewAlert asks how an alert reads.
func (o *Operator) PreviewAlert(ctx context.Context, r web.PreviewRequest) (p web.Preview, err error) {
	err = o.do(ctx, http.MethodPost, "/notify/preview", r, &p)
	return p, err
}

// DraftNotice asks for what a client, or everybody if it is "", is told of an incident.
func (o *Operator) DraftNotice(ctx context.Context, incident, client, language string) (d notice.Draft, err error) {
	err = o.do(ctx, http.MethodPost, "/incidents/"+url.PathEscape(incident)+"/notice", web.NoticeRequest{Client: client, Language: language}, &d)
	return d, err
}

// NoteNotice notes that a client was told of an incident now.
func (o *Operator) NoteNotice(ctx context.Context, incident, client string) error {
	return o.do(ctx, http.MethodPost, "/incidents/"+url.PathEscape(incident)+"/noticed", web.NoticeRequest{Client: client}, nil)
}
