// Package probes asks one question of one target, once, and says honestly what
// it saw.
//
// A probe is a function from a [Spec] to a [Result]. It opens fresh
// connections, times every phase, obeys the deadline of its context, and never
// returns an error: whatever happened, a panic included, is a Result. The
// package knows nothing of agents, collectors, schedules or votes, and imports
// nothing of Picket, so that a probe can be read, tested and trusted alone.
//
// # Three answers and a half
//
// An [Outcome] is up, degraded, down or unknown, and unknown is the zero value:
// a forgotten field, a decoding gap or a shutdown can then never become a vote
// against a cloud. What is wrong on our own side (no route, no file
// descriptors, a local policy that forbids the target) and what a service does
// on purpose to a stranger (403, 429) is unknown, never down.
//
// # One place for causes
//
// Every error becomes a [Cause] in classify.go and nowhere else. Causes are a
// bounded set, numbered for ever because they travel between versions; the
// text of the error is evidence for people and stays in [Result.Err].
package probes

import (
	"fmt"
	"net/netip"
	"time"
)

// Kind is the way in which a target is asked. The numbers travel between
// versions: never reorder, never reuse; add at the end.
type Kind uint8

// The kinds of probe.
const (
	DNS  Kind = 1
	Ping Kind = 2
	TCP  Kind = 3
	TLS  Kind = 4
	HTTP Kind = 5
)

var kindNames = map[Kind]string{DNS: "dns", Ping: "ping", TCP: "tcp", TLS: "tls", HTTP: "http"}

