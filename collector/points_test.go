package collector

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/collector/config"
	"picket/collector/detect"
	"picket/collector/influx"
	"picket/collector/store"
)

// TestWhatIsDrawn looks at the lines that InfluxDB is sent of the server itself,
// of an incident and of the alert about it. Of the collector only the judge runs.
func TestWhatIsDrawn(t *testing.T) {
	c := idle(t, "targets:\n"+target("one")+"influx: {url: \"http://127.0.0.1:9\", bucket: picket}\nalerts: [{name: desk, webhook: \"http://127.0.0.1:9/\", secret_env: PATH}]\n")

	opened := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	i := detect.Incident{ID: "01J", Kind: detect.KindSite, Client: "acme", Site: "acme/hq", Title: "acme/hq: line down", State: detect.Confirmed, Opened: opened, Started: opened}
	doc := `{"id":"01J","kind":"site","client":"acme","site":"acme/hq","title":"acme/hq: line down","state":"confirmed","opened":"` + opened.UTC().Format(time.RFC3339Nano) + `"}`
	letters := []store.Message{
		{ID: "k1", Incident: i.ID, Route: "desk", Event: "opened", Body: []byte("{}"), Created: opened},
		{ID: "k2", Incident: i.ID, Route: "desk", Event: "changed", Body: []byte("{}"), Created: opened},
		{ID: "k3", Incident: i.ID, Route: "gone", Event: "opened", Body: []byte("{}"), Created: opened},
	}
	if err := c.store.SaveIncident(t.Context(), i.ID, []byte(doc), opened, opened, true, letters); err != nil {
		t.Fatal(err)
	}
	for _, m := range letters {
		if err := c.store.Sent(t.Context(), m.ID, opened.Add(2*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.store.Acknowledge(t.Context(), store.Acknowledgement{Incident: i.ID, At: opened.Add(30 * time.Second), By: "ana"}); err != nil {
		t.Fatal(err)
	}
	if err := c.draw(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := ""
	for len(c.telemetry.lines) > 0 {
		got += string(<-c.telemetry.lines)
	}
	for _, want := range []string{
		"collector ready=1i,frozen=0i,uptime_s=", ",letters_sent=3i,letters_dead=0i,", ",judge_lag_ms=", ",mem_bytes=",
		`incident,id=01J drill=0i,kind="site",site="acme/hq",client="acme",title="acme/hq: line down"`, ",notified_s=2,acknowledged_s=30 ",
		`notify,channel=webhook,result=sent,route=desk latency_ms=2000i,tries=1i,given_up=0i,event="opened",incident="01J"`,
		`notify,channel=webhook,result=sent,route=desk latency_ms=2000i,tries=1i,given_up=0i,event="changed",incident="01J"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing like %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "route=gone") {
		t.Error("a route that nobody configured is a tag")
	}
	if a, b, _ := strings.Cut(got, "event=\"opened\""); strings.HasSuffix(strings.SplitN(b, "\n", 2)[0], stamp(a, "changed")) {
		t.Error("two letters are one point")
	}
}

// idle is a collector that was made and does not run, but for its judge.
func idle(t *testing.T, text string) *Collector {
	t.Helper()
	file, src, err := config.Load(fileWith(t, "picket.yaml", "listen: 127.0.0.1:0\nhttp: 127.0.0.1:0\nproviders: [{id: p}]\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sockets, err := Listen(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(t.Context(), Options{File: file, Source: src, Dir: dir, Sockets: sockets})
	if err != nil {
		t.Fatal(err)
	}
	judging, stop := context.WithCancel(t.Context())
	var judged sync.WaitGroup
	judged.Go(func() { c.judge.run(judging) })
	t.Cleanup(func() {
		stop()
		judged.Wait()
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// stamp is the time of the line that tells of event.
func stamp(lines, event string) string {
	for line := range strings.Lines(lines) {
		if strings.Contains(line, `event="`+event) {
			return line[strings.LastIndexByte(line, ' '):]
		}
	}
	return "none"
}

func TestWhatIsGoodOnTheGrid(t *testing.T) {
	grid := func(v detect.Verdict) string {
		v.Scope, v.Target, v.At = "target", "t", time.UnixMilli(1)
		line := string(influx.AppendVerdict(nil, verdictPoint(detect.VerdictEvent{Verdict: v, Grid: true})))
		_, fields, _ := strings.Cut(line, "known=")
		fields, _, _ = strings.Cut(fields, ",down_sites")
		return fields
	}
	for name, c := range map[string]struct {
		v    detect.Verdict
		want string
	}{
		"ok":                             {detect.Verdict{State: detect.OK, Sites: 3}, "1i,maint=0i,good=1i"},
		"mixed results":                  {detect.Verdict{State: detect.Disputed, Sites: 3}, "1i,maint=0i,good=1i"},
		"down":                           {detect.Verdict{State: detect.Down, Sites: 3}, "1i,maint=0i,good=0i"},
		"partly down":                    {detect.Verdict{State: detect.Partial, Sites: 3}, "1i,maint=0i,good=0i"},
		"nothing is known":               {detect.Verdict{State: detect.NoData}, "0i,maint=0i"},
		"it was down, nobody can tell":   {detect.Verdict{State: detect.Down}, "0i,maint=0i"},
		"it is worked on":                {detect.Verdict{State: detect.NoData, Maintained: true}, "0i,maint=1i"},
		"down, and it is worked on here": {detect.Verdict{State: detect.Down, Sites: 3, Maintained: true}, "0i,maint=1i"},
	} {
		if got := grid(c.v); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhoWasFirst(t *testing.T) {
	opened := time.UnixMilli(1_772_366_400_000)
	i := detect.Incident{ID: "01J", Kind: detect.KindProviderRegion, Opened: opened, Confirmed: opened.Add(10 * time.Second)}
	if p := incidentPoint(i, aftermath{admitted: opened.Add(100 * time.Second)}); !p.HasAckLag || p.AckLag != 90*time.Second {
		t.Errorf("admitted 90 s after we were certain: %+v", p)
	}
	if p := incidentPoint(i, aftermath{admitted: opened.Add(-20 * time.Second)}); !p.HasAckLag || p.AckLag != -30*time.Second {
		t.Errorf("admitted 30 s before: %+v", p)
	}
	if p := incidentPoint(i, aftermath{}); p.HasAckLag || p.Notified != 0 || p.Acknowledged != 0 {
		t.Errorf("nothing came of it: %+v", p)
	}
}
