package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/internal/fleet"
)

func newToken(t *testing.T, s *Store, n NewToken) Token {
	t.Helper()
	if n.Expires.IsZero() {
		n.Expires = at.Add(time.Hour)
	}
	token, err := s.CreateToken(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenMakesAnAgentOfItsSite(t *testing.T) {
	path, ctx := file(t), t.Context()
	s := openAt(t, path)
	token := newToken(t, s, NewToken{Client: "acme", Site: "madrid", Region: "eu-south", Network: "AS3352", Uses: 2})
	got, err := s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: "A1", NotAfter: at.Add(time.Hour), Version: "1", OS: "linux", Hostname: "h"}, at)
	if err != nil {
		t.Fatal(err)
	}
	want := Agent{ID: "A1", Client: "acme", Site: "acme/madrid", Region: "eu-south", Declared: "AS3352", Slot: 0, SiteSlot: 0,
		Created: at, NotAfter: at.Add(time.Hour), Version: "1", OS: "linux", Hostname: "h"}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	other := newToken(t, s, NewToken{Client: "acme", Site: "lyon"})
	for i, tok := range []Token{token, other} {
		a, err := s.Redeem(ctx, tok.ID, tok.Secret, NewAgent{ID: fmt.Sprint("B", i)}, at)
		if err != nil || a.Slot != uint32(i+1) || a.SiteSlot != uint32(i) {
			t.Errorf("%+v, %v", a, err)
		}
	}

	s.Close() // all of it is on disk
	s = openAt(t, path)
	agents, err := s.Agents(ctx)
	if err != nil || len(agents) != 3 || agents[0] != want {
		t.Fatalf("%+v, %v", agents, err)
	}
	sites, err := s.Sites(ctx)
	if err != nil || !slices.Equal(sites, []fleet.Site{
		{ID: "acme/madrid", Client: "acme", Name: "madrid", Region: "eu-south", Network: fleet.Network{Name: "AS3352", Basis: fleet.BasisDeclared}},
		{ID: "acme/lyon", Client: "acme", Name: "lyon"}}) {
		t.Errorf("sites %+v, %v", sites, err)
	}
	tokens, err := s.Tokens(ctx)
	if err != nil || len(tokens) != 2 || tokens[0].Secret != nil || tokens[0].Used+tokens[1].Used != 3 {
		t.Errorf("tokens %+v, %v", tokens, err)
	}
}

func TestTokensAreRefusedWithAReason(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	good := newToken(t, s, NewToken{Client: "acme", Site: "hq"})
	spent, revoked := newToken(t, s, NewToken{Client: "acme", Site: "hq"}), newToken(t, s, NewToken{Client: "acme", Site: "hq"})
	if _, err := s.Redeem(ctx, spent.ID, spent.Secret, NewAgent{ID: "first"}, at); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeToken(ctx, revoked.ID, at); err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Clone(good.Secret)
	wrong[0] ^= 1
	for _, c := range []struct {
		name, id string
		secret   []byte
		now      time.Time
		want     error
	}{
		{"no such token", "nope", good.Secret, at, ErrTokenUnknown},
		{"no such token, no secret", "nope", nil, at, ErrTokenUnknown},
		{"a wrong secret", good.ID, wrong, at, ErrTokenUnknown},
		{"a cut secret", good.ID, good.Secret[:8], at, ErrTokenUnknown},
		{"a wrong secret of a revoked token tells nothing", revoked.ID, wrong, at, ErrTokenUnknown},
		{"at the end of its life", good.ID, good.Secret, at.Add(time.Hour), ErrTokenExpired},
		{"used up", spent.ID, spent.Secret, at, ErrTokenUsed},
		{"revoked", revoked.ID, revoked.Secret, at, ErrTokenRevoked},
	} {
		if _, err := s.Redeem(ctx, c.id, c.secret, NewAgent{ID: "x"}, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if agents, err := s.Agents(ctx); err != nil || len(agents) != 1 {
		t.Errorf("agents %+v, %v", agents, err)
	}
	if _, err := s.Redeem(ctx, good.ID, good.Secret, NewAgent{ID: "second"}, at.Add(time.Hour-time.Millisecond)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestOfManyOnOneTokenExactlyOneJoins(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	token := newToken(t, s, NewToken{Client: "acme", Site: "hq"})
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: fmt.Sprint("agent", i)}, at)
		})
	}
	wg.Wait()
	joined := 0
	for _, err := range errs {
		if err == nil {
			joined++
		} else if !errors.Is(err, ErrTokenUsed) {
			t.Error(err)
		}
	}
	if agents, err := s.Agents(ctx); err != nil || joined != 1 || len(agents) != 1 {
		t.Errorf("%d joined, %d agents, %v", joined, len(agents), err)
	}
}

