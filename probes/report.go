package probes

import "time"

// ReportSchema names the form of [Report]. Fields may be added under the same
// name; one that changes its meaning makes a new name.
const ReportSchema = "picket.probe/v1"

// Report is a probe's question and result for programs: what
// "picket-agent probe --json" prints. Durations are microseconds; phases that
// were not reached are absent, as is everything that does not apply.
type Report struct {
	Schema  string `json:"schema"`
	Kind    string `json:"kind"`
	Target  string `json:"target"` // the question in words, as [Spec.Title]
	Host    string `json:"host"`
	Start   string `json:"start"`   // RFC 3339, UTC, microseconds
	Outcome string `json:"outcome"` // up, degraded, down, unknown
	Cause   string `json:"cause"`   // "" when up
	Layer   string `json:"layer"`   // dns, tcp, tls, http, ping, -
	Text    string `json:"text"`    // the cause in plain words
	Err     string `json:"err,omitempty"`

	Phases Phases `json:"phases"`

	RTT      *int64   `json:"rtt_us,omitempty"`
	Jitter   *int64   `json:"jitter_us,omitempty"`
	Sent     *int     `json:"sent,omitempty"`
	Received *int     `json:"received,omitempty"`
	Loss     *float64 `json:"loss,omitempty"` // 0 to 1

	Code     *int   `json:"code,omitempty"` // HTTP status or DNS rcode
	CertDays *int   `json:"cert_days,omitempty"`
	Bytes    *int   `json:"bytes,omitempty"`
	Family   string `json:"family"` // 4, 6, -
	Addr     string `json:"addr,omitempty"`
	Edge     string `json:"edge,omitempty"`
}

// Phases are the times of a [Report] in microseconds; 0 in a field that is
// present does not occur, an absent phase was not reached.
type Phases struct {
	DNS     int64 `json:"dns_us,omitempty"`
	Connect int64 `json:"connect_us,omitempty"`
	TLS     int64 `json:"tls_us,omitempty"`
	TTFB    int64 `json:"ttfb_us,omitempty"`
	Total   int64 `json:"total_us"`
}

// NewReport renders r, the result of asking s.
func NewReport(s Spec, r Result) Report {
	rep := Report{
		Schema: ReportSchema, Kind: r.Kind.String(), Target: s.Title(), Host: line(s.Host),
		Start:   r.Start.UTC().Format("2006-01-02T15:04:05.000000Z07:00"),
		Outcome: r.Outcome.String(), Cause: r.Cause.String(), Layer: r.Cause.Layer().String(),
		Text: r.Cause.Text(), Err: r.Err,
		Phases: Phases{DNS: micros(r.DNS), Connect: micros(r.Connect), TLS: micros(r.TLS), TTFB: micros(r.TTFB), Total: micros(r.Total)},
		Family: r.Family.String(), Edge: r.Edge,
	}
	if r.Kind == Ping && r.Sent > 0 {
		loss := r.Loss()
		rep.Sent, rep.Received, rep.Loss = &r.Sent, &r.Received, &loss
	}
	if r.Received > 0 {
		rtt, jitter := micros(r.RTT), r.Jitter.Microseconds()
		rep.RTT, rep.Jitter = &rtt, &jitter
	}
	if r.Code >= 0 {
		rep.Code = &r.Code
		if r.Kind == HTTP {
			rep.Bytes = &r.Bytes
		}
	}
	if r.HasCert {
		rep.CertDays = &r.CertDays
	}
	if r.Addr.IsValid() {
		rep.Addr = r.Addr.String()
	}
	return rep
}

// micros rounds up, so that a phase that took less than a microsecond is not
// mistaken for one that was not reached.
func micros(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}
