package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"picket/internal/identity"
	"picket/internal/uplink"
)

func aToken() identity.Token {
	return identity.Token{Addrs: []string{"collector.example:4443"}, ID: "tok", Secret: make([]byte, 16)}
}

func TestARequestThatWaitsIsKeptUntilItIsDecided(t *testing.T) {
	o := JoinOptions{Dir: t.TempDir(), Token: aToken(), Site: "lisbon"}
	asked := &uplink.Refusal{Code: uplink.Waiting, Request: "r1", Retry: time.Minute, Message: "wait"}
	if err := o.waits(asked); !errors.Is(err, error(asked)) {
		t.Fatalf("told %v", err)
	}
	w, there, err := LoadWaiting(o.Dir)
	if err != nil || !there || w.Token != o.Token.String() || w.Site != "lisbon" || w.Request != "r1" || w.Retry != time.Minute {
		t.Fatalf("kept %+v, %v, %v", w, there, err)
	}
	if info, err := os.Stat(filepath.Join(o.Dir, waitingName)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	for what, err := range map[string]error{"busy": &uplink.Refusal{Code: "busy"}, "the line is down": errors.New("down")} {
		if o.waits(err) == nil {
			t.Errorf("%s is no error", what)
		}
		if _, there, _ := LoadWaiting(o.Dir); !there {
			t.Errorf("%s ends the request", what)
		}
	}
	for what, decided := range map[string]error{"denied": &uplink.Refusal{Code: "denied"}, "joined": nil} {
		if err := o.waits(asked); err == nil {
			t.Fatal("it waits no more")
		}
		if err := o.waits(decided); (err == nil) != (decided == nil) {
			t.Errorf("%s: %v", what, err)
		}
		if _, there, _ := LoadWaiting(o.Dir); there {
			t.Errorf("%s leaves the token on disk", what)
		}
	}
}

func TestAwaitAsksUntilItIsDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := JoinOptions{Dir: t.TempDir(), Token: aToken()}
		wait := &uplink.Refusal{Code: uplink.Waiting, Request: "r1", Retry: 10 * time.Second, Message: "wait"}
		o.waits(wait)
		var log strings.Builder
		answers := []error{wait, errors.New("no route"), errors.New("no route"), &uplink.Refusal{Code: "busy"}, wait, nil}
		var at []time.Duration
		begun := time.Now()
		err := Await(t.Context(), o.Dir, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context, Waiting) error {
			at = append(at, time.Since(begun))
			err := answers[len(at)-1]
			return o.waits(err)
		})
		if err != nil || len(at) != len(answers) || at[0] != 0 || at[1] < 10*time.Second || at[1] > 13*time.Second || at[len(at)-1] > 10*time.Minute {
			t.Errorf("asked at %v, %v", at, err)
		}
		if strings.Count(log.String(), "E112") != 1 || strings.Count(log.String(), "cannot be asked") != 1 || strings.Contains(log.String(), "pk1_") {
			t.Errorf("the log: %s", log.String())
		}

		o.waits(wait)
		no := &uplink.Refusal{Code: "denied"}
		if err := Await(t.Context(), o.Dir, slog.New(slog.DiscardHandler), func(context.Context, Waiting) error { return o.waits(no) }); !errors.Is(err, error(no)) {
			t.Errorf("denied: %v", err)
		}
		o.waits(wait)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := Await(ctx, o.Dir, slog.New(slog.DiscardHandler), func(context.Context, Waiting) error { return o.waits(wait) }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped: %v", err)
		}
	})
}

func TestWhyAnAgentIsKeptOut(t *testing.T) {
	const reason = "the collector speaks protocol picket/1.9, this agent picket/1.2: upgrade the agent"
	for err, want := range map[error]KeptOut{
		&uplink.CloseError{Code: uplink.CodeVersion, Reason: reason, Remote: true}:                            {Code: "E113", Text: reason},
		&uplink.VersionError{Collector: 9, Agent: 2}:                                                          {Code: "E113", Text: reason},
		&uplink.CloseError{Code: uplink.CodeClone, Reason: "this identity is online elsewhere", Remote: true}: {Code: "E111", Text: "this identity is online elsewhere"},
	} {
		k := keptOut(errors.Join(errors.New("connect"), err))
		if k == nil || k.Code != want.Code || k.Text != want.Text || k.Fix == "" {
			t.Errorf("%v: %+v", err, k)
		}
	}
	for _, err := range []error{nil, errors.New("down"), uplink.ErrRevoked, uplink.ErrSuperseded} {
		if k := keptOut(err); k != nil {
			t.Errorf("%v: %+v", err, k)
		}
	}
}

func TestTheMachineIsAHashThatStays(t *testing.T) {
	m := thisMachine()
	if m != thisMachine() {
		t.Error("it changes while the machine is up")
	}
	if len(machineParts()) > 0 && strings.Join(machineParts(), "") != "" && m == (uplink.Machine{}) {
		t.Error("it is not told, although the system tells")
	}
	for _, part := range machineParts() {
		if part != "" && strings.Contains(string(m[:]), part) {
			t.Error("it shows what it is made of")
		}
	}
}
