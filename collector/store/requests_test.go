package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func keyOf(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

// wait wants that the machine of key waits for approval.
func wait(t *testing.T, s *Store, tok Token, a NewAgent, now time.Time) Request {
	t.Helper()
	_, err := s.Redeem(t.Context(), tok.ID, tok.Secret, a, now)
	w, ok := errors.AsType[*WaitingError](err)
	if !ok {
		t.Fatalf("%s does not wait: %v", a.Hostname, err)
	}
	return w.Request
}

func TestATenantsTokenWaitsForAnAdmin(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	tok := newToken(t, s, NewToken{Kind: Tenant, Client: "acme", By: "ana"})
	if tok.Site != "" || tok.Uses != 500 {
		t.Errorf("the token: %+v", tok)
	}
	pc := NewAgent{ID: "A1", Key: keyOf(1), Hostname: "pc1", OS: "windows/amd64", From: "198.51.100.7"}
	r := wait(t, s, tok, pc, at)
	if again := wait(t, s, tok, pc, at.Add(time.Minute)); again.ID != r.ID || !again.Asked.Equal(at.Add(time.Minute)) {
		t.Errorf("it asked again as %+v", again)
	}
	s.Close() // all of it is on disk
	s = openAt(t, path)
	all, err := s.Requests(ctx, at.Add(time.Minute))
	if err != nil || len(all) != 1 || all[0].ID != r.ID || all[0].Client != "acme" || all[0].Hostname != "pc1" || all[0].From != "198.51.100.7" || all[0].State != RequestWaiting {
		t.Fatalf("requests %+v, %v", all, err)
	}
	if _, err := s.Approve(ctx, Approval{ID: r.ID, By: "ana"}, at); !errors.Is(err, ErrName) {
		t.Errorf("approved for no site: %v", err)
	}
	if _, err := s.Approve(ctx, Approval{ID: r.ID, Site: "a/b", By: "ana"}, at); !errors.Is(err, ErrName) {
		t.Errorf("approved for a bad site: %v", err)
	}
	if sites, err := s.Sites(ctx); err != nil || len(sites) != 0 {
		t.Errorf("what failed made sites: %+v, %v", sites, err)
	}
	for range 2 {
		got, err := s.Approve(ctx, Approval{ID: r.ID, Site: "madrid", Region: "eu", Network: "AS3352", HostedBy: "azure", By: "ana"}, at)
		if err != nil || got.State != RequestApproved || got.Site != "acme/madrid" || got.By != "ana" {
			t.Fatalf("approve: %+v, %v", got, err)
		}
	}
	if _, err := s.Approve(ctx, Approval{ID: r.ID, Site: "lyon"}, at); !errors.Is(err, ErrDecided) {
		t.Errorf("approved elsewhere too: %v", err)
	}
	if _, err := s.Deny(ctx, r.ID, "bob", at); !errors.Is(err, ErrDecided) {
		t.Errorf("denied after approval: %v", err)
	}
	// The token has expired meanwhile: what was asked for in time still counts.
	got, err := s.Redeem(ctx, tok.ID, tok.Secret, pc, at.Add(2*time.Hour))
	if err != nil || got.ID != "A1" || got.Site != "acme/madrid" || got.Region != "eu" || got.Declared != "AS3352" || got.HostedBy != "azure" {
		t.Fatalf("joined as %+v, %v", got, err)
	}
	pc.ID = "A2" // the answer was lost
	if again, err := s.Redeem(ctx, tok.ID, tok.Secret, pc, at.Add(3*time.Hour)); err != nil || again != got {
		t.Errorf("again: %+v, %v", again, err)
	}
	if u, err := s.Token(ctx, tok.ID); err != nil || u.Used != 1 || u.LastFrom != "198.51.100.7" || u.By != "ana" {
		t.Errorf("the token afterwards: %+v, %v", u, err)
	}
	if all, err := s.Requests(ctx, at); err != nil || len(all) != 0 {
		t.Errorf("requests afterwards: %+v, %v", all, err)
	}
	late := NewAgent{ID: "A3", Key: keyOf(3)}
	if _, err := s.Redeem(ctx, tok.ID, tok.Secret, late, at.Add(2*time.Hour)); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("a new request with an expired token: %v", err)
	}
}

