package channel_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/alert/channel"
)

// book is what a receiver has understood of what it was sent.
type book struct {
	t      *testing.T
	events []string        // opened, updated, resolved, as they took effect
	keys   map[string]bool // of deliveries that it knows
	open   map[string]bool // what is open
	bodies strings.Builder // all that was taken
}

func (b *book) form(wrong []string, body []byte) int {
	if len(wrong) > 0 {
		b.t.Errorf("not as documented: %s\n%.2000s", strings.Join(wrong, "\n"), body)
		return http.StatusBadRequest
	}
	return 0
}

// reading keeps what is taken.
func (b *book) reading(take func(*http.Request, []byte) int) func(*http.Request, []byte) int {
	return func(r *http.Request, body []byte) int { b.bodies.Write(body); return take(r, body) }
}

func (b *book) note(event string) int { b.events = append(b.events, event); return http.StatusAccepted }

// byTag reads the event off the first words of a chat message.
func (b *book) byTag(text string) int {
	for tag, event := range map[string]string{"[DOWN]": "opened", "[UPDATE": "updated", "[OK]": "resolved"} {
		if strings.HasPrefix(text, tag) {
			return b.note(event)
		}
	}
	b.t.Errorf("a message without a tag: %q", text)
	return http.StatusBadRequest
}

func (b *book) webhook(r *http.Request, body []byte) int {
	if err := channel.Verify(secret, r.Header, body, time.Now(), time.Minute); err != nil {
		b.t.Error(err)
		return http.StatusForbidden
	}
	if key := r.Header.Get(channel.IdempotencyHeader); b.keys[key] {
		return http.StatusOK
	} else {
		b.keys[key] = true
	}
	var m struct{ Event string }
	if err := json.Unmarshal(body, &m); err != nil {
		b.t.Error(err)
	}
	return b.note(m.Event)
}

func (b *book) slack(_ *http.Request, body []byte) int {
	var m struct{ Text string }
	if code := b.form(channel.SlackForm(body), body); code != 0 || json.Unmarshal(body, &m) != nil {
		return code
	}
	return b.byTag(m.Text)
}

func (b *book) teams(_ *http.Request, body []byte) int {
	var m struct{ Summary string }
	if code := b.form(channel.TeamsForm(body), body); code != 0 || json.Unmarshal(body, &m) != nil {
		return code
	}
	return b.byTag(m.Summary)
}

// pagerDuty knows events by dedup_key, as the service does.
func (b *book) pagerDuty(_ *http.Request, body []byte) int {
	var e struct {
		Key    string `json:"dedup_key"`
		Action string `json:"event_action"`
		Route  string `json:"routing_key"`
	}
	if code := b.form(channel.PagerForm(body), body); code != 0 || json.Unmarshal(body, &e) != nil {
		return code
	}
	if e.Route != pagerSecret {
		b.t.Errorf("routing key %q", e.Route)
	}
	return b.key(e.Key, e.Action == "resolve")
}

// key applies an event to what is open under a key.
func (b *book) key(key string, end bool) int {
	was := b.open[key]
	b.open[key] = !end
	switch {
	case was && end:
		return b.note("resolved")
	case was:
		return b.note("updated")
	case !end:
		return b.note("opened")
	}
	return http.StatusAccepted // the end of what is not open: passed over
}

// desk knows tickets by their name and id together.
func (b *book) desk(r *http.Request, body []byte) int {
	if err := channel.Verify(secret, r.Header, body, time.Now(), time.Minute); err != nil {
		b.t.Error(err)
		return http.StatusForbidden
	}
	key := r.Header.Get(channel.IdempotencyHeader)
	if b.keys[key] {
		return http.StatusOK
	}
	b.keys[key] = true
	var k struct {
		Name   string `json:"alert_name"`
		ID     string `json:"alert_id"`
		Action string `json:"action"`
	}
	if err := json.Unmarshal(body, &k); err != nil || len(k.Name) > 40 || k.Name == "" || k.ID == "" {
		b.t.Errorf("%v: %.200s", err, body)
		return http.StatusBadRequest
	}
	return b.key(k.Name+"/"+k.ID, k.Action == "close")
}

const pagerSecret = "R0UT1NGKEY"

func text(s string) channel.Secret { return func() ([]byte, error) { return []byte(s), nil } }

// TestReceiversThatAreKilledAndRevived: whatever dies and comes back in the middle
// of an incident's life, the receiver opens it once, hears of the change, and of
// the end. Picket itself is killed once, too.
func TestReceiversThatAreKilledAndRevived(t *testing.T) {
	for kind, c := range map[channel.Kind]struct {
		way    func(url string) channel.Way
		take   func(*book) func(*http.Request, []byte) int
		update string // what the update says
		cut    string // where a connection may break: what knows no keys sees twice what broke after it was taken
	}{
		channel.KindWebhook:   {func(u string) channel.Way { return channel.Webhook{URL: u, Secret: withSecret} }, func(b *book) func(*http.Request, []byte) int { return b.webhook }, `"event":"updated"`, "after"},
		channel.KindSlack:     {func(u string) channel.Way { return channel.Slack{URL: text(u)} }, func(b *book) func(*http.Request, []byte) int { return b.slack }, "[UPDATE", "before"},
		channel.KindTeams:     {func(u string) channel.Way { return channel.Teams{URL: text(u)} }, func(b *book) func(*http.Request, []byte) int { return b.teams }, "[UPDATE", "before"},
		channel.KindPagerDuty: {func(u string) channel.Way { return channel.PagerDuty{URL: u, Key: text(pagerSecret)} }, func(b *book) func(*http.Request, []byte) int { return b.pagerDuty }, "[UPDATE", "after"},
		channel.KindTicket:    {func(u string) channel.Way { return channel.Ticket{URL: u, Secret: withSecret} }, func(b *book) func(*http.Request, []byte) int { return b.desk }, `"action":"update"`, "after"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			b := &book{t: t, keys: map[string]bool{}, open: map[string]bool{}}
			h := build(t, b.reading(c.take(b)))
			h.kill() // it is down when the incident begins
			l := live(t, c.way(h.url()), nil)
			l.opened()
			l.failed()
			h.revive()
			h.cutNext(c.cut) // and breaks off once more
			l.settle()
			h.cutNext(c.cut)
			l.updated()
			l.settle()
			h.kill()
			l.resolved()
			l.failed()
			l.crash()
			h.revive()
			l.settle()
			opens := len(slices.DeleteFunc(slices.Clone(b.events), func(e string) bool { return e != "opened" }))
			// A trigger that came twice is an update that changed nothing.
			if seen := slices.Compact(slices.Clone(b.events)); opens != 1 || !slices.Equal(seen, []string{"opened", "updated", "resolved"}) {
				t.Errorf("the receiver understood %q", b.events)
			}
			if !strings.Contains(b.bodies.String(), c.update) {
				t.Errorf("the update is not among what came:\n%s", b.bodies.String())
			}
		})
	}
}
