package vantage

import (
	"fmt"
	"slices"
	"time"

	"picket/probes"
)

// Answer is what a site says about a target in a round. The zero value
// abstains, so that a forgotten field never becomes a vote. The numbers travel
// between versions: never reorder, never reuse.
type Answer uint8

// The answers.
const (
	Abstain  Answer = 0
	Up       Answer = 1
	Down     Answer = 2
	Degraded Answer = 3 // works, but slowly or with losses
)

// String returns abstain, up, down or degraded.
func (a Answer) String() string {
	switch a {
	case Abstain:
		return "abstain"
	case Up:
		return "up"
	case Down:
		return "down"
	case Degraded:
		return "degraded"
	default:
		return fmt.Sprintf("answer(%d)", uint8(a))
	}
}

// Why says why an answer is an abstention, or what weakens it. It is a bounded
// set, so that it can be a tag, a sentence for people, or a row of a table.
type Why uint8

// The reasons. Only [WhyNone] and [WhyNoReferences] and [WhyFewReferences] come
// with an answer other than [Abstain].
const (
	WhyNone          Why = 0
	WhyNoReferences  Why = 1 // votes, but the config has no reference checks: the uplink's health is unknown
	WhyFewReferences Why = 2 // votes, but with fewer references than can outvote one operator

	WhyProbation        Why = 10 // started, and has not yet seen its references well often enough
	WhyUplink           Why = 11 // too many references fail: the trouble is on this side
	WhyReferencesStale  Why = 12 // too few references were asked lately
	WhyReferencesFailed Why = 13 // the references asked beside this very confirmation failed

	WhyNeverWorked Why = 20 // this check has never worked from here
	WhyBadHere     Why = 21 // this check fails too often from here to be a witness
	WhyStale       Why = 22 // no fresh result
	WhyNoCheck     Why = 23 // the config has no such check

	WhyUnknown Why = 30 // the attempts could not tell: cancelled, no route, a policy
	WhyBlocked Why = 31 // a guard (403, 429, an intercepting proxy) answered in the target's place
	WhySplit   Why = 32 // one attempt failed and the other could not tell
)

var whyNames = map[Why]string{
	WhyNone: "", WhyNoReferences: "no_references", WhyFewReferences: "few_references",
	WhyProbation: "probation", WhyUplink: "uplink", WhyReferencesStale: "references_stale", WhyReferencesFailed: "references_failed",
	WhyNeverWorked: "never_worked_here", WhyBadHere: "bad_here", WhyStale: "stale", WhyNoCheck: "no_such_check",
	WhyUnknown: "could_not_tell", WhyBlocked: "blocked", WhySplit: "split",
}

// String returns the reason as a tag, "" for [WhyNone].
func (w Why) String() string {
	if s, ok := whyNames[w]; ok {
		return s
	}
	return fmt.Sprintf("why(%d)", uint8(w))
}

// MarshalText returns the tag.
func (w Why) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText takes a tag.
func (w *Why) UnmarshalText(b []byte) error {
	for k, s := range whyNames {
		if s == string(b) {
			*w = k
			return nil
		}
	}
	return fmt.Errorf("no such reason: %q", b)
}

// State is where this vantage point holds one check. States stay at home: they
// are neither stored nor sent.
type State uint8

// The states. The zero value knows nothing fresh.
const (
	StateStale      State = 0
	StateUp         State = 1
	StateSuspect    State = 2 // a probe failed or is overdue, and nothing has settled it yet
	StateDown       State = 3 // fresh attempts failed too
	StateRecovering State = 4 // it answers again, but not yet for long enough
)

var stateNames = [...]string{
	StateStale: "stale", StateUp: "up", StateSuspect: "suspect", StateDown: "down", StateRecovering: "recovering",
}

// String returns stale, up, suspect, down or recovering.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText returns the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a name.
func (s *State) UnmarshalText(b []byte) error {
	i := slices.Index(stateNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("no such state: %q", b)
	}
	*s = State(i)
	return nil
}

// Doubt is the wish to ask others about a check: the seed of a suspicion.
type Doubt struct {
	Check   uint32
	Cause   probes.Cause
	Overdue bool      // nothing has failed yet: the answer is late
	Started time.Time // when the failing or late probe began
	// Own asks the agent to confirm by itself before it tells anybody, because
	// this check fails from here often enough by itself.
	Own bool
	// Degraded says that nothing fails: the check is slower than it used to be
	// here (Cause is [probes.Slow]) or loses more (Cause is [probes.Lossy]), Added
	// by how much and Ratio by which factor its total is above the baseline. Such a
	// doubt is told and asks for no confirmation.
	Degraded bool
	Added    time.Duration
	Ratio    float64
}

// Ballot is the outcome of a confirmation.
type Ballot struct {
	Answer Answer
	Cause  probes.Cause // of a Down: the cause at the lowest failing layer
	Why    Why
	Added  time.Duration // of a Degraded: how far the attempts were above the baseline
	Ratio  float64       // of a Degraded: the same as a factor
}

// Health is what the agent thinks of its own line.
type Health struct {
	// RefsOK of RefsAsked references were reachable lately.
	RefsOK, RefsAsked int
	// Voting says that the agent doubts and votes at all; Why says why not, or
	// what weakens its votes.
	Voting bool
	Why    Why
}

// Standing is a check that this agent holds down. The fields are those that
// travel in a hello, in the same order.
type Standing struct {
	Check uint32
	Since time.Duration // for how long
	Cause probes.Cause
}

// CheckStatus is everything worth showing about one check at this agent.
// Durations are nanoseconds in JSON, outcomes and causes their numbers.
type CheckStatus struct {
	Check     uint32    `json:"check"` // index in the config
	ID        string    `json:"id"`
	Target    string    `json:"target"`
	Reference bool      `json:"reference,omitempty"`
	State     State     `json:"state"`
	Since     time.Time `json:"since,omitzero"` // when State began; zero if nothing was ever seen
	// Last is when the latest result that could tell came in; Outcome and
	// Cause are what it said.
	Last    time.Time      `json:"last,omitzero"`
	Outcome probes.Outcome `json:"outcome"`
	Cause   probes.Cause   `json:"cause,omitempty"`
	// Why is the reason why this check would abstain now, if it would.
	Why Why `json:"why,omitempty"`
	// Samples is the number of good totals behind Median and P99; Overdue is
	// how long an answer may take before it is missed, 0 while unknown.
	Samples int           `json:"samples"`
	Median  time.Duration `json:"median"`
	P99     time.Duration `json:"p99"`
	Overdue time.Duration `json:"overdue,omitempty"`
	// Runs and Failures are the last hour's; Transients counts the suspicions
	// that proved to be nothing since the check was configured.
	Runs       int `json:"runs"`
	Failures   int `json:"failures"`
	Transients int `json:"transients,omitempty"`
}
