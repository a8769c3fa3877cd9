package channel

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// What receivers document of their payloads, as checks that know nothing of how
// ours are made. Each returns what is wrong.

type object = map[string]any

// form collects what is wrong with a payload.
type form struct{ wrong []string }

func (f *form) bad(format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

// keys refuses what is not among the allowed, and misses what is required ("!").
func (f *form) keys(where string, o object, allowed ...string) {
	known := map[string]bool{}
	for _, k := range allowed {
		name := strings.TrimSuffix(k, "!")
		known[name] = true
		if _, ok := o[name]; !ok && name != k {
			f.bad("%s: %s is missing", where, name)
		}
	}
	for k := range o {
		if !known[k] {
			f.bad("%s: %s is not a property", where, k)
		}
	}
}

func (f *form) text(where string, v any, least, most int) string {
	s, ok := v.(string)
	if n := utf8.RuneCountInString(s); !ok || n < least || n > most {
		f.bad("%s: a text of %d to %d characters is wanted, got %d of %T", where, least, most, n, v)
	}
	return s
}

func (f *form) one(where string, v any, of ...string) {
	if s, ok := v.(string); v != nil && (!ok || !slices.Contains(of, s)) {
		f.bad("%s: %v is not one of %v", where, v, of)
	}
}

func (f *form) list(where string, v any, least, most int) (all []object) {
	list, ok := v.([]any)
	if !ok || len(list) < least || len(list) > most {
		f.bad("%s: a list of %d to %d is wanted, got %d of %T", where, least, most, len(list), v)
	}
	for _, e := range list {
		o, ok := e.(object)
		if !ok {
			f.bad("%s: not an object", where)
		}
		all = append(all, o)
	}
	return all
}

func (f *form) url(where string, v any, most int) {
	s := f.text(where, v, 1, most)
	if !regexp.MustCompile(`^https?://[^/\s<>|"]+\S*$`).MatchString(s) {
		f.bad("%s: %q is no URL", where, s)
	}
}

func opened(f *form, body []byte) (o object) {
	if err := json.Unmarshal(body, &o); err != nil {
		f.bad("no JSON: %v", err)
	}
	return o
}

// slackForm holds a message to Slack's limits of blocks.
func slackForm(body []byte) []string {
	f := &form{}
	if n := utf8.RuneCount(body); n > 13_000 {
		f.bad("msg_blocks_too_long: %d characters", n)
	}
	o := opened(f, body)
	f.keys("message", o, "text!", "blocks!")
	f.text("text", o["text"], 1, 4000)
	for k, b := range f.list("blocks", o["blocks"], 1, 50) {
		where := fmt.Sprintf("blocks[%d]", k)
		switch b["type"] {
		case "header":
			f.keys(where, b, "type!", "text!")
			f.slackWords(where, b["text"], "plain_text", 150)
		case "section":
			f.keys(where, b, "type!", "text", "fields")
			if b["text"] == nil && b["fields"] == nil {
				f.bad("%s: neither text nor fields", where)
			}
			if b["text"] != nil {
				f.slackWords(where, b["text"], "mrkdwn", 3000)
			}
			if b["fields"] != nil {
				for _, e := range f.list(where, b["fields"], 1, 10) {
					f.slackWords(where, e, "mrkdwn", 2000)
				}
			}
		case "context":
			f.keys(where, b, "type!", "elements!")
			for _, e := range f.list(where, b["elements"], 1, 10) {
				f.slackWords(where, e, "mrkdwn", 3000)
			}
		case "actions":
			f.keys(where, b, "type!", "elements!")
			for _, e := range f.list(where, b["elements"], 1, 25) {
				f.keys(where, e, "type!", "text!", "url!", "style")
				f.one(where+" type", e["type"], "button")
				f.one(where+" style", e["style"], "primary", "danger")
				f.slackWords(where, e["text"], "plain_text", 75)
				f.url(where, e["url"], 3000)
			}
		default:
			f.bad("%s: type %v", where, b["type"])
		}
	}
	return f.wrong
}

func (f *form) slackWords(where string, v any, kind string, most int) {
	o, _ := v.(object)
	f.keys(where, o, "type!", "text!")
	f.one(where+" type", o["type"], kind)
	s := f.text(where, o["text"], 1, most)
	if kind == "mrkdwn" && strings.ContainsAny(s, "<>") {
		f.bad("%s: markup from elsewhere: %q", where, s)
	}
	if kind == "mrkdwn" && regexp.MustCompile(`&(amp;|lt;|gt;)`).ReplaceAllString(s, "") != strings.ReplaceAll(regexp.MustCompile(`&(amp;|lt;|gt;)`).ReplaceAllString(s, ""), "&", "") {
		f.bad("%s: a broken escape: %q", where, s)
	}
}

// teamsForm holds a message to a workflow's envelope and to the properties that
// Adaptive Cards 1.4 gives the elements used.
func teamsForm(body []byte) []string {
	f := &form{}
	if len(body) > 28*1024 {
		f.bad("%d bytes", len(body))
	}
	o := opened(f, body)
	f.keys("message", o, "type!", "summary!", "attachments!")
	f.one("type", o["type"], "message")
	f.text("summary", o["summary"], 1, 500)
	for _, a := range f.list("attachments", o["attachments"], 1, 1) {
		f.keys("attachment", a, "contentType!", "content!")
		f.one("contentType", a["contentType"], "application/vnd.microsoft.card.adaptive")
		c, _ := a["content"].(object)
		f.keys("card", c, "$schema!", "type!", "version!", "msteams", "body!", "actions", "fallbackText", "speak", "lang", "selectAction", "backgroundImage",
			"minHeight", "verticalContentAlignment", "refresh", "authentication")
		f.one("card type", c["type"], "AdaptiveCard")
		f.one("card version", c["version"], "1.4")
		f.one("card schema", c["$schema"], "http://adaptivecards.io/schemas/adaptive-card.json")
		for k, e := range f.list("body", c["body"], 1, 60) {
			f.element(fmt.Sprintf("body[%d]", k), e)
		}
		if c["actions"] != nil {
			for _, e := range f.list("actions", c["actions"], 1, 6) {
				f.keys("action", e, "type!", "url!", "title", "iconUrl", "style", "id", "fallback", "requires")
				f.one("action type", e["type"], "Action.OpenUrl")
				f.url("action", e["url"], 2000)
				f.text("action title", e["title"], 1, 100)
			}
		}
	}
	return f.wrong
}

// element checks one element of a card.
func (f *form) element(where string, e object) {
	base := []string{"type!", "id", "spacing", "separator", "isVisible", "height", "requires", "fallback"}
	f.one(where+" spacing", e["spacing"], "Default", "None", "Small", "Medium", "Large", "ExtraLarge", "Padding")
	switch e["type"] {
	case "TextBlock":
		f.keys(where, e, append(base, "text!", "color", "fontType", "horizontalAlignment", "isSubtle", "maxLines", "size", "weight", "wrap")...)
		f.one(where+" size", e["size"], "Default", "Small", "Medium", "Large", "ExtraLarge")
		f.one(where+" weight", e["weight"], "Default", "Lighter", "Bolder")
		if s := f.text(where, e["text"], 1, 4000); strings.Contains(s, "](") {
			f.bad("%s: a link from elsewhere", where)
		}
	case "FactSet":
		f.keys(where, e, append(base, "facts!")...)
		for _, fact := range f.list(where, e["facts"], 1, 30) {
			f.keys(where, fact, "title!", "value!", "type")
			f.text(where, fact["title"], 1, 100)
			if s := f.text(where, fact["value"], 1, 4000); strings.Contains(s, "](") {
				f.bad("%s: a link from elsewhere", where)
			}
		}
	case "Container":
		f.keys(where, e, append(base, "items!", "style", "bleed", "verticalContentAlignment", "backgroundImage", "minHeight", "rtl", "selectAction")...)
		f.one(where+" style", e["style"], "default", "emphasis", "good", "attention", "warning", "accent")
		for k, item := range f.list(where, e["items"], 1, 20) {
			f.element(fmt.Sprintf("%s.items[%d]", where, k), item)
		}
	default:
		f.bad("%s: element %v", where, e["type"])
	}
}

// pagerForm holds an event to PagerDuty's Events API v2.
func pagerForm(body []byte) []string {
	f := &form{}
	if len(body) > 512*1024 {
		f.bad("%d bytes", len(body))
	}
	o := opened(f, body)
	f.keys("event", o, "routing_key!", "event_action!", "dedup_key!", "client", "client_url", "payload", "links", "images")
	f.one("action", o["event_action"], "trigger", "resolve", "acknowledge")
	if s, _ := o["dedup_key"].(string); len(s) == 0 || len(s) > 255 {
		f.bad("dedup_key of %d", len(s))
	}
	if o["event_action"] != "trigger" {
		return f.wrong
	}
	p, _ := o["payload"].(object)
	f.keys("payload", p, "summary!", "source!", "severity!", "timestamp", "component", "group", "class", "custom_details")
	f.text("summary", p["summary"], 1, 1024)
	f.text("source", p["source"], 1, 255)
	f.one("severity", p["severity"], "critical", "error", "warning", "info")
	if s, ok := p["timestamp"].(string); ok {
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			f.bad("timestamp %q", s)
		}
	}
	if o["links"] != nil {
		for _, l := range f.list("links", o["links"], 1, 20) {
			f.keys("link", l, "href!", "text")
			f.url("link", l["href"], 2000)
		}
	}
	return f.wrong
}

