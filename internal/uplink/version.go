package uplink

import "fmt"

// VersionError says that agent and collector are too far apart in the revisions
// of [Protocol] that they speak. errors.Is: [ErrVersion].
type VersionError struct{ Collector, Agent uint32 }

// Error names both numbers and which end is to be upgraded. It travels in close
// frames and answers to enrolment, so that both ends say the same.
func (e *VersionError) Error() string {
	old := "agent"
	if e.Agent > e.Collector {
		old = "collector"
	}
	return fmt.Sprintf("the collector speaks protocol %s.%d, this agent %s.%d: upgrade the %s", Protocol, e.Collector, Protocol, e.Agent, old)
}

// Is matches [ErrVersion].
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

// understand says whether a collector and an agent of these revisions can work
// together: they are at most [minorSpan] apart. Who is newer skips what the other
// does not say, and is skipped over; that was tested so far back and no further.
func understand(collector, agent uint32) error {
	if max(collector, agent)-min(collector, agent) > minorSpan {
		return &VersionError{Collector: collector, Agent: agent}
	}
	return nil
}

// told is the revision that a request for enrolment names. Versions before 2 did
// not name any, and spoke 1.
func told(minor uint32) uint32 { return max(1, minor) }
