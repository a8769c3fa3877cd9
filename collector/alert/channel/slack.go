package channel

import (
	"fmt"
	"strings"

	"picket/collector/alert"
)

// What Slack takes. Whole messages fail from about 13,000 characters on, whatever
// its pages say of single blocks.
const (
	slackMost    = 12_000 // bytes
	slackHeader  = 150
	slackText    = 2_800 // of 3,000, because escapes count
	slackFields  = 10
	slackFieldOf = 1_800 // of 2,000
)

type slackPayload struct {
	Text   string       `json:"text"` // what a notification shows
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type     string        `json:"type"`
	Text     *slackWords   `json:"text,omitempty"`
	Fields   []slackWords  `json:"fields,omitempty"`
	Elements []slackWidget `json:"elements,omitempty"`
}

type slackWords struct {
	Type string `json:"type"` // plain_text or mrkdwn
	Text string `json:"text"`
}

// slackWidget is a text of a context block (Text is a string then) or a button.
type slackWidget struct {
	Type  string `json:"type"`
	Text  any    `json:"text"`
	URL   string `json:"url,omitempty"`
	Style string `json:"style,omitempty"`
}

// slack writes m as a message of blocks.
func slack(m alert.Message) ([]byte, error) {
	return fitting(slackMost, func(longest int) any {
		p := slackPayload{Text: slackSafe(heading(m, slackHeader))}
		add := func(b slackBlock) { p.Blocks = append(p.Blocks, b) }
		add(slackBlock{Type: "header", Text: &slackWords{"plain_text", heading(m, slackHeader)}})
		add(slackBlock{Type: "section", Text: mrkdwn(slackSafe(finding(m, longest)), slackText)})
		var fields []slackWords
		for _, f := range facts(m, longest) {
			if len(fields) < slackFields {
				fields = append(fields, *mrkdwn("*"+slackSafe(f.label)+"*\n"+slackSafe(f.text), slackFieldOf))
			}
		}
		if len(fields) > 0 {
			add(slackBlock{Type: "section", Fields: fields})
		}
		var todo strings.Builder
		for k, s := range steps(m, longest) {
			fmt.Fprintf(&todo, "\n%d. %s", k+1, slackSafe(s))
		}
		if todo.Len() > 0 {
			add(slackBlock{Type: "section", Text: mrkdwn("*"+labelSteps+"*"+todo.String(), slackText)})
		}
		var row []slackWidget
		for k, l := range buttons(m) {
			row = append(row, slackWidget{Type: "button", Text: slackWords{"plain_text", l.Text}, URL: l.URL})
			if k == 0 {
				row[0].Style = "primary"
			}
		}
		if len(row) > 0 {
			add(slackBlock{Type: "actions", Elements: row})
		}
		add(slackBlock{Type: "context", Elements: []slackWidget{{Type: "mrkdwn", Text: slackSafe(closing(m))}}})
		return p
	})
}

// mrkdwn is text that is escaped already, cut where no escape is broken.
func mrkdwn(s string, limit int) *slackWords {
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit-3])
		if k := strings.LastIndexByte(s, '&'); k >= 0 && !strings.Contains(s[k:], ";") {
			s = s[:k]
		}
		s += "..."
	}
	return &slackWords{"mrkdwn", s}
}

// slackSafe keeps text that came from elsewhere from becoming a link or a call
// of everybody.
func slackSafe(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
