package uplink

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"picket/internal/uplink/wire"
	"picket/probes"
)

// featureTry in a hello says that the agent answers [Try]. Agents that do not
// say so are never asked, because they would skip the frame in silence.
const featureTry = "try"

// features is what this version can do beyond what every agent can.
func features() []string { return []string{featureTry} }

// maxTryRefs bounds the references that an answer may claim.
const maxTryRefs = 64

// Try asks an agent for one fresh probe, now, because a person waits. Unlike an
// [Ask] it names no check: the question itself travels, and the agent decides by
// its own policy whether it may be asked here.
type Try struct {
	ID   uint64 // filled by [Server.Try]
	Spec probes.Spec
	// Deadline is how long the agent may take to answer, from when it hears of it.
	Deadline time.Duration
}

// Tried is the answer to a [Try].
type Tried struct {
	ID uint64 // of the Try
	// Refused says why nothing was probed: the site's policy, too many at once.
	// Result is zero then.
	Refused string
	// Result is what was seen. Start is not carried.
	Result            probes.Result
	RefsOK, RefsAsked int // reference checks asked beside it: the site's own line
}

func (t Try) wire() *wire.Try {
	return &wire.Try{Id: t.ID, Spec: specWire(t.Spec), DeadlineUs: micros(t.Deadline)}
}

func tryFrom(w *wire.Try) (Try, error) {
	spec, err := specFrom(w.GetSpec())
	return Try{ID: w.GetId(), Spec: spec, Deadline: duration(w.GetDeadlineUs())}, err
}

func (t Tried) wire() *wire.Tried {
	w := &wire.Tried{
		Id: t.ID, Refused: clip(t.Refused, maxText),
		RefsOk: uint32(min(max(0, t.RefsOK), maxTryRefs)), RefsAsked: uint32(min(max(0, t.RefsAsked), maxTryRefs)),
	}
	if t.Refused != "" {
		return w
	}
	r := t.Result
	w.Result = &wire.TryResult{
		Kind: uint32(r.Kind), Outcome: uint32(r.Outcome), Cause: uint32(r.Cause),
		DnsUs: micros(r.DNS), ConnectUs: micros(r.Connect), TlsUs: micros(r.TLS), TtfbUs: micros(r.TTFB), RttUs: micros(r.RTT), TotalUs: micros(r.Total),
		Code: narrow(r.Code), HasCert: r.HasCert, CertDays: narrow(r.CertDays), Edge: clip(r.Edge, maxText), Err: clip(r.Err, maxText),
	}
	if r.Addr.IsValid() {
		w.Result.Addr = r.Addr.Unmap().WithZone("").AsSlice()
	}
	return w
}

// triedFrom reads an answer. What a newer agent may mean by numbers that are
// not known here is unknown, and an answer without a result is one that could
// not tell.
func triedFrom(w *wire.Tried) Tried {
	t := Tried{
		ID: w.GetId(), Refused: clip(w.GetRefused(), maxText),
		RefsAsked: int(min(w.GetRefsAsked(), maxTryRefs)),
	}
	t.RefsOK = min(int(min(w.GetRefsOk(), maxTryRefs)), t.RefsAsked)
	if t.Refused != "" {
		return t
	}
	r := w.GetResult()
	addr, _ := netip.AddrFromSlice(r.GetAddr()) // evidence for people; none is no error
	t.Result = probes.Result{
		Kind: probes.Kind(min(r.GetKind(), math.MaxUint8)), Outcome: outcome(r.GetOutcome()), Cause: cause(r.GetCause()),
		DNS: duration(r.GetDnsUs()), Connect: duration(r.GetConnectUs()), TLS: duration(r.GetTlsUs()), TTFB: duration(r.GetTtfbUs()),
		RTT: duration(r.GetRttUs()), Total: duration(r.GetTotalUs()),
		Code: int(r.GetCode()), HasCert: r.GetHasCert(), CertDays: int(r.GetCertDays()),
		Addr: addr.Unmap(), Edge: clip(r.GetEdge(), maxText), Err: clip(r.GetErr(), maxText),
	}
	return t
}

func outcome(n uint32) probes.Outcome {
	if n > uint32(probes.Down) {
		return probes.Unknown
	}
	return probes.Outcome(n)
}

func narrow(n int) int32 { return int32(min(max(n, math.MinInt32), math.MaxInt32)) }

// tries says whether a hello promises to answer [Try].
func tries(h *wire.Hello) bool { return slices.Contains(h.GetFeatures(), featureTry) }
