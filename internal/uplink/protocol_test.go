package uplink

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
	"picket/probes"
)

// tongue is an agent that speaks the protocol by hand.
type tongue struct {
	t       *testing.T
	conn    *quic.Conn
	control *quic.Stream
	in      *frameReader
}

func (w *world) tongue(t *testing.T, a *outpost) *tongue {
	t.Helper()
	pc := w.open()
	tr := &quic.Transport{Conn: pc}
	t.Cleanup(func() { tr.Close(); pc.Close() })
	conn, err := tr.Dial(t.Context(), net.UDPAddrFromAddrPort(w.addr), a.rawConfig(), agentConfig(nil))
	if err != nil {
		t.Fatal(err)
	}
	st, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	return &tongue{t: t, conn: conn, control: st, in: newFrameReader(st, maxFrame)}
}

func (x *tongue) say(first []byte, m *wire.ToCollector) {
	x.t.Helper()
	b, err := appendFrame(first, m, maxFrame)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := x.control.Write(b); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tongue) hello() {
	x.t.Helper()
	x.say([]byte{byte(kindControl)}, &wire.ToCollector{Frame: &wire.ToCollector_Hello{Hello: Hello{}.wire()}})
	var f wire.ToAgent
	if err := x.in.message(&f); err != nil || f.GetWelcome() == nil {
		x.t.Fatalf("no welcome: %v", err)
	}
}

// pong proves that the session lives.
func (x *tongue) pong() {
	x.t.Helper()
	x.say(nil, &wire.ToCollector{Frame: &wire.ToCollector_Heartbeat{Heartbeat: &wire.Heartbeat{SentNs: 77}}})
	for {
		var f wire.ToAgent
		if err := x.in.message(&f); err != nil {
			x.t.Fatalf("the session is dead: %v", closing(err))
		}
		if f.GetPong().GetEchoNs() == 77 {
			return
		}
	}
}

// closed waits for the end and returns its code.
func (x *tongue) closed() *CloseError {
	x.t.Helper()
	select {
	case <-x.conn.Context().Done():
	case <-time.After(20 * time.Second):
		x.t.Fatal("the connection lives")
	}
	end, _ := errors.AsType[*CloseError](closing(context.Cause(x.conn.Context())))
	if end == nil {
		x.t.Fatalf("ended by %v", context.Cause(x.conn.Context()))
	}
	return end
}

