package collector

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/oklog/ulid/v2"

	"picket/collector/detect"
	"picket/collector/store"
	"picket/internal/uplink"
)

// How long an agent that waits for approval is told to wait before it asks again:
// a quarter of the time that it has waited so far, within these bounds. That is
// soon enough for who stands beside it, and 500 machines that wait for days are 8
// requests a second [E].
const (
	askSoon = 10 * time.Second
	askLate = time.Minute
)

// Enrol redeems a token and signs the agent's key. The request is tried before
// the token is spent, so that a broken one costs nothing.
func (s sessions) Enrol(ctx context.Context, remote netip.AddrPort, r uplink.EnrolRequest) (uplink.EnrolResponse, error) {
	var none uplink.EnrolResponse
	c, now, id := s.c, time.Now(), ulid.Make().String()
	chain, err := c.authority.SignAgent(r.CSR, id, now)
	if err != nil {
		return none, &uplink.Refusal{Code: "csr", Message: "the certificate request was refused: " + err.Error()}
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return none, &uplink.Refusal{Code: "csr", Message: "the certificate request cannot be read"}
	}
	key := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	a, err := c.store.Redeem(ctx, r.TokenID, r.Secret, store.NewAgent{
		ID: id, NotAfter: notAfter(chain), Version: r.Version, OS: r.OS, Hostname: r.Hostname, Key: key[:], From: remote.Addr().String(), Site: r.Site,
	}, now)
	if waiting, ok := errors.AsType[*store.WaitingError](err); ok {
		return none, s.wait(ctx, waiting.Request, now)
	}
	if err != nil {
		return none, refuseToken(err, now)
	}
	again := a.ID != id
	if again { // joined before; the first answer was lost on the way
		if chain, err = c.authority.SignAgent(r.CSR, a.ID, now); err != nil {
			return none, err
		}
	}
	c.registry.enrolled(a) // at once: the agent comes back to say hello in a moment
	c.fleetChanged()
	network, err := c.registry.network(ctx, remote.Addr(), a.Declared)
	if err != nil {
		return none, err
	}
	if !again {
		s.noteJoin(ctx, a, r.TokenID, remote.Addr(), network.Name)
	}
	return uplink.EnrolResponse{
		Outlook: s.outlook(ctx, detect.Site{ID: a.Site, Client: a.Client, Region: a.Region, Network: network, HostedBy: a.HostedBy}),
		Agent:   a.ID, Site: a.Site, Client: a.Client, Region: a.Region, Chain: chain, Trust: c.authority.Root(), Network: network,
	}, nil
}

// wait is the answer to a machine that needs approval. The first time it asks,
// the trail and the log say so.
func (s sessions) wait(ctx context.Context, q store.Request, now time.Time) error {
	if q.Made.Equal(q.Asked) {
		source(s).audit(ctx, "agent", "request.made", q.ID, fmt.Sprintf("%s of client %s, from %s, token %s", q.Hostname, q.Client, q.From, q.Token))
		s.c.log.Info("a machine waits for approval: picket agent approve "+q.ID, "client", q.Client, "host", q.Hostname, "wish", q.Wish, "remote", q.From, "until", q.Expires)
	}
	retry := max(askSoon, min(now.Sub(q.Made)/4, askLate))
	return &uplink.Refusal{Code: uplink.Waiting, Request: q.ID, Retry: retry + rand.N(retry/4),
		Message: fmt.Sprintf("waiting for approval by an admin, as request %s, until %s", q.ID, q.Expires.UTC().Format(time.DateOnly)),
		Fix:     "an admin approves it on the Fleet page or by: picket agent approve " + q.ID}
}

// noteJoin writes down who joined and from where. The agent has joined: what
// fails here is an error of the log.
func (s sessions) noteJoin(ctx context.Context, a store.Agent, token string, from netip.Addr, network string) {
	source(s).audit(ctx, "agent", "agent.join", a.ID, fmt.Sprintf("%s at %s, from %s (%s), token %s", a.Hostname, a.Site, from, network, token))
	if err := s.c.store.TokenUsedFrom(context.WithoutCancel(ctx), token, network); err != nil {
		s.c.log.Error("note the use of a join token", "token", token, "err", err)
	}
}

// outlookWithin is how long an enrolment waits to hear what the site adds.
const outlookWithin = 500 * time.Millisecond

// outlook says for whoever installs the site what it adds; "" if nothing can be
// said now: an enrolment does not depend on it.
func (s sessions) outlook(ctx context.Context, site detect.Site) string {
	ctx, cancel := context.WithTimeout(ctx, outlookWithin)
	defer cancel()
	o, err := s.c.judge.outlook(ctx, site)
	if err != nil {
		return ""
	}
	return o.Sentence()
}

// notAfter is the end of the certificate at the head of a chain in PEM.
func notAfter(chain []byte) time.Time {
	block, _ := pem.Decode(chain)
	if block == nil {
		return time.Time{}
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return cert.NotAfter
}

// refuseToken words why a token was not accepted. Only who holds the right
// secret learns more than that there is no such token.
func refuseToken(err error, now time.Time) error {
	switch {
	case errors.Is(err, store.ErrTokenUnknown):
		return &uplink.Refusal{Code: "token_unknown", Message: "this collector has no such join token",
			Fix: "copy the whole token again, or make one on the collector: picket token create"}
	case errors.Is(err, store.ErrManyRequests):
		return &uplink.Refusal{Code: "busy", Message: "too many machines wait for approval already", Fix: "have an admin decide about them: picket agent pending"}
	case errors.Is(err, store.ErrName):
		return &uplink.Refusal{Code: "site", Message: err.Error()}
	}
	e, ok := errors.AsType[*store.TokenError](err)
	if !ok {
		return err
	}
	t, by := e.Token, ""
	if t.By != "" {
		by = " (made by " + t.By + ")"
	}
	anew := "ask for a new one: " + createCommand(t)
	switch {
	case errors.Is(err, store.ErrTokenExpired):
		return &uplink.Refusal{Code: "token_expired", Message: "the join token expired " + roughly(now.Sub(t.Expires)) + " ago" + by, Fix: anew}
	case errors.Is(err, store.ErrTokenUsed):
		return &uplink.Refusal{Code: "token_used", Message: fmt.Sprintf("the join token is used up: %d of %d uses%s", t.Used, t.Uses, by), Fix: anew}
	case errors.Is(err, store.ErrTokenRevoked):
		return &uplink.Refusal{Code: "token_revoked", Message: "the join token was revoked " + roughly(now.Sub(t.Revoked)) + " ago" + by, Fix: anew}
	case errors.Is(err, store.ErrTokenSite):
		return &uplink.Refusal{Code: "token_site", Message: "the join token is for the site " + t.Site, Fix: "leave out --site, or use the token of the other site"}
	case errors.Is(err, store.ErrDenied):
		return &uplink.Refusal{Code: "denied", Message: "an admin denied this machine's request to join", Fix: "ask an admin of the collector; picket agent pending --all shows who denied it"}
	}
	return err
}

// createCommand is how a token like t is made.
func createCommand(t store.Token) string {
	if t.Kind == store.Tenant {
		return "picket token create --kind tenant --client " + word(t.Client)
	}
	cmd := "picket token create --client " + word(t.Client) + " --site " + word(strings.TrimPrefix(t.Site, t.Client+"/"))
	if t.Kind == store.SiteKit {
		cmd += " --kind site"
	}
	return cmd
}

// word is s for a shell.
func word(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:@", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// roughly is d for people: 3 d, 5 h, 12 min, 40 s.
func roughly(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", max(1, d/time.Second))
}
