package channel

import (
	"fmt"
	"strings"

	"picket/collector/alert"
)

// teamsMost is what a workflow takes of 28 kB, with room for what it wraps
// around it.
const teamsMost = 26_000

// teamsPayload is what the Teams workflow "post to a channel when a webhook
// request is received" expects.
type teamsPayload struct {
	Type        string            `json:"type"`
	Summary     string            `json:"summary"` // what a notification shows
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string `json:"contentType"`
	Content     card   `json:"content"`
}

// card is an Adaptive Card of version 1.4, the newest that Teams shows everywhere.
type card struct {
	Schema  string       `json:"$schema"`
	Type    string       `json:"type"`
	Version string       `json:"version"`
	Teams   cardWidth    `json:"msteams"`
	Instead string       `json:"fallbackText"` // for who cannot show cards
	Body    []any        `json:"body"`
	Actions []cardAction `json:"actions,omitempty"`
}

type cardWidth struct {
	Width string `json:"width"`
}

type cardContainer struct {
	Type  string     `json:"type"`
	Style string     `json:"style"`
	Bleed bool       `json:"bleed"`
	Items []cardText `json:"items"`
}

type cardText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Wrap     bool   `json:"wrap"`
	Weight   string `json:"weight,omitempty"`
	Size     string `json:"size,omitempty"`
	Spacing  string `json:"spacing,omitempty"`
	IsSubtle bool   `json:"isSubtle,omitempty"`
}

type cardFacts struct {
	Type  string     `json:"type"`
	Facts []cardFact `json:"facts"`
}

type cardFact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

type cardAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// teams writes m as an Adaptive Card in the envelope of a workflow.
func teams(m alert.Message) ([]byte, error) {
	return fitting(teamsMost, func(longest int) any {
		c := card{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
			Teams: cardWidth{"Full"}, Instead: heading(m, 200)}
		c.Body = append(c.Body, cardContainer{Type: "Container", Style: cardStyle(m), Bleed: true, Items: []cardText{
			{Type: "TextBlock", Text: cardSafe(heading(m, 200)), Wrap: true, Weight: "Bolder", Size: "Medium"},
			{Type: "TextBlock", Text: cardSafe(finding(m, longest)), Wrap: true},
		}})
		var rows []cardFact
		for _, f := range facts(m, longest) {
			rows = append(rows, cardFact{cardSafe(f.label), cardSafe(f.text)})
		}
		if len(rows) > 0 {
			c.Body = append(c.Body, cardFacts{"FactSet", rows})
		}
		for k, s := range steps(m, longest) {
			if k == 0 {
				c.Body = append(c.Body, cardText{Type: "TextBlock", Text: labelSteps, Wrap: true, Weight: "Bolder"})
			}
			c.Body = append(c.Body, cardText{Type: "TextBlock", Text: cardSafe(fmt.Sprintf("%d) %s", k+1, s)), Wrap: true, Spacing: "Small"})
		}
		c.Body = append(c.Body, cardText{Type: "TextBlock", Text: cardSafe(closing(m)), Wrap: true, Size: "Small", IsSubtle: true})
		for _, l := range buttons(m) {
			c.Actions = append(c.Actions, cardAction{"Action.OpenUrl", l.Text, l.URL})
		}
		return teamsPayload{Type: "message", Summary: heading(m, 200),
			Attachments: []teamsAttachment{{"application/vnd.microsoft.card.adaptive", c}}}
	})
}

// cardStyle is the ground of a card's head.
func cardStyle(m alert.Message) string {
	if m.Drill {
		return "accent"
	}
	switch m.Tone() {
	case alert.ToneBad:
		return "attention"
	case alert.ToneWatch:
		return "warning"
	case alert.ToneGood:
		return "good"
	}
	return "emphasis"
}

// cardSafe keeps text that came from elsewhere from becoming a link: a card
// reads [name](address) as one.
func cardSafe(s string) string { return strings.ReplaceAll(s, "](", "] (") }
