package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"picket/collector/detect"
	"picket/collector/web"
)

// Why the operator's socket is of no use.
var (
	// ErrNoCollector: nothing answers on it.
	ErrNoCollector = errors.New("no collector answers")
	// ErrBrokeOff: the collector was asked, and the answer did not come or broke
	// off. What was asked for may have been done.
	ErrBrokeOff = errors.New("the collector broke off; look whether it was done")
	// ErrNotYours: it belongs to another user.
	ErrNotYours = errors.New("it belongs to another user")
)

// Operator is the client of the operator's socket: the verbs of cmd/picket. Who
// may open the socket is decided by its file mode.
type Operator struct{ client http.Client }

// maxAnswer bounds what is read from the collector.
const maxAnswer = 64 << 20

// DialOperator makes an operator of the collector that runs on dir. It connects
// at each call.
func DialOperator(dir string) *Operator {
	return &Operator{http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, AdminSocket))
		},
	}}}
}

// Token makes a join token.
func (o *Operator) Token(ctx context.Context, r web.TokenRequest) (t web.Token, err error) {
	err = o.do(ctx, http.MethodPost, "/tokens", r, &t)
	return t, err
}

// Agents lists every enrolled agent, revoked ones too.
func (o *Operator) Agents(ctx context.Context) (list []web.Agent, err error) {
	err = o.do(ctx, http.MethodGet, "/agents", nil, &list)
	return list, err
}

// Revoke ends an agent's membership. errors.Is: [web.ErrNotFound].
func (o *Operator) Revoke(ctx context.Context, agent string) error {
	return o.do(ctx, http.MethodPost, "/agents/"+url.PathEscape(agent)+"/revoke", struct{}{}, nil)
}

// Incidents lists at most limit incidents, the newest first.
func (o *Operator) Incidents(ctx context.Context, open bool, limit int) (list []detect.Incident, err error) {
	path := "/incidents?limit=" + strconv.Itoa(limit)
	if open {
		path += "&open=true"
	}
	err = o.do(ctx, http.MethodGet, path, nil, &list)
	return list, err
}

// Incident returns one incident what people did about it and what its provider says. errors.Is: [web.ErrNotFound].
func (o *Operator) Incident(ctx context.Context, id string) (i web.HandledIncident, err error) {
	err = o.do(ctx, http.MethodGet, "/incidents/"+url.PathEscape(id), nil, &i)
	return i, err
}

// Sites lists the voting units.
func (o *Operator) Sites(ctx context.Context) (list []detect.SiteStatus, err error) {
	err = o.do(ctx, http.MethodGet, "/sites", nil, &list)
	return list, err
}

// Coverage is what the fleet could confirm now, per service and cloud region.
func (o *Operator) Coverage(ctx context.Context) (list []detect.Coverage, err error) {
	err = o.do(ctx, http.MethodGet, "/coverage", nil, &list)
	return list, err
}

// Cells is the matrix of clouds and their regions.
func (o *Operator) Cells(ctx context.Context) ([]detect.Cell, error) {
	var v struct{ Cells []detect.Cell }
	err := o.do(ctx, http.MethodGet, "/verdicts", nil, &v)
	return v.Cells, err
}

// do asks the collector; into receives the data of the answer, nil wants none.
func (o *Operator) do(ctx context.Context, method, path string, body, into any) error {
	var send io.Reader
	if body != nil {
		src, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		send = bytes.NewReader(src)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, send)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	res, err := o.client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the made-up URL says nothing to people
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("wait for the collector: %w", context.Cause(ctx))
	case err != nil:
		return unanswered(err)
	}
	defer res.Body.Close()
	dec := json.NewDecoder(http.MaxBytesReader(nil, res.Body, maxAnswer))
	if res.StatusCode != http.StatusOK {
		refused := struct{ Error *web.Error }{&web.Error{What: res.Status}}
		err := dec.Decode(&refused)
		if res.StatusCode == http.StatusNotFound && refused.Error.Code == "not_found" {
			return fmt.Errorf("%w: %s", web.ErrNotFound, refused.Error.What)
		}
		if err != nil {
			return fmt.Errorf("the collector answered %s", res.Status)
		}
		return refused.Error
	}
	answer := struct{ Data any }{into}
	switch err := dec.Decode(&answer); {
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("wait for the collector: %w", context.Cause(ctx))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(*net.OpError)):
		return unanswered(err)
	case err != nil:
		return fmt.Errorf("read the collector's answer: %w", err)
	}
	return nil
}

// unanswered says what it means that a request got no answer, or not all of it.
// Only one that could not connect is known to have done nothing.
func unanswered(err error) error {
	e, ok := errors.AsType[*net.OpError](err)
	switch dialing := ok && e.Op == "dial"; {
	case dialing && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", ErrNotYours, err)
	case dialing:
		return fmt.Errorf("%w: %w", ErrNoCollector, err)
	}
	return fmt.Errorf("%w: %w", ErrBrokeOff, err)
}
