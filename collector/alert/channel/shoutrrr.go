package channel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"

	"picket/collector/alert"
)

// shouter hands messages to the library, one at a time and route: the library
// knows no context, so an attempt that hangs is left behind, and until it has
// ended no other is begun.
type shouter struct {
	mu   sync.Mutex      // guards the field below
	busy map[string]bool // by route
}

// ours are the services that the library knows and that have a way of their own
// here, or none, with the reason.
func notByShoutrrr(service string) string {
	return map[string]string{
		"smtp":   "mail goes by mail: and the file's smtp, which verifies whom it talks to",
		"logger": "a message in a log reaches nobody",
	}[service]
}

// service is the scheme of a shoutrrr URL, "?" if there is none.
func service(raw string) string {
	scheme, _, ok := strings.Cut(raw, "://")
	scheme, _, _ = strings.Cut(scheme, "+")
	if !ok || scheme == "" || len(scheme) > 20 || strings.ContainsFunc(scheme, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }) {
		return "?"
	}
	return scheme
}

func (w Shoutrrr) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	m, err := read(l)
	if err != nil {
		return err
	}
	raw, err := w.URL()
	if err != nil {
		return fmt.Errorf("read the route's URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return d.shouter.shout(ctx, l.Route, string(raw), short(m))
}

// shout makes one attempt. Errors of the library are not repeated: they quote
// the URL, and with it the password.
func (s *shouter) shout(ctx context.Context, route, raw, text string) error {
	name := service(raw)
	if why := notByShoutrrr(name); why != "" {
		return refused("%s:// is not used here: %s", name, why)
	}
	to, err := (&router.ServiceRouter{}).Locate(raw)
	if err != nil {
		return refused("the URL of the service %s cannot be used: look up its form in the manual of shoutrrr", name)
	}
	if !s.begin(route) {
		return fmt.Errorf("an earlier message to %s is still on its way", name)
	}
	done := make(chan error, 1) // has room: nobody may be left to read it
	go func() {
		defer s.end(route)
		defer func() {
			if v := recover(); v != nil {
				done <- errors.New("the library failed")
			}
		}()
		done <- to.Send(text, nil)
	}()
	select {
	case err := <-done:
		return shoutError(name, err)
	case <-ctx.Done():
		return fmt.Errorf("%s does not answer: %w", name, context.Cause(ctx))
	}
}

func (s *shouter) begin(route string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == nil {
		s.busy = map[string]bool{}
	}
	was := s.busy[route]
	s.busy[route] = true
	return !was
}

func (s *shouter) end(route string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, route)
}

// status finds an HTTP status in what the library says.
func status(text string) string {
	return regexp.MustCompile(`\b[45][0-9][0-9]\b`).FindString(text)
}

// shoutError says of an error of the library what is certainly no secret.
func shoutError(name string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the wrapper quotes the URL
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s cannot be reached: %w", name, e)
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("%s cannot be reached: %w", name, e)
	}
	if code := status(err.Error()); code != "" {
		return fmt.Errorf("%s does not take the message: it answers %s", name, code)
	}
	return fmt.Errorf("%s does not take the message", name)
}
