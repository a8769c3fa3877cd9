package detect

import (
	"strings"
	"testing"
	"time"

	"picket/probes"
)

func TestWhatIsNoOutageIsToldOnceADay(t *testing.T) {
	for cause, c := range map[string]struct {
		result probes.Result
		sites  int // that see it
		told   int
	}{
		"blocked":         {probes.Result{Outcome: probes.Unknown, Cause: probes.Blocked}, 8, 1},
		"tls_intercepted": {probes.Result{Outcome: probes.Unknown, Cause: probes.TLSIntercepted}, 1, 1},
		"policy":          {probes.Result{Outcome: probes.Unknown, Cause: probes.Policy}, 1, 1},
		"not_measurable":  {probes.Result{Outcome: probes.Down, Cause: probes.TCPTimeout}, 1, 1},
	} {
		t.Run(cause, func(t *testing.T) {
			w := newWorld(t, worldOptions{})
			for n := range 26 * 360 { // 26 hours, every ten seconds
				w.now = w.start.Add(time.Duration(n) * 10 * time.Second)
				for k := range c.sites {
					w.e.Observe(w.now, Observation{Agent: w.agents[k].id, Check: 0, Start: w.now, Result: c.result})
				}
				if n == 7*360 && len(w.told(cause)) != c.told {
					t.Errorf("told %d times in seven hours, want %d", len(w.told(cause)), c.told)
				}
				w.drain()
			}
			again := 2
			if cause == "not_measurable" {
				again = 1 // it was told when it became clear
			}
			l := w.told(cause)
			if len(l) != again {
				t.Fatalf("told %d times in 26 hours, want %d: %+v", len(l), again, l)
			}
			if cause != "tls_intercepted" && l[0].Target != w.cfg.Checks[0].Target || !strings.HasSuffix(l[0].Text, ".") {
				t.Errorf("%+v", l[0])
			}
			if len(w.incidents) != 0 {
				w.tell()
				t.Error("it became an incident")
			}
		})
	}
}

func TestOneBlockedSiteIsNoNews(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.run(calm)
	for k := range 7 { // K is 8 of 12
		w.e.Observe(w.now, Observation{Agent: w.agents[k].id, Check: 0, Start: w.now, Result: probes.Result{Outcome: probes.Unknown, Cause: probes.Blocked}})
	}
	w.drain()
	if l := w.told("blocked"); len(l) != 0 {
		t.Errorf("%+v", l)
	}
}
