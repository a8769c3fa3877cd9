package channel

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"picket/collector/alert"
)

// TicketSchema names the form of a ticket's POST. Within v1 fields are only added.
const TicketSchema = "picket.ticket/v1"

// The bounds of a ticket.
const (
	ticketName  = 40  // of the alert, as service desks compare it
	ticketTitle = 100 // ConnectWise takes no more
	ticketText  = 8000
	ticketsOnce = 4 // POSTs at the same time
)

// The actions of a ticket.
const (
	ticketOpen   = "open"
	ticketUpdate = "update"
	ticketClose  = "close"
	ticketReopen = "reopen"
)

// ticket is what a service desk is told. AlertName and AlertID together are the
// key of the ticket and never change while it lives.
type ticket struct {
	Schema    string    `json:"schema"`
	Action    string    `json:"action"`     // open, update, close, reopen
	AlertName string    `json:"alert_name"` // at most 40 letters, digits and dashes: what it is about
	AlertID   string    `json:"alert_id"`   // the incident, and the client if each has its ticket
	Client    string    `json:"client,omitempty"`
	Clients   []string  `json:"clients,omitempty"` // all concerned, if they share the ticket
	Priority  string    `json:"priority"`          // P1 to P4
	Title     string    `json:"title"`             // at most 100 characters
	Text      string    `json:"text"`
	Link      string    `json:"link,omitempty"`
	Drill     bool      `json:"drill"`
	At        time.Time `json:"at"`
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
}

// ticketOf is m as a ticket; first gives the name that stays.
func ticketOf(first, m alert.Message, action, client string) ticket {
	t := ticket{Schema: TicketSchema, Action: action, AlertName: nameOf(first), AlertID: clip(oneLine(m.AlertID), 200), Client: client,
		Priority: fmt.Sprintf("P%d", priority(m)), Title: titleOf(m),
		Text: clip(strings.ToValidUTF8(m.Text, "?"), ticketText), Link: link(m), Drill: m.Drill, At: m.At, Started: m.Started}
	if client != "" {
		t.AlertID += "/" + client
	} else {
		t.Clients = clients(m)
	}
	if m.Event == alert.Resolved {
		t.Ended = overAt(m)
	}
	return t
}

// titleOf is what a ticket is called: what is the matter, without how sure or how
// new that is, so that it reads the same from its opening to its end.
func titleOf(m alert.Message) string {
	s := cmp.Or(oneLine(m.What), oneLine(m.Title))
	if m.Drill && !strings.HasPrefix(s, "DRILL") {
		s = "DRILL: " + s
	}
	return clip(s, ticketTitle)
}

// nameOf is what an incident is about, in the form in which service desks match
// it: the same trouble has the same name next month.
func nameOf(m alert.Message) string {
	parts := []string{m.Provider, m.Service, m.Region, m.Dependency, m.Edge, m.Target, m.Site, m.ISP, m.SeenFrom}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		parts = []string{string(m.Kind)}
	}
	if m.Event == alert.Tested {
		parts = []string{"picket-test"}
	}
	slug := strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(strings.Join(parts, "-")), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	}), "-"), "-")
	if slug == "" {
		slug = "incident"
	}
	if len(slug) > ticketName {
		sum := sha256.Sum256([]byte(slug))
		slug = strings.TrimRight(slug[:ticketName-7], "-") + "-" + hex.EncodeToString(sum[:3])
	}
	return slug
}

// actionOf is what a message does to a ticket that may be there already.
func actionOf(m alert.Message) string {
	switch {
	case m.Event == alert.Resolved:
		return ticketClose
	case m.Event == alert.Opened && m.Reason == alert.ReasonReopened:
		return ticketReopen
	case m.Event == alert.Opened, m.Event == alert.Tested:
		return ticketOpen
	}
	return ticketUpdate
}

// order is one ticket and what happens to it.
type order struct{ client, action string }