func TestWhatIsDeniedIsToldAndForgotten(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	tok := newToken(t, s, NewToken{Kind: Tenant, Client: "acme", Expires: at.Add(90 * 24 * time.Hour)})
	pc := NewAgent{ID: "A1", Key: keyOf(1), Site: "lisbon"}
	r := wait(t, s, tok, pc, at)
	if r.Wish != "lisbon" {
		t.Errorf("the wish: %+v", r)
	}
	for range 2 {
		if _, err := s.Deny(ctx, r.ID, "ana", at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Approve(ctx, Approval{ID: r.ID}, at); !errors.Is(err, ErrDecided) {
		t.Errorf("approved after denial: %v", err)
	}
	if _, err := s.Redeem(ctx, tok.ID, tok.Secret, pc, at); !errors.Is(err, ErrDenied) {
		t.Errorf("told %v", err)
	}
	if agents, err := s.Agents(ctx); err != nil || len(agents) != 0 {
		t.Errorf("agents %+v, %v", agents, err)
	}
	later := at.Add(requestLife)
	if _, err := s.Deny(ctx, r.ID, "ana", later); !errors.Is(err, ErrNotFound) {
		t.Errorf("a request that has ended: %v", err)
	}
	if again := wait(t, s, tok, pc, later); again.ID == r.ID {
		t.Error("an old request lives on")
	}
	if got, err := s.Approve(ctx, Approval{ID: wait(t, s, tok, pc, later).ID, By: "x"}, later); err != nil || got.Site != "acme/lisbon" {
		t.Errorf("the wish was not taken: %+v, %v", got, err)
	}
	if err := s.RevokeToken(ctx, tok.ID, later); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Requests(ctx, later); err != nil || len(all) != 0 {
		t.Errorf("a revoked token leaves %+v, %v", all, err)
	}
	if _, err := s.Redeem(ctx, tok.ID, tok.Secret, pc, later); !errors.Is(err, ErrTokenRevoked) {
		t.Errorf("approved, then revoked: %v", err)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	few := newToken(t, s, NewToken{Kind: Tenant, Client: "acme", Uses: 2})
	for n := range 2 {
		wait(t, s, few, NewAgent{ID: "x", Key: keyOf(byte(n))}, at)
	}
	if _, err := s.Redeem(ctx, few.ID, few.Secret, NewAgent{ID: "x", Key: keyOf(9)}, at); !errors.Is(err, ErrTokenUsed) {
		t.Errorf("one request more than agents may join: %v", err)
	}
	if _, err := s.Redeem(ctx, few.ID, few.Secret, NewAgent{ID: "x"}, at); !errors.Is(err, ErrName) {
		t.Errorf("a request without a key: %v", err)
	}
	_, err := s.write.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?3)
		INSERT INTO requests (id, token, key, wish, hostname, os, version, origin, made, asked) SELECT 'r' || i, ?1, CAST(i AS BLOB), '', '', '', '', '', ?2, 0 FROM n`,
		few.ID, millis(at), maxRequests-2) // by hand: two thousand keys would take their time
	if err != nil {
		t.Fatal(err)
	}
	many := newToken(t, s, NewToken{Kind: Tenant, Client: "globex"})
	if _, err := s.Redeem(ctx, many.ID, many.Secret, NewAgent{ID: "x", Key: keyOf(1)}, at); !errors.Is(err, ErrManyRequests) {
		t.Errorf("the store is full: %v", err)
	}
	if p, err := s.Prune(ctx, at.Add(requestLife)); err != nil || p.Requests != maxRequests {
		t.Errorf("pruned %+v, %v", p, err)
	}
}

func TestATokenSaysWhyItIsRefusedToWhoHoldsIt(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	tok := newToken(t, s, NewToken{Client: "acme", Site: "hq", By: "ana"})
	_, err := s.Redeem(ctx, tok.ID, tok.Secret, NewAgent{ID: "x"}, at.Add(3*time.Hour))
	e, ok := errors.AsType[*TokenError](err)
	if !ok || e.Token.By != "ana" || !e.Token.Expires.Equal(at.Add(time.Hour)) || e.Token.Site != "acme/hq" || e.Token.Secret != nil {
		t.Errorf("expired: %+v", err)
	}
	_, err = s.Redeem(ctx, tok.ID, keyOf(1)[:16], NewAgent{ID: "x"}, at)
	if _, ok := errors.AsType[*TokenError](err); ok || strings.Contains(fmt.Sprint(err), "ana") {
		t.Errorf("a guess is told: %v", err)
	}
	if _, err := s.Redeem(ctx, tok.ID, tok.Secret, NewAgent{ID: "x", Site: "lyon"}, at); !errors.Is(err, ErrTokenSite) {
		t.Errorf("another site: %v", err)
	}
	if _, err := s.Redeem(ctx, tok.ID, tok.Secret, NewAgent{ID: "x", Site: "a/b"}, at); !errors.Is(err, ErrName) {
		t.Errorf("no site name: %v", err)
	}
	if _, err := s.Redeem(ctx, tok.ID, tok.Secret, NewAgent{ID: "x", Site: "hq"}, at); err != nil {
		t.Errorf("its own site: %v", err)
	}
}

func TestKindsOfTokens(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	for _, c := range []struct {
		n    NewToken
		kind TokenKind
		life time.Duration
		uses int
	}{
		{NewToken{Client: "a", Site: "s"}, OneShot, time.Hour, 1},
		{NewToken{Client: "a", Site: "s", Uses: 3}, SiteKit, 30 * 24 * time.Hour, 3},
		{NewToken{Client: "a", Site: "s", Kind: SiteKit}, SiteKit, 30 * 24 * time.Hour, 25},
		{NewToken{Client: "a", Kind: Tenant}, Tenant, 7 * 24 * time.Hour, 500},
	} {
		got, err := s.CreateToken(ctx, c.n)
		if err != nil || got.Kind != c.kind || got.Uses != c.uses || got.Expires.Sub(got.Created).Round(time.Minute) != c.life {
			t.Errorf("%+v: %+v, %v", c.n, got, err)
		}
	}
	for _, bad := range []NewToken{{Client: "a", Kind: Tenant, Site: "s"}, {Client: "a", Kind: Tenant, HostedBy: "aws"}, {Kind: Tenant}, {Client: "a", Site: "s", Kind: "many"}, {Client: "a", Kind: SiteKit}} {
		if _, err := s.CreateToken(ctx, bad); !errors.Is(err, ErrName) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestFormat2GoesForward takes a database with tokens and agents of format 2
// along: nothing of them is lost, and they go on being used.
func TestFormat2GoesForward(t *testing.T) {
	path, ctx := file(t), t.Context()
	old, err := open(ctx, path, nil, migrations[:2], "FULL")
	if err != nil {
		t.Fatal(err)
	}
	tok := Token{ID: "tok", Secret: []byte("sixteen bytes ..")}
	seed(t, ctx, old, tok)
	old.Close()
	s := openAt(t, path)
	got, err := s.Token(ctx, "tok")
	if err != nil || got.Kind != SiteKit || got.Client != "acme" || got.Site != "acme/hq" || got.Used != 1 || got.Uses != 2 || !got.LastUsed.Equal(at) {
		t.Errorf("the token: %+v, %v", got, err)
	}
	a, err := s.Agent(ctx, "A1")
	if err != nil || a.Site != "acme/hq" || a.Slot != 7 || a.Hostname != "box" || a.HostedBy != "" {
		t.Errorf("the agent: %+v, %v", a, err)
	}
	if again, err := s.Redeem(ctx, "tok", tok.Secret, NewAgent{ID: "A9", Key: keyOf(1)}, at); err != nil || again.ID != "A1" {
		t.Errorf("a lost answer from before: %+v, %v", again, err)
	}
	if b, err := s.Redeem(ctx, "tok", tok.Secret, NewAgent{ID: "B1"}, at); err != nil || b.Slot != 8 {
		t.Errorf("the second use: %+v, %v", b, err)
	}
	var broken int
	if err := s.read.QueryRow(`SELECT count(*) FROM pragma_foreign_key_check`).Scan(&broken); err != nil || broken != 0 {
		t.Errorf("%d keys lead nowhere, %v", broken, err)
	}
	if _, err := s.write.Exec(`INSERT INTO agents (id, site, token, key, created, not_after, version, os, hostname, slot) VALUES ('X','acme/hq','nope',x'',0,0,'','','',99)`); err == nil {
		t.Error("an agent of no token was taken: the key was lost on the way")
	}
}

func seed(t *testing.T, ctx context.Context, old *Store, tok Token) {
	t.Helper()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO clients VALUES ('acme', 'acme', 0)`, nil},
		{`INSERT INTO sites (id, client, name, region, slot, declared, created) VALUES ('acme/hq', 'acme', 'hq', 'eu', 0, '', 0)`, nil},
		{`INSERT INTO tokens (id, secret, site, created, expires, uses, used) VALUES (?, ?, 'acme/hq', 0, ?, 2, 1)`, []any{tok.ID, hashed(tok.Secret), millis(at.Add(time.Hour))}},
		{`INSERT INTO agents (id, site, slot, token, key, created, not_after, version, os, hostname) VALUES ('A1', 'acme/hq', 7, ?, ?, ?, 0, '1', 'linux', 'box')`, []any{tok.ID, keyOf(1), millis(at)}},
	} {
		if _, err := old.write.ExecContext(ctx, q.sql, q.args...); err != nil {
			t.Fatalf("%s: %v", q.sql, err)
		}
	}
}
