package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// applicant is a machine that wants to join over the real line.
type applicant struct {
	csr        []byte
	name, site string
}

func newApplicant(t *testing.T, name, site string) *applicant {
	t.Helper()
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := identity.CSR(key)
	if err != nil {
		t.Fatal(err)
	}
	return &applicant{csr, name, site}
}

func (a *applicant) ask(t *testing.T, c *Collector, token store.Token) (uplink.EnrolResponse, error) {
	t.Helper()
	ways := uplink.Ways{Open: func() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:0") }}
	return uplink.Enrol(t.Context(), ways, []string{c.o.Sockets.Agents.LocalAddr().String()}, c.authority.Pin(), uplink.EnrolRequest{
		TokenID: token.ID, Secret: token.Secret, CSR: a.csr, Hostname: a.name, OS: "linux/amd64", Version: "1", Site: a.site,
	})
}

// refused wants a refusal with the code.
func refused(t *testing.T, err error, code string) *uplink.Refusal {
	t.Helper()
	r, ok := errors.AsType[*uplink.Refusal](err)
	if !ok || r.Code != code {
		t.Fatalf("told %#v, want the refusal %s", err, code)
	}
	return r
}

func (c *Collector) tokenFor(t *testing.T, n store.NewToken) store.Token {
	t.Helper()
	tok, err := c.store.CreateToken(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// trail counts the entries of an action.
func (c *Collector) trail(t *testing.T, action string) (n int) {
	t.Helper()
	all, err := c.store.AuditLog(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Action == action {
			n++
		}
	}
	return n
}

const joinable = "targets: [{id: t, provider: p, service: s, checks: [{kind: tcp, host: 127.0.0.1, port: 9}]}]\n"

func TestApprovalOverTheLine(t *testing.T) {
	c := running(t, joinable)
	s := source{c}
	tok := c.tokenFor(t, store.NewToken{Kind: store.Tenant, Client: "acme"})
	pc := newApplicant(t, "pc1", "lisbon")
	_, err := pc.ask(t, c, tok)
	r := refused(t, err, uplink.Waiting)
	if r.Retry < askSoon || r.Retry > 2*askSoon || r.Request == "" || !strings.Contains(r.Fix, "picket agent approve "+r.Request) {
		t.Errorf("told %+v", r)
	}
	if _, err := pc.ask(t, c, tok); refused(t, err, uplink.Waiting).Request != r.Request {
		t.Error("a second request was made")
	}
	if agents, err := s.Agents(t.Context()); err != nil || len(agents) != 0 {
		t.Errorf("it is enrolled before anybody said so: %+v, %v", agents, err)
	}
	list, err := s.Requests(t.Context())
	if err != nil || len(list) != 1 || list[0].Hostname != "pc1" || list[0].Wish != "lisbon" || list[0].From != "127.0.0.1" || list[0].State != "waiting" {
		t.Errorf("requests %+v, %v", list, err)
	}
	if _, err := s.Approve(t.Context(), "ana", r.Request, web.Approval{}); err != nil {
		t.Fatal(err)
	}
	first, err := pc.ask(t, c, tok)
	if err != nil || first.Site != "acme/lisbon" {
		t.Fatalf("approved: %+v, %v", first, err)
	}
	again, err := pc.ask(t, c, tok) // the answer was lost
	if err != nil || again.Agent != first.Agent {
		t.Errorf("again: %+v, %v", again, err)
	}
	if tokens, err := s.Tokens(t.Context()); err != nil || tokens[0].Used != 1 || tokens[0].LastFrom != "127.0.0.1" || tokens[0].LastNetwork == "" {
		t.Errorf("the token: %+v, %v", tokens, err)
	}
	for action, want := range map[string]int{"request.made": 1, "request.approve": 1, "agent.join": 1} {
		if n := c.trail(t, action); n != want {
			t.Errorf("the trail has %d of %s, want %d", n, action, want)
		}
	}
	_, err = newApplicant(t, "x", "globex/hq").ask(t, c, tok)
	refused(t, err, "site") // no way into another client
	no := newApplicant(t, "pc2", "porto")
	_, err = no.ask(t, c, tok)
	if _, err := s.Deny(t.Context(), "ana", refused(t, err, uplink.Waiting).Request); err != nil {
		t.Fatal(err)
	}
	_, err = no.ask(t, c, tok)
	refused(t, err, "denied")
	if _, err := s.Approve(t.Context(), "ana", "nope", web.Approval{Site: "x"}); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestRefusalsSayWhyAndWhatToDo(t *testing.T) {
	now := time.Now()
	tok := store.Token{ID: "tok", Kind: store.SiteKit, Client: "acme corp", Site: "acme corp/hq", By: "ana", Expires: now.Add(-80 * time.Hour), Revoked: now.Add(-5 * time.Minute), Uses: 25, Used: 25}
	for err, want := range map[error][3]string{
		store.ErrTokenExpired: {"token_expired", "expired 3 d ago (made by ana)", "picket token create --client 'acme corp' --site hq --kind site"},
		store.ErrTokenUsed:    {"token_used", "used up: 25 of 25 uses (made by ana)", "picket token create"},
		store.ErrTokenRevoked: {"token_revoked", "revoked 5 min ago", "picket token create"},
		store.ErrTokenSite:    {"token_site", "for the site acme corp/hq", "--site"},
		store.ErrDenied:       {"denied", "denied", "picket agent pending --all"},
	} {
		r, ok := errors.AsType[*uplink.Refusal](refuseToken(fmt.Errorf("redeem: %w", &store.TokenError{Token: tok, Why: err}), now))
		if !ok || r.Code != want[0] || !strings.Contains(r.Message, want[1]) || !strings.Contains(r.Fix, want[2]) {
			t.Errorf("%v: %+v", err, r)
		}
	}
	if r, ok := errors.AsType[*uplink.Refusal](refuseToken(store.ErrTokenUnknown, now)); !ok || strings.Contains(r.Message+r.Fix, "ana") {
		t.Errorf("a guess: %+v", r)
	}
	tok.Kind, tok.Site = store.Tenant, ""
	if got := createCommand(tok); got != "picket token create --kind tenant --client 'acme corp'" {
		t.Error(got)
	}
	if got := word("it's; rm -rf /"); got != `'it'\''s; rm -rf /'` {
		t.Error(got)
	}
}

// onMachine runs an agent of b on a machine until the test ends.
func onMachine(t *testing.T, c *Collector, b *identity.Bundle, m uplink.Machine) *uplink.Client {
	t.Helper()
	l := &listener{machine: m}
	client := uplink.NewClient(uplink.ClientOptions{
		Ways:  uplink.Ways{Open: func() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:0") }},
		Addrs: func() []string { return []string{c.o.Sockets.Agents.LocalAddr().String()} },
		TLS:   b.ClientTLS(uplink.Protocol), Source: l, Handler: l, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); client.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return client
}

func TestACopyIsInTheTrailAndOnThePage(t *testing.T) {
	c := running(t, joinable)
	b := enrolledAs(t, c, "hq")
	first := onMachine(t, c, b, uplink.Machine{1})
	eventuallyTrue(t, "the first one is connected", first.Connected)
	second := onMachine(t, c, b, uplink.Machine{2})
	var agent web.Agent
	eventuallyTrue(t, "the copy is shown", func() bool {
		agents, err := source{c}.Agents(t.Context())
		if err != nil || len(agents) != 1 {
			t.Fatalf("%+v, %v", agents, err)
		}
		agent = agents[0]
		return agent.Clone != nil
	})
	if agent.Clone.From != "127.0.0.1" || agent.Clone.Since.IsZero() || !agent.Connected {
		t.Errorf("shown as %+v", agent.Clone)
	}
	if second.Connected() || !first.Connected() {
		t.Error("the first one does not stay")
	}
	eventuallyTrue(t, "the trail tells", func() bool { return c.trail(t, "agent.clone") > 0 })
	for range 50 { // copies that start again and again
		c.cloned(uplink.Clone{Agent: agent.ID, First: true})
	}
	if n := c.trail(t, "agent.clone"); n != 1 {
		t.Errorf("the trail tells %d times", n)
	}
}

func TestALongListIsImportedInTime(t *testing.T) {
	const sites = 1000 // 5,000 took 2 to 6 s; the race detector makes that a minute
	c := running(t, joinable)
	var text strings.Builder
	text.WriteString("client,site,region,isp,hosted_by\n")
	for n := range sites {
		fmt.Fprintf(&text, "client %d,site %d,eu-west,AS64500 Example Fibre,p\n", n%50, n)
	}
	for _, again := range []bool{false, true} {
		begun := time.Now()
		list, err := DialOperator(c.o.Dir).ImportSites(t.Context(), web.SiteImport{CSV: text.String()})
		if err != nil || len(list) != sites || list[sites-1].Standing != again || (list[sites-1].Token == "") != again {
			t.Fatalf("%d sites, %v", len(list), err)
		}
		t.Logf("%d sites in %s, again %v", sites, time.Since(begun).Round(time.Millisecond), again)
	}
	if _, err := (source{c}).ImportSites(t.Context(), "x", web.SiteImport{CSV: "client,site\nacme,hq\n", TTL: "91d"}); err == nil {
		t.Error("a life without end")
	}
}