func TestALostAnswerCostsNoUse(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	token := newToken(t, s, NewToken{Client: "acme", Site: "hq"})
	key := bytes.Repeat([]byte{7}, 32)
	first, err := s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: "A1", Key: key}, at)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: "A2", Key: key}, at)
	if err != nil || again != first {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: "A3", Key: bytes.Repeat([]byte{8}, 32)}, at); !errors.Is(err, ErrTokenUsed) {
		t.Errorf("another key: %v", err)
	}
	if err := s.Revoke(ctx, "A1", at); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: "A4", Key: key}, at); !errors.Is(err, ErrTokenUsed) {
		t.Errorf("a revoked agent came back: %v", err)
	}
}

func TestTheSecretIsNotInTheFile(t *testing.T) {
	s := openAt(t, file(t))
	token := newToken(t, s, NewToken{Client: "acme", Site: "hq"})
	var stored []byte
	if err := s.read.QueryRow(`SELECT secret FROM tokens`).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if len(token.Secret) != 16 || bytes.Contains(stored, token.Secret) || len(stored) != 32 {
		t.Errorf("stored %x of %x", stored, token.Secret)
	}
}

func TestNamesThatWouldBeAmbiguousAreRefused(t *testing.T) {
	s := openAt(t, file(t))
	for _, bad := range []string{"", "a/b", "a\nb", " a", "a\xff", strings.Repeat("x", 200)} {
		if _, err := s.CreateToken(t.Context(), NewToken{Client: "acme", Site: bad}); !errors.Is(err, ErrName) {
			t.Errorf("site %q: %v", bad, err)
		}
		if _, err := s.CreateToken(t.Context(), NewToken{Client: bad, Site: "hq"}); !errors.Is(err, ErrName) {
			t.Errorf("client %q: %v", bad, err)
		}
	}
	if _, err := s.CreateToken(t.Context(), NewToken{Client: "Ácme & Söhne", Site: "Köln, Dom"}); err != nil {
		t.Error(err)
	}
}

func TestSignsOfLife(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	token := newToken(t, s, NewToken{Client: "acme", Site: "hq", Network: "AS1"})
	if _, err := s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: "A", Version: "1", OS: "linux"}, at); err != nil {
		t.Fatal(err)
	}
	network, err := s.Network(ctx, "AS3352", "tier1", fleet.BasisTable)
	if err != nil {
		t.Fatal(err)
	}
	err = s.SeenAgent(ctx, Seen{Agent: "A", At: at.Add(2 * time.Second), Version: "2", Network: network.ID},
		Seen{Agent: "nobody", At: at}, Seen{Agent: "A", At: at.Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Renewed(ctx, "A", at.Add(72*time.Hour)); err != nil {
		t.Fatal(err)
	}
	a, err := s.Agent(ctx, "A")
	if err != nil || !a.Seen.Equal(at.Add(2*time.Second)) || a.Version != "2" || a.OS != "linux" || a.Network != network || !a.NotAfter.Equal(at.Add(72*time.Hour)) {
		t.Errorf("%+v, %v", a, err)
	}
	if sites, err := s.Sites(ctx); err != nil || sites[0].Network != network {
		t.Errorf("the site's network: %+v, %v", sites, err)
	}
	for range 2 {
		if err := s.Revoke(ctx, "A", at.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if a, err := s.Agent(ctx, "A"); err != nil || !a.Revoked.Equal(at.Add(time.Minute)) {
		t.Errorf("revoked %v, %v", a.Revoked, err)
	}
	if err := s.Revoke(ctx, "nobody", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoke nobody: %v", err)
	}
	if _, err := s.Agent(ctx, "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("read nobody: %v", err)
	}
}
