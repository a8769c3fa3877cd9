package agent

// Events that an administrator looks for carry a number, the same in every log
// and for ever: the Event Log of Windows files them under it. Those of the
// service itself (start, stop) are numbered where it lives.
const (
	eventKey      = "event"
	eventLost     = 210 // the collector is away; results are kept
	eventRegained = 211 // a session with the collector
	eventRevoked  = 400 // the collector does not accept this agent
)
