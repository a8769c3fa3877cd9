package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"picket/collector/detect"
)

// joinView is the page that waits for an agent. Command is there only in the
// answer to the form: the secret in it is not kept anywhere.
type joinView struct {
	frame
	Command string
	State   TokenState
	Joined  []joinedLine
	Over    bool // the token can no longer be used
	Expires string
	Problem string
}

// joinedLine is an agent that came.
type joinedLine struct{ Site, ISP, Host, Word, State string }

// makeToken answers POST /fleet/tokens.
func (s *Server) makeToken(w http.ResponseWriter, r *http.Request) {
	field := func(name string) string { return typed(strings.TrimSpace(r.PostFormValue(name))) }
	form := TokenRequest{Client: field("client"), Site: field("site"), Region: field("region"), Network: field("network")}
	var problem *Error
	switch {
	case s.o.Actions == nil:
		problem = &Error{Status: http.StatusServiceUnavailable, What: "the token was not made", Why: "this server cannot make any"}
	case form.Client == "" || form.Site == "":
		problem = &Error{Status: http.StatusBadRequest, What: "the token was not made", Why: "client and site are needed", Fix: "name the customer and the place, such as acme and madrid"}
	}
	if problem != nil {
		s.drawFleet(w, r, problem.Status, form, problem)
		return
	}
	t, err := s.o.Actions.CreateToken(r.Context(), who(r.Context()).Name, form)
	if e, ok := errors.AsType[*Error](err); ok {
		status := e.Status
		if status < 400 {
			status = http.StatusBadRequest
		}
		s.drawFleet(w, r, status, form, e)
		return
	}
	if err != nil {
		s.o.Log.Error("make a join token", "err", err)
		s.drawFleet(w, r, http.StatusInternalServerError, form, &Error{What: "the token was not made", Why: "the reason is in the collector's log"})
		return
	}
	v := joinView{frame: s.frame(r, "fleet", "Add an agent"), Command: t.Command, Expires: stamp(s.o.Now(), t.Expires),
		State: TokenState{ID: t.ID, Client: form.Client, Site: t.Site, Uses: t.Uses, Expires: t.Expires}}
	s.html(w, http.StatusOK, "join.html", v)
}

// waitPage answers GET /fleet/tokens/{id}: what became of a token, without its secret.
func (s *Server) waitPage(w http.ResponseWriter, r *http.Request) {
	t, err := s.token(r)
	if errors.Is(err, ErrNotFound) {
		s.nothing(w, r, "There is no join token of this id.", "It may have been removed.", "/fleet", "Fleet")
		return
	}
	if err != nil {
		s.broken(w, r, "fleet", fmt.Errorf("state of a join token: %w", err))
		return
	}
	v := joinView{frame: s.frame(r, "fleet", "Add an agent"), State: t, Joined: joined(t), Expires: stamp(s.o.Now(), t.Expires)}
	v.Over = s.over(t)
	s.html(w, http.StatusOK, "join.html", v)
}

func (s *Server) over(t TokenState) bool {
	return t.Uses > 0 && t.Used >= t.Uses || !t.Expires.IsZero() && s.o.Now().After(t.Expires)
}

func (s *Server) token(r *http.Request) (TokenState, error) {
	if s.o.Actions == nil {
		return TokenState{}, ErrNotFound
	}
	return s.o.Actions.TokenState(r.Context(), r.PathValue("id"))
}

// joined words the agents that came since the token was made.
func joined(t TokenState) (out []joinedLine) {
	for _, a := range t.Agents {
		l := joinedLine{Site: a.Site, ISP: a.Network, Host: a.Hostname, Word: "joined, not connected yet", State: "no-data"}
		if a.Connected {
			l.Word, l.State = "connected", "ok"
		}
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b joinedLine) int { return strings.Compare(b.State, a.State) })
	return out
}

// tokenData is the data of picket.token/v1.
type tokenData struct {
	TokenState
	Over bool `json:"over"`
}

// tokenState answers GET /api/v1/tokens/{id}.
func (s *Server) tokenState(w http.ResponseWriter, r *http.Request) {
	a := api{now: s.o.Now, log: s.o.Log}
	a.answer("token", func(r *http.Request) (any, error) {
		t, err := s.token(r)
		if err != nil {
			return nil, err
		}
		t.Agents = list(t.Agents)
		return tokenData{t, s.over(t)}, nil
	})(w, r)
}

// revokeView asks whether an agent shall go.
type revokeView struct {
	frame
	A    agentLine
	Last bool // it is the last agent of its site
}

// revokePage answers GET /fleet/agents/{id}/revoke: a question, nothing is done.
func (s *Server) revokePage(w http.ResponseWriter, r *http.Request) {
	agents, err := s.source(r).Agents(r.Context())
	if err != nil {
		s.broken(w, r, "fleet", fmt.Errorf("agents for the page: %w", err))
		return
	}
	k := slices.IndexFunc(agents, func(a Agent) bool { return a.ID == r.PathValue("id") })
	if k < 0 {
		s.nothing(w, r, "There is no agent of this id.", "", "/fleet", "Fleet")
		return
	}
	v := revokeView{frame: s.frame(r, "fleet", "Revoke an agent"), Last: true}
	v.A = agentLineOf(v.Now, agents[k], snapshotSite(s.source(r), agents[k].Site), Status{})
	for _, a := range agents {
		if a.ID != agents[k].ID && a.Site == agents[k].Site && a.Revoked.IsZero() {
			v.Last = false
		}
	}
	s.html(w, http.StatusOK, "revoke.html", v)
}

// revoke answers POST /fleet/agents/{id}/revoke.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := ErrNotFound
	agents, seen := s.source(r).Agents(r.Context())
	if seen != nil {
		err = seen
	} else if s.o.Actions != nil && slices.ContainsFunc(agents, func(a Agent) bool { return a.ID == id }) {
		err = s.o.Actions.Revoke(r.Context(), who(r.Context()).Name, id)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		s.nothing(w, r, "There is no agent of this id.", "", "/fleet", "Fleet")
	case err != nil:
		s.o.Log.Error("revoke an agent", "agent", id, "err", err)
		s.refuse(w, r, &Error{Status: http.StatusInternalServerError, Code: "internal", What: "the agent was not revoked", Why: "the reason is in the collector's log"})
	default:
		http.Redirect(w, r, "/fleet?revoked="+id, http.StatusSeeOther)
	}
}

// snapshotSite is how the engine sees a site; zero if it does not know it.
func snapshotSite(src Source, id string) detect.SiteStatus {
	for _, x := range src.Snapshot().Sites {
		if x.ID == id {
			return x
		}
	}
	return detect.SiteStatus{}
}
