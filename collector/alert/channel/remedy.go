package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"picket/collector/alert"
)

// Remedy says what a person can do about an error of [alert.Sender.Test]; "" if the
// error says it all.
func Remedy(err error) string {
	if _, ok := errors.AsType[*missedError](err); ok {
		return "correct or remove these addresses in the route's mail list; the others have it"
	}
	if errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.CertificateInvalidError)) || errors.As(err, new(*tls.CertificateVerificationError)) {
		return "name the server as its certificate does, or have this machine trust the certificate's authority"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the server does not speak TLS on this port: for mail, 465 goes with security: tls, and 587 with security: starttls"
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return "correct the name " + oneLine(e.Name) + ", or this machine's DNS"
		}
		return "this machine's DNS does not answer: look at its resolver"
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, alert.ErrNoRoute):
		return "picket notify routes lists them"
	case errors.Is(err, ErrNoSMTP):
		return "add smtp: to the configuration and apply it"
	case errors.Is(err, ErrLogin):
		return "correct smtp.username and the password it names; many providers want an application password"
	case errors.Is(err, ErrNoTLS):
		return "use the server's submission port (587, or 465 with security: tls)"
	case errors.Is(err, ErrPlainText):
		return "set smtp.security to starttls or tls"
	case errors.Is(err, alert.ErrRefused) && strings.Contains(err.Error(), "the receiver answers 400"):
		return "the receiver does not understand the message: check that the URL belongs to this kind of receiver, and PagerDuty's key to its Events API v2"
	case errors.Is(err, alert.ErrRefused) && strings.Contains(err.Error(), "the receiver answers 404"), errors.Is(err, alert.ErrGone):
		return "nothing is there (any more): make a new webhook, workflow or integration, and put its URL or key in place"
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return "make the file readable for the collector's user"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check host and port, and that the receiver runs"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "check host and port, and that a firewall lets this machine reach it (many networks block port 25)"
	case errors.Is(err, alert.ErrRefused) && strings.Contains(err.Error(), "mail server does not take mail from"):
		return "set smtp.from to an address that this server lets the user send from"
	case errors.Is(err, alert.ErrRefused) && strings.Contains(err.Error(), "for nobody"):
		return "correct the addresses in the route's mail list"
	}
	return ""
}
