package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"picket/collector/access"
)

// maxBody bounds what an operator's verb may send.
const maxBody = 64 << 10

// operator is who acts on the operator's socket, in the audit trail.
const operator = "operator"

// NewAdmin returns the operators' verbs, for the unix socket and nothing else:
//
//	GET  /agents
//	POST /agents/{id}/revoke
//	GET  /incidents, /incidents/{id}, /status, /sites, /verdicts
//
// and those of join tokens, requests and sites, check, users, API tokens, configuration, alerts, acknowledgements, silences and backups, with
// the envelopes and errors of the API. log may be nil, and so may k: then there
// are no users.
func NewAdmin(a Admin, k *access.Keeper, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	out := api{source: a, now: time.Now, log: log}
	out.register(mux, "")
	mux.HandleFunc("POST /agents/{id}/revoke", out.answer("revoked", func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		return map[string]string{"agent": id}, a.Revoke(r.Context(), operator, id)
	}))
	out.registerTokens(mux, a)
	out.registerCheck(mux, a)
	out.registerConfig(mux, a)
	out.registerNotify(mux, a)
	out.registerExplain(mux, a)
	out.registerWords(mux, a, a)
	out.registerDriller(mux, a)
	out.registerHandling(mux, a)
	out.registerBackup(mux, a)
	if k != nil {
		out.registerAccess(mux, k)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, &Error{Status: http.StatusNotFound, Code: "not_found", What: "this collector knows no such verb", Fix: "use a picket command of the collector's version"})
	})
	return mux
}

// readJSON reads a body of at most 64 KiB, strictly.
func readJSON(r *http.Request, into any) error { return readSome(r, into, maxBody) }

// readSome reads a body of at most most bytes, strictly.
func readSome(r *http.Request, into any, most int64) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, most))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more behind it")
		}
	}
	if err != nil {
		return &Error{Status: http.StatusBadRequest, Code: "body", What: "the request was not understood", Why: err.Error()}
	}
	return nil
}

// ServeAdmin answers the operators' verbs on l, a unix socket, until ctx ends. It
// closes l.
func ServeAdmin(ctx context.Context, l net.Listener, a Admin, k *access.Keeper, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return serve(ctx, l, NewAdmin(a, k, log), log)
}