func TestUnknownThingsAreSkipped(t *testing.T) {
	w := newWorld(t)
	defer w.serve()()
	x := w.tongue(t, w.agent("agent-1", time.Now()))
	x.hello()
	var unknown []byte // field 900 of the envelope, from a newer agent
	unknown = protowire.AppendTag(unknown, 900, protowire.BytesType)
	unknown = protowire.AppendBytes(unknown, []byte("news"))
	if _, err := x.control.Write(append(binary.AppendUvarint(nil, uint64(len(unknown))), unknown...)); err != nil {
		t.Fatal(err)
	}
	x.say(nil, &wire.ToCollector{})
	x.pong()
	for range 70 { // more than the credit: refused streams give it back
		st, err := x.conn.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte{99, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(st)
		if e, ok := errors.AsType[*quic.StreamError](err); !ok || e.ErrorCode != streamUnknown {
			t.Fatalf("a stream of an unknown kind ended with %v", err)
		}
		st.CancelWrite(0)
	}
	uni, err := x.conn.OpenUniStreamSync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := uni.Write([]byte{99}); err != nil {
		t.Fatal(err)
	}
	<-uni.Context().Done()
	x.pong()
}

func TestBreakingTheProtocolEndsTheSession(t *testing.T) {
	record := func(batches ...*fleet.Batch) func(*tongue) {
		return func(x *tongue) {
			st, err := x.conn.OpenUniStream()
			if err != nil {
				x.t.Fatal(err)
			}
			buf := []byte{byte(kindRecord)}
			for _, b := range batches {
				if buf, err = appendBatch(buf, b); err != nil {
					x.t.Fatal(err)
				}
			}
			if _, err := st.Write(buf); err != nil {
				x.t.Fatal(err)
			}
		}
	}
	batch := func(run, seq uint64) *fleet.Batch {
		return &fleet.Batch{Run: run, Config: 1, Records: []fleet.Record{observation(seq)}}
	}
	for what, act := range map[string]func(*tongue){
		"a seq that goes backwards": record(batch(1, 5), batch(1, 4)),
		"a seq twice":               record(batch(1, 5), batch(1, 5)),
		"a record without a run":    record(batch(LiveRun, 1)),
		"a run taken up again":      record(batch(1, 5), batch(2, 1), batch(1, 6)),
		"a batch that is none":      func(x *tongue) { st, _ := x.conn.OpenUniStream(); st.Write([]byte{byte(kindRecord), 3, 1, 2, 3}) },
		"a second hello": func(x *tongue) {
			x.say(nil, &wire.ToCollector{Frame: &wire.ToCollector_Hello{Hello: &wire.Hello{Minor: minor}}})
		},
		"a frame that is no message": func(x *tongue) { x.control.Write([]byte{2, 0xff, 0xff}) },
		"a frame that is too long":   func(x *tongue) { x.control.Write(binary.AppendUvarint(nil, maxControlFrame+1)) },
		"a length that is no number": func(x *tongue) { x.control.Write(bytes.Repeat([]byte{0xff}, 9)) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			defer w.serve()()
			x := w.tongue(t, w.agent("agent-1", time.Now()))
			x.hello()
			act(x)
			if end := x.closed(); end.Code != CodeProtocol || !end.Remote {
				t.Errorf("ended with %v", end)
			}
			w.office.await(t, "gone")
		})
	}
}

func TestVersionsTooFarApartAreTold(t *testing.T) {
	end := &CloseError{Code: CodeVersion, Remote: true}
	if !errors.Is(end, ErrVersion) || errors.Is(end, ErrRevoked) {
		t.Error("a close code and its error")
	}
	for c, name := range codeNames {
		if parseCode(name) != c {
			t.Errorf("%v by name", c)
		}
	}
}

func TestAFrameIsRefusedBeforeMemoryIsTaken(t *testing.T) {
	long := append(binary.AppendUvarint(nil, maxFrame+1), 1, 2, 3)
	announced := append(binary.AppendUvarint(nil, maxFrame), 1, 2, 3) // allowed, but only 3 bytes come
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := newFrameReader(bytes.NewReader(long), maxFrame).next(); !errors.Is(err, ErrProtocol) {
			t.Fatalf("too long: %v", err)
		}
		if _, err := newFrameReader(bytes.NewReader(announced), maxFrame).next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut off: %v", err)
		}
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / 200; per > 64<<10 {
		t.Errorf("%d bytes allocated per refused frame", per)
	}
}

