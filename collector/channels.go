package collector

import (
	"context"
	"time"

	"picket/collector/alert/channel"
	"picket/collector/config"
)

// wayOf turns the way of a route in the file into the channels' own.
func wayOf(r config.Route) channel.Way {
	switch channel.Kind(r.Way()) {
	case channel.KindMail:
		return channel.Mail{Recipients: r.Mail}
	case channel.KindSlack:
		return channel.Slack{URL: r.Slack.Read}
	case channel.KindTeams:
		return channel.Teams{URL: r.Teams.Read}
	case channel.KindPagerDuty:
		return channel.PagerDuty{Key: r.PagerDuty.Key.Read, URL: r.PagerDuty.URL}
	case channel.KindAlertmanager:
		c := r.Alertmanager
		return channel.Alertmanager{URL: c.URL, Username: c.Username, Password: reader(c.Password), Token: reader(c.Token)}
	case channel.KindTicket:
		c := r.Ticket
		return channel.Ticket{URL: c.Webhook, Secret: reader(c.Secret), Mail: c.Mail, PerClient: c.PerClient}
	case channel.KindShoutrrr:
		return channel.Shoutrrr{URL: r.Shoutrrr.Read}
	}
	return channel.Webhook{URL: r.Webhook, Secret: r.Secret.Read}
}

// reader returns a secret that need not be there; nil: it is not.
func reader(s config.Secret) channel.Secret {
	if s == (config.Secret{}) {
		return nil
	}
	return s.Read
}

// ways is how the routes of file go, by name.
func ways(file *config.File) map[string]channel.Way {
	all := map[string]channel.Way{}
	for _, r := range file.Alerts {
		if !r.BuiltIn {
			all[r.Name] = wayOf(r)
		}
	}
	if d := file.Daily; d != nil {
		all[config.DigestRoute] = channel.Mail{Recipients: d.Mail}
	}
	return all
}

// mailServer is the file's mail server as the channels know it; nil: none.
func mailServer(file *config.File) *channel.SMTP {
	c := file.SMTP
	if c == nil {
		return nil
	}
	server := &channel.SMTP{Host: c.Host, Port: c.Port, From: c.From, Username: c.Username, Security: c.Security, Hello: c.Hello}
	if c.Username != "" {
		server.Password = c.Password.Read
	}
	return server
}

// Letters is what a route was told about an incident: what the channels
// remember is in the outbox.
func (o outbox) Letters(ctx context.Context, route, incident string) (bodies [][]byte, err error) {
	list, err := o.store.Messages(ctx, incident)
	for _, m := range list {
		if m.Route == route {
			bodies = append(bodies, m.Body)
		}
	}
	return bodies, err
}

// Standing is which incidents a route was told of and not yet of their end, or
// not for long.
func (o outbox) Standing(ctx context.Context, route string, since time.Time) ([]string, error) {
	return o.store.Standing(ctx, route, since)
}
