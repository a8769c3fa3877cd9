package channel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"picket/collector/alert"
)

// What PagerDuty's Events API v2 takes.
const (
	pagerMost    = 100_000 // bytes, of 512 kB
	pagerSummary = 1024
	pagerKey     = 255
)

// The actions of an event.
const (
	pagerTrigger = "trigger"
	pagerResolve = "resolve"
)

type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action"`
	DedupKey   string        `json:"dedup_key"`
	Client     string        `json:"client,omitempty"`
	ClientURL  string        `json:"client_url,omitempty"`
	Payload    *pagerPayload `json:"payload,omitempty"`
	Links      []pagerLink   `json:"links,omitempty"`
}

type pagerPayload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp string         `json:"timestamp,omitempty"`
	Component string         `json:"component,omitempty"`
	Group     string         `json:"group,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details,omitempty"`
}

type pagerLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// trigger says what an event does: only the end resolves, because what is
// triggered after a resolve is a new incident to PagerDuty and wakes people anew.
func trigger(m alert.Message) string {
	if m.Event == alert.Resolved {
		return pagerResolve
	}
	return pagerTrigger
}

// pagerDuty writes m as an event.
func pagerDuty(m alert.Message, action, routingKey string) ([]byte, error) {
	return fitting(pagerMost, func(longest int) any {
		e := pagerEvent{RoutingKey: routingKey, Action: action, DedupKey: pagerDedup(m)}
		if action == pagerResolve {
			return e
		}
		e.Client, e.ClientURL = "Picket", link(m)
		e.Payload = &pagerPayload{Summary: heading(m, pagerSummary), Source: "Picket", Severity: severity(m),
			Component: short1(m.Service, m.Target, m.Site), Group: short1(m.Provider, m.Dependency, m.ISP), Class: short1(string(m.Kind)),
			Details: map[string]any{"finding": finding(m, longest), "alert_id": clip(oneLine(m.AlertID), 200), "confidence": string(m.Confidence), "drill": m.Drill}}
		if !m.Started.IsZero() {
			e.Payload.Timestamp = m.Started.UTC().Format(time.RFC3339)
		}
		for _, f := range facts(m, longest) {
			e.Payload.Details[f.label] = f.text
		}
		if list := steps(m, longest); len(list) > 0 {
			e.Payload.Details[labelSteps] = list
		}
		for _, l := range buttons(m) {
			e.Links = append(e.Links, pagerLink{l.URL, l.Text})
		}
		return e
	})
}

// short1 is the first of the names that is not empty, on one line.
func short1(names ...string) string {
	for _, n := range names {
		if n = oneLine(n); n != "" {
			return clip(n, 200)
		}
	}
	return ""
}

// pagerDedup follows from the incident alone, so that no answer of PagerDuty has
// to be remembered.
func pagerDedup(m alert.Message) string {
	if key := dedup(m); len(key) <= pagerKey {
		return key
	}
	sum := sha256.Sum256([]byte(m.AlertID))
	return "picket:" + hex.EncodeToString(sum[:])
}

func (w PagerDuty) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	m, err := read(l)
	if err != nil {
		return err
	}
	key, err := w.Key()
	if err != nil {
		return fmt.Errorf("read the route's key: %w", err)
	}
	actions := []string{trigger(m)}
	if m.Event == alert.Tested {
		actions = append(actions, pagerResolve) // a test leaves nothing open
	}
	for _, action := range actions {
		body, err := pagerDuty(m, action, string(key))
		if err != nil {
			return err
		}
		if err := d.poster.post(ctx, w.URL, body, nil); err != nil {
			return err
		}
	}
	return nil
}
