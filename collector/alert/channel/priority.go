package channel

import "picket/collector/alert"

// priority is how much a message matters to whoever is on call: 1 wakes people,
// 4 can wait. A drill and a test never wake anybody.
func priority(m alert.Message) int {
	if m.Drill || m.Event == alert.Tested {
		return 4
	}
	switch m.Level {
	case alert.LevelCritical:
		return 1
	case alert.LevelMedium:
		return 3
	case alert.LevelLow, alert.LevelInfo:
		return 4
	}
	return 2 // high, and what an older letter does not say
}

// severity is the priority in the words that PagerDuty and Alertmanager use.
func severity(m alert.Message) string {
	return [...]string{"critical", "error", "warning", "info"}[priority(m)-1]
}
