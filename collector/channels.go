package collector

import (
	"picket/collector/alert/channel"
	"picket/collector/config"
)

// wayOf turns the way of a route in the file into the channels' own.
func wayOf(r config.Route) channel.Way {
	if len(r.Mail) > 0 {
		return channel.Mail{Recipients: r.Mail}
	}
	return channel.Webhook{URL: r.Webhook, Secret: r.Secret.Read}
}

// ways is how the routes of file go, by name.
func ways(file *config.File) map[string]channel.Way {
	all := map[string]channel.Way{}
	for _, r := range file.Alerts {
		all[r.Name] = wayOf(r)
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