// alertForm holds alerts to Alertmanager's API v2.
func alertForm(body []byte) []string {
	f := &form{}
	var all []object
	if err := json.Unmarshal(body, &all); err != nil {
		f.bad("no list: %v", err)
	}
	for _, a := range all {
		f.keys("alert", a, "labels!", "annotations", "startsAt", "endsAt", "generatorURL")
		labels, _ := a["labels"].(object)
		if labels["alertname"] == nil {
			f.bad("no alertname")
		}
		for _, set := range []string{"labels", "annotations"} {
			o, _ := a[set].(object)
			for k, v := range o {
				if !regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`).MatchString(k) {
					f.bad("%s: name %q", set, k)
				}
				f.text(set+" "+k, v, 1, 4000)
			}
		}
		var at [2]time.Time
		for k, name := range []string{"startsAt", "endsAt"} {
			s, _ := a[name].(string)
			parsed, err := time.Parse(time.RFC3339, s)
			if at[k] = parsed; err != nil {
				f.bad("%s: %v", name, err)
			}
		}
		if !at[0].Before(at[1]) {
			f.bad("it ends at %v and begins at %v", at[1], at[0])
		}
		if a["generatorURL"] != nil {
			f.url("generatorURL", a["generatorURL"], 2000)
		}
	}
	return f.wrong
}

func checked(t *testing.T, what string, wrong []string, body []byte) {
	t.Helper()
	if len(wrong) > 0 {
		t.Errorf("%s: %s\n%s", what, strings.Join(wrong[:min(len(wrong), 5)], "\n"), body[:min(len(body), 3000)])
	}
}

func checkSlack(t *testing.T, body []byte) { t.Helper(); checked(t, "slack", slackForm(body), body) }

func checkTeams(t *testing.T, body []byte) { t.Helper(); checked(t, "teams", teamsForm(body), body) }

func checkPagerDuty(t *testing.T, body []byte) {
	t.Helper()
	checked(t, "pagerduty", pagerForm(body), body)
}

func checkAlertmanager(t *testing.T, body []byte) {
	t.Helper()
	checked(t, "alertmanager", alertForm(body), body)
}

// TestTheChecksFindWhatIsWrong: a check that takes anything proves nothing.
func TestTheChecksFindWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		form func([]byte) []string
		body string
	}{
		"slack: long header":      {slackForm, `{"text":"x","blocks":[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("x", 151) + `"}}]}`},
		"slack: empty field":      {slackForm, `{"text":"x","blocks":[{"type":"section","fields":[{"type":"mrkdwn","text":""}]}]}`},
		"slack: a channel call":   {slackForm, `{"text":"x","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"<!channel>"}}]}`},
		"slack: cut escape":       {slackForm, `{"text":"x","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"a &am..."}}]}`},
		"teams: a newer card":     {teamsForm, `{"type":"message","summary":"x","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"x"}]}}]}`},
		"teams: a MessageCard":    {teamsForm, `{"@type":"MessageCard","summary":"x","text":"x"}`},
		"teams: unknown property": {teamsForm, `{"type":"message","summary":"x","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[{"type":"TextBlock","text":"x","bold":true}]}}]}`},
		"pagerduty: severity":     {pagerForm, `{"routing_key":"k","event_action":"trigger","dedup_key":"d","payload":{"summary":"s","source":"p","severity":"high"}}`},
		"pagerduty: no key":       {pagerForm, `{"routing_key":"k","event_action":"resolve"}`},
		"alertmanager: no name":   {alertForm, `[{"labels":{"a":"b"},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-02T00:00:00Z"}]`},
		"alertmanager: backwards": {alertForm, `[{"labels":{"alertname":"b"},"startsAt":"2026-01-03T00:00:00Z","endsAt":"2026-01-02T00:00:00Z"}]`},
	} {
		if len(c.form([]byte(c.body))) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
}
