package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// maxConfigBody bounds a configuration on its way: its 4 MiB in base64, and a bit.
const maxConfigBody = 6 << 20

// applyWithin is how long putting a configuration into force may take: ten
// seconds for the agents, and a disk that is slow.
const applyWithin = 30 * time.Second

// Configurer puts configurations into force. An error that is an *[Error] is
// told as it is.
type Configurer interface {
	// PlanConfig says what would change.
	PlanConfig(ctx context.Context, f ConfigFile) (ConfigPlan, error)
	// ApplyConfig puts f into force while the collector runs, and waits up to ten
	// seconds for the agents. plan is the id of the plan that somebody looked at:
	// if it is not the plan any more, nothing happens. "" takes whatever it is.
	ApplyConfig(ctx context.Context, by string, f ConfigFile, plan string) (ConfigApplied, error)
}

// ConfigFile is a fleet file as an operator has it.
type ConfigFile struct {
	Name   string `json:"name"`   // its path, absolute; other files are found beside it
	Source []byte `json:"source"` // its text
}

// ConfigPlan is what would change.
type ConfigPlan struct {
	ID       string         `json:"id"`       // of exactly this change, from what is in force to the file
	Running  string         `json:"running"`  // the file in force; "" for the embedded defaults
	Same     bool           `json:"same"`     // the file in force is this one, to the letter
	Changes  []ConfigChange `json:"changes"`  // empty: nothing changes
	Restart  []string       `json:"restart"`  // keys that count from the next start only
	Agents   int            `json:"agents"`   // that get something else to do
	Targets  int            `json:"targets"`  // afterwards
	Checks   int            `json:"checks"`   // afterwards
	Warnings []string       `json:"warnings"` // legal but unwise
}

// ConfigChange is one difference.
type ConfigChange struct {
	Op      string `json:"op"`   // "+", "-", "~"
	Kind    string `json:"kind"` // target, alert, network, provider, client, setting
	ID      string `json:"id"`
	What    string `json:"what,omitempty"`
	Agents  int    `json:"agents"` // that get something else to do
	Restart bool   `json:"restart,omitempty"`
}

// ConfigApplied is what came of a plan.
type ConfigApplied struct {
	ConfigPlan
	Config  uint64          `json:"config"`  // what agents know it by
	Online  int             `json:"online"`  // agents that were connected and were told
	Took    int             `json:"took"`    // of them, those that use it
	Refused []ConfigRefusal `json:"refused"` // of them, those that cannot
	Offline int             `json:"offline"` // agents that learn it when they come back
}

// ConfigRefusal is an agent that goes on with what it had.
type ConfigRefusal struct {
	Agent string `json:"agent"`
	Site  string `json:"site"`
	Why   string `json:"why"`
}

// registerConfig registers
//
//	POST /config/plan          ConfigFile -> ConfigPlan
//	POST /config/apply?plan=ID ConfigFile -> ConfigApplied
func (a api) registerConfig(mux *http.ServeMux, c Configurer) {
	mux.HandleFunc("POST /config/plan", a.answer("config_plan", func(r *http.Request) (any, error) {
		f, err := readConfig(r)
		if err != nil {
			return nil, err
		}
		return c.PlanConfig(r.Context(), f)
	}))
	apply := a.answer("config_applied", func(r *http.Request) (any, error) {
		f, err := readConfig(r)
		if err != nil {
			return nil, err
		}
		return c.ApplyConfig(r.Context(), operator, f, r.URL.Query().Get("plan"))
	})
	mux.HandleFunc("POST /config/apply", func(w http.ResponseWriter, r *http.Request) {
		// The answer takes longer than others may.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(applyWithin + answerTimeout)); err != nil {
			a.fail(w, r, err)
			return
		}
		apply(w, r)
	})
}

func readConfig(r *http.Request) (f ConfigFile, err error) {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxConfigBody)).Decode(&f); err != nil {
		return f, &Error{Status: http.StatusBadRequest, Code: "body", What: "the request was not understood", Why: err.Error()}
	}
	return f, nil
}
