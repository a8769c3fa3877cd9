package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quic-go/quic-go"
)

// Code says why a connection was closed. The numbers travel between versions:
// never reorder, never reuse; add at the end.
type Code uint64

// The codes.
const (
	CodeShutdown   Code = 0  // orderly: this end is stopping
	CodeSuperseded Code = 1  // the same certificate connected again; the newer one stays
	CodeRevoked    Code = 2  // the agent is not welcome any more
	CodeRefused    Code = 3  // the other end said no; the reason says why
	CodeProtocol   Code = 4  // the peer sent what it should not have sent
	CodeVersion    Code = 5  // the two ends are too far apart in versions
	CodeBusy       Code = 6  // not now; come again later
	CodeTimeout    Code = 7  // the peer was silent where it had to speak
	CodeRenewed    Code = 8  // the agent comes back with its new certificate
	CodeMoved      Code = 9  // the agent's address changed: come back, so that its network is known
	CodeSwitched   Code = 10 // the agent comes back by a better way
	CodeClone      Code = 60 // another machine is online with the same identity
)

var codeNames = map[Code]string{
	CodeShutdown: "shutdown", CodeSuperseded: "superseded", CodeRevoked: "revoked", CodeRefused: "refused", CodeProtocol: "protocol",
	CodeVersion: "version", CodeBusy: "busy", CodeTimeout: "timeout", CodeRenewed: "renewed",
	CodeMoved: "moved", CodeSwitched: "switched", CodeClone: "clone",
}

// String returns the name used in logs and by [Server.Disconnect].
func (c Code) String() string {
	if s, ok := codeNames[c]; ok {
		return s
	}
	return fmt.Sprintf("code(%d)", uint64(c))
}

// parseCode is the inverse of [Code.String]; an unknown name is a refusal.
func parseCode(s string) Code {
	for c, n := range codeNames {
		if n == s {
			return c
		}
	}
	return CodeRefused
}

// Streams are refused one by one with these; the connection goes on. Numbered
// for ever, too.
const (
	streamDone        quic.StreamErrorCode = 0 // nobody reads any more
	streamUnknown     quic.StreamErrorCode = 1 // no such kind of stream
	streamRefused     quic.StreamErrorCode = 2 // not now, not here, not you
	streamUnreachable quic.StreamErrorCode = 3 // no such member is connected
	streamBroken      quic.StreamErrorCode = 4 // the other half of the relay failed
	streamIdle        quic.StreamErrorCode = 5 // nothing moved for too long
)

// The errors that callers tell apart with errors.Is.
var (
	// ErrDown means that there is no session with the collector right now.
	ErrDown = errors.New("no session with the collector")
	// ErrRevoked means that the collector does not accept this agent's
	// certificate (any more).
	ErrRevoked = errors.New("this agent was revoked, or the collector does not know it")
	// ErrSuperseded means that another connection with the same certificate
	// took this one's place.
	ErrSuperseded = errors.New("superseded by another connection of the same agent")
	// ErrRefused means that the collector said no to this session.
	ErrRefused = errors.New("the collector refused the session")
	// ErrVersion means that agent and collector are too far apart in versions.
	ErrVersion = errors.New("the versions of agent and collector are too far apart")
	// ErrClone means that another machine is online with this agent's identity:
	// one of the two is a copy, and this one came later.
	ErrClone = errors.New("this identity is online from another machine")
	// ErrExpired means that the certificate has expired, and only
	// [Client.Renew] is heard.
	ErrExpired = errors.New("the certificate has expired, only renewal is heard")
)

var codeErrors = map[Code]error{
	CodeRevoked: ErrRevoked, CodeSuperseded: ErrSuperseded, CodeRefused: ErrRefused, CodeVersion: ErrVersion, CodeProtocol: ErrProtocol,
	CodeClone: ErrClone,
}

// CloseError is the end of a session as one of the two ends declared it.
type CloseError struct {
	Code   Code
	Reason string
	Remote bool // the other end closed
}

// Error implements error.
func (e *CloseError) Error() string {
	who := "closed"
	if e.Remote {
		who = "closed by the other end"
	}
	if e.Reason == "" || e.Reason == e.Code.String() {
		return fmt.Sprintf("%s: %s", who, e.Code)
	}
	return fmt.Sprintf("%s: %s: %s", who, e.Code, e.Reason)
}

// Is matches the sentinel of the code, such as [ErrRevoked].
func (e *CloseError) Is(target error) bool {
	s := codeErrors[e.Code]
	return s != nil && s == target
}

// TLS alerts: the one with which crypto/tls reports a certificate that
// VerifyConnection did not like, and the one for a peer that speaks none of the
// protocols offered. QUIC adds 0x100; over TCP they come as an error of a type that
// crypto/tls keeps to itself, known by its text.
const (
	alertBadCertificate = 42
	alertNoProtocol     = 120
)

// closing turns an error of quic-go or of TLS into ours. In TLS 1.3 a client's handshake
// is over before the server has looked at its certificate, so that a rejected
// one shows itself here, as an alert, and not in Dial.
func closing(err error) error {
	if app, ok := errors.AsType[*quic.ApplicationError](err); ok {
		return &CloseError{Code: Code(app.ErrorCode), Reason: clip(app.ErrorMessage, maxReason), Remote: app.Remote}
	}
	if tr, ok := errors.AsType[*quic.TransportError](err); ok && tr.Remote && tr.ErrorCode == 0x100+alertBadCertificate {
		return fmt.Errorf("%w (%w)", ErrRevoked, err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" && op.Err.Error() == tls.AlertError(alertBadCertificate).Error() {
		return fmt.Errorf("%w (%w)", ErrRevoked, err)
	}
	if tr, ok := errors.AsType[*quic.TransportError](err); ok && tr.Remote && tr.ErrorCode == 0x100+alertNoProtocol {
		return fmt.Errorf("%w: the collector does not speak %s, this agent speaks nothing else (%w)", ErrVersion, Protocol, err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" && op.Err.Error() == tls.AlertError(alertNoProtocol).Error() {
		return fmt.Errorf("%w: the collector does not speak %s, this agent speaks nothing else (%w)", ErrVersion, Protocol, err)
	}
	return err
}

// why returns the error that ended conn, or err if it still lives.
func why(conn line, err error) error {
	if cause := context.Cause(conn.Context()); cause != nil {
		return closing(cause)
	}
	return closing(err)
}

const maxReason = 200 // bytes of text in a close frame

// clip makes s one printable line of at most n bytes of valid UTF-8: texts of the
// other end reach log lines, terminals and pages, where control characters, line
// breaks and marks that turn the direction of writing could pass for ours. White
// space becomes a space; what else cannot be seen is left out.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
