package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"picket/collector/access"
	"picket/collector/alert"
	"picket/collector/detect"
)

// Handling is what people did about an incident.
type Handling struct {
	Acknowledged time.Time      `json:"acknowledged,omitzero"` // by the first who took it on; never changes
	By           string         `json:"acknowledged_by,omitempty"`
	Notes        []Note         `json:"notes,omitempty"`    // that first one and what was written since, the oldest first
	Notices      []ClientNotice `json:"notices,omitempty"`  // the first to each client
	Opinions     []Opinion      `json:"opinions,omitempty"` // the last of each person
}

// Note is an acknowledgement, or what was written behind it.
type Note struct {
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"`
	Text string    `json:"text,omitempty"`
}

// ClientNotice is when a client was first told of an incident.
type ClientNotice struct {
	Client string    `json:"client"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
}

// Opinion is what somebody thinks of how an incident was judged: one of [Verdicts].
type Opinion struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Verdict string    `json:"verdict"`
}

// Verdicts are the opinions that one may have: it was worth an alert, it was not,
// or it blamed the wrong one. The texts are stored.
func Verdicts() []string { return []string{"useful", "noise", "wrong"} }

// SilenceRequest asks for a silence, until a time or for some.
type SilenceRequest struct {
	Matchers []alert.Matcher `json:"matchers"`
	Comment  string          `json:"comment"`
	Until    time.Time       `json:"until,omitzero"`
	For      time.Duration   `json:"for_ns,omitempty"` // if Until is zero
}

// Muted is which alerts a silence would have muted.
type Muted struct {
	Since     time.Time       `json:"since"`
	Alerts    int             `json:"alerts"`
	Incidents []MutedIncident `json:"incidents"`         // the newest first
	Partial   bool            `json:"partial,omitempty"` // there were more alerts than are looked through
}

// MutedIncident is an incident whose alerts would have been muted.
type MutedIncident struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	At     time.Time `json:"at"` // of the last of its alerts
	Alerts int       `json:"alerts"`
	Routes []string  `json:"routes"`
}

// Handlers is what people may do about incidents and alerts. An error that is an
// *[Error] is told as it is.
type Handlers interface {
	// Acknowledge notes that by takes an incident on, or adds a note. first: nobody
	// had before. errors.Is: [ErrNotFound].
	Acknowledge(ctx context.Context, by, incident, note string) (first bool, err error)
	// Judge keeps what by thinks of it: one of [Verdicts]. errors.Is: [ErrNotFound].
	Judge(ctx context.Context, by, incident, verdict string) error
	AddSilence(ctx context.Context, by string, r SilenceRequest) (alert.Silence, error)
	// EndSilence ends one before it expires. errors.Is: [ErrNotFound].
	EndSilence(ctx context.Context, by, id string) error
	// PreviewSilence says what one would have muted in the last seven days.
	PreviewSilence(ctx context.Context, r SilenceRequest) (Muted, error)
}

// HandledIncident is the data of picket.incident/v1.
type HandledIncident struct {
	detect.Incident
	Handling *Handling `json:"handling,omitempty"` // nil: nobody did anything
	Official *Official `json:"official,omitempty"` // what the provider says; nil: nobody would speak of it
	Says     string    `json:"says,omitempty"`     // the same in a sentence
}

// handled answers /incidents/{id} of the API.
func (a api) handled(r *http.Request) (any, error) {
	src := a.of(r)
	i, err := src.Incident(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	h, err := src.Handling(r.Context(), i.ID)
	if err != nil {
		return nil, err
	}
	out := HandledIncident{Incident: i}
	if len(h.Notes)+len(h.Notices)+len(h.Opinions) > 0 || !h.Acknowledged.IsZero() {
		out.Handling = &h
	}
	out.Official, out.Says, err = a.official(r.Context(), src, i)
	return out, err
}

// handling adds the pages by which people take incidents on and mute alerts.
func (s *Server) handlingRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /incidents/{id}/ack", s.ofIncident(s.ackPage))
	mux.HandleFunc("POST /incidents/{id}/ack", s.ofIncident(s.byPerson(s.acknowledge)))
	mux.HandleFunc("POST /incidents/{id}/judge", s.ofIncident(s.byPerson(s.judge)))
	mux.HandleFunc("GET /silences", s.may(access.Handle, s.silencesPage))
	mux.HandleFunc("POST /silences", s.may(access.Handle, s.byPerson(s.addSilence)))
	mux.HandleFunc("POST /silences/{id}/end", s.may(access.Handle, s.byPerson(s.endSilence)))
}

// ofIncident lets h be asked by who may handle incidents, and only of one that
// exists for them: what a viewer does not see is not there, rather than forbidden.
func (s *Server) ofIncident(h http.HandlerFunc) http.HandlerFunc {
	allowed := s.may(access.Handle, h)
	return func(w http.ResponseWriter, r *http.Request) {
		if p := who(r.Context()); p.Role == access.Viewer {
			if _, err := s.source(r).Incident(r.Context(), r.PathValue("id")); errors.Is(err, ErrNotFound) {
				s.nothing(w, r, "There is no incident of this id.", "It may be older than what is kept.", "/incidents", "All incidents")
				return
			}
		}
		allowed(w, r)
	}
}

// byPerson lets h be asked only from a log-in session: what people did is not
// what a program did in their name.
func (s *Server) byPerson(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if who(r.Context()).Via != "session" || s.o.Actions == nil {
			s.refuse(w, r, &Error{Status: http.StatusForbidden, Code: "session", What: "this is for people", Why: "you have not logged in with a name and a password",
				Fix: "log in, or use the picket command on the Picket server"})
			return
		}
		h(w, r)
	}
}

// ackView is the page on which somebody takes an incident on.
type ackView struct {
	frame
	I       detect.Incident
	Line    incidentLine
	Taken   []noteLine // what was written so far
	MayDo   bool
	Note    string // as typed
	Problem *Error
}

// noteLine is one acknowledgement or note, worded.
type noteLine struct{ Time, Text string }

// ackPage answers GET /incidents/{id}/ack: a question, nothing is done. A mail
// filter that follows the link in an alert acknowledges nothing.
func (s *Server) ackPage(w http.ResponseWriter, r *http.Request) {
	s.drawAck(w, r, http.StatusOK, "", nil)
}

func (s *Server) drawAck(w http.ResponseWriter, r *http.Request, status int, note string, problem *Error) {
	src := s.source(r)
	i, err := src.Incident(r.Context(), r.PathValue("id"))
	if errors.Is(err, ErrNotFound) {
		s.nothing(w, r, "There is no incident of this id.", "It may be older than what is kept.", "/incidents", "All incidents")
		return
	}
	var h Handling
	if err == nil {
		h, err = src.Handling(r.Context(), i.ID)
	}
	if err != nil {
		s.broken(w, r, "incidents", err)
		return
	}
	v := ackView{frame: s.frame(r, "incidents", "Take it on: "+i.Title), I: i, Line: line(s.o.Now(), i), Note: note, Problem: problem}
	v.Taken = notes(v.Now, i, h)
	v.MayDo = v.Who.Via == "session" && s.o.Actions != nil
	s.html(w, status, "ack.html", v)
}

// notes words who took an incident on and what was written since.
func notes(now time.Time, i detect.Incident, h Handling) (list []noteLine) {
	for k, n := range h.Notes {
		text := n.By
		switch {
		case k == 0 && n.By == "":
			text = "somebody took it on"
		case k == 0:
			text += " took it on"
		}
		if since := n.At.Sub(i.Opened); k == 0 && since >= time.Second {
			text += ", " + span(since) + " after it was declared"
		}
		if n.Text != "" {
			text += ": " + n.Text
		} else if k > 0 {
			text += " is on it too"
		}
		list = append(list, noteLine{stamp(now, n.At), text})
	}
	return list
}

// acknowledge answers POST /incidents/{id}/ack.
func (s *Server) acknowledge(w http.ResponseWriter, r *http.Request) {
	id, note := r.PathValue("id"), strings.TrimSpace(r.PostFormValue("note"))
	_, err := s.o.Actions.Acknowledge(r.Context(), who(r.Context()).Name, id, note)
	if e, ok := errors.AsType[*Error](err); ok {
		s.drawAck(w, r, max(e.Status, http.StatusBadRequest), shorten(note, 500), e)
		return
	}
	s.handledOr(w, r, "acknowledge", err)
}

// handledView is what an incident's page shows of people.
type handledView struct {
	Taken      []noteLine
	Unclaimed  bool // it goes on, and nobody took it on
	Silenced   []string
	Notices    []string
	Opinions   []choice // what one may think of it; URL is the form's value
	Others     string   // what others think
	SilenceURL string   // "" for who may not
	MayHandle  bool
}

// handledBy gathers what people did about the incident.
func (s *Server) handledBy(r *http.Request, now time.Time, src Source, i detect.Incident) (v handledView, err error) {
	h, err := src.Handling(r.Context(), i.ID)
	if err != nil {
		return v, err
	}
	all, err := src.Silences(r.Context())
	if err != nil {
		return v, err
	}
	p := who(r.Context())
	v.Taken, v.Unclaimed = notes(now, i, h), i.State.Open() && h.Acknowledged.IsZero() && p.May(access.Handle)
	v.MayHandle = p.Via == "session" && p.May(access.Handle) && s.o.Actions != nil
	if i.State.Open() && p.May(access.Handle) {
		v.Silenced, v.SilenceURL = silenced(now, all, i), silenceLink(i.ID)
	}
	for _, n := range h.Notices {
		text := n.Client + " was told " + stamp(now, n.At)
		if since := n.At.Sub(i.Opened); since >= time.Second {
			text += ", " + span(since) + " after it was declared"
		}
		v.Notices = append(v.Notices, text)
	}
	v.Opinions, v.Others = opinions(h.Opinions, p.Name)
	return v, nil
}

// opinions are the answers to choose from, and what others said, counted.
func opinions(all []Opinion, name string) (mine []choice, others string) {
	count := map[string]int{}
	own := ""
	for _, o := range all {
		if o.By == name {
			own = o.Verdict
		} else {
			count[o.Verdict]++
		}
	}
	words := map[string]string{"useful": "Useful", "noise": "Noise", "wrong": "Wrong verdict"}
	var parts []string
	for _, v := range Verdicts() {
		mine = append(mine, choice{words[v], v, v == own})
		if count[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d: %s", count[v], strings.ToLower(words[v])))
		}
	}
	return mine, strings.Join(parts, ", ")
}

// judge answers POST /incidents/{id}/judge.
func (s *Server) judge(w http.ResponseWriter, r *http.Request) {
	err := s.o.Actions.Judge(r.Context(), who(r.Context()).Name, r.PathValue("id"), r.PostFormValue("verdict"))
	if e, ok := errors.AsType[*Error](err); ok {
		s.refuse(w, r, e)
		return
	}
	s.handledOr(w, r, "judge", err)
}

// handledOr goes back to the incident, or says what went wrong.
func (s *Server) handledOr(w http.ResponseWriter, r *http.Request, verb string, err error) {
	id := r.PathValue("id")
	switch {
	case errors.Is(err, ErrNotFound):
		s.nothing(w, r, "There is no incident of this id.", "It may be older than what is kept.", "/incidents", "All incidents")
	case err != nil:
		s.o.Log.Error(verb+" an incident", "incident", id, "err", err)
		s.refuse(w, r, &Error{Status: http.StatusInternalServerError, Code: "internal", What: "nothing was noted", Why: "the reason is in the collector's log"})
	default:
		http.Redirect(w, r, "/incidents/"+id+"#people", http.StatusSeeOther)
	}
}
