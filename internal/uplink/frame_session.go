package uplink

import (
	"fmt"
	"net/netip"
	"time"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
	"picket/internal/vantage"
	"picket/probes"
)

// Bounds on what an agent's frames may hold, whatever their size.
const (
	maxText     = 256 // bytes of a name or a reason
	maxRuns     = 1024
	maxStanding = 10_000
	maxCSR      = 8 << 10
)

func micros(d time.Duration) uint64 { return uint64(max(0, d.Microseconds())) }

// century bounds durations from the wire, so that sums of them cannot overflow.
const century = 100 * 365 * 24 * time.Hour

func duration(us uint64) time.Duration {
	return time.Duration(min(us, uint64(century/time.Microsecond))) * time.Microsecond
}

func signedDuration(us int64) time.Duration {
	const limit = int64(century / time.Microsecond)
	return time.Duration(max(-limit, min(us, limit))) * time.Microsecond
}

// maxFactor is the most by which anything is said to be slower. Whatever is no
// number from 0 to it, in either direction, is unknown: 0.
const maxFactor = 1000

func factor(f float64) float64 {
	if f >= 0 && f <= maxFactor {
		return f
	}
	return 0
}

// cause and answer read numbers that a newer peer may have made: what does not
// fit a byte is unknown, and an unknown answer abstains.
func cause(n uint32) probes.Cause {
	if n > 0xff {
		return probes.Other
	}
	return probes.Cause(n)
}

func answer(n uint32) vantage.Answer {
	if n > uint32(vantage.Degraded) {
		return vantage.Abstain
	}
	return vantage.Answer(n)
}

func (h Hello) wire() *wire.Hello {
	w := &wire.Hello{
		Minor: minor, Features: features(), Version: clip(h.Version, maxText), Os: clip(h.OS, maxText), Hostname: clip(h.Hostname, maxText),
		Config: h.Config, Roster: h.Roster, Health: h.Health.wire(), Metered: h.Metered,
		Transport: knownTransport(h.Transport),
	}
	if h.Machine != (Machine{}) {
		w.Machine = h.Machine[:]
	}
	for _, r := range h.Runs[max(0, len(h.Runs)-maxRuns):] {
		w.Runs = append(w.Runs, &wire.Run{Id: r.ID, Oldest: r.Oldest, Newest: r.Newest})
	}
	for _, s := range h.Standing[:min(len(h.Standing), maxStanding)] {
		w.Standing = append(w.Standing, &wire.Standing{Check: s.Check, SinceUs: micros(s.Since), Cause: uint32(s.Cause)})
	}
	return w
}

func helloFrom(w *wire.Hello) (Hello, error) {
	if len(w.GetRuns()) > maxRuns || len(w.GetStanding()) > maxStanding {
		return Hello{}, fmt.Errorf("%w: hello of %d runs and %d standing checks", ErrProtocol, len(w.GetRuns()), len(w.GetStanding()))
	}
	h := Hello{
		Version: clip(w.GetVersion(), maxText), OS: clip(w.GetOs(), maxText), Hostname: clip(w.GetHostname(), maxText),
		Config: w.GetConfig(), Roster: w.GetRoster(), Health: healthFrom(w.GetHealth()), Metered: w.GetMetered(),
		Transport: knownTransport(w.GetTransport()),
	}
	h.Machine = machineFrom(w.GetMachine())
	for _, r := range w.GetRuns() {
		h.Runs = append(h.Runs, Run{ID: r.GetId(), Oldest: r.GetOldest(), Newest: r.GetNewest()})
	}
	for _, s := range w.GetStanding() {
		h.Standing = append(h.Standing, Standing{Check: s.GetCheck(), Since: duration(s.GetSinceUs()), Cause: cause(s.GetCause())})
	}
	return h, nil
}

func (h Health) wire() *wire.Health {
	return &wire.Health{
		RefsOk: uint32(max(0, h.RefsOK)), RefsAsked: uint32(max(0, h.RefsAsked)), Voting: h.Voting, Why: clip(h.Why, maxText),
		Spool: h.Spool, Dropped: h.Dropped, Rss: h.RSS, Cpu: h.CPU, OffsetUs: h.Offset.Microseconds(),
		Transport: knownTransport(h.Transport),
		Routed:    h.Routed, TrafficDay: h.TrafficDay, TrafficMonth: h.TrafficMonth, Stretch: factor(h.Stretch),
	}
}

func healthFrom(w *wire.Health) Health {
	return Health{
		RefsOK: int(w.GetRefsOk()), RefsAsked: int(w.GetRefsAsked()), Voting: w.GetVoting(), Why: clip(w.GetWhy(), maxText),
		Spool: w.GetSpool(), Dropped: w.GetDropped(), RSS: w.GetRss(), CPU: w.GetCpu(), Offset: signedDuration(w.GetOffsetUs()),
		Transport: knownTransport(w.GetTransport()),
		Routed:    w.GetRouted(), TrafficDay: w.GetTrafficDay(), TrafficMonth: w.GetTrafficMonth(), Stretch: factor(w.GetStretch()),
	}
}

