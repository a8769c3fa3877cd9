package collector

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
	"picket/collector/config"
	"picket/collector/independence"
	"picket/collector/independence/names"
)

// What alert routes rely on: the file says where they lead, DNS says who is
// there, and independence says what follows from it. The planner is given it with
// the routes; see alert.Detours for what becomes of it.

// relook is how often it is looked whether DNS has to be asked again.
const relook = 15 * time.Minute

// watchedBy is what the file watches, by provider.
func watchedBy(file *config.File) []independence.Watched {
	var list []independence.Watched
	at := map[string]int{}
	for _, t := range file.Targets {
		if t.Provider == "" || t.Reference {
			continue
		}
		k, ok := at[t.Provider]
		if !ok {
			k = len(list)
			at[t.Provider] = k
			list = append(list, independence.Watched{ID: t.Provider, Name: file.ProviderName(t.Provider)})
		}
		for _, c := range t.Checks {
			if host := c.Spec.Host; !slices.Contains(list[k].Hosts, host) {
				list[k].Hosts = append(list[k].Hosts, host)
			}
		}
	}
	return list
}

// underOf are the shared components under each provider's services.
func underOf(file *config.File) map[string][]string {
	under := map[string][]string{}
	for _, t := range file.Targets {
		for _, d := range t.Dependencies {
			if t.Provider != "" && !slices.Contains(under[t.Provider], d) {
				under[t.Provider] = append(under[t.Provider], d)
			}
		}
	}
	return under
}

// wayTo is what must work for the messages of r to arrive. known: false if the
// file does not say where they go.
func wayTo(file *config.File, r config.Route) (w independence.Way, known bool) {
	way := wayOf(r)
	for _, to := range way.To() {
		switch {
		case strings.Contains(to, "://"):
			if u, err := url.Parse(to); err == nil && u.Hostname() != "" {
				w.Hosts = append(w.Hosts, u.Hostname())
			}
		case strings.Contains(to, "@"):
			w.Mail = append(w.Mail, to)
		}
	}
	if len(w.Mail) > 0 && file.SMTP != nil {
		w.Hosts = append(w.Hosts, file.SMTP.Host)
	}
	if len(w.Hosts)+len(w.Mail) == 0 {
		if host := homeOf(way.Kind(), way.To()); host != "" {
			w.Hosts = append(w.Hosts, host)
		}
	}
	return w, len(w.Hosts)+len(w.Mail) > 0
}

// homeOf is where a way leads whose address is a secret: the service tells it.
func homeOf(kind channel.Kind, to []string) string {
	homes := map[string]string{
		"slack": "hooks.slack.com", "teams": "logic.azure.com", "pagerduty": "events.pagerduty.com", "opsgenie": "api.opsgenie.com",
		"discord": "discord.com", "googlechat": "chat.googleapis.com", "hangouts": "chat.googleapis.com",
	}
	for _, word := range append([]string{string(kind)}, to...) {
		if host := homes[strings.ToLower(word)]; host != "" {
			return host
		}
	}
	return ""
}

// routes are the routes of file, with what they rely on as far as it is known now.
func (a *alerts) routes(file *config.File) []alert.Route {
	return relying(file, a.book.Answer)
}

// relying is routes with what DNS answered.
func relying(file *config.File, answer func(independence.Question) (independence.Answer, bool)) []alert.Route {
	list := routes(file)
	table, under := independence.NewTable(watchedBy(file)), underOf(file)
	for k := range list {
		list[k].Fallback = file.Alerts[k].Fallback
		way, known := wayTo(file, file.Alerts[k])
		v := table.Judge(way, answer)
		list[k].Unsure = !known || len(v.Unknown) > 0
		for _, s := range v.Stands {
			list[k].Relies = append(list[k].Relies, alert.Reliance{Provider: s.Provider, Name: nameOf(file, s.Provider), On: productOf(s), Under: under[s.Provider]})
		}
	}
	return list
}

// nameOf is a provider for people, also one that the file does not know.
func nameOf(file *config.File, id string) string {
	if name := file.ProviderName(id); name != id {
		return name
	}
	return config.Defaults().ProviderName(id)
}

// productOf is what depends on the provider, in a few words.
func productOf(s independence.Stand) string {
	if s.Mail {
		return s.Product + " (mailboxes of " + s.Of + ")"
	}
	return s.Product
}

// asker asks the DNS server that the configuration in force names.
type asker struct{ file func() *config.File }

// errNotAsked is the answer where the configuration says lookups: off.
var errNotAsked = errors.New("lookups: off")

func (a asker) client() (c names.Client, err error) {
	switch at := a.file().Lookups; at {
	case "", config.LookupsSystem:
	case config.LookupsOff:
		err = errNotAsked
	default:
		c.Servers = []string{at}
	}
	return c, err
}

// Exchangers implements independence.Asker.
func (a asker) Exchangers(ctx context.Context, domain string) ([]string, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	return c.Exchangers(ctx, domain)
}

// Chain implements independence.Asker.
func (a asker) Chain(ctx context.Context, name string) ([]string, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	return c.Chain(ctx, name)
}

// inForce is the configuration whose routes are used.
func (a *alerts) inForce() *config.File {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current
}

// keepReliances asks DNS what the routes rely on, at once, after every change of
// the configuration, and now and then, until ctx ends.
func (a *alerts) keepReliances(ctx context.Context) {
	tick := time.NewTicker(relook)
	defer tick.Stop()
	for {
		a.lookUp(ctx)
		select {
		case <-ctx.Done():
			return
		case <-a.relook:
		case <-tick.C:
		}
	}
}

func (a *alerts) lookUp(ctx context.Context) {
	file := a.inForce()
	table := independence.NewTable(watchedBy(file))
	var ask []independence.Question
	for _, r := range file.Alerts {
		way, _ := wayTo(file, r)
		ask = append(ask, table.Questions(way)...)
	}
	if !a.book.Refresh(ctx, time.Now(), ask) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == file { // else setRoutes has asked for another round
		a.file = file
		a.stir()
	}
}
