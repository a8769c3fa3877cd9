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
	KindWebhook Kind = "webhook"
	KindMail    Kind = "mail"
)

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

// Kind implements [Way].
func (Webhook) Kind() Kind { return KindWebhook }

// Kind implements [Way].
func (Mail) Kind() Kind { return KindMail }

// To implements [Way]: the path of a webhook's URL is often a secret.
func (w Webhook) To() []string { return []string{origin(w.URL)} }

// To implements [Way].
func (m Mail) To() []string { return m.Recipients }

// Describe says w in a few words: "mail to desk@msp.example".
func Describe(w Way) string {
	return fmt.Sprintf("%s to %s", w.Kind(), strings.Join(w.To(), ", "))
}
