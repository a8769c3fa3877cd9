package channel

import (
	"context"
	"fmt"
	"strings"

	"picket/collector/alert"
)

// Kind names a way as the configuration does.
type Kind string

// The kinds.
const (
	KindWebhook      Kind = "webhook"
	KindMail         Kind = "mail"
	KindSlack        Kind = "slack"
	KindTeams        Kind = "teams"
	KindPagerDuty    Kind = "pagerduty"
	KindAlertmanager Kind = "alertmanager"
	KindTicket       Kind = "ticket"
	KindShoutrrr     Kind = "shoutrrr"
)

// Kinds are all kinds, in the order of the manual.
func Kinds() []Kind {
	return []Kind{KindWebhook, KindMail, KindSlack, KindTeams, KindPagerDuty, KindAlertmanager, KindTicket, KindShoutrrr}
}

// Secret returns what must not stand in a file or a log. It is asked at each
// delivery, so that a rotated one needs no restart.
type Secret func() ([]byte, error)

// Way is how the messages of one route reach its receiver: one of the types of
// this room, such as [Webhook].
type Way interface {
	// Kind is what kind of way it is.
	Kind() Kind
	// To says for people where it leads, without what may be secret.
	To() []string
	// deliver makes one attempt, and ends with ctx.
	deliver(ctx context.Context, d *Deliverer, l alert.Letter) error
}

// Webhook is a signed POST of the message as it is.
type Webhook struct {
	URL    string // may hold a secret
	Secret Secret // signs; required
}

// Mail is one mail to all of its recipients together, by the deliverer's server.
type Mail struct {
	Recipients []string // plain addresses
}

// Slack is an incoming webhook of Slack. Its URL is the secret.
type Slack struct{ URL Secret }

// Teams is the URL of a Microsoft Teams workflow, which is a secret.
type Teams struct{ URL Secret }

// PagerDuty is an integration of PagerDuty's Events API v2.
type PagerDuty struct {
	Key Secret // the integration's routing key
	URL string // where events go
}

// Alertmanager is a Prometheus Alertmanager.
type Alertmanager struct {
	URL      string // of its page, without /api/v2
	Username string // "" does not log in by name
	Password Secret // nil with no Username
	Token    Secret // sent as a bearer token; nil: none
}

// Ticket is a service desk that opens a ticket for an incident, follows it and
// closes it: by signed POST, or by mail.
type Ticket struct {
	URL       string   // "" for mail; may hold a secret
	Secret    Secret   // signs; nil for mail
	Mail      []string // plain addresses; empty for a POST
	PerClient bool     // a ticket for each client concerned, and not one for all
}

// Shoutrrr is any of the services that the library of this name knows. The URL
// holds their passwords.
type Shoutrrr struct{ URL Secret }

// Kind implements [Way].
func (Webhook) Kind() Kind { return KindWebhook }

// Kind implements [Way].
func (Mail) Kind() Kind { return KindMail }

// Kind implements [Way].
func (Slack) Kind() Kind { return KindSlack }

// Kind implements [Way].
func (Teams) Kind() Kind { return KindTeams }

// Kind implements [Way].
func (PagerDuty) Kind() Kind { return KindPagerDuty }

// Kind implements [Way].
func (Alertmanager) Kind() Kind { return KindAlertmanager }

// Kind implements [Way].
func (Ticket) Kind() Kind { return KindTicket }

// Kind implements [Way].
func (Shoutrrr) Kind() Kind { return KindShoutrrr }

// To implements [Way]: the path of a webhook's URL is often a secret.
func (w Webhook) To() []string { return []string{origin(w.URL)} }

// To implements [Way].
func (w Mail) To() []string { return w.Recipients }

// To implements [Way]: the host alone, and that only if the secret can be read.
func (w Slack) To() []string { return secretOrigin(w.URL) }

// To implements [Way].
func (w Teams) To() []string { return secretOrigin(w.URL) }

// To implements [Way].
func (w PagerDuty) To() []string { return []string{origin(w.URL)} }

// To implements [Way].
func (w Alertmanager) To() []string { return []string{origin(w.URL)} }

// To implements [Way].
func (w Ticket) To() []string {
	if len(w.Mail) > 0 {
		return w.Mail
	}
	return []string{origin(w.URL)}
}

// To implements [Way]: the service's name, and nothing of the rest.
func (w Shoutrrr) To() []string {
	raw, err := w.URL()
	if err != nil {
		return []string{"?"}
	}
	return []string{service(string(raw))}
}

func secretOrigin(s Secret) []string {
	raw, err := s()
	if err != nil {
		return []string{"?"}
	}
	return []string{origin(string(raw))}
}

// Describe says w in a few words: "mail to desk@msp.example".
func Describe(w Way) string {
	return fmt.Sprintf("%s to %s", w.Kind(), strings.Join(w.To(), ", "))
}