func (m Welcome) wire() *wire.Welcome {
	w := &wire.Welcome{
		Minor: minor, Agent: m.Agent, NowNs: uint64(m.Now.UnixNano()),
		Network: networkWire(m.Network), Trust: m.Trust, Spare: m.Spare,
	}
	if m.Remote.IsValid() {
		w.Remote = m.Remote.Unmap().WithZone("").AsSlice()
	}
	for _, k := range m.Marks {
		w.Marks = append(w.Marks, &wire.Mark{Run: k.Run, Seq: k.Seq})
	}
	if m.Config != nil {
		w.Config = configWire(m.Config)
	}
	if m.Roster != nil {
		w.Roster = rosterWire(m.Roster)
	}
	return w
}

func welcomeFrom(w *wire.Welcome) (Welcome, error) {
	remote, _ := netip.AddrFromSlice(w.GetRemote()) // an older collector does not tell
	m := Welcome{
		Agent: w.GetAgent(), Now: time.Unix(0, int64(w.GetNowNs())),
		Network: networkFrom(w.GetNetwork()), Trust: w.GetTrust(), Remote: remote, Spare: w.GetSpare(),
	}
	for _, k := range w.GetMarks() {
		m.Marks = append(m.Marks, fleet.Mark{Run: k.GetRun(), Seq: k.GetSeq()})
	}
	if w.GetConfig() != nil {
		c, err := configFrom(w.GetConfig())
		if err != nil {
			return m, err
		}
		m.Config = &c
	}
	if w.GetRoster() != nil {
		r := rosterFrom(w.GetRoster())
		m.Roster = &r
	}
	return m, nil
}

func networkWire(n fleet.Network) *wire.Network {
	return &wire.Network{Id: n.ID, Name: clip(n.Name, maxText), Upstream: clip(n.Upstream, maxText), Basis: uint32(n.Basis)}
}

func networkFrom(w *wire.Network) fleet.Network {
	basis := fleet.BasisPrefix // the weakest, for what a newer collector may know
	if w.GetBasis() <= uint32(fleet.BasisTable) {
		basis = fleet.Basis(w.GetBasis())
	}
	return fleet.Network{ID: w.GetId(), Name: w.GetName(), Upstream: w.GetUpstream(), Basis: basis}
}

func (s Suspicion) wire() *wire.Suspicion {
	return &wire.Suspicion{
		Config: s.Config, Check: s.Check, Cause: uint32(s.Cause), Overdue: s.Overdue, AgeUs: micros(s.Age),
		Degraded: s.Degraded, AddedUs: micros(s.Added), Ratio: factor(s.Ratio),
	}
}

func suspicionFrom(w *wire.Suspicion) Suspicion {
	return Suspicion{
		Config: w.GetConfig(), Check: w.GetCheck(), Cause: cause(w.GetCause()), Overdue: w.GetOverdue(), Age: duration(w.GetAgeUs()),
		Degraded: w.GetDegraded(), Added: duration(w.GetAddedUs()), Ratio: factor(w.GetRatio()),
	}
}

func (a Ask) wire() *wire.Ask {
	return &wire.Ask{Round: a.Round, Config: a.Config, Check: a.Check, DeadlineUs: micros(a.Deadline), Attempt: uint32(max(0, a.Attempt))}
}

func askFrom(w *wire.Ask) Ask {
	return Ask{Round: w.GetRound(), Config: w.GetConfig(), Check: w.GetCheck(), Deadline: duration(w.GetDeadlineUs()), Attempt: int(w.GetAttempt())}
}

func (v Vote) wire() *wire.Vote {
	w := &wire.Vote{
		Round: v.Round, Attempt: uint32(max(0, v.Attempt)), Answer: uint32(v.Answer), Cause: uint32(v.Cause), Why: clip(v.Why, maxText),
		AgeUs: micros(v.Age), RefsOk: uint32(max(0, v.RefsOK)), RefsAsked: uint32(max(0, v.RefsAsked)),
		Edge: clip(v.Edge, maxText), Err: clip(v.Err, maxText),
		AddedUs: micros(v.Added), Ratio: factor(v.Ratio), IpReachable: v.IPReachable,
	}
	if v.Addr.IsValid() {
		w.Addr = v.Addr.Unmap().WithZone("").AsSlice()
	}
	return w
}

func voteFrom(w *wire.Vote) Vote {
	addr, _ := netip.AddrFromSlice(w.GetAddr()) // evidence for people; none is no error
	return Vote{
		Round: w.GetRound(), Attempt: int(w.GetAttempt()), Answer: answer(w.GetAnswer()), Cause: cause(w.GetCause()), Why: clip(w.GetWhy(), maxText),
		Age: duration(w.GetAgeUs()), RefsOK: int(w.GetRefsOk()), RefsAsked: int(w.GetRefsAsked()),
		Addr: addr, Edge: clip(w.GetEdge(), maxText), Err: clip(w.GetErr(), maxText),
		Added: duration(w.GetAddedUs()), Ratio: factor(w.GetRatio()), IPReachable: w.GetIpReachable(),
	}
}