func TestFramesComeBackWhole(t *testing.T) {
	var buf []byte
	var err error
	big := &wire.ToCollector{Frame: &wire.ToCollector_Renew{Renew: &wire.Renew{Csr: make([]byte, 200_000)}}}
	for _, m := range []*wire.ToCollector{big, {}, big} {
		if buf, err = appendFrame(buf, m, maxFrame); err != nil {
			t.Fatal(err)
		}
	}
	in := newFrameReader(bytes.NewReader(buf), maxFrame)
	for i, n := range []int{200_000, 0, 200_000} {
		var f wire.ToCollector
		if err := in.message(&f); err != nil || len(f.GetRenew().GetCsr()) != n {
			t.Fatalf("frame %d: %d bytes, %v", i, len(f.GetRenew().GetCsr()), err)
		}
	}
	if _, err := in.next(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
	if _, err := appendFrame(nil, big, maxControlFrame/4); err == nil {
		t.Error("a frame that nobody would read was made")
	}
}

func TestTheStartFollowsTheMarks(t *testing.T) {
	runs := []Run{{1, 5, 20}, {2, 1, 30}, {3, 0, 0}}
	for what, c := range map[string]struct {
		marks []fleet.Mark
		want  fleet.Mark
	}{
		"nothing is there":              {nil, fleet.Mark{Run: 1}},
		"some of the first":             {[]fleet.Mark{{Run: 1, Seq: 9}}, fleet.Mark{Run: 1, Seq: 9}},
		"the first, some of the second": {[]fleet.Mark{{Run: 2, Seq: 7}, {Run: 1, Seq: 20}}, fleet.Mark{Run: 2, Seq: 7}},
		"all":                           {[]fleet.Mark{{Run: 1, Seq: 20}, {Run: 2, Seq: 30}}, fleet.Mark{Run: 3}},
	} {
		if got := startMark(runs, c.marks); got != c.want {
			t.Errorf("%s: %+v, want %+v", what, got, c.want)
		}
	}
}

func TestClock(t *testing.T) {
	var told []time.Duration
	c := newClock(func(d time.Duration) { told = append(told, d) })
	base := time.Now()
	trip := func(at, there, back, offset time.Duration) {
		sent := base.Add(at)
		c.sample(sent, sent.Add(there+back), sent.Add(there+offset).Round(0), sent.Add(there+offset).Round(0))
	}
	trip(0, 50*time.Millisecond, 10*time.Millisecond, time.Hour) // lopsided
	trip(time.Second, 2*time.Millisecond, 2*time.Millisecond, time.Hour)
	trip(2*time.Second, 80*time.Millisecond, 0, time.Hour) // slower: not believed
	if len(told) != 2 || told[0] != time.Hour+20*time.Millisecond || told[1] != time.Hour || c.now() != time.Hour {
		t.Errorf("told %v", told)
	}
	trip(70*time.Second, 30*time.Millisecond, 10*time.Millisecond, time.Hour) // the quick ones are too old
	if c.now() != time.Hour+10*time.Millisecond {
		t.Errorf("after a minute: %v", c.now())
	}
	c.sample(base, base.Add(-time.Second), base, base) // nonsense
	if c.now() != time.Hour+10*time.Millisecond {
		t.Error("a negative round trip was believed")
	}
}

func FuzzToCollector(f *testing.F) {
	for _, m := range []*wire.ToCollector{
		{Frame: &wire.ToCollector_Hello{Hello: Hello{Version: "1", Runs: []Run{{1, 2, 3}}, Standing: []Standing{{Check: 1}}}.wire()}},
		{Frame: &wire.ToCollector_Vote{Vote: Vote{Round: 1, Err: "x"}.wire()}},
		{Frame: &wire.ToCollector_Health{Health: Health{Offset: -1}.wire()}},
		{Frame: &wire.ToCollector_Suspicion{Suspicion: Suspicion{Check: 1}.wire()}},
		{Frame: &wire.ToCollector_Tried{Tried: Tried{ID: 1, RefsOK: 2, RefsAsked: 3, Result: probes.Result{Outcome: probes.Down, Code: -1, Err: "x"}}.wire()}},
		{Frame: &wire.ToCollector_Tried{Tried: Tried{ID: 2, Refused: "policy"}.wire()}},
	} {
		b, _ := appendFrame([]byte{byte(kindControl)}, m, maxFrame)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if kind, err := readKind(r); err != nil || kind != kindControl {
			return
		}
		in := newFrameReader(r, maxControlFrame)
		for {
			var m wire.ToCollector
			if in.message(&m) != nil {
				return
			}
			h, err := helloFrom(m.GetHello())
			if err == nil && (len(h.Runs) > maxRuns || len(h.Hostname) > maxText) {
				t.Fatal("hello out of bounds")
			}
			v := voteFrom(m.GetVote())
			if s := suspicionFrom(m.GetSuspicion()); s.Age < 0 || v.Age < 0 || len(v.Err) > maxText {
				t.Fatal("frame out of bounds")
			}
			if r := triedFrom(m.GetTried()); r.RefsOK > r.RefsAsked || r.RefsAsked > maxTryRefs || len(r.Refused) > maxText || len(r.Result.Err) > maxText ||
				r.Result.Total < 0 || r.Result.Outcome > probes.Down || r.Refused != "" && r.Result != (probes.Result{}) {
				t.Fatalf("answer out of bounds: %+v", r)
			} else if again := triedFrom(r.wire()); again != r {
				t.Fatalf("answer changes on the way: %+v, then %+v", r, again)
			}
			if again := healthFrom(healthFrom(m.GetHealth()).wire()); again.Offset != healthFrom(m.GetHealth()).Offset {
				t.Fatal("health changes on the way")
			}
			if _, err := appendFrame(nil, &wire.ToCollector{Frame: &wire.ToCollector_Vote{Vote: v.wire()}}, maxFrame); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzToAgent(f *testing.F) {
	cfg := &fleet.Config{ID: 1, Targets: []fleet.Target{{ID: "t"}}, Checks: []fleet.Check{{ID: "c"}}}
	for _, m := range []*wire.ToAgent{
		{Frame: &wire.ToAgent_Welcome{Welcome: Welcome{Config: cfg, Roster: &fleet.Roster{Seats: []fleet.Seat{{Agent: "a"}}}, Marks: []fleet.Mark{{Run: 1}}}.wire()}},
		toAsk(Ask{Round: 1, Deadline: time.Second}), toConfig(cfg),
		{Frame: &wire.ToAgent_Try{Try: Try{ID: 1, Spec: probes.Spec{Kind: probes.HTTP, Host: "a.example", Port: 8443, Path: "/x"}, Deadline: time.Second}.wire()}},
	} {
		b, _ := appendFrame(nil, m, maxFrame)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := newFrameReader(bytes.NewReader(b), maxFrame)
		for {
			var m wire.ToAgent
			if in.message(&m) != nil {
				return
			}
			if c, err := configFrom(m.GetConfig()); err == nil {
				if again, err := configFrom(configWire(&c)); err != nil || len(again.Checks) != len(c.Checks) {
					t.Fatalf("config changes on the way: %v", err)
				}
			}
			_, _ = welcomeFrom(m.GetWelcome())
			_ = rosterFrom(m.GetRoster())
			if q, err := tryFrom(m.GetTry()); err == nil && q.Deadline < 0 {
				t.Fatal("deadline of a try out of bounds")
			}
			if a := askFrom(m.GetAsk()); a.Deadline < 0 {
				t.Fatal("deadline out of bounds")
			}
		}
	})
}

func FuzzEnrol(f *testing.F) {
	b, _ := appendFrame(nil, EnrolRequest{TokenID: "t", Secret: []byte("s")}.wire(), maxEnrolFrame)
	f.Add(b)
	b, _ = appendFrame(nil, EnrolResponse{Agent: "a", Chain: []byte("c")}.wire(), maxEnrolFrame)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var req wire.EnrolRequest
		if newFrameReader(bytes.NewReader(b), maxEnrolFrame).message(&req) == nil {
			if r := requestFrom(&req); len(r.TokenID) > maxText {
				t.Fatal("request out of bounds")
			}
		}
		var reply wire.EnrolReply
		if newFrameReader(bytes.NewReader(b), maxEnrolFrame).message(&reply) == nil {
			if r, err := enrolResponse(&reply); err == nil {
				if _, err := proto.Marshal(r.wire()); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func FuzzStreamHeader(f *testing.F) {
	f.Add(relayHeader(fleet.Address("a")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if kind, err := readKind(r); err == nil && kind == kindRelay {
			a, err := readAddr(r)
			if (err == nil) != (len(b) >= 1+vaddrSize) {
				t.Fatalf("header of %d bytes: %v", len(b), err)
			}
			if err == nil && !bytes.Equal(relayHeader(a), b[:1+vaddrSize]) {
				t.Fatal("header changes on the way")
			}
		}
	})
}
