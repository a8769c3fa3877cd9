package alert

import "picket/collector/detect"

// Level is how urgent an incident is for who is told of it. A pager's severity
// and a ticket's priority are made from it.
type Level string

// The levels, from the most urgent.
const (
	LevelCritical Level = "critical" // confirmed down, and a gold client is hit
	LevelHigh     Level = "high"     // confirmed down
	LevelMedium   Level = "medium"   // not sure yet, slow, in part, or one site's line
	LevelLow      Level = "low"      // possible; or Picket's own sight
	LevelInfo     Level = "info"     // a drill
)

// Levels are all of them, the most urgent first.
func Levels() []Level { return []Level{LevelCritical, LevelHigh, LevelMedium, LevelLow, LevelInfo} }

// LevelOf is how urgent i is; gold says that one of the clients it hits is
// served before others.
func LevelOf(i *detect.Incident, gold bool) Level {
	switch {
	case i.Drill:
		return LevelInfo
	case i.Kind == detect.KindFleet, i.Kind == detect.KindReference, i.Confidence.Rank() <= detect.ConfidenceSuspected.Rank():
		return LevelLow
	case i.Severity == detect.SeverityUnseen && i.Kind == detect.KindSite && !i.LineDown:
		return LevelLow
	case i.Severity != detect.SeverityOutage && i.Severity != "", i.Confidence != detect.ConfidenceConfirmed, i.Kind == detect.KindCollector:
		return LevelMedium
	case gold:
		return LevelCritical
	case i.Kind == detect.KindSite:
		return LevelMedium
	}
	return LevelHigh
}

// rank orders levels, 0 the most urgent.
func (l Level) rank() int {
	for k, v := range Levels() {
		if l == v {
			return k
		}
	}
	return len(Levels())
}
