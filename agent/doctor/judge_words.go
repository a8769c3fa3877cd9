package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"picket/internal/identity"
	"picket/internal/uplink"
)

// clockWords says how the local clock stands; offset is the collector's minus ours.
func clockWords(offset time.Duration) string {
	off := offset.Abs().Round(100 * time.Millisecond)
	if off >= time.Minute {
		off = off.Round(time.Second)
	}
	switch {
	case off < 100*time.Millisecond:
		return "right, by the Picket server's"
	case offset > 0:
		return off.String() + " slow, by the Picket server's"
	}
	return off.String() + " fast, by the Picket server's"
}

// intercepted is who issued the certificate that was shown in the collector's
// place, as the end of a sentence.
func intercepted(err error) (string, bool) {
	if e, ok := errors.AsType[*uplink.InterceptedError](err); ok {
		return fmt.Sprintf("its certificate was issued by %q", oneLine(e.Issuer)), true
	}
	if errors.Is(err, identity.ErrPin) || errors.Is(err, identity.ErrRole) {
		return oneLine(innermost(err)), true
	}
	return "", false
}

func firstIntercepted(errs ...error) (string, bool) {
	for _, err := range errs {
		if issuer, ok := intercepted(err); ok {
			return issuer, true
		}
	}
	return "", false
}

// innermost is the text of err from where it speaks of the pin, without the
// layers of TLS and QUIC before.
func innermost(err error) string {
	text := err.Error()
	for _, word := range []error{identity.ErrPin, identity.ErrRole} {
		if i := strings.LastIndex(text, word.Error()); i >= 0 {
			return strings.TrimPrefix(text[i:], word.Error()+": ")
		}
	}
	return text
}

// knockWords is what a knock met, as the end of a sentence.
func knockWords(k Knock) string {
	switch _, inter := intercepted(k.Err); {
	case inter:
		return "somebody else answers"
	case errors.Is(k.Err, uplink.ErrProxyAuth):
		return "the proxy needs authentication (407)"
	case errors.Is(k.Err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(k.Err, syscall.ENETUNREACH), errors.Is(k.Err, syscall.EHOSTUNREACH):
		return "there is no route"
	case errors.Is(k.Err, syscall.EPERM), errors.Is(k.Err, syscall.EACCES):
		return "forbidden on this machine: a local firewall"
	case silent(k.Err):
		return "no reply in " + k.Took.Round(time.Second).String()
	}
	return oneLine(reason(k.Err))
}

// reason is the text of err without the addresses that the finding names anyway.
func reason(err error) string {
	u, ok := errors.AsType[*uplink.UnreachableError](err)
	if !ok {
		return err.Error()
	}
	why := u.UDP
	if why == nil {
		why = u.TCP
	}
	_, rest, ok := strings.Cut(why.Error(), ": ") // after the name of the try
	if !ok {
		return why.Error()
	}
	return rest
}

// silent says that nothing came back.
func silent(err error) bool {
	if u, ok := errors.AsType[*uplink.UnreachableError](err); ok && u.UDP == nil && u.TCP == nil {
		return true // the time was over before any try had ended
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func firstOf(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "no address"
	}
	s := addrs[0].String()
	if len(addrs) > 1 {
		s += fmt.Sprintf(" and %d more", len(addrs)-1)
	}
	return s
}

func by(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func millis(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
