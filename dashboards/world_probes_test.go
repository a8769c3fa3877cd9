package dashboards

import (
	"net/netip"
	"time"

	"picket/collector/influx"
	"picket/internal/fleet"
	"picket/probes"
)

// probes are what sites asked between 11:55:00 and 11:55:06, one every 100 ms.
func (w *world) probes() {
	at := w.bucket
	ask := func(site, network, target string, spec probes.Spec, r probes.Result) {
		at = at.Add(100 * time.Millisecond)
		client := site[:4]
		tags := influx.Tags{Client: client, Site: site, Agent: "agent-" + site, VRegion: map[string]string{"acme": "eu-south", "beta": "eu-north"}[client]}
		check := fleet.Check{ID: target + "/" + spec.Kind.String() + spec.Resolver, Target: target, Spec: spec}
		r.Kind, r.Family = spec.Kind, 4
		if r.Code == 0 && spec.Kind != probes.DNS {
			r.Code = -1
		}
		w.lines = influx.AppendProbe(w.lines, tags, fleet.Network{Name: network}, check, watched()[target], fleet.Record{Time: at, Result: r})
	}
	took := func(o probes.Outcome, total time.Duration) probes.Result {
		return probes.Result{Outcome: o, Total: total}
	}
	http, tls, name := probes.Spec{Kind: probes.HTTP}, probes.Spec{Kind: probes.TLS}, probes.Spec{Kind: probes.DNS}
	quad9 := probes.Spec{Kind: probes.DNS, Resolver: "9.9.9.9:53"}

	for i := range 20 { // 10 to 200 ms
		r := took(probes.Up, time.Duration(i+1)*10*time.Millisecond)
		r.DNS, r.Connect, r.TLS, r.TTFB = time.Millisecond, 2*time.Millisecond, 3*time.Millisecond, time.Duration(i)*time.Millisecond
		r.Code, r.Addr, r.Edge = 200, netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i%2)}), "MAD"
		ask("acme/hq", "AS1 Alpha", "afd-weu", http, r)
	}
	for i := range 12 { // slow failures are no latency
		r := took(probes.Down, 10*time.Second)
		r.Cause, r.Err = probes.TCPTimeout, "i/o timeout"
		if i == 11 {
			r.Cause, r.Err, r.Code = probes.HTTPStatus, "", 503
		}
		ask("acme/hq", "AS1 Alpha", "afd-weu", http, r)
	}
	ask("acme/hq", "AS1 Alpha", "afd-weu", http, took(probes.Unknown, time.Second))         // counts neither way
	ask("acme/hq", "AS1 Alpha", "ref", http, took(probes.Down, time.Second))                // belongs to no cloud
	ask("acme/branch", "AS2 Beta", "exo", http, took(probes.Down, time.Second))             // it was down,
	ask("acme/branch", "AS2 Beta", "exo", http, took(probes.Degraded, 70*time.Millisecond)) // and answers again
	ask("acme/branch", "AS2 Beta", "exo", probes.Spec{Kind: probes.Ping}, took(probes.Up, 3*time.Second))
	for _, s := range []struct{ site, network string }{{"beta/office", "AS1 Alpha"}, {"beta/annex", "AS2 Beta"}, {"beta/depot", "AS3 Gamma"}} {
		r := took(probes.Up, 20*time.Millisecond)
		r.HasCert, r.CertDays = true, 90
		if s.site == "beta/office" {
			r.CertDays = 20 // it is shown another one
		}
		ask(s.site, s.network, "afd-weu", tls, r)
	}
	broken := took(probes.Down, 20*time.Millisecond)
	broken.Cause = probes.TLSExpired
	ask("beta/depot", "AS3 Gamma", "afd-weu", tls, broken)

	// Names: the branch's own resolver fails, an independent one answers.
	ask("acme/hq", "AS1 Alpha", "afd-weu", name, took(probes.Up, 10*time.Millisecond))
	servfail := took(probes.Down, 30*time.Millisecond)
	servfail.Cause, servfail.Code, servfail.Err = probes.DNSServfail, 2, "SERVFAIL"
	ask("acme/branch", "AS2 Beta", "exo", name, servfail)
	for _, code := range []int{3, 5} { // there is no such name; it will not say
		no := took(probes.Down, 5*time.Millisecond)
		no.Cause, no.Code = map[int]probes.Cause{3: probes.DNSNXDomain, 5: probes.DNSServfail}[code], code
		ask("beta/annex", "AS2 Beta", "ref", name, no)
	}
	ask("acme/branch", "AS2 Beta", "exo", quad9, took(probes.Up, 20*time.Millisecond))
	ask("acme/hq", "AS1 Alpha", "ref", quad9, took(probes.Up, 40*time.Millisecond))
	ask("beta/depot", "AS3 Gamma", "ref", http, took(probes.Up, 30*time.Millisecond))
}

func watched() map[string]fleet.Target {
	return map[string]fleet.Target{
		"afd-weu": {ID: "afd-weu", Provider: "azure", Service: "front-door", Region: "westeurope"},
		"exo":     {ID: "exo", Provider: "m365", Service: "exchange"},
		"ref":     {ID: "ref", Reference: true},
	}
}
