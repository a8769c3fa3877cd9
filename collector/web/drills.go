package web

import (
	"context"
	"time"
)

// Driller plays outages. An error that is an *[Error] is told as it is.
type Driller interface {
	// StartDrill begins a drill; there is one at a time. by stands in the audit trail.
	StartDrill(ctx context.Context, by string, r DrillRequest) (Drill, error)
	// StopDrill ends the one that is on, and closes what it found.
	StopDrill(ctx context.Context, by string) (Drill, error)
}

// DrillRequest is what is to be played, as in picket drill run. Empty fields
// choose nothing.
type DrillRequest struct {
	Scenario string        `json:"scenario"` // a [DrillScenario], a target's id, or CLOUD-REGION
	For      time.Duration `json:"for_ns,omitempty"`
	Clients  bool          `json:"clients,omitempty"` // clients see and hear of it, too
	Target   string        `json:"target,omitempty"`
	Provider string        `json:"provider,omitempty"`
	Service  string        `json:"service,omitempty"`
	Region   string        `json:"region,omitempty"` // the cloud's
	Sites    []string      `json:"sites,omitempty"`  // who sees it; none: everybody
	ISP      string        `json:"isp,omitempty"`
}

// DrillScenario is what can be played.
type DrillScenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Needs string `json:"needs"` // flags of picket drill run
}

// The states of a drill.
const (
	DrillPlaying  = "playing"
	DrillClearing = "clearing" // answers are real again, its incidents are not resolved yet
	DrillEnded    = "ended"
)

// Drill is a drill that is on, or was. Times that were not reached are zero.
type Drill struct {
	ID       string        `json:"id"`
	Scenario string        `json:"scenario"`
	Title    string        `json:"title"` // what is played
	By       string        `json:"by"`    // who began it
	State    string        `json:"state"`
	Clients  bool          `json:"clients"`
	For      time.Duration `json:"for_ns"`

	Begun     time.Time `json:"begun"`     // answers are rewritten from here on
	Detected  time.Time `json:"detected"`  // the first incident was opened
	Confirmed time.Time `json:"confirmed"` // the first incident was confirmed
	Cleared   time.Time `json:"cleared"`   // answers were real again
	Ended     time.Time `json:"ended"`     // no incident of it is open
	Why       string    `json:"why,omitempty"`

	Incidents []string    `json:"incidents"`
	Told      []DrillTold `json:"told"` // by route, the first one first
}

// DrillTold is when a route had taken the first message about a drill.
type DrillTold struct {
	Route string    `json:"route"`
	At    time.Time `json:"at"`
}

// On says whether the drill is not over yet.
func (d Drill) On() bool { return d.State != DrillEnded }

// Drills is what was played and what can be.
type Drills struct {
	Scenarios []DrillScenario `json:"scenarios"`
	Drills    []Drill         `json:"drills"` // the newest first
}
