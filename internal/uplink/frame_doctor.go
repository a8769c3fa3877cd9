package uplink

import (
	"time"

	"picket/internal/uplink/wire"
)

// Level is how bad a [Finding] is. The numbers travel: never reorder, never
// reuse; add at the end.
type Level uint8

// The levels.
const (
	LevelUnknown Level = 0 // of a newer agent
	LevelPass    Level = 1
	LevelSkip    Level = 2 // not looked at, because of another finding
	LevelWarn    Level = 3
	LevelFail    Level = 4
)

var levelNames = [...]string{"UNKNOWN", "PASS", "SKIP", "WARN", "FAIL"}

// String is the level as it is shown.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return levelNames[0]
}

// MarshalText writes the level as it is shown.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText wrote; what is not known is unknown.
func (l *Level) UnmarshalText(b []byte) error {
	*l = LevelUnknown
	for i, name := range levelNames {
		if name == string(b) {
			*l = Level(i)
		}
	}
	return nil
}

// Finding is what one check of an agent's doctor found.
type Finding struct {
	ID    string `json:"id"` // kebab-case, stable
	Level Level  `json:"level"`
	Text  string `json:"text"`            // what was seen
	Means string `json:"means,omitempty"` // of a warning or failure: what it means
	Fix   string `json:"fix,omitempty"`   // ... and what to do
	Code  string `json:"code,omitempty"`  // E1xx, if it has a page in docs/errors
}

// Doctor is an agent's report about itself.
type Doctor struct {
	At       time.Time // by the agent's clock
	Findings []Finding
}

// Bounds of a report on the wire.
const (
	maxFindings    = 40
	maxFindingText = 1 << 10 // bytes of each text: a firewall request is the longest
)

func (d Doctor) wire() *wire.Doctor {
	w := &wire.Doctor{AtNs: uint64(max(0, d.At.UnixNano()))}
	for _, f := range d.Findings[:min(len(d.Findings), maxFindings)] {
		w.Findings = append(w.Findings, &wire.Finding{
			Id: clip(f.ID, maxText), Level: uint32(f.Level), Code: clip(f.Code, maxText),
			Text: clip(f.Text, maxFindingText), Means: clip(f.Means, maxFindingText), Fix: clip(f.Fix, maxFindingText),
		})
	}
	return w
}

// doctorFrom reads a report. Findings beyond the bound are left out: they are a
// newer agent's, and nothing depends on them.
func doctorFrom(w *wire.Doctor) Doctor {
	d := Doctor{At: time.Unix(0, int64(w.GetAtNs()))}
	for _, f := range w.GetFindings()[:min(len(w.GetFindings()), maxFindings)] {
		level := Level(min(f.GetLevel(), uint32(LevelFail)+1))
		if level > LevelFail {
			level = LevelUnknown
		}
		d.Findings = append(d.Findings, Finding{
			ID: clip(f.GetId(), maxText), Level: level, Code: clip(f.GetCode(), maxText),
			Text: clip(f.GetText(), maxFindingText), Means: clip(f.GetMeans(), maxFindingText), Fix: clip(f.GetFix(), maxFindingText),
		})
	}
	return d
}

// Doctor sends a report. false: it was not sent, there is no session.
func (c *Client) Doctor(d Doctor) bool {
	return c.session().send(&wire.ToCollector{Frame: &wire.ToCollector_Doctor{Doctor: d.wire()}})
}
