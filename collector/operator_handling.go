package collector

import (
	"context"
	"net/http"
	"net/url"

	"picket/collector/alert"
	"picket/collector/web"
)

// Acknowledge takes an incident on, or adds a note to it. errors.Is: [web.ErrNotFound].
func (o *Operator) Acknowledge(ctx context.Context, incident, note string) (a web.Acked, err error) {
	err = o.do(ctx, http.MethodPost, "/incidents/"+url.PathEscape(incident)+"/ack", web.AckRequest{Note: note}, &a)
	return a, err
}

// Silences lists those that mute now and those that ended in the last 30 days.
func (o *Operator) Silences(ctx context.Context) (list []alert.Silence, err error) {
	err = o.do(ctx, http.MethodGet, "/silences", nil, &list)
	return list, err
}

// AddSilence mutes alerts for a time.
func (o *Operator) AddSilence(ctx context.Context, r web.SilenceRequest) (s alert.Silence, err error) {
	err = o.do(ctx, http.MethodPost, "/silences", r, &s)
	return s, err
}

// PreviewSilence says what a silence would have muted in the last seven days.
func (o *Operator) PreviewSilence(ctx context.Context, r web.SilenceRequest) (m web.Muted, err error) {
	err = o.do(ctx, http.MethodPost, "/silences/preview", r, &m)
	return m, err
}

// EndSilence ends a silence before it expires. errors.Is: [web.ErrNotFound].
func (o *Operator) EndSilence(ctx context.Context, id string) error {
	return o.do(ctx, http.MethodPost, "/silences/"+url.PathEscape(id)+"/end", struct{}{}, nil)
}