// String returns the name used in config files, tags and flags.
func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind is the inverse of [Kind.String].
func ParseKind(s string) (Kind, error) {
	for k, n := range kindNames {
		if n == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("unknown probe kind %q (one of dns, ping, tcp, tls, http)", s)
}

// Outcome is what a probe concluded. The zero value abstains. The numbers
// travel between versions.
type Outcome uint8

// The outcomes, in the order of the `outcome` field in InfluxDB.
const (
	Unknown  Outcome = 0 // could not tell; never votes
	Up       Outcome = 1
	Degraded Outcome = 2
	Down     Outcome = 3
)

// String returns unknown, up, degraded or down.
func (o Outcome) String() string {
	switch o {
	case Up:
		return "up"
	case Degraded:
		return "degraded"
	case Down:
		return "down"
	default:
		return "unknown"
	}
}

// Layer is the phase of an exchange that a cause belongs to, ordered from the
// lowest: an incident is named after the lowest layer that fails.
type Layer uint8

// The layers. LayerNone belongs to causes that are nobody's fault out there.
const (
	LayerNone Layer = 0
	LayerDNS  Layer = 1
	LayerTCP  Layer = 2
	LayerTLS  Layer = 3
	LayerHTTP Layer = 4
	LayerPing Layer = 5
)

// String returns dns, tcp, tls, http, ping or "-".
func (l Layer) String() string {
	return [...]string{"-", "dns", "tcp", "tls", "http", "ping"}[min(l, LayerPing)]
}

// Cause is the bounded reason of an outcome. The numbers travel between
// versions and live in spools: never reorder, never reuse.
type Cause uint8

// The causes. Tens group them by layer.
const (
	None Cause = 0

	DNSTimeout     Cause = 10 // no answer from the resolver
	DNSServfail    Cause = 11
	DNSNXDomain    Cause = 12
	DNSRefused     Cause = 13
	DNSEmpty       Cause = 14 // NOERROR without the records asked for
	DNSUnreachable Cause = 15 // the resolver refused the packet or the connection
	DNSMalformed   Cause = 16 // an answer that does not belong to the question, or cannot be read

	TCPTimeout     Cause = 20
	TCPRefused     Cause = 21
	TCPReset       Cause = 22
	TCPUnreachable Cause = 23 // the network answered: host or net unreachable, from beyond the first hop

	TLSTimeout     Cause = 30
	TLSAlert       Cause = 31 // the peer sent an alert
	TLSExpired     Cause = 32
	TLSNotYetValid Cause = 33
	TLSName        Cause = 34
	TLSUntrusted   Cause = 35
	TLSReset       Cause = 36 // the connection was closed or reset inside the handshake
	TLSProtocol    Cause = 37 // the peer does not speak TLS, or none that we accept
	TLSIntercepted Cause = 38 // a locally added root or another issuer than expected; never votes

	HTTPTimeout   Cause = 40
	HTTPStatus    Cause = 41 // 5xx, or a status that is not expected
	HTTPBody      Cause = 42 // the body is not what is expected
	HTTPReset     Cause = 43 // closed or reset after the request was sent
	HTTPMalformed Cause = 44
	Blocked       Cause = 45 // 401, 403, 405, 407, 429 where not expected: a guard, not a fault; never votes

	PingTimeout     Cause = 50 // every packet lost
	PingLoss        Cause = 51 // some packets lost
	PingUnreachable Cause = 52

	LocalNoRoute    Cause = 60 // this machine has no route
	LocalResources  Cause = 61 // file descriptors, buffers, memory
	LocalPermission Cause = 62 // the operating system does not let us (raw sockets)
	LocalCancelled  Cause = 63 // the agent is stopping, or the check went away
	LocalPanic      Cause = 64 // the probe itself failed; a bug
	LocalResolver   Cause = 65 // the site's own resolver, while the name resolves elsewhere

	Policy      Cause = 70 // the agent's local policy forbids this target
	Unsupported Cause = 71 // a kind or an option that this version does not know
	BadSpec     Cause = 72 // the check itself makes no sense
	Other       Cause = 79 // an error that the table does not know; Err has the text

	// What an agent concludes from many results, never one probe: the check
	// answers, and the outcome is degraded.
	Slow  Cause = 80 // much slower than it used to be from here
	Lossy Cause = 81 // fails now and then, much more often than it used to from here
)

var causeNames = map[Cause]string{
	None: "",

	DNSTimeout: "dns_timeout", DNSServfail: "dns_servfail", DNSNXDomain: "dns_nxdomain", DNSRefused: "dns_refused",
	DNSEmpty: "dns_empty", DNSUnreachable: "dns_unreachable", DNSMalformed: "dns_malformed",

	TCPTimeout: "tcp_timeout", TCPRefused: "tcp_refused", TCPReset: "tcp_reset", TCPUnreachable: "tcp_unreachable",

	TLSTimeout: "tls_timeout", TLSAlert: "tls_alert", TLSExpired: "tls_expired", TLSNotYetValid: "tls_not_yet_valid",
	TLSName: "tls_name", TLSUntrusted: "tls_untrusted", TLSReset: "tls_reset", TLSProtocol: "tls_protocol",
	TLSIntercepted: "tls_intercepted",

	HTTPTimeout: "http_timeout", HTTPStatus: "http_status", HTTPBody: "http_body", HTTPReset: "http_reset",
	HTTPMalformed: "http_malformed", Blocked: "blocked",

	PingTimeout: "ping_timeout", PingLoss: "ping_loss", PingUnreachable: "ping_unreachable",

	LocalNoRoute: "local_noroute", LocalResources: "local_resources", LocalPermission: "local_permission",
	LocalCancelled: "local_cancelled", LocalPanic: "local_panic", LocalResolver: "local_resolver",

	Policy: "policy", Unsupported: "unsupported", BadSpec: "bad_spec", Other: "other",

	Slow: "slow", Lossy: "lossy",
}

// String returns the tag used in InfluxDB and in evidence, "" for [None].
func (c Cause) String() string {
	if s, ok := causeNames[c]; ok {
		return s
	}
	return fmt.Sprintf("cause(%d)", uint8(c))
}

// Known says whether this version has a name for c.
func (c Cause) Known() bool { _, ok := causeNames[c]; return ok }

// Layer returns the layer that c belongs to.
func (c Cause) Layer() Layer {
	switch {
	case c == Blocked || c == TLSIntercepted:
		return LayerNone
	case c >= 10 && c < 20:
		return LayerDNS
	case c >= 20 && c < 30:
		return LayerTCP
	case c >= 30 && c < 40:
		return LayerTLS
	case c >= 40 && c < 50:
		return LayerHTTP
	case c >= 50 && c < 60:
		return LayerPing
	default:
		return LayerNone
	}
}

// Spec is one question. Zero values mean what the comments say.
type Spec struct {
	Kind Kind
	// Host is the name or IP literal that is asked (for DNS: the name that is
	// looked up). Required.
	Host string
	// Port is the TCP port; 0 means 443 for TLS and https, 80 for http, 53 for
	// an explicit DNS server. TCP probes must name it.
	Port uint16
	// Timeout bounds the whole probe; 0 means [DefaultTimeout] of the kind.
	Timeout time.Duration
	// ConnectTimeout bounds the opening of the TCP connection; 0 means that only
	// Timeout does. It is for asking again in a hurry and never configured.
	ConnectTimeout time.Duration `json:"-"`
	// Resolver is the "ip:port" of the DNS server that resolves Host; "" means
	// the operating system's.
	Resolver string
	// CA is a PEM bundle that alone is trusted for this target, for private
	// services; empty means the operating system's roots. At most 16 KiB.
	CA string
	// ServerName overrides Host in SNI, in the certificate check and in the
	// Host header of HTTP, for asking one address of a name; "" means Host.
	ServerName string

	// Query is the record type of a DNS probe (A, AAAA, CNAME, MX, NS, TXT, SOA,
	// ...); "" means A, or AAAA if Family is 6.
	Query string

	// Family is the only IP version to ask over, 4 or 6; 0 means any. A DNS
	// probe asks for the addresses of that version (A, AAAA), over whichever its
	// servers have.
	Family Family

	// Packets is the number of echo requests of a ping; 0 means 3.
	Packets int

	// Plain asks an HTTP probe for http instead of https.
	Plain bool
	// Method is the HTTP method; "" means GET.
	Method string
	// Path is the request's path and query; "" means "/".
	Path string
	// Status lists the HTTP status codes that are up; empty means 200-399.
	Status []int
	// Body is a text that the first 64 KiB of the answer must contain; "" means anything.
	Body string
}

// DefaultTimeout is the whole time a probe of kind k may take
// (detection.md 2.12: DNS 2 s, TCP 3 s, TLS 3 s, HTTP 5 s; ping waits 1 s per
// packet beyond the last).
func DefaultTimeout(k Kind) time.Duration {
	switch k {
	case DNS:
		return 2 * time.Second
	case HTTP:
		return 5 * time.Second
	default:
		return 3 * time.Second
	}
}

// Family is the IP version of the peer that answered or was tried; 0 when none was.
type Family uint8

// String returns "4", "6" or "-".
func (f Family) String() string {
	switch f {
	case 4:
		return "4"
	case 6:
		return "6"
	default:
		return "-"
	}
}

// Result is what one probe saw. Phases that were not reached are zero. All
// durations are measured on the monotonic clock.
type Result struct {
	Kind    Kind
	Outcome Outcome
	Cause   Cause
	// Start is the wall-clock time at which the question began.
	Start time.Time
	// Total is the time from Start to the answer or to giving up.
	Total time.Duration

	DNS     time.Duration // name resolution (dns probes: the exchange itself)
	Connect time.Duration // TCP handshake
	TLS     time.Duration // TLS handshake
	TTFB    time.Duration // request written -> first byte of the answer

	// RTT and Jitter are the mean round trip of a ping and the mean absolute
	// difference of successive ones; Sent and Received count its packets.
	RTT            time.Duration
	Jitter         time.Duration
	Sent, Received int

	// Code is the HTTP status or the DNS rcode; -1 when there was none.
	Code int
	// CertDays is the number of whole days until the leaf certificate expires
	// (negative after it); valid if HasCert.
	CertDays int
	HasCert  bool
	// Bytes is the size of the body that was read.
	Bytes int
	// Wire is what the probe cost the line: bytes of IP packets in both
	// directions, counted and estimated (wire.go). It stays on the machine.
	Wire int
	// Family and Addr are the peer that was talked to last.
	Family Family
	Addr   netip.Addr
	// Edge names the point of presence that answered, as far as it tells ("" if not).
	Edge string
	// Err is the text of the failure for people, at most 200 bytes, one line.
	Err string
}

// Loss is the share of ping packets without an answer, 0 to 1; 0 if none was sent.
func (r Result) Loss() float64 {
	if r.Sent == 0 {
		return 0
	}
	return 1 - float64(r.Received)/float64(r.Sent)
}
