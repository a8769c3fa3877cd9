package uplink

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"picket/internal/uplink/wire"
)

func TestWhichVersionsWorkTogether(t *testing.T) {
	for _, c := range []struct {
		collector, agent uint32
		says             string // "" they do
	}{
		{5, 5, ""}, {5, 3, ""}, {5, 7, ""}, {0, 2, ""},
		{5, 2, "the collector speaks protocol picket/1.5, this agent picket/1.2: upgrade the agent"},
		{3, 6, "the collector speaks protocol picket/1.3, this agent picket/1.6: upgrade the collector"},
		{2, 1<<32 - 1, "upgrade the collector"}, {1<<32 - 1, 0, "upgrade the agent"},
	} {
		err := understand(c.collector, c.agent)
		if (err == nil) != (c.says == "") || err != nil && (!errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%d and %d: %v", c.collector, c.agent, err)
		}
	}
	if told(0) != 1 || told(4) != 4 {
		t.Error("a version that names no revision spoke 1")
	}
}

func TestAHelloFromTooFarIsToldBothNumbers(t *testing.T) {
	w := newWorld(t)
	defer w.serve()()
	x := w.tongue(t, w.agent("agent-1", time.Now()))
	x.say([]byte{byte(kindControl)}, &wire.ToCollector{Frame: &wire.ToCollector_Hello{Hello: &wire.Hello{Minor: minor + minorSpan + 1}}})
	end := x.closed()
	if end.Code != CodeVersion || end.Reason != (&VersionError{Collector: minor, Agent: minor + minorSpan + 1}).Error() {
		t.Errorf("ended with %+v", end)
	}
	if len(w.office.ch) != 0 {
		t.Error("the collector heard of the agent")
	}
}

// TestAnotherProtocolIsToldFromABrokenLine: an agent of a next generation offers
// an ALPN that this collector does not know.
func TestAnotherProtocolIsToldFromABrokenLine(t *testing.T) {
	w := newWorld(t)
	defer w.serve()()
	a := w.agent("agent-1", time.Now())
	conf := a.rawConfig()
	conf.NextProtos = []string{"picket/9"}
	pc := w.open()
	defer pc.Close()
	var sock socket
	if err := sock.open(func() (net.PacketConn, error) { return pc, nil }); err != nil {
		t.Fatal(err)
	}
	defer sock.close()
	if _, err := dialQUIC(t.Context(), func() (*quic.Transport, error) { return sock.tr, nil }, w.addr, conf, nil); !errors.Is(err, ErrVersion) {
		t.Errorf("told %v", err)
	}
}

func TestEnrolmentFromTooFarUsesNoToken(t *testing.T) {
	w := newWorld(t)
	heard := 0
	w.office.enrol = func(EnrolRequest) (EnrolResponse, error) { heard++; return EnrolResponse{}, nil }
	stop := w.serve()
	reply, err := w.server.answered(context.Background(), w.addr, &wire.EnrolRequest{Minor: minor + minorSpan + 1, Secret: []byte("s3cret")})
	if err != nil || reply.GetRefusedCode() != "version" || !strings.Contains(reply.GetRefusedMessage(), "picket/1.5") {
		t.Errorf("answered %v, %v", reply, err)
	}
	stop()
	if heard != 0 {
		t.Error("the token was tried")
	}
}

func TestWaitingForApprovalIsNoFailedTry(t *testing.T) {
	w := newWorld(t)
	heard := 0
	w.office.enrol = func(r EnrolRequest) (EnrolResponse, error) {
		heard++
		return EnrolResponse{}, &Refusal{Code: Waiting, Message: "wait", Fix: "ask an admin", Retry: 42 * time.Second, Request: "r-" + r.Site}
	}
	stop := w.serve()
	for range failedTries + 3 {
		_, err := w.enrol(t.Context(), w.auth.Pin(), EnrolRequest{Site: "madrid"})
		r, ok := errors.AsType[*Refusal](err)
		if !ok || *r != (Refusal{Code: Waiting, Message: "wait", Fix: "ask an admin", Retry: 42 * time.Second, Request: "r-madrid"}) {
			t.Fatalf("told %#v", err)
		}
	}
	stop()
	if heard != failedTries+3 {
		t.Errorf("%d asked and were heard, of %d", heard, failedTries+3)
	}
}
