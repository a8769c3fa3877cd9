package store

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestPresenceIsKept(t *testing.T) {
	ctx, now := t.Context(), time.UnixMilli(1_790_000_000_000).UTC()
	path := filepath.Join(t.TempDir(), "p.db")
	s, err := Open(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	join := func(roaming bool) Agent {
		t.Helper()
		token, err := s.CreateToken(ctx, NewToken{Client: "acme", Site: "madrid"})
		if err == nil && roaming {
			err = s.LetRoam(ctx, token.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.Redeem(ctx, token.ID, token.Secret, NewAgent{ID: "agent-" + token.ID}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	desk, laptop := join(false), join(true)
	fibre := Line{Site: "acme/madrid", Family: 4, Key: "isp Fibre", Name: "Fibre", Tabled: true, Usual: true}
	mobile := Line{Site: "acme/madrid", Family: 4, Key: "isp Mobile", Name: "Mobile", Shared: true, Since: now}
	six := Line{Site: "acme/madrid", Family: 6, Key: "isp Fibre", Name: "Fibre", Usual: true, Since: now}
	err = s.SavePresence(ctx, map[string][]Line{"acme/madrid": {fibre, mobile, six}, "nobody/knows": {{Site: "nobody/knows", Key: "x"}}},
		[]Chair{{Agent: desk.ID, Gone: now, Reason: "upgrade"}, {Agent: laptop.ID, Away: now}, {Agent: "unknown", Gone: now}}, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SavePresence(ctx, map[string][]Line{"acme/madrid": {mobile, six}}, []Chair{{Agent: desk.ID}}, now); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(ctx, path, nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lines, chairs, err := s.Presence(ctx)
	if err != nil || len(lines) != 2 || lines[0] != mobile || lines[1] != six {
		t.Errorf("%+v, %v", lines, err)
	}
	held := map[string]Chair{}
	for _, c := range chairs {
		held[c.Agent] = c
	}
	if len(chairs) != 2 || !held[desk.ID].Gone.IsZero() || held[desk.ID].Reason != "" || !held[laptop.ID].Away.Equal(now) {
		t.Errorf("%+v", chairs)
	}
	for agent, want := range map[string]bool{desk.ID: false, laptop.ID: true, "unknown": false} {
		if roams, err := s.Roams(ctx, agent); err != nil || roams != want {
			t.Errorf("%s roams: %v, %v", agent, roams, err)
		}
	}
	if err := s.LetRoam(ctx, "no-such-token"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a token that is not there roams: %v", err)
	}
}
