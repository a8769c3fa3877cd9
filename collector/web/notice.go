package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"picket/collector/alert/notice"
	"picket/collector/detect"
)

// Notices drafts what clients are told, and notes that they were.
type Notices interface {
	// DraftNotice writes a notice about i to a client, or to everybody concerned if
	// client is "". It sends nothing. errors.Is: [notice.ErrNothing],
	// [notice.ErrLanguage].
	DraftNotice(ctx context.Context, i detect.Incident, client, language string) (notice.Draft, error)
	// NoteNotice notes that by has told a client now; only the first time of each
	// client is kept. errors.Is: [ErrNotFound].
	NoteNotice(ctx context.Context, by, incident, client string) error
}

// maxDrafts is how many clients have a draft of their own on the page.
const maxDrafts = 50

// noticeView is the page with the drafts of an incident.
type noticeView struct {
	frame
	I       detect.Incident
	Line    incidentLine
	Why     string // why there is nothing to tell; "" if there is
	All     draftLine
	Drafts  []draftLine
	More    int // clients without a draft here
	Choices []choice
	MayDo   bool
	Problem *Error
}

// draftLine is a draft as the page shows it.
type draftLine struct {
	notice.Draft
	Key  string // unique on the page
	Told string // when and by whom the client was told; "" nobody has
}

// noticeRoutes adds the pages of drafted notices.
func (s *Server) noticeRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /incidents/{id}/notice", s.ofIncident(func(w http.ResponseWriter, r *http.Request) { s.drawNotice(w, r, http.StatusOK, nil) }))
	mux.HandleFunc("POST /incidents/{id}/notice", s.ofIncident(s.byPerson(s.noteNotice)))
}

// drawNotice shows the draft for everybody and those for each client. It sends
// nothing and notes nothing.
func (s *Server) drawNotice(w http.ResponseWriter, r *http.Request, status int, problem *Error) {
	src := s.source(r)
	i, err := src.Incident(r.Context(), r.PathValue("id"))
	if errors.Is(err, ErrNotFound) {
		s.nothing(w, r, "There is no incident of this id.", "It may be older than what is kept.", "/incidents", "All incidents")
		return
	}
	v := noticeView{frame: s.frame(r, "incidents", "Client notice: "+i.Title), I: i, Line: line(s.o.Now(), i), Problem: problem}
	if err == nil {
		err = s.drafts(r, src, &v)
	}
	if err != nil {
		s.broken(w, r, "incidents", fmt.Errorf("notices of incident %s: %w", r.PathValue("id"), err))
		return
	}
	s.html(w, status, "notice.html", v)
}

// drafts fills in what can be told to whom.
func (s *Server) drafts(r *http.Request, src Source, v *noticeView) error {
	language := r.URL.Query().Get("language")
	if !slices.Contains(notice.Languages(), language) {
		language = notice.English
	}
	for _, l := range notice.Languages() {
		v.Choices = append(v.Choices, choice{Name: map[string]string{notice.English: "English", notice.Spanish: "Español"}[l], URL: "/incidents/" + v.I.ID + "/notice?language=" + l, Chosen: l == language})
	}
	v.MayDo = v.Who.Via == "session" && s.o.Actions != nil
	if s.o.Actions == nil {
		v.Why = "this server cannot write any"
		return nil
	}
	h, err := src.Handling(r.Context(), v.I.ID)
	if err != nil {
		return err
	}
	told := map[string]string{}
	for _, n := range h.Notices {
		told[n.Client] = stamp(v.Now, n.At)
		if n.By != "" {
			told[n.Client] += " by " + n.By
		}
	}
	all, err := s.o.Actions.DraftNotice(r.Context(), v.I, "", language)
	if errors.Is(err, notice.ErrNothing) {
		v.Why = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	v.All = draftLine{all, "all", ""}
	clients := notice.Affected(&v.I)
	v.More = max(0, len(clients)-maxDrafts)
	for n, client := range clients[:len(clients)-v.More] {
		d, err := s.o.Actions.DraftNotice(r.Context(), v.I, client, language)
		if errors.Is(err, notice.ErrNothing) {
			continue
		}
		if err != nil {
			return err
		}
		v.Drafts = append(v.Drafts, draftLine{d, fmt.Sprint(n), told[client]})
	}
	return nil
}

// noteNotice answers POST /incidents/{id}/notice: somebody has told a client.
func (s *Server) noteNotice(w http.ResponseWriter, r *http.Request) {
	id, client := r.PathValue("id"), r.PostFormValue("client")
	i, err := s.source(r).Incident(r.Context(), id)
	if err == nil && !slices.Contains(notice.Affected(&i), client) {
		s.drawNotice(w, r, http.StatusUnprocessableEntity, &Error{What: "Nothing was noted", Why: "this incident does not concern that client"})
		return
	}
	if err == nil {
		err = s.o.Actions.NoteNotice(r.Context(), who(r.Context()).Name, id, client)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		s.nothing(w, r, "There is no incident of this id.", "It may be older than what is kept.", "/incidents", "All incidents")
	case err != nil:
		s.broken(w, r, "incidents", fmt.Errorf("note a client notice: %w", err))
	default:
		http.Redirect(w, r, "/incidents/"+id+"/notice", http.StatusSeeOther)
	}
}
