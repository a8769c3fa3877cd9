package store

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"
)

func hashed(secret []byte) []byte { h := sha256.Sum256(secret); return h[:] }

func TestImportingTwiceChangesNothing(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	now := time.Now()
	rows := []SiteRow{{Client: "acme", Site: "madrid", Region: "eu", Network: "AS3352"}, {Client: "acme", Site: "lyon"}, {Client: "globex", Site: "hq", HostedBy: "azure"}}
	plan, err := s.ImportSites(ctx, Import{Rows: rows, Plan: true, By: "ana"}, now)
	if err != nil || len(plan) != 3 || plan[0].Change != "new" || plan[0].Token.ID != "" {
		t.Fatalf("plan %+v, %v", plan, err)
	}
	if sites, _ := s.Sites(ctx); len(sites) != 0 {
		t.Fatalf("a plan made %+v", sites)
	}
	first, err := s.ImportSites(ctx, Import{Rows: rows, By: "ana"}, now)
	if err != nil || len(first) != 3 {
		t.Fatalf("%+v, %v", first, err)
	}
	for n, f := range first {
		if f.Change != "new" || f.Token.Kind != SiteKit || f.Token.Uses != 25 || len(f.Token.Secret) == 0 {
			t.Errorf("row %d: %+v", n, f)
		}
	}
	a, err := s.Redeem(ctx, first[2].Token.ID, first[2].Token.Secret, NewAgent{ID: "A1"}, now)
	if err != nil || a.Site != "globex/hq" || a.HostedBy != "azure" {
		t.Errorf("joined as %+v, %v", a, err)
	}
	rows[1].Region = "eu-west"
	again, err := s.ImportSites(ctx, Import{Rows: rows, By: "ana"}, now)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"same", "changed", "same"} {
		if g := again[n]; g.Change != want || g.Token.ID != "" || g.Standing.ID != first[n].Token.ID {
			t.Errorf("again, row %d: %+v", n, g)
		}
	}
	if tokens, _ := s.Tokens(ctx); len(tokens) != 3 {
		t.Errorf("%d tokens", len(tokens))
	}
	anew, err := s.ImportSites(ctx, Import{Rows: rows[:1], Renew: true}, now)
	if err != nil || anew[0].Token.ID == "" || anew[0].Token.ID == first[0].Token.ID {
		t.Fatalf("renewed: %+v, %v", anew, err)
	}
	if _, err := s.Redeem(ctx, first[0].Token.ID, first[0].Token.Secret, NewAgent{ID: "A2"}, now); !errors.Is(err, ErrTokenRevoked) {
		t.Errorf("the token before: %v", err)
	}
	if _, err := s.ImportSites(ctx, Import{Rows: []SiteRow{{Client: "acme", Site: "porto"}, {Client: "acme", Site: "a/b"}}}, now); !errors.Is(err, ErrName) {
		t.Errorf("a bad name: %v", err)
	}
	if sites, _ := s.Sites(ctx); len(sites) != 3 {
		t.Errorf("half an import stayed: %+v", sites)
	}
}

func TestWhoHostsASiteIsKeptUntilToldOtherwise(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	tok := newToken(t, s, NewToken{Client: "acme", Site: "vps", HostedBy: "aws", Uses: 2})
	if _, err := s.Redeem(ctx, tok.ID, tok.Secret, NewAgent{ID: "A1"}, at); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ says, want string }{{"", "aws"}, {"azure", "azure"}, {NotHosted, ""}, {"", ""}} {
		newToken(t, s, NewToken{Client: "acme", Site: "vps", HostedBy: c.says})
		if a, err := s.Agent(ctx, "A1"); err != nil || a.HostedBy != c.want {
			t.Errorf("after %q: %q, %v", c.says, a.HostedBy, err)
		}
	}
}
