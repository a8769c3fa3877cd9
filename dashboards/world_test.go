package dashboards

import (
	"context"
	"sync"
	"testing"
	"time"

	"picket/collector/influx"
	"picket/internal/fleet"
	"picket/internal/influxd"
	"picket/probes"
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
// and a half minutes, seen by sites of two clients on three ISPs.
type world struct {
	now    time.Time // just after a point of the 30 s grid
	bucket time.Time // start of a 5 min bucket that is over, within the last 10 min
	lines  []byte
}

func staged() *world {
	now := time.Now().Truncate(30 * time.Second).Add(2 * time.Second)
	w := &world{now: now, bucket: now.Truncate(5 * time.Minute).Add(-5 * time.Minute)}
	w.verdicts()
	w.agents()
	w.probes()
	w.incidents()
	return w
}

// ago is a grid point n steps of 30 s before the newest.
func (w *world) ago(n int) time.Time {
	return w.now.Truncate(30 * time.Second).Add(-time.Duration(n) * 30 * time.Second)
}

func (w *world) verdict(v influx.Verdict) {
	v.Scope = "target"
	v.HasGood = v.State >= 0
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
	agent := func(n int, client, site, id, network, version string, up, voting bool, spool uint64) {
		w.lines = influx.AppendAgent(w.lines, influx.Agent{Time: w.ago(n), Client: client, Site: site, Agent: id, Network: network,
			OS: "linux", Version: version, Up: up, Voting: voting, Spool: spool, CPU: 1, Transport: "quic"})
	}
	agent(2, "acme", "acme/hq", "A1", "AS1 Alpha", "1.0", false, false, 9000) // before its upgrade
	agent(0, "acme", "acme/hq", "A1", "AS1 Alpha", "1.1", true, true, 5)
	agent(0, "acme", "acme/hq", "A2", "AS1 Alpha", "1.1", true, false, 7) // a second agent of the site
	agent(1, "acme", "acme/branch", "A3", "AS2 Beta", "1.1", true, true, 0)
	agent(0, "beta", "beta/office", "B1", "AS1 Alpha", "1.1", true, false, 0)
	agent(0, "beta", "beta/depot", "B2", "AS3 Gamma", "1.1", false, false, 1000)
	agent(40, "beta", "beta/closed", "B3", "AS4 Delta", "1.0", true, true, 77) // revoked 20 minutes ago
}

func (w *world) probes() {
	targets := map[string]fleet.Target{
		"afd-weu": {ID: "afd-weu", Provider: "azure", Service: "front-door", Region: "westeurope"},
		"exo":     {ID: "exo", Provider: "m365", Service: "exchange"},
		"ref":     {ID: "ref", Reference: true},
	}
	at := w.bucket
	ask := func(site, network, target string, kind probes.Kind, o probes.Outcome, total time.Duration) {
		at = at.Add(100 * time.Millisecond)
		client := site[:4]
		tags := influx.Tags{Client: client, Site: site, Agent: "agent-" + site, VRegion: "eu"}
		check := fleet.Check{ID: target + "/" + kind.String(), Target: target, Spec: probes.Spec{Kind: kind}}
		r := fleet.Record{Time: at, Result: probes.Result{Kind: kind, Outcome: o, Total: total, Code: -1, Family: 4}}
		w.lines = influx.AppendProbe(w.lines, tags, fleet.Network{Name: network}, check, targets[target], r)
	}
	for i := range 20 { // 10 to 200 ms
		ask("acme/hq", "AS1 Alpha", "afd-weu", probes.HTTP, probes.Up, time.Duration(i+1)*10*time.Millisecond)
	}
	for range 12 { // slow failures are no latency
		ask("acme/hq", "AS1 Alpha", "afd-weu", probes.HTTP, probes.Down, 10*time.Second)
	}
	ask("acme/hq", "AS1 Alpha", "afd-weu", probes.HTTP, probes.Unknown, time.Second)         // counts neither way
	ask("acme/hq", "AS1 Alpha", "ref", probes.HTTP, probes.Down, time.Second)                // belongs to no cloud
	ask("acme/branch", "AS2 Beta", "exo", probes.HTTP, probes.Down, time.Second)             // it was down,
	ask("acme/branch", "AS2 Beta", "exo", probes.HTTP, probes.Degraded, 70*time.Millisecond) // and answers again
	ask("acme/branch", "AS2 Beta", "exo", probes.Ping, probes.Up, 3*time.Second)             // another kind is no HTTP latency
	ask("beta/office", "AS1 Alpha", "afd-weu", probes.TLS, probes.Up, 20*time.Millisecond)
	ask("beta/annex", "AS2 Beta", "afd-weu", probes.TLS, probes.Up, 20*time.Millisecond)
	ask("beta/depot", "AS3 Gamma", "afd-weu", probes.TLS, probes.Up, 20*time.Millisecond)
	ask("beta/depot", "AS3 Gamma", "afd-weu", probes.TLS, probes.Down, 20*time.Millisecond)
}

func (w *world) incidents() {
	open := influx.Incident{ID: "01OPEN", Opened: w.ago(5), Kind: "provider-region", Provider: "azure", Region: "westeurope", Title: "Azure, West Europe: outage",
		State: "suspected", Confidence: "suspected", Severity: "outage", Start: w.ago(6)}
	sure := open // rewritten on the same timestamp, as it went on
	sure.State, sure.Confidence, sure.Detect = "confirmed", "confirmed", 42500*time.Millisecond
	over := influx.Incident{ID: "01OVER", Opened: w.ago(200), Kind: "site", Client: "beta", Title: "beta/depot: lost contact",
		State: "resolved", Confidence: "probable", Severity: "unseen", Start: w.ago(201), End: w.ago(190)}
	drill := influx.Incident{ID: "01DRILL", Opened: w.ago(300), Kind: "provider-region", Title: "A drill", State: "resolved",
		Confidence: "confirmed", Start: w.ago(300), End: w.ago(299), Drill: true}
	for _, i := range []influx.Incident{open, sure, over, drill} {
		w.lines = influx.AppendIncident(w.lines, i)
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
