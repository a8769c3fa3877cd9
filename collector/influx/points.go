package influx

import (
	"cmp"
	"net/netip"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

// Tags say who looked. Empty ones are left out.
type Tags struct {
	Client  string
	Site    string // fleet.Site.ID
	Agent   string
	VRegion string // vantage region of the site
}

// systemResolver is the tag of DNS probes that ask the site's own resolver.
const systemResolver = "system"

// AppendProbe appends the line of one result in measurement `probe` to dst. It
// allocates nothing beyond dst. Tags stand in the order of their names, which
// saves the server the sorting.
func AppendProbe(dst []byte, t Tags, network fleet.Network, c fleet.Check, target fleet.Target, r fleet.Record) []byte {
	p, kind := &r.Result, c.Spec.Kind
	if kind == 0 { // the config does not have the check
		kind = p.Kind
	}
	dst = append(dst, "probe"...)
	dst = appendTag(dst, "agent", t.Agent)
	dst = appendTag(dst, "check", c.ID)
	dst = appendTag(dst, "client", t.Client)
	dst = appendTag(dst, "family", p.Family.String())
	dst = appendTag(dst, "kind", kind.String())
	dst = appendTag(dst, "network", network.Name)
	dst = appendTag(dst, "pregion", target.Region)
	dst = appendTag(dst, "provider", target.Provider)
	if kind == probes.DNS {
		dst = appendTag(dst, "resolver", cmp.Or(c.Spec.Resolver, systemResolver))
	}
	dst = appendTag(dst, "service", target.Service)
	dst = appendTag(dst, "site", t.Site)
	dst = appendTag(dst, "target", c.Target)
	dst = appendTag(dst, "vregion", t.VRegion)

	fields := len(dst)
	dst = appendInt(dst, "outcome", int64(p.Outcome)) // in every point
	switch p.Outcome {
	case probes.Up, probes.Degraded: // degraded answers, only not well
		dst = appendInt(dst, "up", 1)
	case probes.Down:
		dst = appendInt(dst, "up", 0)
	}
	if p.Cause != probes.None {
		dst = appendString(dst, "cause", p.Cause.String())
	}
	dst = appendMicros(dst, "dns_us", p.DNS)
	dst = appendMicros(dst, "connect_us", p.Connect)
	dst = appendMicros(dst, "tls_us", p.TLS)
	dst = appendMicros(dst, "ttfb_us", p.TTFB)
	dst = appendMicros(dst, "total_us", p.Total)
	dst = appendMeasures(dst, kind, p)
	dst = appendString(dst, "edge", p.Edge)
	dst = appendAddr(dst, "addr", p.Addr)
	dst = appendString(dst, "err", p.Err)
	return appendEnd(firstField(dst, fields), r.Time)
}

// appendMeasures appends what only some kinds measure.
func appendMeasures(dst []byte, kind probes.Kind, p *probes.Result) []byte {
	if p.Received > 0 {
		dst = appendMicros(dst, "rtt_us", p.RTT)
	}
	if p.Received > 1 {
		dst = appendInt(dst, "jitter_us", p.Jitter.Microseconds()) // 0 is an answer
	}
	if p.Sent > 0 {
		dst = appendFloat(dst, "loss", p.Loss())
	}
	switch {
	case kind == probes.DNS && p.Code >= 0, kind == probes.HTTP && p.Code > 0:
		dst = appendInt(dst, "code", int64(p.Code))
	}
	if p.HasCert {
		dst = appendInt(dst, "cert_days", int64(p.CertDays))
	}
	if p.Bytes > 0 {
		dst = appendInt(dst, "bytes", int64(p.Bytes))
	}
	return dst
}

// appendAddr appends a string field without allocating the string. A zone is
// left out: it is local to the agent.
func appendAddr(dst []byte, key string, a netip.Addr) []byte {
	if !a.IsValid() {
		return dst
	}
	dst = appendKey(dst, key)
	dst = append(dst, '"')
	dst = a.WithZone("").AppendTo(dst)
	return append(dst, '"')
}

// Verdict is a point of measurement `verdict`.
type Verdict struct {
	Time                              time.Time
	Scope                             string // target, service, region, provider, dependency
	Provider, Service, Region, Target string
	State                             int // -1 no data, 0 ok, 1 disputed, 2 degraded, 3 partial, 4 down
	// Grid points say whether the state is known, whether the target is in
	// maintenance, and, where it is known and no maintenance, whether it is good.
	Grid, Known, Maintenance, Good           bool
	DownSites, Sites, DownNetworks, Networks int
	Layer, Confidence                        string
}

// AppendVerdict appends the line of v to dst.
func AppendVerdict(dst []byte, v Verdict) []byte {
	dst = append(dst, "verdict"...)
	dst = appendTag(dst, "pregion", v.Region)
	dst = appendTag(dst, "provider", v.Provider)
	dst = appendTag(dst, "scope", v.Scope)
	dst = appendTag(dst, "service", v.Service)
	dst = appendTag(dst, "target", v.Target)

	fields := len(dst)
	dst = appendInt(dst, "state", int64(v.State))
	if v.Grid {
		known := v.Known && !v.Maintenance
		dst = appendBool(dst, "known", known)
		dst = appendBool(dst, "maint", v.Maintenance)
		if known {
			dst = appendBool(dst, "good", v.Good)
		}
	}
	dst = appendInt(dst, "down_sites", int64(v.DownSites))
	dst = appendInt(dst, "sites", int64(v.Sites))
	dst = appendInt(dst, "down_networks", int64(v.DownNetworks))
	dst = appendInt(dst, "networks", int64(v.Networks))
	dst = appendString(dst, "layer", v.Layer)
	dst = appendString(dst, "confidence", v.Confidence)
	return appendEnd(firstField(dst, fields), v.Time)
}

// Incident is a point of measurement `incident`. It is written again, on the
// same timestamp, whenever it changes.
type Incident struct {
	ID                                 string    // the only tag
	Opened                             time.Time // the timestamp; never changes
	Kind, Provider, Service, Region    string
	Target, Site, Network, VRegion     string
	Client                             string // "" everybody, written as "*"
	Title                              string
	State, Confidence, Severity, Layer string
	Start, End                         time.Time     // zero End: not over
	Detect                             time.Duration // from Start to confirmed; 0: not confirmed
	AckLag                             time.Duration // by which the provider spoke later than we; negative: earlier
	HasAckLag                          bool
	Notified                           time.Duration // from Opened until the first alert arrived; 0: none did
	Acknowledged                       time.Duration // from Opened until the first person took it on; 0: nobody did
	Drill                              bool
	SupersededBy                       string
}

// AppendIncident appends the line of v to dst.
func AppendIncident(dst []byte, v Incident) []byte {
	dst = append(dst, "incident"...)
	dst = appendTag(dst, "id", v.ID)

	fields := len(dst)
	dst = appendBool(dst, "drill", v.Drill)
	for _, f := range [...]struct{ key, value string }{
		{"kind", v.Kind}, {"provider", v.Provider}, {"service", v.Service}, {"pregion", v.Region},
		{"target", v.Target}, {"site", v.Site}, {"network", v.Network}, {"vregion", v.VRegion}, {"client", cmp.Or(v.Client, "*")}, {"title", v.Title}, {"state", v.State}, {"confidence", v.Confidence}, {"severity", v.Severity}, {"layer", v.Layer},
		{"superseded_by", v.SupersededBy},
	} {
		dst = appendString(dst, f.key, f.value)
	}
	if !v.Start.IsZero() {
		dst = appendInt(dst, "start_ms", v.Start.UnixMilli())
	}
	if !v.End.IsZero() {
		dst = appendInt(dst, "end_ms", v.End.UnixMilli())
	}
	if v.Detect > 0 {
		dst = appendFloat(dst, "detect_s", v.Detect.Seconds())
	}
	if v.HasAckLag {
		dst = appendFloat(dst, "ack_lag_s", v.AckLag.Seconds())
	}
	if v.Notified > 0 {
		dst = appendFloat(dst, "notified_s", v.Notified.Seconds())
	}
	if v.Acknowledged > 0 {
		dst = appendFloat(dst, "acknowledged_s", v.Acknowledged.Seconds())
	}
	return appendEnd(firstField(dst, fields), v.Opened)
}

// Agent is a point of measurement `agent`.
type Agent struct {
	Time                                      time.Time
	Client, Site, Agent, Network, OS, Version string
	VRegion                                   string // vantage region of the site
	Up, Voting                                bool
	Spool                                     uint64        // records that are not acknowledged
	Skew                                      time.Duration // its clock against the collector's
	RSS                                       uint64        // bytes
	CPU                                       float64       // per cent of one core
	Transport                                 string        // quic, tcp
	Dropped                                   uint64
	RTT                                       time.Duration // of its session; 0: not measured
	Since                                     time.Time     // when its session began; zero: none
}

// AppendAgent appends the line of v to dst.
func AppendAgent(dst []byte, v Agent) []byte {
	dst = append(dst, "agent"...)
	dst = appendTag(dst, "agent", v.Agent)
	dst = appendTag(dst, "client", v.Client)
	dst = appendTag(dst, "network", v.Network)
	dst = appendTag(dst, "os", v.OS)
	dst = appendTag(dst, "site", v.Site)
	dst = appendTag(dst, "version", v.Version)
	dst = appendTag(dst, "vregion", v.VRegion)

	fields := len(dst)
	dst = appendBool(dst, "up", v.Up)
	dst = appendBool(dst, "voting", v.Voting)
	dst = appendInt(dst, "spool", int64(min(v.Spool, maxInt)))
	dst = appendInt(dst, "skew_ms", v.Skew.Milliseconds())
	dst = appendInt(dst, "rss_bytes", int64(min(v.RSS, maxInt)))
	dst = appendFloat(dst, "cpu_pct", v.CPU)
	dst = appendString(dst, "transport", v.Transport)
	dst = appendInt(dst, "dropped", int64(min(v.Dropped, maxInt)))
	if v.RTT > 0 {
		dst = appendFloat(dst, "rtt_ms", millis(v.RTT))
	}
	if !v.Since.IsZero() {
		dst = appendInt(dst, "since_ms", v.Since.UnixMilli())
	}
	return appendEnd(firstField(dst, fields), v.Time)
}

const maxInt = 1<<63 - 1 // counters of an agent are not trusted to be small
