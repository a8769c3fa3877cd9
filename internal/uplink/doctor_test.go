package uplink

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"picket/internal/uplink/wire"
)

func TestAReportTravelsWithinItsBounds(t *testing.T) {
	d := Doctor{At: time.Unix(1000, 5)}
	for i := range 60 {
		d.Findings = append(d.Findings, Finding{ID: fmt.Sprint("check-", i), Level: LevelWarn, Text: strings.Repeat("x", 5000), Means: "m\x1b[31m", Fix: "f", Code: "E104"})
	}
	got := doctorFrom(d.wire())
	if !got.At.Equal(d.At) || len(got.Findings) != maxFindings {
		t.Fatalf("%v, %d findings", got.At, len(got.Findings))
	}
	f := got.Findings[7]
	if f.ID != "check-7" || f.Level != LevelWarn || len(f.Text) != maxFindingText || f.Means != "m[31m" || f.Code != "E104" {
		t.Errorf("%+v", f)
	}
	// Another's frame may hold anything.
	w := &wire.Doctor{AtNs: ^uint64(0)}
	for range 1000 {
		w.Findings = append(w.Findings, &wire.Finding{Level: 77, Text: strings.Repeat("\n", 1<<12) + "end"})
	}
	got = doctorFrom(w)
	if len(got.Findings) != maxFindings || got.Findings[0].Level != LevelUnknown || len(got.Findings[0].Text) > maxFindingText {
		t.Errorf("%d findings, the first %+v", len(got.Findings), got.Findings[0])
	}
}

func TestAReportReachesTheHandler(t *testing.T) {
	w := newWorld(t)
	stop := w.serve()
	a := w.agent("agent-1", time.Now())
	end := w.run(a)
	a.await(t, "welcome")
	d := Doctor{At: time.Now(), Findings: []Finding{{ID: "quic", Level: LevelWarn, Text: "no reply"}}}
	for !a.client.Doctor(d) {
		time.Sleep(10 * time.Millisecond)
	}
	ev := w.office.await(t, "doctor")
	if got := ev.value.(Doctor); ev.agent != "agent-1" || !got.At.Equal(d.At) || len(got.Findings) != 1 || got.Findings[0] != d.Findings[0] {
		t.Errorf("%s reported %+v", ev.agent, ev.value)
	}
	end()
	stop()
	if a.client.Doctor(d) {
		t.Error("a report is said to be sent without a session")
	}
}

func TestAKnockUsesNothingUp(t *testing.T) {
	w := newWorld(t)
	w.office.enrol = func(EnrolRequest) (EnrolResponse, error) {
		t.Error("the handler was asked")
		return EnrolResponse{}, nil
	}
	stop := w.serve()
	ways := Ways{Open: func() (net.PacketConn, error) { return w.open(), nil }}
	for range failedTries + 3 { // knocking is not guessing
		k, err := Knock(t.Context(), ways, []string{w.addr.String()}, w.auth.Pin())
		if err != nil || !k.Timed || k.Offset.Abs() > time.Second || k.SeenFrom.Addr() != w.addr.Addr() {
			t.Fatalf("%+v, %v", k, err)
		}
	}
	stop()
}

func TestLevelsAreTextInJSON(t *testing.T) {
	for l := LevelUnknown; l <= LevelFail; l++ {
		b, err := l.MarshalText()
		var back Level
		if err != nil || back.UnmarshalText(b) != nil || back != l {
			t.Errorf("%v became %v: %v", l, back, err)
		}
	}
	if s := Level(9).String(); s != "UNKNOWN" {
		t.Errorf("a level of a newer agent is %q", s)
	}
}
