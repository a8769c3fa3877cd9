package store

import (
	"errors"
	"strings"
	"testing"
)

func TestRegionAndNetworkOfATokenAreText(t *testing.T) {
	s, ctx := openAt(t, file(t)), t.Context()
	for _, bad := range []string{"a\x1b[2J", "a\nb", "a\u202eb", "a\u009bb", "a\u200bb", " a", "a\xff", strings.Repeat("x", maxName+1)} {
		for what, n := range map[string]NewToken{
			"region": {Client: "acme", Site: "hq", Region: bad}, "network": {Client: "acme", Site: "hq", Network: bad},
			"client": {Client: bad, Site: "hq"}, "site": {Client: "acme", Site: bad},
		} {
			if _, err := s.CreateToken(ctx, n); !errors.Is(err, ErrName) || !strings.Contains(err.Error(), what) {
				t.Errorf("%s %q: %v", what, bad, err)
			}
		}
	}
	if all, err := s.Sites(ctx); err != nil || len(all) != 0 {
		t.Errorf("refused tokens made sites: %+v, %v", all, err)
	}
	if _, err := s.CreateToken(ctx, NewToken{Client: "Früh & Söhne", Site: "São Paulo", Region: "sa-east", Network: "AS1 Uno / Dos (fibra)"}); err != nil {
		t.Errorf("good names: %v", err)
	}
}
