package channel

import (
	"picket/collector/alert"
	"picket/collector/detect"
)

// priority is how much a message matters to whoever is on call: 1 wakes people,
// 4 can wait. A drill and a test never wake anybody.
func priority(m alert.Message) int {
	switch {
	case m.Drill || m.Event == alert.Tested:
		return 4
	case m.Confidence != detect.ConfidenceConfirmed, m.Severity == detect.SeverityUnseen:
		return 3
	case m.Kind == detect.KindReference || m.Kind == detect.KindFleet || m.Kind == detect.KindCollector:
		return 3
	case m.Kind.ProviderSide() && m.Severity == detect.SeverityOutage:
		return 1
	}
	return 2
}

// severity is the priority in the words that PagerDuty and Alertmanager use.
func severity(m alert.Message) string {
	return [...]string{"critical", "error", "warning", "info"}[priority(m)-1]
}