// orders are the tickets that m concerns, given what was told before.
func orders(past []alert.Message, m alert.Message, perClient bool) []order {
	action := actionOf(m)
	if m.Event == alert.Tested {
		return []order{{"", ticketOpen}, {"", ticketClose}} // a test leaves nothing open
	}
	if !perClient {
		return []order{{"", action}}
	}
	known := map[string]bool{}
	for _, p := range past {
		for _, c := range owners(p) {
			known[c] = true
		}
	}
	var all []order
	if action == ticketClose {
		if len(known) == 0 {
			known[""] = true
		}
		for _, c := range slices.Sorted(maps.Keys(known)) {
			all = append(all, order{c, ticketClose})
		}
		return all
	}
	for _, c := range owners(m) {
		switch {
		case !known[c]:
			all = append(all, order{c, ticketOpen})
		default:
			all = append(all, order{c, action})
		}
	}
	return all
}

// owners are whose tickets a message makes: those of the clients concerned, or
// our own.
func owners(m alert.Message) []string {
	if all := clients(m); len(all) > 0 {
		return all
	}
	return []string{""}
}

func (w Ticket) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	m, err := read(l)
	if err != nil {
		return err
	}
	past, err := d.past(ctx, l.Route, l.Incident, m.Sequence)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	if len(w.Mail) > 0 {
		return w.write(ctx, d, l.ID, past, m)
	}
	err = w.postAll(ctx, d, l.ID, past, m)
	if err == nil || errors.Is(err, alert.ErrPartly) {
		d.tickets.end(l.ID)
	}
	return err
}

// postAll tells the service desk of all tickets that m concerns. One that is
// refused for good keeps the others from nothing: [alert.ErrPartly].
func (w Ticket) postAll(ctx context.Context, d *Deliverer, letter string, past []alert.Message, m alert.Message) error {
	list, have := orders(past, m, w.PerClient), d.tickets.who(letter)
	var g errgroup.Group
	g.SetLimit(ticketsOnce)
	if m.Event == alert.Tested {
		g.SetLimit(1) // it is opened before it is closed
	}
	var mu sync.Mutex // guards no and later
	var no, later []error
	for _, o := range list {
		if who := o.action + " " + o.client; !have[who] {
			g.Go(func() error {
				err := w.post(ctx, d, letter, ticketOf(firstOf(past, m), m, o.action, o.client))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					d.tickets.add(letter, who)
				case errors.Is(err, alert.ErrRefused), errors.Is(err, alert.ErrGone):
					no = append(no, err)
				default:
					later = append(later, err)
				}
				return nil
			})
		}
	}
	g.Wait() // its functions return no error: all are tried
	switch err := errors.Join(no...); {
	case len(later) > 0:
		return errors.Join(later...)
	case err != nil && len(no) < len(list):
		return fmt.Errorf("%w: %d of %d tickets: %w", alert.ErrPartly, len(no), len(list), err)
	default:
		return err
	}
}

// post tells the service desk of one ticket.
func (w Ticket) post(ctx context.Context, d *Deliverer, letter string, t ticket) error {
	body, err := encode(t)
	if err != nil {
		return err
	}
	key := letter + "." + t.Action // a test opens and closes by one letter
	if t.Client != "" {
		key += "." + t.Client
	}
	return d.poster.signed(ctx, w.URL, w.Secret, key, body)
}

// write tells a service desk that only reads mail: of the opening and the end,
// and of nothing between, because each mail that it cannot match is a new ticket.
func (w Ticket) write(ctx context.Context, d *Deliverer, letter string, past []alert.Message, m alert.Message) error {
	word := "OPEN"
	switch actionOf(m) {
	case ticketUpdate:
		return nil
	case ticketClose:
		word = "RESOLVED"
	}
	if m.Event == alert.Tested {
		return d.mailer.deliver(ctx, w.Mail, letter, m)
	}
	m.Subject = fmt.Sprintf("%s[%s] %s (%s, %s)", drillTag(m), word, titleOf(m), nameOf(firstOf(past, m)), clip(oneLine(m.AlertID), 60))
	return d.mailer.deliver(ctx, w.Mail, letter, m)
}

// drillTag begins the subject of a drill.
func drillTag(m alert.Message) string {
	if m.Drill {
		return "[DRILL]"
	}
	return ""
}
