package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Tokens makes a scene an [Admin].
func (s *scene) Tokens(context.Context) ([]JoinToken, error) { return nil, s.err }

// RevokeToken ends the token of a scene, if it has it.
func (s *scene) RevokeToken(_ context.Context, _, id string) error {
	if _, ok := s.tokens[id]; !ok {
		return ErrNotFound
	}
	return s.err
}

// joins is the part of [Admin] that the verbs of join tokens use.
type joins struct {
	Admin
	all     []JoinToken
	revoked []string
}

func (j *joins) Tokens(context.Context) ([]JoinToken, error) { return j.all, nil }

func (j *joins) RevokeToken(_ context.Context, by, id string) error {
	for _, t := range j.all {
		if t.ID == id {
			j.revoked = append(j.revoked, by+" "+id)
			return nil
		}
	}
	return ErrNotFound
}

func TestOperatorsListAndEndJoinTokens(t *testing.T) {
	j := &joins{all: []JoinToken{{ID: "abc", Client: "acme", Site: "acme/madrid", Uses: 25, Used: 3}}}
	h := NewAdmin(j, nil, nil)
	do := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("{}")))
		return w.Code, w.Body.String()
	}
	if code, body := do("GET", "/tokens"); code != http.StatusOK || !strings.Contains(body, `"uses":25`) || !strings.Contains(body, `"used":3`) {
		t.Errorf("list: %d %s", code, body)
	}
	if code, body := do("POST", "/tokens/abc/revoke"); code != http.StatusOK || len(j.revoked) != 1 || j.revoked[0] != "operator abc" {
		t.Errorf("revoke: %d %s, %v", code, body, j.revoked)
	}
	if code, body := do("POST", "/tokens/nope/revoke"); code != http.StatusNotFound || !strings.Contains(body, "not_found") {
		t.Errorf("revoke of what is not there: %d %s", code, body)
	}
}
