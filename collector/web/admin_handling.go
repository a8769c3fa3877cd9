package web

import "net/http"

// AckRequest is what somebody says while taking an incident on.
type AckRequest struct {
	Note string `json:"note,omitempty"`
}

// Acked says whether an acknowledgement was the first.
type Acked struct {
	Incident string `json:"incident"`
	First    bool   `json:"first"`
}

// registerHandling registers, beside the list of silences that the API has,
//
//	POST /incidents/{id}/ack  AckRequest      -> Acked
//	POST /silences            SilenceRequest  -> alert.Silence
//	POST /silences/preview    SilenceRequest  -> Muted
//	POST /silences/{id}/end
func (a api) registerHandling(mux *http.ServeMux, h Handlers) {
	mux.HandleFunc("POST /incidents/{id}/ack", a.answer("ack", func(r *http.Request) (any, error) {
		var req AckRequest
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		id := r.PathValue("id")
		first, err := h.Acknowledge(r.Context(), operator, id, req.Note)
		return Acked{id, first}, err
	}))
	silence := func(do func(*http.Request, SilenceRequest) (any, error)) func(*http.Request) (any, error) {
		return func(r *http.Request) (any, error) {
			var req SilenceRequest
			if err := readJSON(r, &req); err != nil {
				return nil, err
			}
			return do(r, req)
		}
	}
	mux.HandleFunc("POST /silences", a.answer("silence", silence(func(r *http.Request, req SilenceRequest) (any, error) {
		return h.AddSilence(r.Context(), operator, req)
	})))
	mux.HandleFunc("POST /silences/preview", a.answer("muted", silence(func(r *http.Request, req SilenceRequest) (any, error) {
		m, err := h.PreviewSilence(r.Context(), req)
		m.Incidents = list(m.Incidents)
		return m, err
	})))
	mux.HandleFunc("POST /silences/{id}/end", a.answer("silence_ended", func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		return map[string]string{"silence": id}, h.EndSilence(r.Context(), operator, id)
	}))
}
