package dashboards

import (
	"context"
	"sync"
	"testing"
	"time"

	"picket/collector/influx"
	"picket/internal/influxd"
)

// build asks the toolchain once for all tests.
var build = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // it may have to be built first
	defer cancel()
	return influxd.Build(ctx)
})

func started(t *testing.T, o influxd.Options) *influxd.Server {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o.Dir, o.Binary = t.TempDir(), path
	s, err := influxd.StartWith(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

// world is what is staged: a day in which Azure's West Europe is down since two
// minutes, seen by sites of two clients on three ISPs. It is yesterday, 12:00:02 UTC:
// InfluxDB keeps 30 days.
type world struct {
	now    time.Time // just after a point of the 30 s grid
	bucket time.Time // 11:55, start of a 5 min bucket that is over
	lines  []byte
}

func staged() *world {
	now := time.Now().UTC().Truncate(24 * time.Hour).Add(-12*time.Hour + 2*time.Second)
	w := &world{now: now, bucket: now.Truncate(5 * time.Minute).Add(-5 * time.Minute)}
	w.verdicts()
	w.agents()
	w.probes()
	w.incidents()
	w.officials()
	w.self()
	return w
}

// ago is a grid point n steps of 30 s before the newest.
func (w *world) ago(n int) time.Time {
	return w.now.Truncate(30 * time.Second).Add(-time.Duration(n) * 30 * time.Second)
}

func (w *world) verdict(v influx.Verdict) {
	v.Scope, v.Grid, v.Known = "target", true, v.State >= 0
	v.Good = v.State == 0 || v.State == 1
	w.lines = influx.AppendVerdict(w.lines, v)
}

func (w *world) verdicts() {
	for n := range 20 { // ten minutes
		at := w.ago(n)
		afd := influx.Verdict{Time: at, Provider: "azure", Service: "front-door", Region: "westeurope", Target: "afd-weu", Sites: 11, Networks: 7}
		blob := influx.Verdict{Time: at, Provider: "azure", Service: "storage", Region: "westeurope", Target: "blob-weu", Sites: 11, Networks: 7}
		neu := influx.Verdict{Time: at, Provider: "azure", Service: "front-door", Region: "northeurope", Target: "afd-neu", Sites: 11, Networks: 7}
		s3 := influx.Verdict{Time: at, Provider: "aws", Service: "s3", Region: "eu-west-1", Target: "s3-ie", Sites: 4, Networks: 3}
		exo := influx.Verdict{Time: at, Provider: "m365", Service: "exchange", Target: "exo", Sites: 11, Networks: 7}
		if n < 5 {
			afd.State, afd.DownSites, afd.DownNetworks, afd.Layer, afd.Confidence = 4, 9, 6, "tls", "confirmed"
			blob.State, blob.DownSites, blob.DownNetworks = 3, 5, 4
		}
		if n == 0 {
			neu.State, neu.DownSites, neu.DownNetworks = 1, 1, 1
			s3.State, s3.Sites, s3.Networks = -1, 0, 0
		}
		if n == 7 || n == 8 { // somebody works on it
			s3.State, s3.Sites, s3.Networks, s3.Maintenance = -1, 0, 0, true
		}
		for _, v := range []influx.Verdict{afd, blob, neu, s3, exo} {
			w.verdict(v)
		}
	}
	// A target that nobody watches any more, was down when it was last judged.
	w.verdict(influx.Verdict{Time: w.ago(120), Provider: "aws", Service: "ec2", Region: "eu-west-1", Target: "gone", State: 4, DownSites: 3, Sites: 3, DownNetworks: 3, Networks: 3})
	// A coarser scope, which must not be counted beside the targets it sums up.
	w.lines = influx.AppendVerdict(w.lines, influx.Verdict{Time: w.ago(0), Scope: "region", Provider: "aws", Region: "eu-west-1", State: 4, DownSites: 9, Sites: 9, DownNetworks: 9, Networks: 9})
}

func (w *world) agents() {
	agent := func(n int, site, id, network, version string, up, voting bool, spool uint64, more func(*influx.Agent)) {
		a := influx.Agent{Time: w.ago(n), Client: site[:4], Site: site, Agent: id, Network: network, VRegion: map[string]string{"acme": "eu-south", "beta": "eu-north"}[site[:4]],
			OS: "linux", Version: version, Up: up, Voting: voting, Spool: spool, CPU: 1, RSS: 20 << 20, Transport: "quic", RTT: 15 * time.Millisecond, Since: w.ago(1000)}
		if !up {
			a.RTT, a.Since, a.Transport = 0, time.Time{}, ""
		}
		if more != nil {
			more(&a)
		}
		w.lines = influx.AppendAgent(w.lines, a)
	}
	late := func(a *influx.Agent) { a.Skew, a.CPU, a.Transport = -4*time.Second, 2.5, "tcp" }
	agent(2, "acme/hq", "A1", "AS1 Alpha", "1.0", false, false, 9000, nil) // before its upgrade
	agent(0, "acme/hq", "A1", "AS1 Alpha", "1.1", true, true, 5, nil)
	agent(0, "acme/hq", "A2", "AS1 Alpha", "1.1", true, false, 7, nil) // a second agent of the site
	agent(3, "acme/branch", "A3", "AS2 Beta", "1.1", true, true, 0, func(a *influx.Agent) { a.Since = w.ago(2000) })
	agent(1, "acme/branch", "A3", "AS2 Beta", "1.1", true, true, 0, late) // it came back meanwhile
	agent(2, "beta/office", "B1", "AS1 Alpha", "1.1", true, false, 0, nil)
	agent(0, "beta/office", "B1", "AS1 Alpha", "1.1", true, false, 0, func(a *influx.Agent) { a.Dropped = 3 })
	agent(0, "beta/depot", "B2", "AS3 Gamma", "1.1", false, false, 1000, nil)
	agent(40, "beta/closed", "B3", "AS4 Delta", "1.0", true, true, 77, nil) // revoked 20 minutes ago
}

func (w *world) incidents() {
	open := influx.Incident{ID: "01OPEN", Opened: w.ago(5), Kind: "provider-region", Provider: "azure", Region: "westeurope", Title: "Azure, West Europe: outage",
		State: "suspected", Confidence: "suspected", Severity: "outage", Start: w.ago(6)}
	sure := open // rewritten on the same timestamp, as it went on
	sure.State, sure.Confidence, sure.Detect = "confirmed", "confirmed", 42500*time.Millisecond
	sure.AckLag, sure.HasAckLag = 90*time.Second, true
	over := influx.Incident{ID: "01OVER", Opened: w.ago(200), Kind: "site", Client: "beta", Title: "beta/depot: lost contact",
		State: "resolved", Confidence: "probable", Severity: "unseen", Start: w.ago(201), End: w.ago(190)}
	drill := influx.Incident{ID: "01DRILL", Opened: w.ago(300), Kind: "provider-region", Provider: "azure", Title: "A drill", State: "resolved",
		Confidence: "confirmed", Start: w.ago(300), End: w.ago(299), Detect: time.Second, Drill: true}
	for _, i := range []influx.Incident{open, sure, over, drill} {
		w.lines = influx.AppendIncident(w.lines, i)
	}
}

// officials are what the clouds say: Azure admits its outage after 90 s, nobody
// can read what AWS says, nobody reads Microsoft 365.
func (w *world) officials() {
	for n := range 20 {
		azure := influx.Official{Time: w.ago(n), Provider: "azure", Service: "front-door", Region: "westeurope", State: influx.OfficialQuiet}
		if n < 2 {
			azure.State = influx.OfficialDegraded
		}
		w.lines = influx.AppendOfficial(w.lines, azure)
		w.lines = influx.AppendOfficial(w.lines, influx.Official{Time: w.ago(n), Provider: "aws", Service: "s3", Region: "eu-west-1", State: influx.OfficialUnknown, Age: -1})
	}
	post := influx.Notice{Posted: w.ago(2), ID: "N1", Provider: "azure", Service: "front-door", Region: "westeurope", State: influx.OfficialDegraded,
		Title: "Front Door: errors", URL: "https://status.example/N1"}
	old := influx.Notice{Posted: w.ago(400), ID: "N0", Provider: "aws", State: influx.OfficialDown, Title: "S3", End: w.ago(380)}
	w.lines = influx.AppendNotice(influx.AppendNotice(w.lines, post), old)
}

// self is the Picket server: InfluxDB was away for three minutes, and a route is dead.
func (w *world) self() {
	for n := range 20 {
		p := influx.Collector{Time: w.ago(n), Version: "1.1", Uptime: time.Hour - time.Duration(n)*30*time.Second, Ready: n != 5, Frozen: n == 6, Results: uint64(10000 - 300*n),
			Lost: 12, Memory: 64 << 20, JudgeLag: 2 * time.Millisecond, InfluxWrite: 8 * time.Millisecond, InfluxRefused: 4, Sent: 2, Dead: 0}
		if n < 3 {
			p.Dead, p.InfluxRefused, p.Dropped = 1, 6, 60
			p.JudgeLag = 40 * time.Millisecond
		}
		if n == 0 {
			p.Waiting, p.Due = 2, 75*time.Second
		}
		if n >= 4 && n < 10 { // away: nothing of this was written
			continue
		}
		w.lines = influx.AppendCollector(w.lines, p)
	}
	for n, l := range []influx.Letter{
		{Route: "desk", Channel: "webhook", Event: "opened", Incident: "01OPEN", Latency: 400 * time.Millisecond, Tries: 1},
		{Route: "desk", Channel: "webhook", Event: "resolved", Incident: "01OVER", Latency: 9 * time.Second, Tries: 3},
		{Route: "boss", Channel: "mail", Event: "opened", Incident: "01OPEN", Latency: 24 * time.Hour, Tries: 40, GivenUp: true},
	} {
		l.Time = w.ago(4 + n)
		w.lines = influx.AppendLetter(w.lines, l)
	}
}

// write puts the world into a database by the writer that the collector uses.
func (w *world) write(t *testing.T, s *influxd.Server, token string) {
	t.Helper()
	writer, err := influx.New(influx.Options{URL: s.URL, Token: token, Bucket: influxd.Database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	if err := writer.Write(t.Context(), w.lines); err != nil {
		t.Fatal(err)
	}
	if n := writer.Stats().Refused; n != 0 {
		t.Fatalf("%d points were refused", n)
	}
}
