package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"picket/agent/proxy"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// waitingName is what a machine keeps while its request waits for approval, mode
// 0600: the token is in it. It goes when the request is decided.
const waitingName = "waiting.json"

// How often a request that waits is repeated, whatever the collector says.
const (
	soonest = 5 * time.Second
	latest  = 10 * time.Minute
)

// Waiting is a request to join that an admin has to approve.
type Waiting struct {
	Token   string          `json:"token"` // as it was pasted
	Site    string          `json:"site,omitempty"`
	Policy  identity.Policy `json:"policy"`
	Request string          `json:"request,omitempty"` // its id at the collector
	Since   time.Time       `json:"since"`             // by this machine's clock
	Retry   time.Duration   `json:"retry_ns"`
	Message string          `json:"message,omitempty"` // for people
}

// LoadWaiting returns the request that waits, false if there is none.
func LoadWaiting(dir string) (Waiting, bool, error) {
	var w Waiting
	if err := load(dir, waitingName, &w); err != nil {
		return w, false, err
	}
	return w, w.Token != "", nil
}

// waits keeps the request if err says that it waits, forgets it if the collector
// has decided or the machine has joined, and returns err.
func (o JoinOptions) waits(err error) error {
	r, told := errors.AsType[*uplink.Refusal](err)
	switch {
	case told && r.Code == uplink.Waiting:
		w := Waiting{Token: o.Token.String(), Site: o.Site, Policy: o.Policy, Request: r.Request, Since: time.Now(), Retry: r.Retry, Message: r.Message}
		if old, there, _ := LoadWaiting(o.Dir); there && old.Request == w.Request {
			w.Since = old.Since
		}
		if failed := errors.Join(keep(o.Dir, waitingName, w), proxy.Store(o.Dir, o.Proxy)); failed != nil {
			return fmt.Errorf("%w: the request is not kept here: %w (%w)", ErrState, failed, err)
		}
	case err == nil, told && r.Code != "busy":
		if failed := os.Remove(filepath.Join(o.Dir, waitingName)); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			return errors.Join(err, fmt.Errorf("forget the request: %w", failed))
		}
	}
	return err
}

// Await repeats the request that waits in dir until it is decided: nil means that
// the machine has joined. try is one [Join] with what waits. The collector's no is
// an [*uplink.Refusal]; that it is away is no reason to give up.
func Await(ctx context.Context, dir string, log *slog.Logger, try func(context.Context, Waiting) error) error {
	failures, said := 0, ""
	for {
		w, there, err := LoadWaiting(dir)
		if err != nil || !there {
			return errors.Join(err, ctx.Err())
		}
		err = try(ctx, w)
		r, told := errors.AsType[*uplink.Refusal](err)
		pause := w.Retry
		switch {
		case err == nil, ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case told && r.Code == uplink.Waiting:
			if r.Request != said {
				log.Info("E112 "+r.Message, "request", r.Request)
			}
			failures, said, pause = 0, r.Request, r.Retry
		case told && r.Code != "busy", errors.Is(err, ErrState):
			return err
		default:
			if failures++; failures == 1 {
				log.Warn("the collector cannot be asked about the approval; tried again", "err", err)
			}
			pause = max(pause, soonest) << min(failures, 6)
		}
		pause = max(soonest, min(pause, latest))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause + rand.N(pause/4)):
		}
	}
}
