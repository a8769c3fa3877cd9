package web

import (
	"context"
	"errors"
	"net/http"

	"picket/collector/alert"
	"picket/collector/alert/notice"
)

// PreviewRequest asks how an alert reads: of an incident, or of an example if
// that is named, on a route, or on none in particular.
type PreviewRequest struct {
	Incident string `json:"incident,omitempty"`
	Example  string `json:"example,omitempty"`
	Route    string `json:"route,omitempty"`
}

// Preview is what would be sent.
type Preview struct {
	Way     string        `json:"way,omitempty"` // of the route
	Message alert.Message `json:"message"`
}

// Previewer shows what would be sent, and sends nothing.
type Previewer interface {
	// PreviewAlert words an alert. An error that is an *[Error] is told as it is.
	// errors.Is: [ErrNotFound].
	PreviewAlert(ctx context.Context, r PreviewRequest) (Preview, error)
}

// NoticeRequest asks for a draft, or notes that it was sent.
type NoticeRequest struct {
	Client   string `json:"client,omitempty"` // "": everybody who is concerned
	Language string `json:"language,omitempty"`
}

// NoticeNoted is that a client was told.
type NoticeNoted struct {
	Incident string `json:"incident"`
	Client   string `json:"client"`
}

// registerWords registers
//
//	POST /notify/preview             PreviewRequest -> Preview
//	POST /incidents/{id}/notice      NoticeRequest  -> notice.Draft
//	POST /incidents/{id}/noticed     NoticeRequest  -> NoticeNoted
func (a api) registerWords(mux *http.ServeMux, p Previewer, n Notices) {
	mux.HandleFunc("POST /notify/preview", a.answer("alert_preview", func(r *http.Request) (any, error) {
		var req PreviewRequest
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		return p.PreviewAlert(r.Context(), req)
	}))
	mux.HandleFunc("POST /incidents/{id}/notice", a.answer("notice", func(r *http.Request) (any, error) {
		req := NoticeRequest{Language: notice.English}
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		i, err := a.of(r).Incident(r.Context(), r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		d, err := n.DraftNotice(r.Context(), i, req.Client, req.Language)
		if errors.Is(err, notice.ErrNothing) || errors.Is(err, notice.ErrLanguage) {
			return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "notice", What: "no notice was written", Why: err.Error()}
		}
		return d, err
	}))
	mux.HandleFunc("POST /incidents/{id}/noticed", a.answer("noticed", func(r *http.Request) (any, error) {
		var req NoticeRequest
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		if req.Client == "" {
			return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "client", What: "nothing was noted", Why: "no client is named", Fix: "say which with --client"}
		}
		return NoticeNoted{r.PathValue("id"), req.Client}, n.NoteNotice(r.Context(), operator, r.PathValue("id"), req.Client)
	}))
}
