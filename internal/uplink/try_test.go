package uplink

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"picket/probes"
)

// connected is an agent in session.
func connected(t *testing.T, w *world, id string) *outpost {
	t.Helper()
	t.Cleanup(w.serve())
	a := w.agent(id, time.Now())
	t.Cleanup(w.run(a))
	a.await(t, "welcome")
	until(t, "the agent can be asked", func() bool { return w.server.CanTry(id) })
	return a
}

func TestAQuestionComesToTheAgentAndItsAnswerBack(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a := connected(t, w, "agent-1")
		spec := probes.Spec{Kind: probes.HTTP, Host: "www.example", Port: 8443, Path: "/x?y=1", Timeout: 3 * time.Second, Status: []int{200, 204}, Body: "ok"}
		want := Tried{RefsOK: 2, RefsAsked: 3, Result: probes.Result{
			Kind: probes.HTTP, Outcome: probes.Down, Cause: probes.TLSExpired, DNS: 2 * time.Millisecond, Connect: 3 * time.Millisecond,
			TLS: 4 * time.Millisecond, TTFB: 5 * time.Millisecond, RTT: time.Microsecond, Total: time.Second, Code: -1, HasCert: true, CertDays: -3,
			Addr: netip.MustParseAddr("192.0.2.7"), Edge: "MAD", Err: "certificate has expired",
		}}
		go func() {
			q := a.await(t, "try").value.(Try)
			if !reflect.DeepEqual(q.Spec, spec) || q.Deadline != 4*time.Second {
				t.Errorf("the agent was asked %+v", q)
			}
			want.ID = q.ID
			a.client.Tried(Tried{ID: q.ID + 1, Refused: "an answer to nobody's question"})
			a.client.Tried(want)
			a.client.Tried(Tried{ID: q.ID, Refused: "twice"})
		}()
		got, err := w.server.Try(within(t, 10*time.Second), "agent-1", Try{Spec: spec, Deadline: 4 * time.Second})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the answer came as %+v (%v), was %+v", got, err, want)
		}
	})
}

func TestNobodyAnswersForAnotherAgent(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a := connected(t, w, "agent-1")
		b := w.agent("agent-2", time.Now())
		defer w.run(b)()
		b.await(t, "welcome")
		go func() {
			q := a.await(t, "try").value.(Try)
			b.client.Tried(Tried{ID: q.ID, Refused: "from another"})
			w.office.await(t, "seen") // the stranger's frame has been read by now or soon
			time.AfterFunc(100*time.Millisecond, func() { a.client.Tried(Tried{ID: q.ID, Refused: "from itself"}) })
		}()
		got, err := w.server.Try(within(t, 10*time.Second), "agent-1", Try{})
		if err != nil || got.Refused != "from itself" {
			t.Errorf("answered %+v, %v", got, err)
		}
	})
}

func TestWhyAnAgentCannotBeAsked(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world) {
		a := connected(t, w, "agent-1")
		if _, err := w.server.Try(t.Context(), "nobody", Try{}); !errors.Is(err, ErrOffline) {
			t.Errorf("an agent that is not there: %v", err)
		}
		if _, err := w.server.Try(within(t, 50*time.Millisecond), "agent-1", Try{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an agent that does not answer: %v", err)
		}
		x := w.server.session("agent-1")
		x.tries.Store(false) // as its hello would be without the feature
		if _, err := w.server.Try(t.Context(), "agent-1", Try{}); !errors.Is(err, ErrUnsupported) || w.server.CanTry("agent-1") {
			t.Errorf("an agent that does not know the question: %v", err)
		}
		x.tries.Store(true)
		for range maxTries {
			if id, answer := x.waiting.add(); id == 0 || answer == nil {
				t.Fatal("too few may wait")
			}
		}
		if _, err := w.server.Try(t.Context(), "agent-1", Try{}); !errors.Is(err, ErrManyTries) {
			t.Errorf("one question more than may wait: %v", err)
		}
		x.waiting.drop(maxTries)
		a.await(t, "try") // the one that was not answered in time
		failed := make(chan error, 1)
		go func() {
			_, err := w.server.Try(within(t, 10*time.Second), "agent-1", Try{})
			failed <- err
		}()
		a.await(t, "try")
		w.server.Disconnect("agent-1", "busy", "")
		if err := <-failed; !errors.Is(err, ErrOffline) {
			t.Errorf("an agent that goes away meanwhile: %v", err)
		}
	})
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
