package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"picket/collector/alert"
)

// The longest that one attempt may take.
const (
	timeout     = 10 * time.Second // one POST, connection to last byte
	mailTimeout = time.Minute      // one mail: servers greet slowly, and cutting one off at the end delivers it twice
)

// Options says what a Deliverer needs.
type Options struct {
	Ways map[string]Way // by the name of the route
	SMTP *SMTP          // the server that takes mail; nil if no route goes by mail
	Past Past           // what was told before; nil remembers nothing
	Log  *slog.Logger   // nil discards
}

// Deliverer brings letters to their receivers.
type Deliverer struct {
	log     *slog.Logger
	letters Past // nil: none
	poster  *poster
	mailer  *mailer
	shouter *shouter
	tickets halves

	mu   sync.Mutex     // guards the fields below
	ways map[string]Way // by route; never written to
}

// New makes a deliverer.
func New(o Options) *Deliverer {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Deliverer{log: o.Log, letters: o.Past, poster: newPoster(), mailer: &mailer{}, shouter: &shouter{}}
	d.Use(o.Ways, o.SMTP)
	return d
}

// Use replaces the ways and the mail server, from the next attempt on.
func (d *Deliverer) Use(ways map[string]Way, smtp *SMTP) {
	d.mu.Lock()
	d.ways = maps.Clone(ways)
	d.mu.Unlock()
	d.mailer.use(smtp)
}

// Deliver makes one attempt to bring l to r's receiver: it is what
// [alert.Options] wants.
func (d *Deliverer) Deliver(ctx context.Context, r alert.Route, l alert.Letter) error {
	d.mu.Lock()
	way := d.ways[r.Name]
	d.mu.Unlock()
	if way == nil {
		return fmt.Errorf("no way is known for the alert route %s", r.Name)
	}
	return way.deliver(ctx, d, l)
}

// read returns the message of a letter.
func read(l alert.Letter) (m alert.Message, err error) {
	if err := json.Unmarshal(l.Body, &m); err != nil {
		return m, refused("the letter cannot be read: %v", err)
	}
	return m, nil
}

// refused makes a definite no.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", alert.ErrRefused, fmt.Sprintf(format, args...))
}
