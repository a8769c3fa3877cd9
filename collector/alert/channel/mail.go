package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	mail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"picket/collector/alert"
)

// mailer delivers letters by mail, one connection each.
type mailer struct {
	partial halves // by recipient

	mu     sync.Mutex // guards the field below
	server *SMTP      // nil: none
}

// use replaces the mail server.
func (m *mailer) use(server *SMTP) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server = server
}

// missedError says that a letter was delivered to some and refused for others,
// for good.
type missedError struct{ who []string }

// Is marks it for the sender: the letter is with the others.
func (e *missedError) Is(target error) bool { return target == alert.ErrPartly }

func (e *missedError) Error() string {
	return "the mail server refuses some of the recipients: " + strings.Join(e.who, "; ")
}

// nobodyError says that every recipient of an attempt is refused for good. It
// says nothing of those who had the letter before.
type nobodyError struct{ error }

func (e *nobodyError) Unwrap() error { return e.error }

func (w Mail) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	message, err := read(l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	return d.mailer.deliver(ctx, w.Recipients, l.ID, message)
}

// deliver makes one attempt to bring a letter to all recipients. One that is
// refused for good does not keep it from the others (then the error is a
// [*missedError]); one that is asked to wait is tried again alone.
func (m *mailer) deliver(ctx context.Context, recipients []string, id string, message alert.Message) error {
	m.mu.Lock()
	server := m.server
	m.mu.Unlock()
	have := m.partial.who(id)
	if server == nil {
		return ErrNoSMTP
	}
	msg, err := newMail(message, server.From, recipients)
	if err != nil {
		return err
	}
	client, end, err := server.open(ctx)
	if err != nil {
		return err
	}
	defer end()
	to := slices.DeleteFunc(slices.Clone(recipients), func(a string) bool { return have[a] })
	took, err := hand(client, msg, to)
	if nobody, ok := errors.AsType[*nobodyError](err); ok && len(have) > 0 {
		err = &missedError{[]string{nobody.Error()}} // the others have it
	}
	m.remember(id, took, err)
	if err == nil || len(took) > 0 {
		goodbye(client)
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	return err
}

// remember notes who has a letter that is not yet with everybody.
func (m *mailer) remember(id string, took []string, err error) {
	if _, ended := errors.AsType[*missedError](err); err == nil || ended {
		m.partial.end(id)
		return
	}
	m.partial.add(id, took...)
}

// hand gives msg to the server for the recipients, and returns who has it now.
func hand(client *smtp.Client, msg *mail.Msg, to []string) (took []string, err error) {
	from, err := msg.GetSender(false)
	if err != nil {
		return nil, refused("the sender's address cannot be used: %v", err)
	}
	if err := client.Mail(from); err != nil {
		return nil, judged("the mail server does not take mail from "+from, err)
	}
	var no, later []string
	var last error // a definite no
	for _, a := range to {
		switch err := client.Rcpt("<" + a + ">"); {
		case err == nil:
			took = append(took, a)
		case definite(err):
			no, last = append(no, reply(a, err).Error()), err
		default:
			later = append(later, reply(a, err).Error())
		}
	}
	switch {
	case len(took) == 0 && len(later) > 0:
		return nil, fmt.Errorf("the mail server asks to wait: %s", strings.Join(later, "; "))
	case len(took) == 0:
		return nil, &nobodyError{judged("the mail server takes the mail for nobody", last)}
	}
	w, err := client.Data()
	if err != nil {
		return nil, judged("the mail server does not take the mail", err)
	}
	if _, err := msg.WriteTo(w); err != nil {
		return nil, fmt.Errorf("write the mail: %w", err) // without its end: nobody gets half a mail
	}
	if err := w.Close(); err != nil {
		return nil, judged("the mail server does not take the mail", err)
	}
	switch {
	case len(later) > 0:
		return took, fmt.Errorf("the mail server asks to wait for some recipients: %s", strings.Join(later, "; "))
	case len(no) > 0:
		return took, &missedError{no}
	}
	return took, nil
}

// judged words a reply, and marks it if it is a definite no.
func judged(what string, err error) error {
	if definite(err) {
		return fmt.Errorf("%w: %w", alert.ErrRefused, reply(what, err))
	}
	return reply(what, err)
}
